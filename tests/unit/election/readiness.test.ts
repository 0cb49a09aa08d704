import { expect, test } from 'vitest';
import { createReadiness } from '../../../app/host/readiness.ts';

test('E19 a device is ready once it sounded, and no longer after a second of silence', () => {
  const readiness = createReadiness();
  expect(readiness.isReady(0)).toBe(false);
  readiness.sounded(100);
  expect(readiness.isReady(1_100)).toBe(true);
  expect(readiness.isReady(1_101)).toBe(false);
});
