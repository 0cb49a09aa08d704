/**
 * The chirps by which a device's delay is heard: what they sound like, and when each is due. Pure.
 *
 * A chirp is a linear sweep of 80 ms between 1.5 and 7 kHz, where phones' loudspeakers and microphones are at their best;
 * its ends are raised cosines, so that nothing clicks. Compressed by its matched filter it becomes a peak of some 0.3 ms that
 * stands out by the product of its duration and its band (440, or 26 dB), however soft it was (pulse compression: C. E. Cook
 * and M. Bernfeld, "Radar Signals", 1967). Two devices sweep in opposite directions, which hardly correlate.
 */

/** The one who listens sweeps up, the one whom it asked sweeps down. */
export type Sweep = 'up' | 'down';

export const CHIRP_SECONDS = 0.08;
const LOW_HZ = 1_500;
const HIGH_HZ = 7_000;
/** Share of a chirp that its two ends take together (a Tukey window). */
const FADED = 0.5;

/**
 * Ms from the first chirp to each. No two gaps, nor sums of neighbouring ones, come within 23 ms of each other: an echo or
 * the beat of the music falls together with the chirps at one delay only.
 */
export const CHIRPS_MS: readonly number[] = [0, 309, 728, 1_170, 1_565, 1_926, 2_212, 2_546];
/** The other device's chirps come this much later: between one's own when both are in step. */
export const OTHER_AFTER_MS = 170;
/** From the first chirp of the first to the last one's end of the second. */
export const CHIRPS_END_MS = 2_546 + OTHER_AFTER_MS + CHIRP_SECONDS * 1_000;

/** Amplitude (0…1) and phase (radians) of a chirp `seconds` after it began; silent outside of it. */
function shapeAt(sweep: Sweep, seconds: number): { amplitude: number; phase: number } {
  if (seconds < 0 || seconds > CHIRP_SECONDS) return { amplitude: 0, phase: 0 };
  const edge = (CHIRP_SECONDS * FADED) / 2;
  const inside = Math.min(seconds, CHIRP_SECONDS - seconds);
  const amplitude = inside >= edge ? 1 : (1 - Math.cos((Math.PI * inside) / edge)) / 2;
  const slope = (HIGH_HZ - LOW_HZ) / CHIRP_SECONDS;
  const [fromHz, change] = sweep === 'up' ? [LOW_HZ, slope] : [HIGH_HZ, -slope];
  return { amplitude, phase: 2 * Math.PI * (fromHz * seconds + (change / 2) * seconds * seconds) };
}

/** The chirp at any moment, -1…1: also between samples. */
export function chirpAt(sweep: Sweep, seconds: number): number {
  const { amplitude, phase } = shapeAt(sweep, seconds);
  return amplitude * Math.sin(phase);
}

/** Its samples as they are played, -1…1. */
export function chirpSamples(sweep: Sweep, rateHz: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: chirpFrames(rateHz) }, (_, frame) => chirpAt(sweep, frame / rateHz));
}

/** Its samples and the same a quarter of a period on: together they give the envelope of a correlation, without its ripple. */
export function chirpPair(sweep: Sweep, rateHz: number): { re: Float64Array; im: Float64Array } {
  const re = new Float64Array(chirpFrames(rateHz));
  const im = new Float64Array(re.length);
  for (let frame = 0; frame < re.length; frame++) {
    const { amplitude, phase } = shapeAt(sweep, frame / rateHz);
    re[frame] = amplitude * Math.sin(phase);
    im[frame] = -amplitude * Math.cos(phase);
  }
  return { re, im };
}

export function chirpFrames(rateHz: number): number {
  return Math.round(CHIRP_SECONDS * rateHz) + 1;
}
