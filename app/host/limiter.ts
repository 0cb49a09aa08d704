/**
 * The last thing before the encoder: nothing leaves louder than the ceiling. Looks ahead, so that the gain is down when the
 * peak comes, and lets go slowly (D. Giannoulis et al., "Digital Dynamic Range Compressor Design", JAES 60/6, 2012,
 * section 2; the peak is found over a window as long as the look-ahead).
 *
 * What counts is what a listener decodes. An encoder cuts off the highest tones, and what is left of a wave with edges is
 * higher than the wave was: so the peak is looked for in the sound as it is and in the sound without those tones. Pure.
 */
export interface Limiter {
  /** Works in place on one block, left and right together so that the image does not move. Delays by `delayFrames`. */
  process(left: Float32Array, right: Float32Array): void;
  readonly delayFrames: number;
  /** Since it was asked last: the least gain, and the mean square of what left, of both channels. */
  reading(): { leastGain: number; meanSquare: number };
}

/**
 * −3 dB of full scale. What an MP3 encoder at 128 kbit/s adds by itself to a wave limited like this, noise and square waves
 * among them, is up to 2 dB (tests/unit/host/limiter.test.ts).
 */
export const CEILING = 0.708;
const LOOK_AHEAD_SECONDS = 0.0015;
const RELEASE_SECONDS = 0.08;
/** LAME's own low pass at 128 kbit/s begins at 17 kHz; a little below it, as this one is not as steep. */
const LOW_PASS_HZ = 16_000;
const TAPS = 31;
const MIDDLE = (TAPS - 1) / 2;

export function createLimiter(sampleRateHz: number): Limiter {
  const window = Math.round(LOOK_AHEAD_SECONDS * sampleRateHz);
  const release = 1 - Math.exp(-1 / (RELEASE_SECONDS * sampleRateHz));
  const taps = lowPass(sampleRateHz);
  const delayFrames = MIDDLE + window - 1;
  // Each sample twice, so that the last `TAPS` of them lie in one piece wherever the ring is.
  const recent = [new Float32Array(2 * TAPS), new Float32Array(2 * TAPS)] as const;
  let newest = 0;
  const held = [new Float32Array(delayFrames + 1), new Float32Array(delayFrames + 1)] as const;
  let heldAt = 0;
  // Gains that the samples in the window ask for; a sliding minimum over it, smoothed by a mean of the same length. In
  // doubles: what a sum of years gains and loses must cancel.
  const asked = new Float64Array(window).fill(1);
  const smoothed = new Float64Array(window).fill(1);
  let at = 0;
  let sum = window;
  let floor = 1;
  let leastGain = 1;
  let squares = 0;
  let frames = 0;

  /** The higher of the sound's own peak and that of the sound without its highest tones, of one sample in the middle. */
  function peakOf(ring: Float32Array, value: number): number {
    ring[newest] = value;
    ring[newest + TAPS] = value;
    let low = 0;
    for (let tap = 0; tap < TAPS; tap++) low += taps[tap]! * ring[newest + 1 + tap]!;
    return Math.max(Math.abs(low), Math.abs(ring[newest + 1 + MIDDLE]!));
  }

  return {
    delayFrames,
    process(left, right) {
      for (let n = 0; n < left.length; n++) {
        const l = finite(left[n]!);
        const r = finite(right[n]!);
        const peak = Math.max(peakOf(recent[0], l), peakOf(recent[1], r));
        newest = (newest + 1) % TAPS;
        asked[at] = peak > CEILING ? CEILING / peak : 1;
        let least = 1;
        for (const gain of asked) if (gain < least) least = gain;
        floor = least < floor ? least : floor + (least - floor) * release;
        sum += floor - smoothed[at]!;
        smoothed[at] = floor;
        at = (at + 1) % window;
        const gain = Math.min(1, sum / window);
        if (gain < leastGain) leastGain = gain;

        held[0][heldAt] = l;
        held[1][heldAt] = r;
        // The oldest: every gain in the window was chosen with this sample in view.
        heldAt = (heldAt + 1) % held[0].length;
        left[n] = clip(held[0][heldAt]! * gain);
        right[n] = clip(held[1][heldAt]! * gain);
        squares += (left[n]! * left[n]! + right[n]! * right[n]!) / 2;
      }
      frames += left.length;
    },
    reading() {
      const read = { leastGain, meanSquare: frames === 0 ? 0 : squares / frames };
      [leastGain, squares, frames] = [1, 0, 0];
      return read;
    },
  };
}

/** A sinc under Blackman's window (A. Oppenheim, R. Schafer, "Discrete-Time Signal Processing", section 7.5). */
function lowPass(sampleRateHz: number): Float64Array {
  const cut = (2 * LOW_PASS_HZ) / sampleRateHz;
  const taps = Float64Array.from({ length: TAPS }, (_, n) => {
    const x = Math.PI * (n - MIDDLE);
    const turn = (2 * Math.PI * n) / (TAPS - 1);
    const blackman = 0.42 - 0.5 * Math.cos(turn) + 0.08 * Math.cos(2 * turn);
    return (x === 0 ? cut : Math.sin(cut * x) / x) * blackman;
  });
  const sum = taps.reduce((all, tap) => all + tap, 0);
  return taps.map((tap) => tap / sum);
}

/** A broken node upstream must not silence the mix for ever. */
function finite(value: number): number {
  return Number.isFinite(value) ? value : 0;
}

/** For what rounding leaves above the ceiling. */
function clip(value: number): number {
  return Math.min(CEILING, Math.max(-CEILING, value));
}
