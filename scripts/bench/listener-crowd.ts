/**
 * The listeners of `listeners.ts`, in a process of their own, so that their work is not counted as the server's. Told
 * over IPC what to open and when to count; answers with what arrived.
 */
import { get, type IncomingMessage } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseFrames } from '../../signaling/stream/frames.ts';

export type CrowdOrder = { open: string; listeners: number } | { count: number } | { leave: true };

export type CrowdReport =
  | { opened: number }
  | {
      /** Of each listener, kbit/s. */
      kbps: { least: number; mean: number };
      /** Longest time without a byte, of all listeners, and the longest of half of them. */
      worstGapMs: number;
      medianGapMs: number;
      /** How late this process itself was at most: what of a gap is not the server's. */
      ownDelayMs: number;
      tornFrames: number;
      lost: number;
    }
  | { left: true };

/** One knocks after the other: Icecast's backlog is five, and who does not fit in tries again after a second. */
const KNOCK_EVERY_MS = 5;
/** Every so many listeners one is looked at byte by byte. */
const CHECKED_EVERY = 100;

interface Ear {
  response: IncomingMessage;
  bytes: number;
  lastAtMs: number;
  gapMs: number;
  kept: Buffer[] | null;
}

let ears: Ear[] = [];
let lost = 0;
let counting = false;
const delay = monitorEventLoopDelay({ resolution: 5 });

function openOne(url: string, isChecked: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`the stream answered ${response.statusCode}`));
      const ear: Ear = { response, bytes: 0, lastAtMs: 0, gapMs: 0, kept: isChecked ? [] : null };
      ears.push(ear);
      response.on('data', (part: Buffer) => {
        if (!counting) return;
        const nowMs = performance.now();
        ear.gapMs = Math.max(ear.gapMs, nowMs - ear.lastAtMs);
        ear.lastAtMs = nowMs;
        ear.bytes += part.length;
        ear.kept?.push(part);
      });
      response.on('error', () => {});
      response.once('close', () => lost++);
      resolve();
    });
    request.once('error', reject);
  });
}

async function open(url: string, listeners: number): Promise<CrowdReport> {
  const opening: Promise<void>[] = [];
  while (opening.length < listeners) {
    opening.push(openOne(url, opening.length % CHECKED_EVERY === 0));
    await new Promise((resolve) => setTimeout(resolve, KNOCK_EVERY_MS));
  }
  await Promise.all(opening);
  return { opened: ears.length };
}

/** Bytes before the first header and after the last whole frame are where counting began and ended. */
function tornIn(bytes: Buffer): number {
  const { frames, badBytes } = parseFrames(bytes);
  const largest = frames.reduce((most, frame) => Math.max(most, frame.length), 0);
  return badBytes >= 2 * largest ? Math.ceil(badBytes / largest) - 2 : 0;
}

async function count(seconds: number): Promise<CrowdReport> {
  const startedAtMs = performance.now();
  for (const ear of ears) Object.assign(ear, { bytes: 0, gapMs: 0, lastAtMs: startedAtMs });
  lost = 0;
  counting = true;
  delay.reset();
  delay.enable();
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  counting = false;
  delay.disable();
  const endedAtMs = performance.now();
  const rates = ears.map((ear) => (ear.bytes * 8) / (endedAtMs - startedAtMs));
  const gaps = ears.map((ear) => Math.max(ear.gapMs, endedAtMs - ear.lastAtMs)).sort((a, b) => a - b);
  return {
    kbps: { least: Math.min(...rates), mean: rates.reduce((sum, rate) => sum + rate, 0) / rates.length },
    worstGapMs: gaps.at(-1) ?? Number.NaN,
    medianGapMs: gaps[Math.floor(gaps.length / 2)] ?? Number.NaN,
    ownDelayMs: delay.max / 1e6,
    tornFrames: ears.reduce((sum, { kept }) => sum + (kept === null ? 0 : tornIn(Buffer.concat(kept))), 0),
    lost,
  };
}

function leave(): CrowdReport {
  for (const ear of ears) ear.response.destroy();
  ears = [];
  return { left: true };
}

async function obey(order: CrowdOrder): Promise<CrowdReport> {
  if ('open' in order) return open(order.open, order.listeners);
  return 'count' in order ? count(order.count) : leave();
}

process.on('message', (order: CrowdOrder) => {
  void obey(order).then((report) => process.send?.(report));
});
