import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bend } from '../../../app/playback/soft-clip.ts';

describe('the own output’s soft clip', () => {
  test('changes nothing up to its knee', () => {
    fc.assert(fc.property(fc.double({ min: -0.8, max: 0.8, noNaN: true }), (value) => bend(value) === value));
  });

  test('stays below full scale, in order, without a step', () => {
    const bent = Array.from({ length: 8_001 }, (_, n) => bend(n / 1_000 - 4));
    const steps = bent.slice(1).map((value, n) => value - bent[n]!);
    expect(Math.max(...bent)).toBeLessThanOrEqual(1);
    expect(Math.min(...bent)).toBeGreaterThanOrEqual(-1);
    expect(Math.min(...steps)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...steps)).toBeLessThan(0.0011);
  });
});
