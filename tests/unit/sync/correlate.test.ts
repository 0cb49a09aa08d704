import { describe, expect, test } from 'vitest';
import { noise } from '../../audio/signals.ts';
import { apart } from '../../sync/correlate.ts';

const RATE_HZ = 12_000;
const REACH = 6_000;
/** One second, and half a second within reach on either side. */
const LENGTH = 2 * RATE_HZ;
const MIDDLE = { from: REACH, length: RATE_HZ, reach: REACH };

describe('how far two recordings are apart', () => {
  const sound = noise(RATE_HZ, 5);
  const part = (from: number): Float32Array => sound.slice(from, from + LENGTH);

  test.each([0, 1, -1, 37, -240, 5_999, -5_999])('%i samples are found', (lag) => {
    const found = apart(part(2 * REACH), part(2 * REACH - lag), MIDDLE);
    expect(found?.lagSamples).toBeCloseTo(lag, 1);
    expect(found?.similarity).toBeGreaterThan(0.9);
  });

  test('half a sample is found to a tenth', () => {
    const fine = noise(2 * RATE_HZ, 5);
    const every = (from: number): Float32Array =>
      Float32Array.from({ length: LENGTH }, (_, n) => fine[from + 2 * n]!);
    expect(apart(every(1_000), every(999), MIDDLE)?.lagSamples).toBeCloseTo(0.5, 1);
  });

  test('one that runs a percent faster meanwhile is found where it is in the middle of the second', () => {
    // As noise that ends at 3 kHz: more samples than it needs, or nothing could be read between them.
    const smooth = sound.map((_, n) => (sound[n]! + sound[n + 1]! + sound[n + 2]! + sound[n + 3]!) / 4);
    const bent = Float32Array.from({ length: LENGTH }, (_, n) => {
      const at = 2 * REACH + LENGTH / 2 + (n - LENGTH / 2) * 1.01;
      const whole = Math.floor(at);
      return smooth[whole]! + (smooth[whole + 1]! - smooth[whole]!) * (at - whole);
    });
    const found = apart(smooth.slice(2 * REACH, 2 * REACH + LENGTH), bent, MIDDLE);
    expect(Math.abs(found?.lagSamples ?? NaN)).toBeLessThan(4);
  });

  test('a second with a jump in it is where most of it is', () => {
    const jumped = part(2 * REACH - 24);
    jumped.set(part(2 * REACH - 600).subarray(0, REACH + RATE_HZ / 3));
    expect(apart(part(2 * REACH), jumped, MIDDLE)?.lagSamples).toBeCloseTo(24, 1);
  });

  test('another sound is not the same one, and silence is nothing', () => {
    const other = noise(RATE_HZ, 5, 2);
    expect(apart(part(0), other.slice(0, LENGTH), MIDDLE)).toBeNull();
    expect(apart(part(0), new Float32Array(LENGTH), MIDDLE)).toBeNull();
  });
});
