/** What a device itself plays: at its own volume, in step with the others, and only where somebody listens. */
import { isSilent, toneDbfs } from '../fixtures/listen.ts';
import { tone } from '../fixtures/tones.ts';
import { importFiles, listenHere, queueSong, seesPlaying, visit } from './support/room.ts';
import { heardHere, tapSound } from './support/tap.ts';
import { expect, test } from './support/test.ts';

const AUDIBLE_DBFS = -40;

test('listening here plays the room at this device’s volume; without it the device is a remote control', async ({
  node,
  people,
}) => {
  const song = await tone({ format: 'ogg', hz: 440, seconds: 120, amplitude: 0.25, title: 'Heard here' });
  const next = await tone({ format: 'm4a', hz: 660, seconds: 120, amplitude: 0.25, title: 'Heard next' });
  const anna = await people.arrive('Anna');
  await tapSound(anna.context);
  await anna.page.goto(node.appLink);
  await anna.page.getByLabel('What shall we call you?').fill('Anna');
  await anna.page.getByRole('button', { name: 'Come in' }).click();
  const bo = await people.join('Bo');
  await importFiles(bo.page, [song.path, next.path]);
  await queueSong(bo.page, 'Heard here');
  await queueSong(bo.page, 'Heard next');
  await seesPlaying(anna.page, 'Heard here');
  await expect(anna.page.getByText('remote control', { exact: true })).toBeVisible();
  const level = async (hz: number) => {
    const sound = await heardHere(anna.page);
    return sound.durationMs === 0 ? -Infinity : toneDbfs(sound, hz);
  };
  expect(await level(song.hz)).toBe(-Infinity);

  await listenHere(anna.page);
  await expect.poll(() => level(song.hz), { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  const loud = await level(song.hz);
  await anna.page.getByRole('button', { name: 'Volume of this device' }).click();
  const volume = anna.page.getByRole('slider', { name: 'Volume of this device' });
  await volume.focus();
  for (let step = 0; step < 2; step++) await volume.press('PageDown');
  await expect.poll(() => level(song.hz)).toBeLessThan(loud - 6);
  await anna.page.keyboard.press('Escape');

  await visit(bo.page, 'Now');
  await bo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Skip' }).click();
  await expect.poll(() => level(next.hz), { timeout: 20_000 }).toBeGreaterThan(loud - 20);
  await expect.poll(() => level(song.hz)).toBeLessThan(-60);
  await bo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Pause' }).click();
  await expect.poll(async () => isSilent(await heardHere(anna.page))).toBe(true);
});
