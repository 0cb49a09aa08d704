import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CEILING, createLimiter } from '../../../app/host/limiter.ts';

const RATE_HZ = 48_000;

function limit(
  left: Float32Array,
  right: Float32Array,
): { left: Float32Array; right: Float32Array; delay: number } {
  const limiter = createLimiter(RATE_HZ);
  const out = { left: left.slice(), right: right.slice(), delay: limiter.delayFrames };
  for (let at = 0; at < left.length; at += 128) {
    limiter.process(out.left.subarray(at, at + 128), out.right.subarray(at, at + 128));
  }
  return out;
}
const loudest = (samples: Float32Array): number =>
  samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe('the limiter', () => {
  test('passes what is below the ceiling as it is, a little later', () => {
    const input = new Float32Array(4_800).map((_, n) => 0.8 * Math.sin(n / 7));
    const { left, delay } = limit(input, input);
    expect(delay / RATE_HZ).toBeLessThan(0.002);
    for (let n = delay; n < input.length; n++) expect(left[n]).toBeCloseTo(input[n - delay]!, 5);
  });

  test('lets nothing above the ceiling, whatever comes', () => {
    const sample = fc.double({ min: -20, max: 20, noNaN: true });
    fc.assert(
      fc.property(fc.array(sample, { minLength: 128, maxLength: 2_000 }), (values) => {
        const input = Float32Array.from(values);
        const { left, right } = limit(
          input,
          input.map((value) => -value / 2),
        );
        return loudest(left) <= Math.fround(CEILING) + 1e-6 && loudest(right) <= Math.fround(CEILING) + 1e-6;
      }),
      { numRuns: 50 },
    );
  });

  test('turns a loud tone down rather than cutting its tops off', () => {
    const input = new Float32Array(RATE_HZ).map((_, n) => 2 * Math.sin((2 * Math.PI * 1_000 * n) / RATE_HZ));
    const { left } = limit(input, input);
    const settled = left.subarray(RATE_HZ / 2);
    const harmonic = (hz: number): number => {
      let re = 0;
      let im = 0;
      settled.forEach((value, n) => {
        re += value * Math.cos((2 * Math.PI * hz * n) / RATE_HZ);
        im += value * Math.sin((2 * Math.PI * hz * n) / RATE_HZ);
      });
      return (2 * Math.hypot(re, im)) / settled.length;
    };
    expect(harmonic(1_000)).toBeGreaterThan(0.8);
    // Clipped at the same ceiling its third harmonic would stand at a quarter.
    expect(harmonic(3_000)).toBeLessThan(0.02);
  });

  test('has let go half a second after a peak', () => {
    const input = new Float32Array(RATE_HZ).fill(0.5);
    input[1_000] = 8;
    const { left } = limit(input, input);
    expect(Math.min(...left.subarray(500, 1_500))).toBeLessThan(0.1);
    expect(left[25_000]).toBeCloseTo(0.5, 2);
  });

  test('turns NaN into silence', () => {
    const input = new Float32Array(1_280).fill(0.1);
    input[200] = Number.NaN;
    const { left } = limit(input, input);
    expect(left.every((value) => !Number.isNaN(value))).toBe(true);
    expect(left[1_200]).toBeCloseTo(0.1, 3);
  });
});
