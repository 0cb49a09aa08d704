/** The main path, one person a browser context: join, import, queue, play, host, listen to the stream. */
import { isSilent, recordStream, strongestHz, toneMedianDbfs, toneShare } from '../fixtures/listen.ts';
import { tone } from '../fixtures/tones.ts';
import { importFiles, listenHere, queueSong, seesPlaying, startHosting, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const AUDIBLE_DBFS = -40;

test('a song imported on one phone is queued by the other, hosted by a third, and heard in the stream', async ({
  node,
  people,
}) => {
  const song = await tone({
    format: 'mp3',
    hz: 440,
    seconds: 60,
    amplitude: 0.25,
    title: 'A for a minute',
    artist: 'The Test',
    cover: 'png',
  });
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  const host = await people.join('Kitchen');
  for (const { page } of [anna, bo, host])
    await expect(page.getByRole('button', { name: '3 here' })).toBeVisible();

  expect(isSilent(await recordStream(node.streamUrl, 1))).toBe(true);
  expect(await importFiles(anna.page, [song.path])).toContain('Added');
  await queueSong(bo.page, 'A for a minute');
  for (const { page } of [anna, bo, host]) await seesPlaying(page, 'A for a minute');

  await startHosting(host.page);
  await expect
    .poll(async () => toneMedianDbfs(await recordStream(node.streamUrl, 1), song.hz), { timeout: 20_000 })
    .toBeGreaterThan(AUDIBLE_DBFS);
  const sound = await recordStream(node.streamUrl, 3);
  expect(toneShare(sound, song.hz, AUDIBLE_DBFS)).toBeGreaterThan(0.9);
  expect(Math.abs(strongestHz(sound) - song.hz)).toBeLessThan(3);

  await listenHere(bo.page);
  await expect(bo.page.getByText(/in step/)).toBeVisible({ timeout: 20_000 });
  await visit(anna.page, 'Speakers');
  await expect(anna.page.getByText(/Kitchen.* is the host/)).toBeVisible();
});
