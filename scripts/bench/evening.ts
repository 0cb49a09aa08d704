/**
 * `npm run bench:evening [-- --minutes=30] [--seed=1]`: an evening in the LAN lab. Four browsers on hosts of their own play
 * one queue, each into a sound card of its own, while somebody skips, seeks, pauses, adds songs, reloads a page, or falls
 * asleep (SIGSTOP). At the end the four outputs are compared at the sound cards; every console is read and memory is
 * printed all along. Needs root and PulseAudio.
 */
import { parseArgs } from 'node:util';
import type { Page } from '@playwright/test';
import { startNode } from '../../tests/e2e/support/node.ts';
import { LAPTOP } from '../../tests/e2e/support/people.ts';
import {
  importFiles,
  listenHere,
  queueSong,
  sayName,
  seesPlaying,
  visit,
} from '../../tests/e2e/support/room.ts';
import { seeded } from '../../tests/fixtures/seeded.ts';
import { noiseTrack } from '../../tests/fixtures/tones.ts';
import { until } from '../../tests/fixtures/until.ts';
import { launchOn } from '../../tests/lan/browser.ts';
import { createLab, labProblem, type LabHost } from '../../tests/lan/lab.ts';
import { apart } from '../../tests/sync/correlate.ts';
import { favourSound } from '../../tests/sync/favour.ts';
import { PATIENT_MS, pulseMissing, RATE_HZ, startPulse } from '../../tests/sync/pulse.ts';
import { growth, heapMiB, mean, memoryMiB } from './memory.ts';

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, seed: { type: 'string', default: '1' } },
});
const minutes = Number(values.minutes);
if (!(minutes >= 2 && minutes <= 600)) throw new RangeError('--minutes: 2 to 600');
const missing = labProblem() ?? pulseMissing();
if (missing !== null) {
  console.error(`Can't run: ${missing}`);
  process.exit(1);
}

const NAMES = ['ada', 'ben', 'cleo', 'dora'] as const;
const SONGS = ['First noise', 'Second noise', 'Third noise', 'Fourth noise'] as const;
const SONG_SECONDS = 180;
const ACT_EVERY_MS = 25_000;
const MEMORY_EVERY_MS = 60_000;
const LONGEST_SLEEP_MS = 45_000;
/** After the last act, before the outputs are compared. */
const SETTLE_MS = 20_000;
const COMPARED_SECONDS = 60;
const DECIMATION = 4;
const REACH_MS = 500;
/** What an evening has to keep, or the command fails. */
const P95_MS = 20;
const MOST_GROWTH = 1.15;
/** Fewer seconds in which the machine fed all outputs tell nothing. */
const ENOUGH_SECONDS = 10;
/** Noise is never silent for this long: the machine did not feed the output in time, which no player can mend. */
const GAP_SAMPLES = 24;
/** After a gap a browser may take this long to come back into step. */
const RECOVERY_SECONDS = 8;

interface Phone {
  name: string;
  host: LabHost;
  page: Page;
  errors: string[];
  asleep: boolean;
}

/** An evening can be had again. */
const random = seeded(Number(values.seed));
const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)]!;
function hasGap(samples: Float32Array): boolean {
  let silent = 0;
  return samples.some((value) => {
    silent = value === 0 ? silent + 1 : 0;
    return silent >= GAP_SAMPLES;
  });
}

const forMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const lab = createLab(['node', ...NAMES]);
const closing: (() => unknown)[] = [() => lab.close()];
try {
  const pulse = await startPulse(NAMES.length);
  closing.push(() => pulse.close());
  const favour = favourSound(pulse.server);
  closing.push(() => favour.close());
  const nodeHost = lab.host('node');
  const node = await startNode({ spawn: (...args) => nodeHost.spawn(...args), bind: nodeHost.address });
  closing.push(() => node.close());

  const phones: Phone[] = [];
  for (const [index, name] of NAMES.entries()) {
    const host = lab.host(name);
    const browser = await launchOn(host, { caPath: node.caPath, heard: pulse.env(index, PATIENT_MS) });
    closing.push(() => browser.close());
    // Nothing here has a graphics card: four rings that breathe with the music take both cores to draw.
    const context = await browser.newContext({ viewport: LAPTOP, reducedMotion: 'reduce' });
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    const errors: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
    page.on('pageerror', (error) => errors.push(error.stack ?? error.message));
    await page.goto(node.appLink);
    await sayName(page, name);
    phones.push({ name, host, page, errors, asleep: false });
  }
  const [first] = phones as [Phone];
  const files = await Promise.all(
    SONGS.map((title, at) => noiseTrack({ seconds: SONG_SECONDS, title, seed: at + 1 })),
  );
  await importFiles(first.page, files, 120_000);
  for (const title of SONGS) await queueSong(first.page, title);
  await visit(first.page, 'Now');
  const loop = first.page.getByRole('button', { name: /^Loop: / });
  while ((await loop.getAttribute('aria-label')) !== 'Loop: everything') await loop.click();
  for (const { page } of phones) {
    await seesPlaying(page, SONGS[0]);
    await listenHere(page);
  }

  const playback = (page: Page) => page.getByRole('group', { name: 'Playback' });
  const awake = (): Phone[] => phones.filter(({ asleep }) => !asleep);
  const acts: Record<string, (phone: Phone) => Promise<void>> = {
    async skips({ page }) {
      await visit(page, 'Now');
      await playback(page).getByRole('button', { name: 'Skip' }).click();
    },
    async seeks({ page }) {
      await visit(page, 'Now');
      const slider = page.getByRole('slider', { name: 'Position in the song' });
      await slider.focus();
      for (let n = 0; n < 3; n++) await slider.press('ArrowRight');
    },
    async pauses({ page }) {
      await visit(page, 'Now');
      await playback(page).getByRole('button', { name: 'Pause' }).click();
      await forMs(3_000);
      await playback(page).getByRole('button', { name: 'Play', exact: true }).click();
    },
    async adds({ page }) {
      const title = pick(SONGS);
      await visit(page, 'Music');
      await page
        .getByRole('button', { name: new RegExp(`^(Add ${title} to|${title} is in) the queue`) })
        .click();
    },
    async reloads({ page }) {
      await page.reload();
      await page.getByRole('navigation', { name: 'Places' }).waitFor();
      // Browsers let a page sound only after a tap.
      await visit(page, 'Now');
      await page.getByRole('button', { name: 'Listening here' }).waitFor();
    },
    async sleeps(phone) {
      phone.asleep = true;
      const ms = 3_000 + random() * LONGEST_SLEEP_MS;
      phone.host.signal('SIGSTOP');
      await forMs(ms);
      phone.host.signal('SIGCONT');
      phone.asleep = false;
    },
  };

  const endMs = performance.now() + minutes * 60_000 - SETTLE_MS - COMPARED_SECONDS * 1_000;
  const memory: { pssMiB: number[]; heapMiB: number[]; nodeMiB: number }[] = [];
  const done: Record<string, number> = {};
  const sleeping: Promise<void>[] = [];
  let measuredAtMs = -Infinity;
  console.log(`min  ${NAMES.map((name) => `${name} MiB (heap)`.padEnd(18)).join('')}node MiB`);
  for (let startMs = performance.now(); performance.now() < endMs;) {
    if (performance.now() - measuredAtMs >= MEMORY_EVERY_MS && awake().length === phones.length) {
      measuredAtMs = performance.now();
      const sample = {
        pssMiB: await Promise.all(phones.map(({ host }) => memoryMiB(host))),
        heapMiB: await Promise.all(phones.map(({ page }) => heapMiB(page))),
        nodeMiB: await memoryMiB(nodeHost),
      };
      memory.push(sample);
      const cells = sample.pssMiB.map((mib, at) =>
        `${mib.toFixed(0)} (${sample.heapMiB[at]!.toFixed(1)})`.padEnd(18),
      );
      const minute = ((performance.now() - startMs) / 60_000).toFixed(0).padStart(3);
      console.log(`${minute}  ${cells.join('')}${sample.nodeMiB.toFixed(0)}`);
    }
    await forMs(ACT_EVERY_MS * (0.5 + random()));
    const name = pick(Object.keys(acts));
    const phone = pick(awake());
    done[name] = (done[name] ?? 0) + 1;
    if (name === 'sleeps') sleeping.push(acts['sleeps']!(phone));
    else await acts[name]!(phone);
  }
  await Promise.all(sleeping);
  const seen = async (page: Page): Promise<string> => {
    await visit(page, 'Now');
    return page
      .locator('h1, h2')
      .filter({ hasText: /noise$/ })
      .first()
      .innerText();
  };
  await forMs(SETTLE_MS);
  await until(
    'one song on every screen',
    async () => new Set(await Promise.all(phones.map(({ page }) => seen(page)))).size === 1,
    { deadlineMs: 30_000 },
  );

  const channels = NAMES.length * 2;
  const window = RATE_HZ / DECIMATION;
  const reach = (window * REACH_MS) / 1_000;
  const held = NAMES.map(() => new Float32Array(reach + window * COMPARED_SECONDS + reach));
  const sums = new Float32Array(NAMES.length);
  let frames = 0;
  const stop = pulse.record((interleaved) => {
    for (let at = 0; at < interleaved.length; at += channels) {
      for (let one = 0; one < NAMES.length; one++) sums[one]! += interleaved[at + 2 * one]!;
      if (++frames % DECIMATION !== 0) continue;
      const index = frames / DECIMATION - 1;
      for (let one = 0; one < NAMES.length; one++) {
        if (index < held[one]!.length) held[one]![index] = sums[one]! / DECIMATION;
      }
      sums.fill(0);
    }
  });
  await until('the recording', () => frames / DECIMATION >= held[0]!.length, {
    deadlineMs: (COMPARED_SECONDS + 30) * 1_000,
  });
  await stop();
  const apartMs: number[] = [];
  let unmatched = 0;
  let compared = 0;
  const tornAt: number[] = [];
  for (let second = 0; second < COMPARED_SECONDS; second++) {
    const from = reach + second * window;
    if (held.some((all) => hasGap(all.subarray(from, from + window)))) tornAt.push(second);
    if (tornAt.some((torn) => second - torn <= RECOVERY_SECONDS)) continue;
    compared++;
    for (const other of held.slice(1)) {
      const found = apart(held[0]!, other, { from, length: window, reach });
      if (found === null) unmatched++;
      // Without a match it counts as the farthest that could have been found.
      apartMs.push(found === null ? REACH_MS : Math.abs((found.lagSamples * 1_000) / window));
    }
  }
  apartMs.sort((a, b) => a - b);
  const at = (share: number): number =>
    apartMs[Math.min(apartMs.length - 1, Math.floor(share * apartMs.length))] ?? NaN;
  const errors = phones.flatMap(({ name, errors: all }) => all.map((text) => `${name}: ${text}`));
  console.log(
    `\nDone: ${Object.entries(done)
      .map(([name, times]) => `${name} ${times}`)
      .join(', ')}.`,
  );
  console.log(`Errors in consoles: ${errors.length}`);
  for (const text of errors.slice(0, 20)) console.log(`  ${text}`);
  const round = (value: number): number => Math.round(value * 100) / 100;
  const result = {
    bench: 'evening',
    minutes,
    acts: Object.values(done).reduce((sum, times) => sum + times, 0),
    p50Ms: round(at(0.5)),
    p95Ms: round(at(0.95)),
    maxMs: round(at(1)),
    comparedSeconds: compared,
    tornSeconds: tornAt.length,
    unmatched,
    consoleErrors: errors.length,
    memoryGrowth: round(growth(memory.map(({ pssMiB }) => mean(pssMiB)))),
    heapGrowth: round(growth(memory.map((sample) => mean(sample.heapMiB)))),
    nodeGrowth: round(growth(memory.map(({ nodeMiB }) => nodeMiB))),
  };
  console.log(
    `Apart at the end, from ada: p50 ${result.p50Ms}, p95 ${result.p95Ms}, max ${result.maxMs} ms, ${unmatched} of ${compared * (NAMES.length - 1)} unmatched; ${tornAt.length} of ${COMPARED_SECONDS} seconds torn by the machine.`,
  );
  console.log('Growth: the last third of the evening over the middle one.\n');
  const broken = [
    compared < ENOUGH_SECONDS && `only ${compared} s could be compared: the machine was too busy`,
    compared >= ENOUGH_SECONDS && result.p95Ms > P95_MS && `p95 is over ${P95_MS} ms`,
    errors.length > 0 && 'a console had errors',
    Math.max(result.memoryGrowth, result.heapGrowth, result.nodeGrowth) > MOST_GROWTH && 'memory grew',
  ].filter((one) => one !== false);
  if (broken.length > 0) {
    console.log(`Not kept: ${broken.join('; ')}.`);
    process.exitCode = 1;
  }
  console.log(JSON.stringify(result));
} finally {
  for (const close of closing.reverse()) await close();
}
