/** Talking to the room, heard in the decoded stream; and what is said when the microphone does not answer. */
import { listen } from '../fixtures/listen.ts';
import { microphoneWav, tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { giveAudioSession, sessionType } from './support/audio-session.ts';
import { toneNow } from './support/ear.ts';
import {
  holdToTalk,
  importFiles,
  listenHere,
  queueSong,
  sayName,
  seesPlaying,
  startHosting,
  visit,
} from './support/room.ts';
import { expect, test } from './support/test.ts';

const VOICE_HZ = 1730;
const AUDIBLE_DBFS = -40;

/** The level once it stays: a window that begins before the song does holds half of it. */
function steady(level: () => Promise<number>): Promise<number> {
  let before = -Infinity;
  return until(
    'a level that stays',
    async () => {
      const now = await level();
      const stays = now > AUDIBLE_DBFS && Math.abs(now - before) < 0.5;
      before = now;
      return stays ? now : null;
    },
    { deadlineMs: 20_000, everyMs: 1_000 },
  );
}

test('a held voice lies over the music in the stream, which steps back for it and returns', async ({
  node,
  people,
}) => {
  const song = await tone({
    format: 'mp3',
    hz: 440,
    seconds: 120,
    amplitude: 0.25,
    title: 'Under the voice',
  });
  const host = await people.join('Kitchen');
  const anna = await people.join('Anna', { microphoneWav: await microphoneWav(VOICE_HZ) });
  await expect(host.page.getByRole('button', { name: '2 here' })).toBeVisible();
  await importFiles(host.page, [song.path]);
  await queueSong(host.page, 'Under the voice');
  await seesPlaying(anna.page, 'Under the voice');
  await startHosting(host.page);

  const ear = await listen(node.streamUrl);
  const level = (hz: number) => toneNow(ear, hz);
  const alone = await steady(() => level(song.hz));
  const release = await holdToTalk(anna.page);
  await expect(host.page.getByRole('meter', { name: 'Voice' })).not.toHaveAttribute('aria-valuenow', '0');
  await expect.poll(() => level(VOICE_HZ), { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  await expect.poll(() => level(song.hz)).toBeLessThan(alone - 6);
  expect(await level(song.hz)).toBeGreaterThan(-70);
  await release();
  await expect.poll(() => level(VOICE_HZ)).toBeLessThan(AUDIBLE_DBFS - 10);
  await expect.poll(() => level(song.hz)).toBeGreaterThan(alone - 3);
  ear.close();
});

test('whoever talks while the role is handed on is heard through the next host', async ({ node, people }) => {
  test.setTimeout(240_000);
  const kitchen = await people.join('Kitchen');
  const bo = await people.join('Bo');
  const anna = await people.join('Anna', { microphoneWav: await microphoneWav(VOICE_HZ) });
  await expect(anna.page.getByRole('button', { name: '3 here' })).toBeVisible();
  await startHosting(kitchen.page);
  await visit(bo.page, 'Speakers');
  await bo.page.getByRole('button', { name: /^Host from this/ }).click();
  const hand = kitchen.page.getByRole('button', { name: /^Hand the host’s role to Bo’s/ });
  await hand.waitFor();

  const ear = await listen(node.streamUrl);
  const level = () => toneNow(ear, VOICE_HZ);
  const release = await holdToTalk(anna.page);
  await expect.poll(level, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  await hand.click();
  await expect(bo.page.getByRole('region', { name: 'Host' }).getByText('on the air')).toBeVisible();
  const heardBytes = () => ear.arrivals.reduce((sum, { bytes }) => sum + bytes, 0);
  const atHandover = heardBytes();
  // Two seconds, which can only be the next host's.
  await expect.poll(heardBytes).toBeGreaterThan(atHandover + 32_000);
  await expect.poll(level, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  await release();
  ear.close();
});

test("the host's own voice reaches the stream too, latched by a tap", async ({ node, people }) => {
  const host = await people.join('Kitchen', { microphoneWav: await microphoneWav(VOICE_HZ) });
  await startHosting(host.page);
  const ear = await listen(node.streamUrl);
  await host.page.getByRole('button', { name: 'Hold to talk' }).click();
  await expect(host.page.getByRole('button', { name: /^Talking to/ })).toBeVisible();
  await expect.poll(() => toneNow(ear, VOICE_HZ), { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  await host.page.getByRole('button', { name: /^Talking to/ }).click();
  await expect.poll(() => toneNow(ear, VOICE_HZ)).toBeLessThan(AUDIBLE_DBFS - 10);
  ear.close();
});

test('a refused microphone is named with its remedy', async ({ people }) => {
  const { page } = await people.join('Anna', { refuseMicrophone: true });
  await page.getByRole('button', { name: 'Hold to talk' }).click();
  await expect(page.getByRole('alert')).toContainText('Allow it in the site’s settings');
  await page.getByRole('button', { name: 'OK' }).click();
  await expect(page.getByRole('alert')).toBeHidden();
});

test('a device without a microphone says so', async ({ people }) => {
  const { page } = await people.join('Anna', { noMicrophone: true });
  await visit(page, 'Queue');
  await page.getByRole('button', { name: 'Hold to talk' }).click();
  await expect(page.getByRole('alert')).toContainText('No microphone was found');
});

test('on a phone whose system ties microphones to its audio session they open over sound, which plays on after them', async ({
  node,
  people,
}) => {
  const { context, page } = await people.arrive('Anna', { microphoneWav: await microphoneWav(VOICE_HZ) });
  await giveAudioSession(context);
  await page.goto(node.appLink);
  await sayName(page, 'Anna');
  await listenHere(page);
  await expect.poll(() => sessionType(page)).toBe('playback');

  await visit(page, 'People');
  await page.getByRole('button', { name: 'Find it by ear' }).click();
  await page.getByRole('button', { name: 'Listen', exact: true }).click();
  await expect.poll(() => sessionType(page)).toBe('play-and-record');
  // It hears a tone only.
  await expect(page.getByRole('alert')).toContainText('did not hear itself', { timeout: 20_000 });
  expect(await sessionType(page)).toBe('playback');
  await page.getByRole('button', { name: 'Leave it' }).click();

  await page.getByRole('button', { name: 'Hold to talk' }).click();
  await expect(page.getByRole('button', { name: /^Talking to/ })).toBeVisible();
  expect(await sessionType(page)).toBe('play-and-record');
  await expect(page.getByRole('alert')).toBeHidden();
});
