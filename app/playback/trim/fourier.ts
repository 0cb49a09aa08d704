/** A Fourier transform of one size, and the correlation of long recordings with short shapes by means of it. Pure. */

export interface Complex {
  re: Float64Array;
  im: Float64Array;
}

export interface Fourier {
  /** In place; both arrays have the transform's size. */
  forward(data: Complex): void;
  inverse(data: Complex): void;
}

/** @param size a power of two. Cooley and Tukey, decimation in time. */
export function createFourier(size: number): Fourier {
  const cos = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sin = Float64Array.from({ length: size / 2 }, (_, k) => -Math.sin((2 * Math.PI * k) / size));
  const reversed = new Uint32Array(size);
  for (let i = 1, j = 0; i < size; i++) {
    let bit = size >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    reversed[i] = j;
  }

  /** With the parts swapped the forward transform is the inverse one, but for its scale. */
  function transform(re: Float64Array, im: Float64Array): void {
    for (let i = 0; i < size; i++) {
      const j = reversed[i] ?? 0;
      if (i >= j) continue;
      swap(re, i, j);
      swap(im, i, j);
    }
    for (let span = 2; span <= size; span *= 2) {
      const half = span / 2;
      const stride = size / span;
      for (let start = 0; start < size; start += span) {
        for (let k = 0; k < half; k++) {
          const c = cos[k * stride] ?? 0;
          const s = sin[k * stride] ?? 0;
          const even = start + k;
          const odd = even + half;
          const oddRe = re[odd] ?? 0;
          const oddIm = im[odd] ?? 0;
          const x = oddRe * c - oddIm * s;
          const y = oddRe * s + oddIm * c;
          const evenRe = re[even] ?? 0;
          const evenIm = im[even] ?? 0;
          re[odd] = evenRe - x;
          im[odd] = evenIm - y;
          re[even] = evenRe + x;
          im[even] = evenIm + y;
        }
      }
    }
  }

  return {
    forward: ({ re, im }) => transform(re, im),
    inverse({ re, im }) {
      transform(im, re);
      for (let i = 0; i < size; i++) {
        re[i] = (re[i] ?? 0) / size;
        im[i] = (im[i] ?? 0) / size;
      }
    },
  };
}

function swap(values: Float64Array, i: number, j: number): void {
  const kept = values[i] ?? 0;
  values[i] = values[j] ?? 0;
  values[j] = kept;
}

const BLOCK = 16_384;

/**
 * |Σ samples[n + m] · conj(shape[m])| for each n at which the shape lies inside the samples, one array for each shape (all
 * of one length, far below 16,384). In blocks that overlap (overlap-save), which a phone's caches hold.
 */
export function envelopes(samples: Float32Array, shapes: readonly Complex[]): Float32Array[] {
  const length = shapes[0]?.re.length ?? 0;
  const places = Math.max(0, samples.length - length + 1);
  const step = BLOCK - length + 1;
  const fourier = createFourier(BLOCK);
  const filters = shapes.map((shape) => {
    const padded = { re: new Float64Array(BLOCK), im: new Float64Array(BLOCK) };
    padded.re.set(shape.re);
    padded.im.set(shape.im);
    fourier.forward(padded);
    return padded;
  });
  const out = shapes.map(() => new Float32Array(places));
  const heard = { re: new Float64Array(BLOCK), im: new Float64Array(BLOCK) };
  const product = { re: new Float64Array(BLOCK), im: new Float64Array(BLOCK) };
  for (let start = 0; start < places; start += step) {
    heard.re.fill(0);
    heard.im.fill(0);
    heard.re.set(samples.subarray(start, start + BLOCK));
    fourier.forward(heard);
    filters.forEach((filter, which) => {
      for (let k = 0; k < BLOCK; k++) {
        const [a, b] = [heard.re[k] ?? 0, heard.im[k] ?? 0];
        const [c, d] = [filter.re[k] ?? 0, -(filter.im[k] ?? 0)];
        product.re[k] = a * c - b * d;
        product.im[k] = a * d + b * c;
      }
      fourier.inverse(product);
      const to = out[which];
      const end = Math.min(step, places - start);
      for (let n = 0; to && n < end; n++) to[start + n] = Math.hypot(product.re[n] ?? 0, product.im[n] ?? 0);
    });
  }
  return out;
}
