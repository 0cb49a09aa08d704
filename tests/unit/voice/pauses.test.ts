import { describe, expect, test } from 'vitest';
import { createPauses } from '../../../app/voice/pauses.ts';

describe('pauses', () => {
  test('silence counts from its beginning, speech ends it', () => {
    const pauses = createPauses();
    expect(pauses.take(0, 50)).toBe(50);
    expect(pauses.take(0.001, 50)).toBe(100);
    expect(pauses.take(0.1, 50)).toBe(0);
    expect(pauses.take(0, 50)).toBe(50);
  });

  test('in a noisy room what is far below the voice is a pause, and only while the voice is remembered', () => {
    const pauses = createPauses();
    pauses.take(0.3, 50);
    expect(pauses.take(0.01, 50)).toBe(50);
    expect(pauses.take(0.05, 50)).toBe(0);
    for (let n = 0; n < 600; n++) pauses.take(0.01, 50);
    expect(pauses.take(0.01, 50)).toBe(0);
  });
});
