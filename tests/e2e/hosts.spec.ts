/** Hosts come and go, and one connection of a listener outlives them all. */
import type { Browser, Page } from '@playwright/test';
import { isSilent, listen } from '../fixtures/listen.ts';
import { tone } from '../fixtures/tones.ts';
import { lastHeard, toneNow } from './support/ear.ts';
import type { RunningNode } from './support/node.ts';
import { importFiles, queueSong, seesPlaying, startHosting, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const AUDIBLE_DBFS = -40;

interface Stream {
  host: { epoch: number; peerId: string } | null;
  silenceFrames: number;
}

async function streamOf(node: RunningNode): Promise<Stream> {
  const report = (await (await fetch(`${node.httpOrigin}/stream/status`)).json()) as { streams: [Stream] };
  return report.streams[0];
}

const hostOf = async (node: RunningNode): Promise<Stream['host']> => (await streamOf(node)).host;

/** How much silence the node has put into the stream. */
const silentMs = async (node: RunningNode): Promise<number> => (await streamOf(node)).silenceFrames * 24;

/** Ends the pages' processes of this browser as a crash does, without a word to anybody. */
async function killPages(browser: Browser): Promise<void> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  for (const { type, id } of processInfo) if (type === 'renderer') process.kill(id, 'SIGKILL');
}

const hostCard = (page: Page) => page.getByRole('region', { name: 'Host' });

test('a listener’s one connection goes from host to host: handed over, handed back, killed, closed', async ({
  node,
  people,
}) => {
  test.setTimeout(240_000);
  const song = await tone({ format: 'flac', hz: 440, seconds: 600, amplitude: 0.25, title: 'Without end' });
  const anna = await people.join('Anna', { ownBrowser: true });
  const bo = await people.join('Bo', { ownBrowser: true });
  const cleo = await people.join('Cleo');
  await importFiles(cleo.page, [song.path]);
  await queueSong(cleo.page, 'Without end');
  await seesPlaying(cleo.page, 'Without end');
  const ear = await listen(node.streamUrl);
  const level = () => toneNow(ear, song.hz);

  await startHosting(anna.page);
  await expect.poll(level, { timeout: 30_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  await visit(bo.page, 'Speakers');
  await bo.page.getByRole('button', { name: /^Host from this/ }).click();

  // Handed over, by name, and back: both say who hosts. Where a second host loads, the first may be lost for a moment.
  const toBo = anna.page.getByRole('button', { name: /^Hand the host’s role to Bo’s/ });
  const toAnna = bo.page.getByRole('button', { name: /^Hand the host’s role to Anna’s/ });
  const offered = async (): Promise<number> => (await toBo.count()) + (await toAnna.count());
  await expect.poll(offered, { timeout: 20_000 }).toBe(1);
  const [one, two, toTwo, twosLaptop] =
    (await toBo.count()) === 1
      ? [anna, bo, toBo, /^Bo’s \w+ is the host$/]
      : [bo, anna, toAnna, /^Anna’s \w+ is the host$/];
  await toTwo.hover();
  const first = await hostOf(node);
  const silentBeforeMs = await silentMs(node);
  await toTwo.click();
  // Whoever is on it keeps it.
  await one.page.getByRole('group', { name: 'Notice' }).filter({ hasText: 'takes over as host' }).hover();
  const moved = async (): Promise<boolean> => (await hostOf(node))?.peerId !== first?.peerId;
  await expect.poll(moved, { timeout: 20_000, intervals: [20] }).toBe(true);
  const gapMs = (await silentMs(node)) - silentBeforeMs;
  console.log(`handed over with ${gapMs} ms of silence`);
  expect(gapMs).toBeLessThan(3_000);
  await expect(hostCard(two.page).getByText('on the air')).toBeVisible({ timeout: 20_000 });
  await expect(hostCard(one.page).getByText(twosLaptop)).toBeVisible();
  await expect(hostCard(one.page).getByText('Chosen by hand', { exact: false })).toBeVisible();
  const second = await hostOf(node);
  expect(second?.peerId).not.toBe(first?.peerId);
  expect(second?.epoch).toBeGreaterThan(first?.epoch ?? Infinity);
  await expect.poll(level, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  await one.page.getByRole('button', { name: 'Hand back' }).click();
  await expect(hostCard(one.page).getByText('on the air')).toBeVisible({ timeout: 20_000 });
  await expect.poll(level, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);

  // Killed: the next one feeds the same connection.
  const killedAtMs = performance.now();
  await killPages(one.context.browser() as Browser);
  await expect
    .poll(async () => (await hostOf(node))?.peerId, { timeout: 20_000, intervals: [20] })
    .toBe(second?.peerId);
  console.log(`killed host followed after ${Math.round(performance.now() - killedAtMs)} ms`);
  await expect.poll(level, { timeout: 20_000 }).toBeGreaterThan(AUDIBLE_DBFS);

  // Closed, and nobody is left: everybody's screen says so, and the room's controls work all the same.
  await visit(cleo.page, 'Speakers');
  await two.page.close();
  await expect(hostCard(cleo.page).getByRole('heading', { name: 'No host' })).toBeVisible({
    timeout: 20_000,
  });
  await expect(hostCard(cleo.page).getByText('The loudspeakers are silent')).toBeVisible();
  await expect.poll(async () => isSilent(await lastHeard(ear)), { timeout: 15_000 }).toBe(true);
  const dee = await people.join('Dee');
  await seesPlaying(dee.page, 'Without end');
  await visit(cleo.page, 'Now');
  await cleo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Pause' }).click();
  await expect(
    dee.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Play' }),
  ).toBeVisible();
  await cleo.page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Play' }).click();

  await startHosting(cleo.page);
  await expect.poll(level, { timeout: 30_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  expect(ear.ended).toBe(false);
  ear.close();
});

test('in one browser one tab hosts, and the next takes over when it is closed', async ({ node, people }) => {
  const { page, context } = await people.join('Anna');
  await startHosting(page);
  const first = await hostOf(node);
  const second = await context.newPage();
  await second.goto(node.appLink);
  await visit(second, 'Speakers');
  await second.getByRole('button', { name: /^Host from this/ }).click();
  await expect(
    hostCard(second).getByText('Another tab of this browser offers host mode already'),
  ).toBeVisible();
  expect((await hostOf(node))?.peerId).toBe(first?.peerId);
  await page.close();
  await expect(hostCard(second).getByText('on the air')).toBeVisible({ timeout: 20_000 });
  expect((await hostOf(node))?.peerId).not.toBe(first?.peerId);
});

test('a node that restarts is fed again before listeners have lost patience', async ({ node, people }) => {
  const song = await tone({ format: 'flac', hz: 440, seconds: 600, amplitude: 0.25, title: 'Again' });
  const { page } = await people.join('Anna');
  await importFiles(page, [song.path]);
  await queueSong(page, 'Again');
  await startHosting(page);
  await node.stop('SIGKILL');
  await expect(hostCard(page).getByRole('alert')).toBeVisible({ timeout: 15_000 });
  await node.start();
  const backAtMs = performance.now();
  const ear = await listen(node.streamUrl);
  await expect
    .poll(async () => (await hostOf(node)) !== null, { timeout: 10_000, intervals: [20] })
    .toBe(true);
  const fedMs = Math.round(performance.now() - backAtMs);
  await expect.poll(() => toneNow(ear, song.hz), { timeout: 10_000 }).toBeGreaterThan(AUDIBLE_DBFS);
  console.log(
    `restarted node fed again after ${fedMs} ms, heard after ${Math.round(performance.now() - backAtMs)} ms`,
  );
  expect(fedMs).toBeLessThan(3_000);
  ear.close();
});
