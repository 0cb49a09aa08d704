/**
 * The last thing before the encoder: nothing leaves louder than the ceiling. Looks ahead, so that the gain is down when the
 * peak comes, and lets go slowly (D. Giannoulis et al., "Digital Dynamic Range Compressor Design", JAES 60/6, 2012,
 * section 2; the peak is found over a window as long as the look-ahead). Pure.
 */
export interface Limiter {
  /** Works in place on one block, left and right together so that the image does not move. Delays by `delayFrames`. */
  process(left: Float32Array, right: Float32Array): void;
  readonly delayFrames: number;
}

/** −1 dB of full scale: an MP3 decoder overshoots a little what the encoder was given. */
export const CEILING = 0.89;
const LOOK_AHEAD_SECONDS = 0.0015;
const RELEASE_SECONDS = 0.08;

export function createLimiter(sampleRateHz: number): Limiter {
  const window = Math.round(LOOK_AHEAD_SECONDS * sampleRateHz);
  const release = 1 - Math.exp(-1 / (RELEASE_SECONDS * sampleRateHz));
  const heldLeft = new Float32Array(window);
  const heldRight = new Float32Array(window);
  // Gains that the samples in the window ask for; a sliding minimum over it, smoothed by a mean of the same length.
  const asked = new Float32Array(window).fill(1);
  const smoothed = new Float32Array(window).fill(1);
  let sum = window;
  let floor = 1;
  let at = 0;

  return {
    delayFrames: window - 1,
    process(left, right) {
      for (let n = 0; n < left.length; n++) {
        const peak = Math.max(Math.abs(left[n] ?? 0), Math.abs(right[n] ?? 0));
        asked[at] = peak > CEILING ? CEILING / peak : 1;
        let least = 1;
        for (const gain of asked) if (gain < least) least = gain;
        floor = least < floor ? least : floor + (least - floor) * release;
        sum += floor - (smoothed[at] ?? 1);
        smoothed[at] = floor;
        const gain = Math.min(1, sum / window);

        heldLeft[at] = left[n] ?? 0;
        heldRight[at] = right[n] ?? 0;
        // The oldest: every gain in the window was chosen with this sample in view.
        at = (at + 1) % window;
        left[n] = clip((heldLeft[at] ?? 0) * gain);
        right[n] = clip((heldRight[at] ?? 0) * gain);
      }
    },
  };
}

/** For what rounding leaves above the ceiling, and for NaN from a broken node upstream. */
function clip(value: number): number {
  return value >= -CEILING ? (value > CEILING ? CEILING : value) : value < -CEILING ? -CEILING : 0;
}
