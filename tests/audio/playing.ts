/** What the tests of the player share: tracks, moments, and comparing what sounds with what should. */
import { expect } from 'vitest';
import type { Moment } from '../../app/playback/timeline.ts';
import { floats, type Harness } from './harness.ts';
import { encodeFile, findLag } from './signals.ts';

export const RATE_HZ = 48_000;
/** Room time of context time 0 is the same before and after a recording, give or take this; else the ruler has moved. */
const RULER_MS = 2;
const MEASURED_AT_MOST = 3;

export function item(itemId: string, durationMs: number) {
  return { itemId, trackId: itemId, durationMs };
}

export function moment(
  of: ReturnType<typeof item>,
  startedAtMs: number,
  next: ReturnType<typeof item> | null = null,
): Moment {
  return {
    item: of,
    index: 0,
    positionMs: 0,
    playing: true,
    startedAtMs,
    fading: null,
    next: next && { item: next, index: 1, startsAtMs: startedAtMs + of.durationMs, overlapMs: 0 },
  };
}

export const wav = (signal: Float32Array, rateHz = RATE_HZ): Promise<Buffer> =>
  encodeFile(signal, rateHz, ['-c:a', 'pcm_f32le'], 'wav');

/** Steps on the page of a harness that is open by the time they are taken. */
export function playing(harness: () => Harness) {
  const page = (): Harness['page'] => harness().page;

  async function make(
    tracks: Record<string, Uint8Array>,
    available: Record<string, number> = {},
    breaks: Record<string, { atByte: number; times: number }> = {},
  ): Promise<void> {
    const urls = Object.fromEntries(
      Object.entries(tracks).map(([id, bytes]) => [id, harness().put(id, bytes)]),
    );
    await page().evaluate(([u, a, b]) => window.sound.makePlayer(u, a, b), [
      urls,
      available,
      breaks,
    ] as const);
  }

  const roomNow = (): Promise<number> => page().evaluate(() => window.sound.roomNowMs());
  const follow = (what: Moment | null, soon: readonly string[] = []): Promise<void> =>
    page().evaluate(([m, s]) => window.sound.follow(m, s), [what, soon] as const);
  const untilKind = async (kind: string): Promise<void> => {
    await page().waitForFunction((k) => window.sound.playerState().kind === k, kind, { timeout: 20_000 });
  };

  /** Half a second of what sounds, and the room time of context time 0: measured while the output ran on without a stumble. */
  async function soundNow(
    boundMs: number,
  ): Promise<{ recorded: Float32Array; from: number; zeroMs: number }> {
    for (let left = MEASURED_AT_MOST; ; left--) {
      // Where the output stumbled, an error too small to lay out again for is bent away behind the five seconds laid out.
      await untilError(boundMs - 1, 15_000);
      const before = await page().evaluate(() => window.sound.roomOfContextZero());
      const from = (await page().evaluate(() => window.sound.contextFrame())) + 4_800;
      const recorded = floats(await page().evaluate((f) => window.sound.recorded(f, 24_000), from));
      const after = await page().evaluate(() => window.sound.roomOfContextZero());
      // A stumble just before shows in what the player reads of its output within that second.
      const state = await page().evaluate(() => window.sound.playerState());
      const isRight = state.kind === 'playing' && Math.abs(state.errorMs) < boundMs - 1;
      if (Math.abs(after - before) < RULER_MS && (isRight || left === 1))
        return { recorded, from, zeroMs: (before + after) / 2 };
      if (left === 1)
        throw new Error(`the output stumbled by ${(after - before).toFixed(1)} ms, again and again`);
    }
  }

  /** Compares what sounds with `track` (at 48 kHz), which started at `startedAtMs`: at most `boundMs` apart. */
  async function expectInStep(track: Float32Array, startedAtMs: number, boundMs = 3): Promise<Float32Array> {
    const { recorded, from, zeroMs } = await soundNow(boundMs);
    const position = Math.round(((from / RATE_HZ) * 1_000 + zeroMs - startedAtMs) * (RATE_HZ / 1_000));
    // A short piece: what the first readings of the output were off by is bent away, and noise that is bent by as little as
    // 0.15 % correlates with itself over 200 ms no more.
    const match = findLag(recorded, track.subarray(position), 4_000, 2_400, 3_000);
    expect(match.similarity).toBeGreaterThan(0.9);
    expect((Math.abs(match.lagSamples) * 1_000) / RATE_HZ).toBeLessThan(boundMs);
    return recorded;
  }

  /** What sounds over a span of the room's time, from that time on. */
  async function soundAt(roomMs: number, forMs: number): Promise<Float32Array> {
    const zeroMs = await page().evaluate(() => window.sound.roomOfContextZero());
    const from = Math.round(((roomMs - zeroMs) / 1_000) * RATE_HZ);
    const frames = Math.round((forMs / 1_000) * RATE_HZ);
    return floats(await page().evaluate(([f, n]) => window.sound.recorded(f, n), [from, frames] as const));
  }

  /** Waits until it plays and what is heard is less than `boundMs` from the room. */
  async function untilError(boundMs: number, deadlineMs = 20_000): Promise<void> {
    const isRight = page().waitForFunction(
      (most) => {
        const state = window.sound.playerState();
        return state.kind === 'playing' && Math.abs(state.errorMs) < most;
      },
      boundMs,
      { timeout: deadlineMs },
    );
    await isRight.catch(async (error: unknown) => {
      const state = await page().evaluate(() => window.sound.playerState());
      throw new Error(`after ${deadlineMs} ms: ${JSON.stringify(state)}`, { cause: error });
    });
  }

  return { make, roomNow, follow, untilKind, untilError, soundAt, expectInStep };
}

/**
 * How far a recording departs from going on as a sine does, x[n+1] = 2 cos(ω) x[n] − x[n−1], as a share of its amplitude
 * of 0.5. A lost or doubled sample is 0.058 at 441 Hz; half a percent of speed is 0.00003.
 */
export function unsteadiness(samples: Float32Array, hz: number): number {
  const factor = 2 * Math.cos((2 * Math.PI * hz) / RATE_HZ);
  let most = 0;
  for (let n = 1; n + 1 < samples.length; n++) {
    most = Math.max(most, Math.abs(samples[n + 1]! - factor * samples[n]! + samples[n - 1]!) / 0.5);
  }
  return most;
}

/**
 * By how many radians the phase of a tone jumps at `seam`: it is carried there from both sides, by two windows each, so that
 * neither a slight change of speed nor what a codec does at the very ends counts. A lost sample is 0.058 at 441 Hz.
 */
export function phaseStep(samples: Float32Array, hz: number, seam: number): number {
  const width = 1_200;
  const guard = 1_200;
  const phase = (from: number): number => {
    let re = 0;
    let im = 0;
    for (let n = from; n < from + width; n++) {
      re += samples[n]! * Math.sin((2 * Math.PI * hz * n) / RATE_HZ);
      im += samples[n]! * Math.cos((2 * Math.PI * hz * n) / RATE_HZ);
    }
    return Math.atan2(im, re);
  };
  const wrap = (angle: number): number => Math.atan2(Math.sin(angle), Math.cos(angle));
  const before = phase(seam - guard - width);
  const after = phase(seam + guard);
  const reach = (guard + width / 2) / width;
  const fromBefore = before + wrap(before - phase(seam - guard - 2 * width)) * reach;
  const fromAfter = after - wrap(phase(seam + guard + width) - after) * reach;
  return wrap(fromAfter - fromBefore);
}

export function steepest(samples: Float32Array): number {
  let most = 0;
  for (let n = 1; n < samples.length; n++) most = Math.max(most, Math.abs(samples[n]! - samples[n - 1]!));
  return most;
}

/** No step from one sample to the next is above `slope`; else it says where, and what it looks like there. */
export function expectNoClick(samples: Float32Array, slope: number): void {
  const at = samples.findIndex((value, n) => n > 0 && Math.abs(value - samples[n - 1]!) >= slope);
  const around = [...samples.subarray(Math.max(0, at - 4), at + 4)].map((value) => value.toFixed(3));
  expect(at, `a click ${at} samples in, of ${samples.length}: ${around.join(' ')}`).toBe(-1);
}

export function longestSilence(samples: Float32Array): number {
  let longest = 0;
  let run = 0;
  for (const value of samples) {
    run = Math.abs(value) < 1e-4 ? run + 1 : 0;
    longest = Math.max(longest, run);
  }
  return longest;
}
