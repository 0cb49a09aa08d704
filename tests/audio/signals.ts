/** Sounds with known content, and finding them again. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A linear sweep from `fromHz` to `toHz`, at 0.5 of full scale, after `leadSeconds` of silence. */
export function chirp(options: {
  sampleRateHz: number;
  seconds: number;
  leadSeconds: number;
  fromHz: number;
  toHz: number;
}): Float32Array {
  const { sampleRateHz, seconds, leadSeconds, fromHz, toHz } = options;
  const length = Math.round(sampleRateHz * seconds);
  const lead = Math.round(sampleRateHz * leadSeconds);
  const out = new Float32Array(length);
  const sweepSeconds = (length - lead) / sampleRateHz;
  for (let n = lead; n < length; n++) {
    const t = (n - lead) / sampleRateHz;
    out[n] = 0.5 * Math.sin(2 * Math.PI * (fromHz * t + ((toHz - fromHz) * t * t) / (2 * sweepSeconds)));
  }
  return out;
}

/**
 * Noise below some 800 Hz, at 0.5 of full scale at most; the same each time. Unlike a sweep it matches itself at one place
 * only, even when it is played a little too fast.
 */
export function noise(sampleRateHz: number, seconds: number, seed = 1): Float32Array {
  const out = new Float32Array(Math.round(sampleRateHz * seconds));
  const step = 1 - Math.exp((-2 * Math.PI * 800) / sampleRateHz);
  let random = seed;
  let once = 0;
  let twice = 0;
  let most = 0;
  for (let n = 0; n < out.length; n++) {
    random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
    once += (random / 2 ** 31 - 1 - once) * step;
    twice += (once - twice) * step;
    out[n] = twice;
    most = Math.max(most, Math.abs(twice));
  }
  return out.map((value) => (0.5 * value) / most);
}

/** Runs ffmpeg on `input` (stdin) and resolves with its stdout; rejects with its last words. */
export function ffmpeg(args: readonly string[], input: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('ffmpeg', ['-hide_banner', '-loglevel', 'error', ...args]);
    const out: Buffer[] = [];
    let words = '';
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => (words += chunk.toString()));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(Buffer.concat(out)) : reject(new Error(`ffmpeg: ${words}`)),
    );
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Like `ffmpeg`, into a file that it can seek in: MP3's info frame and MP4's tables are written last. */
export async function encodeFile(
  mono: Float32Array,
  sampleRateHz: number,
  args: readonly string[],
  extension: string,
): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'earshot-signal-'));
  try {
    const path = join(folder, `out.${extension}`);
    const input = ['-f', 'f32le', '-ar', String(sampleRateHz), '-ac', '2', '-i', '-'];
    await ffmpeg([...input, ...args, path], stereoBytes(mono));
    return await readFile(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Mono samples as interleaved little-endian floats, the same on both channels. */
export function stereoBytes(mono: Float32Array): Uint8Array {
  const both = new Float32Array(mono.length * 2);
  mono.forEach((value, n) => both.fill(value, n * 2, n * 2 + 2));
  return new Uint8Array(both.buffer);
}

export interface Match {
  /** How far `heard` lags behind `reference`, in samples; a fraction by parabolic interpolation. */
  lagSamples: number;
  /** Normalised correlation at that lag, 1 for the same shape. */
  similarity: number;
}

/**
 * Finds `reference[start, start + length)` in `heard`, which should carry it at the same place, up to ±`reach` samples
 * off, by normalised cross-correlation.
 */
export function findLag(
  heard: Float32Array,
  reference: Float32Array,
  start: number,
  length: number,
  reach: number,
): Match {
  const scores = new Float64Array(2 * reach + 1);
  let best = 0;
  for (let lag = -reach; lag <= reach; lag++) {
    let dot = 0;
    let energyA = 0;
    let energyB = 0;
    for (let n = start; n < start + length; n++) {
      const a = heard[n + lag] ?? 0;
      const b = reference[n] ?? 0;
      dot += a * b;
      energyA += a * a;
      energyB += b * b;
    }
    scores[lag + reach] = energyA > 0 && energyB > 0 ? dot / Math.sqrt(energyA * energyB) : 0;
    if (scores[lag + reach]! > scores[best]!) best = lag + reach;
  }
  const [left, mid, right] = [scores[best - 1] ?? 0, scores[best]!, scores[best + 1] ?? 0];
  const bend = left - 2 * mid + right;
  return { lagSamples: best - reach + (bend === 0 ? 0 : (0.5 * (left - right)) / bend), similarity: mid };
}

/** Amplitude (peak) of the component at `hz`, by correlation with a sine and a cosine over whole of `samples`. */
export function toneAmplitude(samples: Float32Array, hz: number, sampleRateHz: number): number {
  let re = 0;
  let im = 0;
  samples.forEach((value, n) => {
    const phase = (2 * Math.PI * hz * n) / sampleRateHz;
    re += value * Math.cos(phase);
    im += value * Math.sin(phase);
  });
  return (2 * Math.hypot(re, im)) / samples.length;
}
