/**
 * Two browsers in one room, each with an output of its own; what comes out is recorded together and compared each second.
 * One of them has a clock that is hours off and drifts; for a while a program takes a processor for itself. Beside the
 * app, in the same browsers, plays the naive method (`naive.ts`) on the other channel.
 */
import { spawn } from 'node:child_process';
import { noiseTrack } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { createPeople, type People } from '../e2e/support/people.ts';
import { importFiles, listenHere, queueSong, seesPlaying } from '../e2e/support/room.ts';
import { favourSound } from './favour.ts';
import { createEar, REACH_MS, type Heard } from './ear.ts';
import { playNaively, serveNaive, type NaiveServer } from './naive.ts';
import { startPulse, type Pulse } from './pulse.ts';

export interface MeasureOptions {
  seconds: number;
  /** Seconds from and up to which the processor hog runs. */
  hog: { from: number; to: number };
  /** Of one browser's clock. */
  driftPpm: number;
  /** See `Pulse.env`. */
  bufferMs?: number;
  onSecond?: (second: number, heard: Heard) => void;
}

const TITLE = 'In step';
const CLOCK_OFFSET_MS = 7_200_000;
/** Before the measurement begins, and what is left over after it. */
const SPARE_SECONDS = 90;
const NAIVE_LEAD_MS = 8_000;

/** What was heard in each second; begins when the app is heard from both outputs. */
export async function measureSync(options: MeasureOptions): Promise<Heard[]> {
  const { seconds, hog, driftPpm, bufferMs } = options;
  const track = await noiseTrack({ seconds: seconds + SPARE_SECONDS, title: TITLE });
  const open: { close(): unknown }[] = [];
  const opened = <T extends { close(): Promise<unknown> }>(one: T): T => {
    open.push(one);
    return one;
  };
  try {
    const pulse: Pulse = opened(await startPulse());
    open.push(favourSound(pulse.server));
    const naive: NaiveServer = opened(await serveNaive());
    const node: RunningNode = opened(await startNode());
    const people: People = opened(createPeople(node));
    const anna = await people.join('Anna', { heard: pulse.env(0, bufferMs) });
    const clock = { offsetMs: CLOCK_OFFSET_MS, driftPpm };
    const bo = await people.join('Bo', { heard: pulse.env(1, bufferMs), clock });
    const atMs = performance.timeOrigin + performance.now() + NAIVE_LEAD_MS;
    await Promise.all([anna, bo].map(({ context }) => playNaively(context, naive.url, atMs)));
    for (const { page } of [anna, bo]) await page.bringToFront();
    await importFiles(anna.page, [track]);
    await queueSong(anna.page, TITLE);
    for (const { page } of [anna, bo]) {
      await seesPlaying(page, TITLE);
      await listenHere(page);
    }

    const heard: Heard[] = [];
    const before: Heard[] = [];
    let measuring = false;
    const ear = createEar((second) => {
      if (!measuring) {
        before.push(second);
        // The naive method may be too far apart to be found, for as long as it plays.
        measuring = second.appMs !== null;
        return;
      }
      if (heard.length >= seconds) return;
      heard.push(second);
      options.onSecond?.(heard.length, second);
      if (heard.length === hog.from) hogProcess.start();
      if (heard.length === hog.to) hogProcess.stop();
    });
    const hogProcess = createHog();
    const stop = pulse.record((frames) => ear.take(frames));
    try {
      await until('both outputs', () => measuring, { deadlineMs: 60_000 }).catch((cause: unknown) => {
        throw new Error(`the app was not heard from both outputs: ${told(before)}`, { cause });
      });
      await until('the measurement', () => heard.length >= seconds, { deadlineMs: (seconds + 30) * 1_000 });
    } finally {
      hogProcess.stop();
      await stop();
    }
    return heard;
  } finally {
    for (const one of open.reverse()) await one.close();
  }
}

/** Second by second; `-`: no match, `!`: torn. */
export function told(heard: readonly Heard[]): string {
  return heard.map(({ appMs, torn }) => `${appMs?.toFixed(1) ?? '-'}${torn ? '!' : ''}`).join(' ');
}

/** Ends by itself after this long, should whoever started it have been killed. */
const HOG = 'const end = Date.now() + 90_000; while (Date.now() < end);';

/** A program that counts as fast as it can. */
function createHog(): { start(): void; stop(): void } {
  let child: ReturnType<typeof spawn> | null = null;
  return {
    start: () => (child ??= spawn(process.execPath, ['-e', HOG], { stdio: 'ignore' })),
    stop: () => void child?.kill('SIGKILL'),
  };
}

/** Seconds of which neither they nor the `seconds` before were torn: what happened there was not the machine's doing. */
export function calm(heard: readonly Heard[], seconds: number): Heard[] {
  return heard.filter((_, at) => heard.slice(Math.max(0, at - seconds), at + 1).every(({ torn }) => !torn));
}

export interface Figures {
  p50Ms: number;
  p95Ms: number;
  maxMs: number;
}

/** A second without a match counts as the farthest that could have been found. */
export function figures(apartMs: readonly (number | null)[]): Figures {
  const sizes = apartMs.map((ms) => (ms === null ? REACH_MS : Math.abs(ms))).sort((a, b) => a - b);
  const at = (share: number): number =>
    sizes[Math.min(sizes.length - 1, Math.floor(share * sizes.length))] ?? REACH_MS;
  return { p50Ms: at(0.5), p95Ms: at(0.95), maxMs: at(1) };
}
