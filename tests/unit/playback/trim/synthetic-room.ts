/** A room as a microphone hears it: chirps by every way that sound takes, and whatever else there is. */
import { seeded } from '../../../fixtures/seeded.ts';
import { chirpAt, CHIRPS_MS, type Sweep } from '../../../../app/playback/trim/chirp.ts';
import type { Call, Recording } from '../../../../app/playback/trim/hear.ts';

export const RATE_HZ = 48_000;
const LENGTH_SECONDS = 4.8;
const START_SECONDS = 100;
/** The recording begins this long before the first chirp is due. */
const BEFORE_SECONDS = 0.3;

export interface Way {
  sweep?: Sweep;
  delayMs: number;
  gain: number;
}

export interface RoomOptions {
  ways: readonly Way[];
  /** The microphone's clock counts this much too fast. */
  ppm?: number;
  /** RMS of white noise. */
  noise?: number;
  seed?: number;
  /** Amplitude of chords with beats, drums and hiss. */
  music?: number;
  /** Where the microphone cuts off. */
  clipAt?: number;
  rateHz?: number;
}

function musicAt(seconds: number, random: () => number): number {
  const beat = seconds % 0.48;
  const chord = [220, 277.2, 329.6, 440, 880, 1_760, 2_637, 3_520].reduce(
    (sum, hz, i) => sum + Math.sin(2 * Math.PI * hz * seconds + i) / (1 + i / 2),
    0,
  );
  const drum = Math.exp(-beat * 30) * Math.sin(2 * Math.PI * 60 * beat) * 2;
  const hat = Math.exp(-(seconds % 0.24) * 60) * (random() * 2 - 1) * 1.5;
  return (chord / 3 + drum + hat) / 3;
}

export function recordingOf(options: RoomOptions): Recording {
  const { ways, ppm = 0, noise = 0, music = 0, clipAt = Infinity, rateHz = RATE_HZ } = options;
  const random = seeded(options.seed ?? 1);
  const samples = new Float32Array(LENGTH_SECONDS * rateHz);
  const dueSeconds = CHIRPS_MS.map((ms) => BEFORE_SECONDS + ms / 1_000);
  for (let n = 0; n < samples.length; n++) {
    // The true time of a sample that a wrong clock counts.
    const seconds = n / (rateHz * (1 + ppm / 1e6));
    let value = 0;
    for (const { sweep = 'up', delayMs, gain } of ways)
      for (const due of dueSeconds) value += gain * chirpAt(sweep, seconds - due - delayMs / 1_000);
    // Three uniform values come near to a normal one of that deviation.
    if (noise > 0) value += noise * 2 * (random() + random() + random() - 1.5);
    if (music > 0) value += music * musicAt(seconds, random);
    samples[n] = Math.max(-clipAt, Math.min(clipAt, value));
  }
  return { samples, rateHz, startSeconds: START_SECONDS };
}

export function callOf(sweep: Sweep = 'up'): Call {
  return { sweep, dueSeconds: CHIRPS_MS.map((ms) => START_SECONDS + BEFORE_SECONDS + ms / 1_000) };
}

/** Where a clock that is wrong by `ppm` puts a delay: it has moved by the middle of the chirps. */
export function shiftMs(ppm: number, delayMs: number): number {
  const middle = BEFORE_SECONDS + (CHIRPS_MS[0]! + CHIRPS_MS.at(-1)!) / 2_000 + delayMs / 1_000;
  return (middle * ppm) / 1_000;
}
