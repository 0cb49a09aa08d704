import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CEILING, createLimiter } from '../../../app/host/limiter.ts';
import { decodeMp3, encodeAll, ENCODERS } from '../../fixtures/encoders.ts';

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
    const input = new Float32Array(4_800).map((_, n) => 0.7 * Math.sin(n / 7));
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
    expect(harmonic(1_000)).toBeGreaterThan(0.65);
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

  test('tells how far it turned down and how loud it left, since it was asked', () => {
    const limiter = createLimiter(RATE_HZ);
    const tone = (amplitude: number): Float32Array =>
      new Float32Array(RATE_HZ).map((_, n) => amplitude * Math.sin(n / 20));
    limiter.process(tone(0.5), tone(0.5));
    const calm = limiter.reading();
    expect(calm.leastGain).toBe(1);
    expect(calm.meanSquare).toBeCloseTo(0.125, 2);
    limiter.process(tone(2), tone(2));
    expect(limiter.reading().leastGain).toBeCloseTo(CEILING / 2, 2);
    expect(limiter.reading()).toEqual({ leastGain: 1, meanSquare: 0 });
  });

  const wave = (hz: number, n: number): number => Math.sign(Math.sin((2 * Math.PI * hz * n) / RATE_HZ));
  const saw = (hz: number, n: number): number => 2 * (((hz * n) / RATE_HZ) % 1) - 1;
  const noise = fc.sample(fc.double({ min: -1, max: 1, noNaN: true }), { numRuns: 4_801, seed: 5 });
  const LOUD: Record<string, (n: number) => number> = {
    'a square wave': (n) => 1.41 * wave(220, n),
    'a high square wave': (n) => 1.41 * wave(1_733, n),
    'three square waves': (n) => wave(220, n) + wave(331, n) + wave(1_733, n),
    'three saws': (n) => saw(110, n) + saw(277, n) + saw(733, n),
    'four tones': (n) =>
      [110, 997, 3_301, 5_011].reduce((sum, hz) => sum + Math.sin((2 * Math.PI * hz * n) / RATE_HZ), 0),
    noise: (n) => 2 * noise[(n * n + n) % 4_801]!,
  };
  test.each(Object.keys(LOUD))(
    'what a listener decodes of %s, far too loud, is not clipped',
    async (name) => {
      const input = new Float32Array(2 * RATE_HZ).map((_, n) => LOUD[name]!(n));
      const { left, right } = limit(input, input);
      for (const kbps of [128, 320] as const) {
        const mp3 = Buffer.concat(encodeAll(await ENCODERS.lame.create(kbps), left, right, 384));
        const heard = loudest((await decodeMp3(mp3)).left);
        console.log(`${name}, ${kbps} kbit/s: decoded peak ${(20 * Math.log10(heard)).toFixed(2)} dB`);
        expect(heard).toBeLessThan(1);
        expect(heard).toBeGreaterThan(0.6);
      }
    },
  );
});
