/** The room as one file: saved on one phone, opened in another room on another. */
import { randomBytes } from 'node:crypto';
import { tone } from '../fixtures/tones.ts';
import { importFiles, queueSong, sayName, seesPlaying, songRow, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

test('a room with its songs goes to a new phone as one file', async ({ node, people }) => {
  const anna = await people.join('Anna');
  const songs = await Promise.all(
    ['Moved first', 'Moved second'].map((title, n) =>
      tone({ format: 'mp3', hz: 400 + 100 * n, seconds: 60, amplitude: 0.2, title }),
    ),
  );
  await importFiles(
    anna.page,
    songs.map(({ path }) => path),
  );
  for (const title of ['Moved first', 'Moved second']) await queueSong(anna.page, title);
  await seesPlaying(anna.page, 'Moved first');
  await visit(anna.page, 'People');
  await anna.page.getByLabel(/With the songs on this/).check();
  const downloading = anna.page.waitForEvent('download');
  await anna.page.getByRole('button', { name: 'Save the room' }).click();
  const download = await downloading;
  expect(download.suggestedFilename()).toMatch(/\.earshot\.tar$/);
  const path = await download.path();

  const bo = await people.arrive('Bo');
  await bo.page.goto(`${node.appUrl}#${randomBytes(16).toString('base64url')}`);
  await sayName(bo.page, 'Bo');
  await visit(bo.page, 'People');
  await bo.page.getByLabel('A saved room').setInputFiles(path);
  await visit(bo.page, 'Music');
  await expect(bo.page.getByText(/2 songs · .* · kept when offline/)).toBeVisible({ timeout: 30_000 });
  await visit(bo.page, 'Now');
  await expect(bo.page.getByRole('heading', { name: 'Moved first', exact: true })).toBeVisible();
  await expect(
    bo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Play' }),
  ).toBeVisible();
  await visit(bo.page, 'Queue');
  await expect(songRow(bo.page, 'Moved second')).toContainText('Anna');

  await visit(bo.page, 'People');
  await bo.page.getByLabel('A saved room').setInputFiles(songs[0]?.path ?? '');
  await expect(bo.page.getByText(/could not be opened: this file is/)).toBeVisible();
});
