import { describe, expect, test } from 'vitest';
import { amplitudeOf, fadeAt, shaped } from '../../../app/playback/fade.ts';

const item = { itemId: 'a', trackId: 'a', durationMs: 10_000 };

describe('fade', () => {
  test('what goes and what comes have the power of one song together, at every moment', () => {
    const overlapMs = 3_000;
    const going = { fadeInMs: 0, fadeOutMs: overlapMs };
    const coming = { fadeInMs: overlapMs, fadeOutMs: 0 };
    for (let ms = 0; ms <= overlapMs; ms += 50) {
      const out = fadeAt(item.durationMs - overlapMs + ms, item, going);
      const into = fadeAt(ms, item, coming);
      expect(out ** 2 + into ** 2).toBeCloseTo(1, 10);
    }
    expect(fadeAt(0, item, coming)).toBe(0);
    expect(fadeAt(item.durationMs, item, going)).toBe(0);
    expect(fadeAt(5_000, item, { fadeInMs: 3_000, fadeOutMs: 3_000 })).toBe(1);
  });

  test('samples cut anywhere get the same curve, and those between the fades are handed on as they are', () => {
    const rateHz = 1_000;
    const fades = { fadeInMs: 400, fadeOutMs: 600 };
    const ones = new Float32Array(10_000).fill(1);
    const at = (fromFrame: number) => ({ fromFrame, rateHz, gain: 1, item, ...fades });
    const whole = shaped(ones, at(0));
    for (const cut of [1, 399, 400, 401, 5_000, 9_399, 9_400, 9_401]) {
      const pieces = [...shaped(ones.subarray(0, cut), at(0)), ...shaped(ones.subarray(cut), at(cut))];
      expect(pieces).toEqual([...whole]);
    }
    const middle = ones.subarray(400, 9_400);
    expect(shaped(middle, at(400))).toBe(middle);
    expect(shaped(middle, { ...at(400), gain: 0.5 })[0]).toBe(0.5);
    expect(whole[200]).toBeCloseTo(Math.SQRT1_2, 6);
    expect(whole[9_700]).toBeCloseTo(Math.SQRT1_2, 6);
  });

  test('no record makes anything deafening', () => {
    expect(amplitudeOf(60)).toBeCloseTo(3.98, 2);
    expect(amplitudeOf(-60)).toBeCloseTo(0.063, 3);
  });
});
