/** Importing: every format, what is wrong with the rest, cancelling, dropping; and fetching from who has it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { realSongs } from '../fixtures/real.ts';
import { emptyFile, taggedTones, textNamedMp3, tone, truncated } from '../fixtures/tones.ts';
import { importFiles, listenHere, queueSong, sayName, seesPlaying, songRow, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

test('every format comes in with its tags and cover; broken files are named and the rest goes on', async ({
  people,
}) => {
  const { page } = await people.join('Anna');
  const tones = await taggedTones();
  const broken = [
    await textNamedMp3(),
    await emptyFile(),
    await truncated('mp3'),
    await truncated('flac'),
    await truncated('m4a'),
  ];
  const good = [...tones, ...realSongs];
  const paths = good.map(({ path }) => path);
  // The broken ones stand in the middle, so that something comes after them.
  const says = await importFiles(
    page,
    [...paths.slice(0, 3), ...broken.map(({ path }) => path), ...paths.slice(3)],
    120_000,
  );
  expect(says).toContain(`Added ${good.length} songs`);
  for (const { fileName } of broken) expect(says).toContain(fileName);
  // Only rows in sight exist: the search brings all of these there.
  const search = page.getByLabel('Search the room’s music');
  await search.fill('Tone in');
  for (const { title = '', format } of tones) {
    const row = songRow(page, title);
    await expect(row).toContainText('The Oscillators');
    // ffmpeg puts no picture into a WAV file.
    if (format !== 'wav') await expect(row.locator('img')).toHaveAttribute('src', /^blob:/);
  }
  await search.fill('');
  await expect(page.getByText(new RegExp(`${good.length} songs · .* · kept when offline`))).toBeVisible();

  const again = await importFiles(page, [paths[0] ?? '']);
  expect(again).toContain('Added');
  await expect(page.getByText(new RegExp(`${good.length} songs · .* · kept when offline`))).toBeVisible();
});

test('a long import shows its progress and can be cancelled; nothing half stays', async ({ people }) => {
  const { page } = await people.join('Anna');
  const files = await Promise.all(
    [1, 2, 3, 4].map((n) =>
      tone({ format: 'wav', hz: 200 * n, seconds: 170, amplitude: 0.1, title: `Long ${n}` }),
    ),
  );
  await visit(page, 'Music');
  await page
    .getByLabel('Music files')
    .first()
    .setInputFiles(files.map(({ path }) => path));
  const card = page.getByRole('region', { name: 'Import' });
  await expect(card.getByRole('progressbar')).toBeVisible();
  await card.getByRole('button', { name: 'Cancel' }).click();
  await expect(card.getByRole('button', { name: 'Done' })).toBeVisible();
  const count = await page.getByRole('listitem').filter({ hasText: 'Long' }).count();
  expect(count).toBeLessThan(4);
  await page.reload();
  await visit(page, 'Music');
  await expect(page.getByRole('listitem').filter({ hasText: 'Long' })).toHaveCount(count);
});

test('songs dropped on the window are imported', async ({ people }) => {
  const { page } = await people.join('Anna');
  const song = await tone({ format: 'mp3', hz: 500, seconds: 5, amplitude: 0.2, title: 'Dropped' });
  const base64 = (await readFile(song.path)).toString('base64');
  await page.evaluate((data) => {
    const transfer = new DataTransfer();
    const bytes = Uint8Array.from(atob(data), (char) => char.charCodeAt(0));
    transfer.items.add(new File([bytes], 'dropped.mp3', { type: 'audio/mpeg' }));
    const target = document.querySelector('main') ?? document.body;
    for (const type of ['dragenter', 'dragover', 'drop']) {
      target.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
    }
  }, base64);
  await visit(page, 'Music');
  await expect(songRow(page, 'Dropped')).toBeVisible();
});

test('a queued song goes to a second phone that only looks on, so that its owner may leave', async ({
  people,
}) => {
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  const song = await tone({ format: 'mp3', hz: 440, seconds: 120, amplitude: 0.2, title: 'Left behind' });
  const kept = await tone({ format: 'mp3', hz: 550, seconds: 20, amplitude: 0.2, title: 'Asked for' });
  await importFiles(anna.page, [song.path, kept.path]);
  await expect(songRow(anna.page, 'Asked for')).toContainText('only here');
  await queueSong(anna.page, 'Left behind');
  await anna.page.getByRole('button', { name: 'Menu of Asked for' }).click();
  await anna.page.getByRole('button', { name: 'Keep a copy' }).click();
  for (const title of ['Left behind', 'Asked for'])
    await expect(songRow(anna.page, title)).toContainText('2 copies', { timeout: 45_000 });
  await anna.context.close();
  await listenHere(bo.page);
  await expect(bo.page.getByText(/in step/)).toBeVisible({ timeout: 20_000 });
});

test('a phone without the bytes begins to play before it has all of them, and then keeps them', async ({
  people,
}) => {
  // 18 s of fetching on an idle machine with two cores, more than 60 s on a busy one. How fast it is, the bench says.
  test.setTimeout(300_000);
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  const song = await tone({ format: 'wav', hz: 440, seconds: 400, amplitude: 0.2, title: 'A large file' });
  await importFiles(anna.page, [song.path], 120_000);
  await listenHere(bo.page);
  await queueSong(anna.page, 'A large file');
  await seesPlaying(bo.page, 'A large file');
  await expect(bo.page.getByText(/in step/)).toBeVisible({ timeout: 30_000 });
  await visit(bo.page, 'Music');
  const progress = bo.page.getByRole('progressbar', { name: 'Fetching A large file' });
  await expect(progress).toBeVisible();
  await expect(progress).toBeHidden({ timeout: 180_000 });
  await expect(songRow(bo.page, 'A large file')).toContainText('2 copies');
});

test('a guest in a private window that has no files is told that nothing is kept, and hears the music all the same', async ({
  people,
  node,
}) => {
  const anna = await people.join('Anna');
  const song = await tone({ format: 'mp3', hz: 440, seconds: 120, amplitude: 0.2, title: 'For a while' });
  const bo = await people.arrive('Bo');
  // Safari and Firefox refuse it there while the database works. Nothing else of the browser's is touched.
  const refuse = `StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException('private', 'SecurityError'));`;
  let patched = 0;
  await bo.context.route(/opfs\.worker/, async (route) => {
    patched++;
    const worker = await readFile(join('dist', new URL(route.request().url()).pathname), 'utf8');
    const headers = { 'Content-Type': 'text/javascript', 'Cross-Origin-Embedder-Policy': 'require-corp' };
    await route.fulfill({ headers, body: `${refuse}\n${worker}` });
  });
  await bo.page.goto(node.appLink);
  // It goes by itself after some seconds.
  const told = bo.page.getByText('This device keeps nothing: its storage could not be opened.').waitFor();
  await Promise.all([told, sayName(bo.page, 'Bo')]);
  expect(patched).toBeGreaterThan(0);
  await listenHere(bo.page);
  await importFiles(anna.page, [song.path]);
  await queueSong(anna.page, 'For a while');
  await seesPlaying(bo.page, 'For a while');
  await expect(bo.page.getByText(/in step/)).toBeVisible({ timeout: 30_000 });
});
