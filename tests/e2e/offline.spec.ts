/** The installed app with the node stopped and nobody in reach; and what happens to edits made apart. */
import { tone } from '../fixtures/tones.ts';
import { importFiles, listenHere, queueSong, seesPlaying, songRow, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

test('without node and network the app opens, shows the room, edits the queue and plays what is here', async ({
  node,
  people,
}) => {
  const { page, context } = await people.join('Anna');
  const songs = await Promise.all(
    ['First', 'Second'].map((title, n) =>
      tone({ format: 'mp3', hz: 400 + 100 * n, seconds: 120, amplitude: 0.2, title, cover: 'png' }),
    ),
  );
  await importFiles(
    page,
    songs.map(({ path }) => path),
  );
  await queueSong(page, 'First');
  await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);

  await node.stop();
  await context.setOffline(true);
  await page.reload();
  await seesPlaying(page, 'First');
  await queueSong(page, 'Second');
  await listenHere(page);
  await expect(page.getByText(/in step/)).toBeVisible({ timeout: 20_000 });
  await page.reload();
  await visit(page, 'Queue');
  await expect(songRow(page, 'Second')).toBeVisible();
  await context.setOffline(false);
});

test('on the first visit, once the worker has everything, a song is added and heard though the node is gone', async ({
  node,
  people,
}) => {
  const { page, context } = await people.join('Anna');
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    if (!navigator.serviceWorker.controller)
      await new Promise((resolve) => navigator.serviceWorker.addEventListener('controllerchange', resolve));
    document.documentElement.dataset['sameLoad'] = 'yes';
  });
  await node.stop();
  await context.setOffline(true);
  const song = await tone({
    format: 'mp3',
    hz: 440,
    seconds: 60,
    amplitude: 0.2,
    title: 'First',
    cover: 'png',
  });
  await importFiles(page, [song.path]);
  await queueSong(page, 'First');
  await listenHere(page);
  await expect(page.getByText(/in step/)).toBeVisible({ timeout: 20_000 });
  // The worker took the page over without a reload, and is no update of it.
  expect(await page.evaluate(() => document.documentElement.dataset['sameLoad'])).toBe('yes');
  await expect(page.getByText('updated in another tab')).toBeHidden();
  await context.setOffline(false);
});

test('with the network off the app starts in under a second', async ({ node, people }) => {
  const { page, context } = await people.join('Anna');
  await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);
  await node.stop();
  await context.setOffline(true);
  await context.addInitScript(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('nav[aria-label="Places"]')) return;
      observer.disconnect();
      document.documentElement.dataset['startedAtMs'] = `${performance.now()}`;
    }).observe(document, { childList: true, subtree: true });
  });
  const startsMs: number[] = [];
  for (let i = 0; i < 5; i++) {
    await page.reload();
    await page.getByRole('navigation', { name: 'Places' }).waitFor();
    startsMs.push(await page.evaluate(() => Number(document.documentElement.dataset['startedAtMs'])));
  }
  console.log(`started offline in ${startsMs.map(Math.round).join(', ')} ms`);
  expect(startsMs.toSorted((a, b) => a - b)[2]).toBeLessThan(1_000);
  await context.setOffline(false);
});

test('what two phones edit apart comes together when they meet again', async ({ node, people }) => {
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  const songs = await Promise.all(
    ['Base', 'From Anna', 'From Bo'].map((title, n) =>
      tone({ format: 'mp3', hz: 400 + 100 * n, seconds: 120, amplitude: 0.2, title }),
    ),
  );
  await importFiles(
    anna.page,
    songs.map(({ path }) => path),
  );
  await queueSong(anna.page, 'Base');
  await seesPlaying(bo.page, 'Base');
  for (const { page } of [anna, bo])
    await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);

  // One closes the app while the other edits, and the other way round: they never meet until the node is back.
  await node.stop();
  await bo.page.goto('about:blank');
  await queueSong(anna.page, 'From Anna');
  await anna.page.goto('about:blank');
  await bo.page.goto(node.appUrl);
  await queueSong(bo.page, 'From Bo');
  await visit(bo.page, 'Queue');
  await expect(songRow(bo.page, 'From Anna')).toBeHidden();

  await node.start();
  await anna.page.goto(node.appUrl);
  for (const { page } of [anna, bo]) {
    await visit(page, 'Queue');
    await expect(songRow(page, 'From Anna')).toBeVisible({ timeout: 45_000 });
    await expect(songRow(page, 'From Bo')).toBeVisible({ timeout: 45_000 });
  }
});

test('the app can be installed: manifest, icons and a worker that has everything', async ({ people }) => {
  const { page } = await people.join('Anna');
  const manifest = await page.evaluate(async () => {
    const href = document.querySelector<HTMLLinkElement>('link[rel=manifest]')?.href ?? '';
    return (await (await fetch(href)).json()) as {
      icons: { src: string; sizes: string }[];
      screenshots: { src: string }[];
    };
  });
  for (const { src } of [...manifest.icons, ...manifest.screenshots]) {
    expect(await page.evaluate(async (url) => (await fetch(url)).headers.get('content-type'), src)).toMatch(
      /^image\//,
    );
  }
  expect(manifest.icons.map(({ sizes }) => sizes)).toEqual(expect.arrayContaining(['192x192', '512x512']));
  await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);
  const cached = await page.evaluate(async () => {
    const names = await caches.keys();
    const all = await Promise.all(
      names.map(async (name) => (await (await caches.open(name)).keys()).map(({ url }) => url)),
    );
    return all.flat();
  });
  for (const needed of [
    /index\.html/,
    /\/lame[^/]*\.wasm/,
    /\/mp3[^/]*\.wasm/,
    /latin-wght-normal.*\.woff2/,
    /worklet/,
    /sound-parts/,
  ]) {
    expect(
      cached.some((url) => needed.test(url)),
      `${needed} is cached`,
    ).toBe(true);
  }
});
