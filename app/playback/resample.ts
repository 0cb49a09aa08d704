/**
 * Brings a stream of samples to another rate, continuously: the sound card's rate, and the half percent by which a
 * device catches up with the room. A windowed sinc (J. O. Smith, "Digital Audio Resampling Home Page", CCRMA) rather than
 * `playbackRate`, which interpolates linearly and starts anew at every buffer's edge. Pure.
 */
const HALF_TAPS = 16;
const PHASES = 512;
const KAISER_BETA = 8;
/** Part of the band below Nyquist that is kept; the rest is the filter's slope. */
const PASS_SHARE = 0.94;

export interface Resampler {
  /** Appends samples: one array a channel, all of one length. They are copied. */
  push(channels: readonly Float32Array[]): void;
  /** Appends silence. */
  pushSilence(frames: number): void;
  /**
   * Appends what the input might have gone on with (its end turned around its last sample), so that the filter has something
   * to reach into: silence there would bend the last samples towards it, which is heard as a click when a track follows.
   */
  pushEnding(frames: number): void;
  /** Input frames pushed so far. */
  readonly pushedFrames: number;
  /** Input frames that are kept in memory. */
  readonly heldFrames: number;
  /** Place in the input (frames since the first push, a fraction) of the next frame that `pull` gives. */
  readonly at: number;
  /** Skips to a later place of the input. */
  seek(at: number): void;
  /** Goes back to an earlier place, at most `historyFrames` before the furthest that was reached. */
  rewind(at: number): void;
  /** How many frames `pull` can give now at `step` input frames a frame. */
  available(step: number): number;
  /** Fills `out` (one array a channel) and moves on by `step` input frames for each frame; see `available`. */
  pull(out: readonly Float32Array[], step: number): void;
}

/**
 * @param historyFrames input that is kept behind the furthest place that was reached.
 * @param nominalStep input frames per output frame, give or take a percent: above 1 the band is narrowed to fit.
 */
export function createResampler(channelCount: number, nominalStep: number, historyFrames = 0): Resampler {
  const table = kernel(Math.min(1, 1 / nominalStep) * (Math.abs(nominalStep - 1) < 0.01 ? 1 : PASS_SHARE));
  let capacity = 1 << 15;
  let held = Array.from({ length: channelCount }, () => new Float32Array(capacity));
  // `held[0]` is input frame `origin`; silence lies in front of the first.
  let origin = -HALF_TAPS;
  let filled = HALF_TAPS;
  let at = 0;
  let furthest = 0;

  function reserve(frames: number): void {
    if (filled + frames <= capacity) return;
    const oldest = Math.min(at, furthest - historyFrames);
    const keepFrom = Math.max(0, Math.min(filled, Math.floor(oldest) - HALF_TAPS - origin));
    const kept = filled - keepFrom;
    while (kept + frames > capacity) capacity *= 2;
    held = held.map((old) => {
      if (old.length === capacity) return old.copyWithin(0, keepFrom, filled);
      const grown = new Float32Array(capacity);
      grown.set(old.subarray(keepFrom, filled));
      return grown;
    });
    origin += keepFrom;
    filled = kept;
  }

  /** The same for what was before the first sample. */
  function fillBeginning(buffer: Float32Array): void {
    const first = buffer[HALF_TAPS] ?? 0;
    for (let k = 1; k <= HALF_TAPS; k++)
      buffer[HALF_TAPS - k] = HALF_TAPS + k < filled ? 2 * first - (buffer[HALF_TAPS + k] ?? 0) : 0;
  }

  return {
    push(channels) {
      const frames = channels[0]?.length ?? 0;
      const isFirst = origin + filled === 0;
      reserve(frames);
      held.forEach((buffer, index) => buffer.set(channels[index] ?? channels[0] ?? [], filled));
      filled += frames;
      if (isFirst) held.forEach(fillBeginning);
    },
    pushSilence(frames) {
      reserve(frames);
      for (const buffer of held) buffer.fill(0, filled, filled + frames);
      filled += frames;
    },
    pushEnding(frames) {
      reserve(frames);
      const last = filled - 1;
      for (const buffer of held) {
        for (let k = 1; k <= frames; k++)
          buffer[last + k] = last >= k ? 2 * (buffer[last] ?? 0) - (buffer[last - k] ?? 0) : 0;
      }
      filled += frames;
    },
    get pushedFrames() {
      return origin + filled;
    },
    get heldFrames() {
      return capacity;
    },
    get at() {
      return at;
    },
    seek(target) {
      at = Math.max(at, target);
      furthest = Math.max(furthest, at);
    },
    rewind(target) {
      at = Math.min(at, Math.max(target, furthest - historyFrames, 0));
    },
    available(step) {
      const last = origin + filled - HALF_TAPS - 1;
      return last < at ? 0 : Math.floor((last - at) / step) + 1;
    },
    pull(out, step) {
      const frames = out[0]?.length ?? 0;
      out.forEach((target, index) => {
        const buffer = held[index];
        if (!buffer) return;
        if (step === 1 && Number.isInteger(at))
          target.set(buffer.subarray(at - origin, at - origin + frames));
        else interpolate(target, buffer, at - origin, step, table);
      });
      at += frames * step;
      furthest = Math.max(furthest, at);
    },
  };
}

function interpolate(
  out: Float32Array,
  input: Float32Array,
  from: number,
  step: number,
  table: Float32Array,
): void {
  if (step === 1) return shift(out, input, from, table);
  const width = 2 * HALF_TAPS;
  for (let n = 0; n < out.length; n++) {
    const place = from + n * step;
    const whole = Math.floor(place);
    const phase = (place - whole) * PHASES;
    const row = Math.floor(phase);
    const blend = phase - row;
    const near = row * width;
    const far = near + width;
    const first = whole - HALF_TAPS + 1;
    let sumNear = 0;
    let sumFar = 0;
    for (let tap = 0; tap < width; tap++) {
      const sample = input[first + tap]!;
      sumNear += sample * table[near + tap]!;
      sumFar += sample * table[far + tap]!;
    }
    out[n] = sumNear + (sumFar - sumNear) * blend;
  }
}

/** The same for a step of exactly 1, as it is while a device is in step: one filter does for all samples. */
function shift(out: Float32Array, input: Float32Array, from: number, table: Float32Array): void {
  const width = 2 * HALF_TAPS;
  const whole = Math.floor(from);
  const phase = (from - whole) * PHASES;
  const row = Math.floor(phase);
  const blend = phase - row;
  const weights = Float64Array.from({ length: width }, (_, tap) => {
    const near = table[row * width + tap]!;
    return near + (table[(row + 1) * width + tap]! - near) * blend;
  });
  const first = whole - HALF_TAPS + 1;
  for (let n = 0; n < out.length; n++) {
    let sum = 0;
    for (let tap = 0; tap < width; tap++) sum += input[first + n + tap]! * weights[tap]!;
    out[n] = sum;
  }
}

/** `PHASES + 1` rows of `2 · HALF_TAPS` weights; row p is the filter for a place p/PHASES past a sample. */
function kernel(cutoff: number): Float32Array {
  const width = 2 * HALF_TAPS;
  const table = new Float32Array((PHASES + 1) * width);
  for (let row = 0; row <= PHASES; row++) {
    let sum = 0;
    for (let tap = 0; tap < width; tap++) {
      const distance = tap - HALF_TAPS + 1 - row / PHASES;
      const weight = cutoff * sinc(distance * cutoff) * kaiser(distance / HALF_TAPS);
      table[row * width + tap] = weight;
      sum += weight;
    }
    // Every phase passes a constant unchanged.
    for (let tap = 0; tap < width; tap++) table[row * width + tap] = (table[row * width + tap] ?? 0) / sum;
  }
  return table;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

function kaiser(x: number): number {
  return Math.abs(x) >= 1 ? 0 : bessel(KAISER_BETA * Math.sqrt(1 - x * x)) / bessel(KAISER_BETA);
}

/** Modified Bessel function of the first kind, order zero, by its power series. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > sum * 1e-9; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
