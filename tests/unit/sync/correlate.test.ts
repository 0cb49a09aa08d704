import { describe, expect, test } from 'vitest';
import { noise } from '../../audio/signals.ts';
import { apart } from '../../sync/correlate.ts';

const RATE_HZ = 12_000;

describe('how far two recordings are apart', () => {
  const sound = noise(RATE_HZ, 4);

  test.each([0, 1, -1, 37, -240, 5_999, -5_999])('%i samples are found', (lag) => {
    const a = sound.slice(6_000, 6_000 + 2 * RATE_HZ);
    const b = sound.slice(6_000 - lag, 6_000 - lag + 2 * RATE_HZ);
    const found = apart(a, b);
    expect(found?.lagSamples).toBeCloseTo(lag, 1);
    expect(found?.similarity).toBeGreaterThan(0.9);
  });

  test('half a sample is found to a tenth', () => {
    const fine = noise(2 * RATE_HZ, 4);
    const every = (from: number): Float32Array =>
      Float32Array.from({ length: RATE_HZ }, (_, n) => fine[from + 2 * n]!);
    expect(apart(every(1_000), every(999))?.lagSamples).toBeCloseTo(0.5, 1);
  });

  test('another sound is not the same one, and silence is nothing', () => {
    const other = noise(RATE_HZ, 4, 2);
    expect(apart(sound.slice(0, RATE_HZ), other.slice(0, RATE_HZ))?.similarity).toBeLessThan(0.3);
    expect(apart(sound.slice(0, RATE_HZ), new Float32Array(RATE_HZ))).toBeNull();
  });
});
