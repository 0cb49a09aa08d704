/**
 * How far two recordings of the same sound are apart, by cross-correlation (over the Fourier transform). Each device bends
 * its speed by up to half a percent, so that the distance moves within a second by more than a wave of the sound is long:
 * a whole second would correlate with nothing. Short pieces of it do, and the distance is the one that most of them have.
 */

export interface Apart {
  /** `b` is later than `a` by this much; a fraction by parabolic interpolation. */
  lagSamples: number;
  /** Normalised correlation there: 1 for the same shape. */
  similarity: number;
}

const PIECES = 5;
/** 50 ms at 12 kHz. */
export const PIECE = 600;
/** Two different pieces of noise reach 0.3 somewhere in a second. */
const SAME = 0.5;

/**
 * Compares what `a` holds from sample `from` on, `length` samples, with `b` at the same place and up to `reach` samples
 * before and behind it; both must reach so far. Null: silence, or most of it is not the same sound.
 */
export function apart(
  a: Float32Array,
  b: Float32Array,
  { from, length, reach }: { from: number; length: number; reach: number },
): Apart | null {
  const found: Apart[] = [];
  for (let piece = 0; piece < PIECES; piece++) {
    const at = from + Math.round(((length - PIECE) * piece) / (PIECES - 1));
    const one = place(a.subarray(at, at + PIECE), b.subarray(at - reach, at + PIECE + reach));
    if (one && one.similarity >= SAME) found.push({ ...one, lagSamples: one.lagSamples - reach });
  }
  if (found.length <= PIECES / 2) return null;
  found.sort((one, other) => one.lagSamples - other.lagSamples);
  return found[found.length >> 1] ?? null;
}

/** Where in `sound` the piece is; null where either is silent (below -80 dBFS). */
export function place(piece: Float32Array, sound: Float32Array): Apart | null {
  const pieceEnergy = energy(piece);
  if (Math.min(pieceEnergy / piece.length, energy(sound) / sound.length) < 1e-8) return null;
  const size = 2 ** Math.ceil(Math.log2(sound.length));
  // Both are real, so that one transform does for the two: the piece as real part, the sound as imaginary part.
  const both: [Float64Array, Float64Array] = [new Float64Array(size), new Float64Array(size)];
  both[0].set(piece);
  both[1].set(sound);
  transform(...both);
  // conj(A)·B; the inverse transform is the forward one of the conjugate, whose result is real here.
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    const mirrored = (size - k) % size;
    const [zRe, zIm] = [both[0][k]!, both[1][k]!];
    const [mRe, mIm] = [both[0][mirrored]!, both[1][mirrored]!];
    const [aRe, aIm] = [(zRe + mRe) / 2, (zIm - mIm) / 2];
    const [bRe, bIm] = [(zIm + mIm) / 2, (mRe - zRe) / 2];
    re[k] = aRe * bRe + aIm * bIm;
    im[k] = aIm * bRe - aRe * bIm;
  }
  transform(re, im);
  const last = sound.length - piece.length;
  let best = 0;
  for (let lag = 0; lag <= last; lag++) if (re[lag]! > re[best]!) best = lag;
  const top = re[best]!;
  const bend = best === 0 || best === last ? 0 : re[best - 1]! - 2 * top + re[best + 1]!;
  const shift = bend < 0 ? (re[best - 1]! - re[best + 1]!) / (2 * bend) : 0;
  const there = energy(sound.subarray(best, best + piece.length));
  return {
    lagSamples: best + shift,
    similarity: top / size / Math.sqrt(pieceEnergy * there + Number.MIN_VALUE),
  };
}

function energy(samples: Float32Array): number {
  let sum = 0;
  for (const value of samples) sum += value * value;
  return sum;
}

/** Of each length that was asked for: cosines and sines of half a turn. */
const turns = new Map<number, [Float64Array, Float64Array]>();

function turnsOf(size: number): [Float64Array, Float64Array] {
  const known = turns.get(size);
  if (known) return known;
  const angles = Float64Array.from({ length: size / 2 }, (_, k) => (-2 * Math.PI * k) / size);
  const made: [Float64Array, Float64Array] = [angles.map(Math.cos), angles.map(Math.sin)];
  turns.set(size, made);
  return made;
}

/** In place, length a power of two: Cooley and Tukey, decimation in time. */
function transform(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  const [cosines, sines] = turnsOf(size);
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i >= j) continue;
    [re[i], re[j]] = [re[j]!, re[i]!];
    [im[i], im[j]] = [im[j]!, im[i]!];
  }
  for (let span = 2; span <= size; span *= 2) {
    const half = span / 2;
    const step = size / span;
    for (let start = 0; start < size; start += span) {
      for (let k = 0, turn = 0; k < half; k++, turn += step) {
        const even = start + k;
        const odd = even + half;
        const cos = cosines[turn]!;
        const sin = sines[turn]!;
        const x = re[odd]! * cos - im[odd]! * sin;
        const y = re[odd]! * sin + im[odd]! * cos;
        re[odd] = re[even]! - x;
        im[odd] = im[even]! - y;
        re[even] = re[even]! + x;
        im[even] = im[even]! + y;
      }
    }
  }
}
