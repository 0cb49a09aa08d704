/** Something spoken on a phone, heard on a loudspeaker: from the tap to the tone in the file that the loudspeaker is given. */
import { startCounterpart } from '../fixtures/counterpart.ts';
import { decode, toneDbfs } from '../fixtures/listen.ts';
import { freePort } from '../fixtures/ports.ts';
import { microphoneWav } from '../fixtures/tones.ts';
import type { HomeAssistantSettings } from '../counterparts/home-assistant.ts';
import { visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const VOICE_HZ = 1730;
const AUDIBLE_DBFS = -20;
const LEAST_SECONDS = 2;

test('what is said on a phone is announced on a loudspeaker, with nobody hosting', async ({ people }) => {
  const settings: HomeAssistantSettings = {
    ...{ address: '127.0.1.12', port: await freePort(), token: 'a-token-of-the-house' },
    ...{ objectId: 'study', name: 'Study' },
  };
  const house = await startCounterpart('home-assistant.ts', settings);
  try {
    const { page } = await people.join('Anna', { microphoneWav: await microphoneWav(VOICE_HZ) });
    await visit(page, 'Speakers');
    await page.getByRole('button', { name: 'Another loudspeaker' }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Home Assistant/ })
      .click();
    const access = page.getByRole('dialog', { name: 'Home Assistant' });
    await access.getByLabel('Address of Home Assistant').fill(`http://${settings.address}:${settings.port}`);
    await access.getByLabel('Token').fill(settings.token);
    await access.getByRole('button', { name: 'Set', exact: true }).click();
    await access.getByRole('button', { name: 'Close' }).click();

    await page.getByRole('button', { name: 'Say something on Study' }).click();
    const sheet = page.getByRole('dialog', { name: 'Say something' });
    await sheet.getByRole('button', { name: 'Record' }).click();
    const recorded = sheet.getByRole('progressbar', { name: 'Recorded' });
    await expect
      .poll(async () => Number(await recorded.getAttribute('aria-valuenow')))
      .toBeGreaterThanOrEqual(LEAST_SECONDS);
    await sheet.getByRole('button', { name: 'Say it' }).click();
    await expect(sheet.getByText('Said on Study.')).toBeVisible();

    const [url = '', ...more] = await house.call<string[]>('announcements');
    expect(more).toEqual([]);
    const heard = await fetch(url);
    expect(heard.headers.get('content-type')).toBe('audio/mpeg');
    const sound = await decode(new Uint8Array(await heard.arrayBuffer()));
    expect(sound.durationMs).toBeGreaterThan(LEAST_SECONDS * 900);
    expect(toneDbfs(sound, VOICE_HZ)).toBeGreaterThan(AUDIBLE_DBFS);
  } finally {
    await house.kill();
  }
});
