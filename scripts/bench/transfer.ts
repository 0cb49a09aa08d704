/**
 * `npm run bench:transfer [-- --quick]`: how fast a track goes from one and from three holders to one and to four peers,
 * with the app's own library over its own mesh, in Chromium, introduced by the real node. Peers are browser contexts on
 * this machine, so what is measured is the software; bytes are verified and stored in OPFS, which the plain HTTPS
 * download of the same bytes that stands beside it need not do.
 *
 * Mbps: what all fetching peers took together, from the first request to the last byte. First sound: from asking for a
 * track of which nothing is here to samples at the output of an audio graph. CPU: all of the browser's processes.
 */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from '@playwright/test';
import type { TrackRef } from '../../app/library/library.ts';
import { type Harness, randomRoom, startHarness } from '../../tests/contract/browser-peers.ts';
import { noiseWav } from '../../tests/fixtures/noise.ts';

const quick = process.argv.includes('--quick');
const TRACK_BYTES = quick ? 12_000_000 : 60_000_000;
const ROUNDS = quick ? 1 : 5;
const TOPOLOGIES = [
  { holders: 1, peers: 1 },
  { holders: 3, peers: 1 },
  { holders: 1, peers: 4 },
  { holders: 3, peers: 4 },
];

interface Room {
  pages: Page[];
  ref: TrackRef;
  join(): Promise<Page>;
  close(): Promise<void>;
}

const mbps = (bytes: number, seconds: number): number => (bytes * 8) / 1e6 / seconds;
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;
const holds = (page: Page, trackId: string, holders: number): Promise<unknown> =>
  page.waitForFunction(([id, count]) => window.library.holders(id) >= count, [trackId, holders] as const);

/** A room of its own in which so many peers hold a new track. */
async function openRoom(harness: Harness, path: string, holders: number): Promise<Room> {
  const keys = await randomRoom();
  const contexts: BrowserContext[] = [];
  const join = async (): Promise<Page> => {
    const context = await harness.newContext();
    contexts.push(context);
    const page = await harness.newPage(context);
    const options = { ...harness.node, selfId: randomUUID(), ...keys };
    await page.evaluate((own) => window.openLibrary(own), options);
    return page;
  };
  const first = await join();
  await first.setInputFiles('input', path);
  const done = (await first.evaluate(() => window.importPicked())).at(-1);
  if (done?.type !== 'done') throw new Error(`the track was not imported: ${JSON.stringify(done)}`);
  const { ref } = done.track;
  const pages = [first];
  while (pages.length < holders) {
    const page = await join();
    await page.evaluate((track) => window.fetchTrack(track), ref);
    pages.push(page);
  }
  await holds(first, ref.trackId, holders - 1);
  return {
    pages,
    ref,
    join,
    async close() {
      await Promise.all(contexts.map((context) => context.close()));
    },
  };
}

async function measure(harness: Harness, path: string, holders: number, peers: number) {
  const room = await openRoom(harness, path, holders);
  try {
    const fetching: Page[] = [];
    while (fetching.length < peers) fetching.push(await room.join());
    for (const page of fetching) await holds(page, room.ref.trackId, holders);
    const cpuBefore = await harness.cpuSeconds();
    const startedAtMs = performance.now();
    const fetched = await Promise.all(
      fetching.map((page) => page.evaluate((track) => window.fetchTrack(track), room.ref)),
    );
    const wallSeconds = (performance.now() - startedAtMs) / 1000;
    const cpuSeconds = (await harness.cpuSeconds()) - cpuBefore;
    for (const { sha256 } of fetched)
      if (sha256 !== room.ref.trackId) throw new Error('a peer got other bytes');
    const seconds = Math.max(...fetched.map((one) => one.seconds));
    return { mbps: mbps(room.ref.bytes * peers, seconds), cpu: cpuSeconds / wallSeconds, seconds };
  } finally {
    await room.close();
  }
}

async function firstSound(harness: Harness, path: string): Promise<number> {
  const room = await openRoom(harness, path, 1);
  try {
    const page = await room.join();
    return await page.evaluate((track) => window.firstSound(track), room.ref);
  } finally {
    await room.close();
  }
}

async function download(harness: Harness): Promise<{ mbps: number; cpu: number; seconds: number }> {
  const context = await harness.newContext();
  try {
    const page = await harness.newPage(context);
    const cpuBefore = await harness.cpuSeconds();
    const { seconds, bytes } = await page.evaluate((url) => window.download(url), '/bench.bin');
    if (bytes !== TRACK_BYTES) throw new Error(`the download has ${bytes} bytes`);
    return { mbps: mbps(bytes, seconds), cpu: ((await harness.cpuSeconds()) - cpuBefore) / seconds, seconds };
  } finally {
    await context.close();
  }
}

async function rounds<T>(work: () => Promise<T>): Promise<T[]> {
  const all: T[] = [];
  while (all.length < ROUNDS) all.push(await work());
  return all;
}

const folder = await mkdtemp(join(tmpdir(), 'earshot-bench-'));
const harness = await startHarness('bench-transfer');
try {
  const path = join(folder, 'noise.wav');
  const track = noiseWav(TRACK_BYTES);
  await writeFile(path, track);
  await writeFile(join(harness.distDir, 'bench.bin'), track);

  const table: Record<string, Record<string, string | number>> = {};
  const row = (name: string, all: { mbps: number; cpu: number; seconds: number }[]): number => {
    const rate = median(all.map((one) => one.mbps));
    table[name] = {
      Mbps: Math.round(rate),
      seconds: median(all.map((one) => one.seconds)).toFixed(2),
      'CPU cores': median(all.map((one) => one.cpu)).toFixed(2),
    };
    return rate;
  };
  const httpMbps = row('plain HTTPS → 1 peer', await rounds(() => download(harness)));
  const rates = new Map<string, number>();
  for (const { holders, peers } of TOPOLOGIES) {
    const name = `${holders} holder${holders > 1 ? 's' : ''} → ${peers} peer${peers > 1 ? 's' : ''}`;
    rates.set(`${holders}/${peers}`, row(name, await rounds(() => measure(harness, path, holders, peers))));
  }
  const firstSoundMs = median(await rounds(() => firstSound(harness, path)));
  console.log(`${TRACK_BYTES / 1e6} MB, median of ${ROUNDS}`);
  console.table(table);
  const single = rates.get('1/1') ?? Number.NaN;
  const round = (value: number): number => Math.round(value * 100) / 100;
  console.log(
    JSON.stringify({
      mbps: round(single),
      httpMbps: round(httpMbps),
      ratio: round(single / httpMbps),
      firstSoundMs: Math.round(firstSoundMs),
      swarmRatio: round((rates.get('3/1') ?? Number.NaN) / single),
    }),
  );
} finally {
  await harness.close();
  await rm(folder, { recursive: true, force: true });
}
