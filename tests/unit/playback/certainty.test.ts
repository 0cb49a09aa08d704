/** When a large error is jumped to: once it has stayed the same for 1.5 s, or 0.1 s when a step is expected. */
import { expect, test } from 'vitest';
import { createCertainty } from '../../../app/playback/certainty.ts';

/** Ms after which errors measured each 100 ms are certain; null: not within `forMs`. */
function sureAfter(
  errorAt: (ms: number) => number | null,
  isStepExpected: boolean,
  forMs = 10_000,
): number | null {
  const certainty = createCertainty();
  for (let ms = 0; ms <= forMs; ms += 100) if (certainty.isSure(errorAt(ms), ms, isStepExpected)) return ms;
  return null;
}

test.each([36, -60, 150, -199])(
  'an error of %i ms that stays is certain after 1.5 s, while it is bent',
  (errorMs) => {
    // Half a percent: 5 ms a second.
    const bent = (ms: number): number => errorMs - Math.sign(errorMs) * 0.0005 * ms;
    expect(sureAfter(bent, false)).toBe(1_500);
    expect(sureAfter(bent, true)).toBe(100);
  },
);

test('what bending is for is never jumped to', () => {
  for (const errorMs of [0, 15, -33, 35]) {
    expect(sureAfter(() => errorMs, false)).toBeNull();
  }
});

test('what is heard first is put right at once, if only by a little: two devices would bend towards each other for seconds', () => {
  expect(sureAfter(() => 10, true)).toBeNull();
  expect(sureAfter(() => -22, true)).toBe(600);
  const bent = (ms: number): number => 22 - 0.005 * ms;
  expect(sureAfter(bent, true)).toBe(600);
  expect(sureAfter((ms) => (ms < 800 ? 2 : 22), true)).toBe(1_400);
  expect(sureAfter((ms) => (ms % 200 === 0 ? 14 : 22), true)).toBeNull();
});

test('a slip of the measurement is not, nor a clock that is still settling', () => {
  expect(sureAfter((ms) => (ms > 1_000 && ms < 2_400 ? 60 : 2), false)).toBeNull();
  expect(sureAfter((ms) => 190 - ms / 25, false)).toBeNull();
  expect(sureAfter((ms) => (ms % 200 === 0 ? 60 : 90), true)).toBeNull();
  expect(sureAfter((ms) => (ms % 1_000 === 0 ? null : 60), false)).toBeNull();
});

test('a latency that changes a second after the event is', () => {
  expect(sureAfter((ms) => (ms < 1_000 ? 1 : -150), true)).toBe(1_100);
});

test('what is laid out anew is measured anew', () => {
  const certainty = createCertainty();
  expect(certainty.isSure(60, 0, false)).toBe(false);
  expect(certainty.isSure(60, 1_500, false)).toBe(true);
  certainty.reset();
  expect(certainty.isSure(60, 1_600, false)).toBe(false);
});
