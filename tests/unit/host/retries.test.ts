import { expect, test } from 'vitest';
import { createRetries } from '../../../app/host/retries.ts';

test('what fails again and again is tried again ever later, and never given up', () => {
  const retries = createRetries();
  let nowMs = 0;
  const waits = Array.from({ length: 6 }, () => {
    const waitMs = retries.waitMs(nowMs);
    // It fails again half a second after it was begun.
    nowMs += waitMs + 500;
    return waitMs;
  });
  expect(waits).toEqual([1_000, 5_000, 30_000, 30_000, 30_000, 30_000]);
});

test('what ran for a minute is replaced as soon as at first', () => {
  const retries = createRetries();
  for (let nowMs = 0; nowMs < 3_000; nowMs += 1_000) retries.waitMs(nowMs);
  expect(retries.waitMs(32_000)).toBe(30_000);
  expect(retries.waitMs(92_001)).toBe(1_000);
});
