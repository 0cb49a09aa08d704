/**
 * The clicks of `bench:latency`: a chirp of 16 ms that begins sharply and that neither noise suppression nor codecs take for
 * noise; and how one is found again in what a listener decoded.
 */
export const RATE_HZ = 48_000;
const CHIRP_SECONDS = 0.016;
const RAMP_SECONDS = 0.001;
const FROM_HZ = 1_000;
const TO_HZ = 4_000;
const AMPLITUDE = 0.4;
/** How alike a place has to be to the chirp, 1 being the chirp itself: filters, codecs and automatic gain bend it a little. */
const ALIKE = 0.6;
/** A quieter match is what a codec made of nothing. */
const LEAST_RMS = 0.003;

export const CHIRP: Float32Array = Float32Array.from({ length: CHIRP_SECONDS * RATE_HZ }, (_, n) => {
  const t = n / RATE_HZ;
  const phase = 2 * Math.PI * (FROM_HZ * t + ((TO_HZ - FROM_HZ) / (2 * CHIRP_SECONDS)) * t * t);
  const ramp = Math.min(1, t / RAMP_SECONDS, (CHIRP_SECONDS - t) / RAMP_SECONDS);
  return AMPLITUDE * ramp * Math.sin(phase);
});
const CHIRP_NORM = Math.sqrt(CHIRP.reduce((sum, value) => sum + value * value, 0));

/**
 * Where in `samples`, from `from` to before `to`, a chirp begins: where the normalised correlation with it is highest, or null
 * when no place is alike enough. Its sign may be turned.
 */
export function findChirp(samples: Float32Array, from: number, to: number): number | null {
  let best = 0;
  let at: number | null = null;
  const last = Math.min(to, samples.length - CHIRP.length);
  for (let start = Math.max(0, from); start < last; start++) {
    let product = 0;
    let power = 0;
    for (let n = 0; n < CHIRP.length; n++) {
      const value = samples[start + n]!;
      product += value * CHIRP[n]!;
      power += value * value;
    }
    if (power < LEAST_RMS ** 2 * CHIRP.length) continue;
    const alike = Math.abs(product) / (Math.sqrt(power) * CHIRP_NORM);
    if (alike > best) [best, at] = [alike, start];
  }
  return best >= ALIKE ? at : null;
}
