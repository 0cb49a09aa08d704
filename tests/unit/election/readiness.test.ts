import { expect, test } from 'vitest';
import { createReadiness } from '../../../app/host/readiness.ts';

test('E19 a device is ready once it sounded for two seconds, and no longer after one of silence', () => {
  const readiness = createReadiness();
  expect(readiness.isReady(0)).toBe(false);
  readiness.look('silent', 0);
  readiness.look('sounds', 500);
  expect(readiness.isReady(2_499)).toBe(false);
  expect(readiness.isReady(2_500)).toBe(true);
  readiness.look('silent', 3_000);
  readiness.look('silent', 4_000);
  expect(readiness.isReady(4_000)).toBe(true);
  readiness.look('silent', 4_001);
  expect(readiness.isReady(4_001)).toBe(false);
});

test('E19 a moment of sound, and silence again, is not enough', () => {
  const readiness = createReadiness();
  readiness.look('sounds', 0);
  readiness.look('silent', 500);
  readiness.look('sounds', 1_000);
  expect(readiness.isReady(2_500)).toBe(false);
  expect(readiness.isReady(3_000)).toBe(true);
});

test('E19 a seek is passed over, however often', () => {
  const readiness = createReadiness();
  readiness.look('sounds', 0);
  for (let atMs = 2_000; atMs < 10_000; atMs += 1_000) {
    readiness.look('silent', atMs);
    readiness.look('sounds', atMs + 500);
    expect(readiness.isReady(atMs + 500)).toBe(true);
  }
});

test('E19 where nothing plays everybody is ready, and stays so for the first second of a song', () => {
  const readiness = createReadiness();
  readiness.look('nothing', 0);
  expect(readiness.isReady(0)).toBe(true);
  readiness.look('silent', 500);
  expect(readiness.isReady(1_500)).toBe(true);
  readiness.look('silent', 1_501);
  expect(readiness.isReady(1_501)).toBe(false);
});
