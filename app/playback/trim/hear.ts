/**
 * At which delay chirps are heard in a recording. Pure.
 *
 * Each chirp's envelope is normalised by the loudness around it (1: nothing but the chirp). What the chirps have in common
 * is found by laying them over each other at every delay and taking, of their values, the mean without the two best and the
 * two worst: a slammed door is loud under one chirp only. Of what stands out then, not the strongest but the first arrival
 * counts: in a room the way over the wall may well be the louder one. Each chirp's own peak, between samples, gives a delay;
 * a line through them (Theil and Sen, as strays may be among them) takes out that the microphone's clock and the
 * loudspeaker's differ.
 */
import { medianOf } from '../median.ts';
import { chirpFrames, chirpPair, type Sweep } from './chirp.ts';
import { envelopes } from './fourier.ts';

export interface Recording {
  samples: Float32Array;
  rateHz: number;
  /** When `samples[0]` came in; on the clock that `Call.dueSeconds` is on. */
  startSeconds: number;
}

export interface Call {
  sweep: Sweep;
  /** When each chirp would come in if nothing took any time. */
  dueSeconds: readonly number[];
}

/** How much the chirps agree at each delay, 0…1: `values[i]` belongs to `fromMs + i · stepMs`. */
export interface Curve {
  fromMs: number;
  stepMs: number;
  values: readonly number[];
}

/**
 * `silent`: the microphone gives nothing. `clipped`: so loud that it is cut off. `noise`: something else drowned the
 * chirps. `faint`: it was quiet, and no chirp came.
 */
export type Deafness = 'silent' | 'clipped' | 'noise' | 'faint';

export type Hearing =
  | {
      kind: 'heard';
      delayMs: number;
      /** Two standard errors, as far as the chirps differ among each other. */
      uncertaintyMs: number;
      /** How far the best delay stands above the best other one: 1 is no better than that. */
      ratio: number;
      /** Chirps that agree. */
      chirps: number;
      curve: Curve;
    }
  | { kind: 'not-heard'; why: Deafness; curve: Curve };

/** Of delays that are looked at: an output may be half a second late, and its trim may make up for that. */
export const SEARCH_FROM_MS = -700;
export const SEARCH_TO_MS = 1_400;
const CURVE_STEP_MS = 0.5;

/** Clocks that differ move the peaks against each other: they still fall together when each is this much wider. */
const WIDER_SECONDS = 0.000_5;
/** An echo that is stronger than what came directly follows within this. */
const ECHO_SECONDS = 0.06;
/** What a room may still answer after that; none of it counts as another candidate. */
const TAIL_SECONDS = 0.3;
/** What comes directly may be this much weaker than the strongest echo: -8 dB. */
const FIRST_SHARE = 0.4;
const FIRST_RATIO = 1.3;
const HEARD_RATIO = 1.5;
const LEAST_VALUE = 0.05;
/** Peaks are looked for between these, counted from where the first arrival begins to show. */
const PEAK_FROM_SECONDS = -0.000_3;
const PEAK_TO_SECONDS = 0.001_5;
const AGREE_MS = 1;
const SILENT_PEAK = 1e-4;
const CLIPPED = 0.98;
const CLIPPED_SHARE = 0.002;
const LOUD_RMS = 0.01;
/** Where rooms are loud and chirps are not. */
const HIGH_PASS_HZ = 1_200;
const LOW_PASS_HZ = 8_000;

/** One answer for each call. Takes some 0.1 s of computing for five seconds on a laptop. */
export function hear(recording: Recording, calls: readonly Call[]): Hearing[] {
  const { rateHz } = recording;
  const samples = inBand(recording.samples, rateHz);
  const found = envelopes(
    samples,
    calls.map(({ sweep }) => chirpPair(sweep, rateHz)),
  );
  const loudness = windowEnergy(samples, chirpFrames(rateHz));
  return calls.map((call, which) => {
    const envelope = found[which] ?? new Float32Array(0);
    const shape = chirpPair(call.sweep, rateHz).re;
    const energy = shape.reduce((sum, value) => sum + value * value, 0);
    for (let n = 0; n < envelope.length; n++)
      envelope[n] = (envelope[n] ?? 0) / Math.sqrt(energy * (loudness[n] ?? 1));
    return find(recording, samples, envelope, call);
  });
}

function find(recording: Recording, samples: Float32Array, envelope: Float32Array, call: Call): Hearing {
  const { rateHz, startSeconds } = recording;
  const places = call.dueSeconds.map((due) => (due - startSeconds) * rateHz);
  const fromFrames = Math.round((SEARCH_FROM_MS * rateHz) / 1_000);
  const wide = widened(envelope, Math.round(WIDER_SECONDS * rateHz));
  const together = overlaid(wide, places, fromFrames, Math.round((SEARCH_TO_MS * rateHz) / 1_000));
  const curve = curveOf(together, rateHz);
  const deaf = (): Hearing => ({ kind: 'not-heard', why: deafness(recording.samples, samples), curve });

  const strongest = indexOfMax(together, 0, together.length);
  const top = together[strongest] ?? 0;
  const echo = Math.round(ECHO_SECONDS * rateHz);
  const rival = Math.max(
    together[indexOfMax(together, 0, strongest - echo)] ?? 0,
    together[indexOfMax(together, strongest + Math.round(TAIL_SECONDS * rateHz), together.length)] ?? 0,
    1e-6,
  );
  if (top < LEAST_VALUE || top < HEARD_RATIO * rival) return deaf();

  const enough = Math.min(top, Math.max(FIRST_SHARE * top, FIRST_RATIO * rival));
  let first = Math.max(0, strongest - echo);
  while ((together[first] ?? 0) < enough) first++;
  const delaysMs = places.flatMap((place, which) => {
    const at = peakNear(envelope, Math.round(place) + fromFrames + first, rateHz);
    return at === null
      ? []
      : [{ atSeconds: call.dueSeconds[which] ?? 0, ms: ((at - place) * 1_000) / rateHz }];
  });
  const fit = lineThrough(delaysMs);
  if (fit === null || fit.agree * 2 <= places.length) return deaf();
  return {
    kind: 'heard',
    delayMs: fit.ms,
    uncertaintyMs: fit.uncertaintyMs,
    ratio: top / rival,
    chirps: fit.agree,
    curve,
  };
}

/** The delay in the middle of the time in which the chirps came. */
function lineThrough(
  points: readonly { atSeconds: number; ms: number }[],
): { ms: number; uncertaintyMs: number; agree: number } | null {
  if (points.length < 3) return null;
  const slopes = points.flatMap((a, i) =>
    points.slice(i + 1).map((b) => (b.ms - a.ms) / (b.atSeconds - a.atSeconds)),
  );
  const slope = medianOf(slopes);
  const times = points.map(({ atSeconds }) => atSeconds);
  const middle = (Math.min(...times) + Math.max(...times)) / 2;
  const level = points.map(({ atSeconds, ms }) => ms - slope * (atSeconds - middle));
  const ms = medianOf(level);
  const off = level.map((value) => Math.abs(value - ms));
  const agree = off.filter((value) => value <= AGREE_MS).length;
  // From the median deviation to the standard one (1.48), from that to the median's own error (1.25), and twice.
  const uncertaintyMs = Math.max(0.1, (2 * 1.25 * 1.48 * medianOf(off)) / Math.sqrt(points.length));
  return { ms, uncertaintyMs, agree };
}

/** Where the envelope peaks near a frame, by a parabola through the three highest samples. Null outside the recording. */
function peakNear(envelope: Float32Array, frame: number, rateHz: number): number | null {
  const from = frame + Math.round(PEAK_FROM_SECONDS * rateHz);
  const to = frame + Math.round(PEAK_TO_SECONDS * rateHz);
  if (from < 1 || to >= envelope.length) return null;
  const top = indexOfMax(envelope, from, to);
  const [before, at, after] = [envelope[top - 1] ?? 0, envelope[top] ?? 0, envelope[top + 1] ?? 0];
  const bend = before - 2 * at + after;
  return bend < 0 ? top + Math.max(-1, Math.min(1, (before - after) / (2 * bend))) : top;
}

/** What all chirps have at each delay: the mean of the middle half of their values. */
function overlaid(
  envelope: Float32Array,
  places: readonly number[],
  fromFrames: number,
  toFrames: number,
): Float32Array {
  const out = new Float32Array(toFrames - fromFrames);
  const starts = places.map((place) => Math.round(place) + fromFrames);
  const values = new Float32Array(places.length);
  const skip = Math.floor(places.length / 4);
  for (let lag = 0; lag < out.length; lag++) {
    starts.forEach((start, which) => (values[which] = envelope[start + lag] ?? 0));
    values.sort();
    let sum = 0;
    for (let i = skip; i < values.length - skip; i++) sum += values[i] ?? 0;
    out[lag] = sum / (values.length - 2 * skip);
  }
  return out;
}

/** Each value becomes the highest within ±`reach`. */
function widened(values: Float32Array, reach: number): Float32Array {
  const out = new Float32Array(values.length);
  const queue = new Uint32Array(values.length);
  let [head, tail] = [0, 0];
  for (let next = 0; next < values.length + reach; next++) {
    if (next < values.length) {
      while (tail > head && (values[queue[tail - 1] ?? 0] ?? 0) <= (values[next] ?? 0)) tail--;
      queue[tail++] = next;
    }
    const centre = next - reach;
    if (centre < 0) continue;
    while ((queue[head] ?? 0) < centre - reach) head++;
    out[centre] = values[queue[head] ?? 0] ?? 0;
  }
  return out;
}

function windowEnergy(samples: Float32Array, frames: number): Float64Array {
  const out = new Float64Array(Math.max(0, samples.length - frames + 1));
  let sum = 0;
  for (let n = 0; n < samples.length; n++) {
    const entering = samples[n] ?? 0;
    const leaving = n >= frames ? (samples[n - frames] ?? 0) : 0;
    sum = Math.max(0, sum + entering * entering - leaving * leaving);
    // Digital silence is not worth dividing by: as if something were at -120 dBFS.
    if (n >= frames - 1) out[n - frames + 1] = sum + frames * 1e-12;
  }
  return out;
}

/** The chirps' band only, forwards and backwards, so that no frequency is delayed. */
function inBand(samples: Float32Array, rateHz: number): Float32Array {
  const out = samples.slice();
  for (const pass of [biquad('high', HIGH_PASS_HZ, rateHz), biquad('low', LOW_PASS_HZ, rateHz)]) {
    pass(out);
    out.reverse();
    pass(out);
    out.reverse();
  }
  return out;
}

/** Second order, Butterworth: R. Bristow-Johnson's Audio EQ Cookbook. */
function biquad(kind: 'high' | 'low', hz: number, rateHz: number): (samples: Float32Array) => void {
  const turn = (2 * Math.PI * Math.min(hz, rateHz * 0.45)) / rateHz;
  const alpha = Math.sin(turn) / Math.SQRT2;
  const cos = Math.cos(turn);
  const scale = 1 + alpha;
  const side = (kind === 'high' ? 1 + cos : 1 - cos) / 2 / scale;
  const centre = (kind === 'high' ? -2 : 2) * side;
  const [a1, a2] = [(-2 * cos) / scale, (1 - alpha) / scale];
  return (samples) => {
    let [x1, x2, y1, y2] = [0, 0, 0, 0];
    for (let n = 0; n < samples.length; n++) {
      const x = samples[n] ?? 0;
      const y = side * x + centre * x1 + side * x2 - a1 * y1 - a2 * y2;
      [x2, x1, y2, y1] = [x1, x, y1, y];
      samples[n] = y;
    }
  };
}

function deafness(raw: Float32Array, banded: Float32Array): Deafness {
  let [peak, clipped, energy] = [0, 0, 0];
  for (const value of raw) {
    const size = Math.abs(value);
    if (size > peak) peak = size;
    if (size >= CLIPPED) clipped++;
  }
  for (const value of banded) energy += value * value;
  if (peak < SILENT_PEAK) return 'silent';
  if (clipped > CLIPPED_SHARE * raw.length) return 'clipped';
  return Math.sqrt(energy / Math.max(1, banded.length)) > LOUD_RMS ? 'noise' : 'faint';
}

function curveOf(together: Float32Array, rateHz: number): Curve {
  const step = Math.max(1, Math.round((CURVE_STEP_MS * rateHz) / 1_000));
  const values = Array.from({ length: Math.floor(together.length / step) }, (_, i) =>
    Math.max(...together.subarray(i * step, (i + 1) * step)),
  );
  return { fromMs: SEARCH_FROM_MS, stepMs: (step * 1_000) / rateHz, values };
}

/** Of the highest value between `from` and `to`; -1 where there is none. */
function indexOfMax(values: Float32Array, from: number, to: number): number {
  let best = -1;
  for (let i = Math.max(0, from); i < Math.min(to, values.length); i++)
    if (best < 0 || (values[i] ?? 0) > (values[best] ?? 0)) best = i;
  return best;
}
