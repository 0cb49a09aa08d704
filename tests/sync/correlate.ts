/** How far two recordings of the same sound are apart, by cross-correlation (over the Fourier transform). */

export interface Apart {
  /** `b` is later than `a` by this much; a fraction by parabolic interpolation. */
  lagSamples: number;
  /** Normalised correlation there: 1 for the same shape. */
  similarity: number;
}

/** Null where either is silent (below -80 dBFS). `a` and `b` are of one length; looks up to ± half of it. */
export function apart(a: Float32Array, b: Float32Array): Apart | null {
  const length = a.length;
  const energyA = energy(a);
  const energyB = energy(b);
  if (Math.min(energyA, energyB) / length < 1e-8) return null;
  const size = 2 ** Math.ceil(Math.log2(2 * length));
  const [aRe, aIm] = spectrum(a, size);
  const [bRe, bIm] = spectrum(b, size);
  // conj(A)·B; the inverse transform is the forward one of the conjugate, whose result is real here.
  const re = new Float64Array(size);
  const im = new Float64Array(size);
  for (let k = 0; k < size; k++) {
    re[k] = aRe[k]! * bRe[k]! + aIm[k]! * bIm[k]!;
    im[k] = -(aRe[k]! * bIm[k]! - aIm[k]! * bRe[k]!);
  }
  transform(re, im);
  const at = (lag: number): number => re[(lag + size) % size]! / size / (1 - Math.abs(lag) / length);
  const reach = length >> 1;
  let best = 0;
  for (let lag = -reach; lag <= reach; lag++) if (at(lag) > at(best)) best = lag;
  const [before, top, after] = [at(best - 1), at(best), at(best + 1)];
  const bend = before - 2 * top + after;
  const shift = bend < 0 ? (before - after) / (2 * bend) : 0;
  return { lagSamples: best + shift, similarity: top / Math.sqrt(energyA * energyB) };
}

function energy(samples: Float32Array): number {
  let sum = 0;
  for (const value of samples) sum += value * value;
  return sum;
}

function spectrum(samples: Float32Array, size: number): [Float64Array, Float64Array] {
  const re = new Float64Array(size);
  re.set(samples);
  const im = new Float64Array(size);
  transform(re, im);
  return [re, im];
}

/** In place, length a power of two: Cooley and Tukey, decimation in time. */
function transform(re: Float64Array, im: Float64Array): void {
  const size = re.length;
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
    const turn = (-2 * Math.PI) / span;
    for (let k = 0; k < half; k++) {
      const cos = Math.cos(turn * k);
      const sin = Math.sin(turn * k);
      for (let even = k; even < size; even += span) {
        const odd = even + half;
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
