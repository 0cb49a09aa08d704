/**
 *   heard(T)     = T · 1000 + outputOffsetMs                      local ms at which context time T (s) is heard
 *   position(T)  = heard(T) + roomOffsetMs − startedAtMs          where the room is in the track then
 *   T(room)      = (room − roomOffsetMs − outputOffsetMs) / 1000
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  contextTimeOf,
  correctionFor,
  DEAD_BAND_MS,
  JUMP_MS,
  MAX_RATE_CHANGE,
  positionAt,
  SETTLED_MS,
} from '../../../app/playback/schedule.ts';

describe('the equation', () => {
  test('a worked example', () => {
    // Context time 2 s is heard at local 12 000; the room is 500 ms ahead of local; the track began at room 10 000.
    const offsets = { outputOffsetMs: 10_000, roomOffsetMs: 500 };
    expect(positionAt(2, 10_000, offsets)).toBe(2_500);
    expect(contextTimeOf(12_500, offsets)).toBe(2);
  });

  test('what is scheduled for a room time is at that time’s position', () => {
    const ms = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(
        ms,
        ms,
        ms,
        fc.double({ min: 0, max: 1e7, noNaN: true }),
        (outputOffsetMs, roomOffsetMs, startedAtMs, position) => {
          const offsets = { outputOffsetMs, roomOffsetMs };
          const at = contextTimeOf(startedAtMs + position, offsets);
          expect(positionAt(at, startedAtMs, offsets)).toBeCloseTo(position, 3);
        },
      ),
    );
  });
});

describe('correction', () => {
  test('leaves an error inside the dead band alone', () => {
    for (const errorMs of [0, 0.9, -DEAD_BAND_MS])
      expect(correctionFor(errorMs, false)).toEqual({ kind: 'hold' });
  });

  test('once begun goes on until the error is settled', () => {
    expect(correctionFor(0.8, true).kind).toBe('nudge');
    expect(correctionFor(SETTLED_MS, true)).toEqual({ kind: 'hold' });
  });

  test('speeds up when behind and slows down when ahead, never by more than half a percent', () => {
    fc.assert(
      fc.property(fc.double({ min: -JUMP_MS, max: JUMP_MS, noNaN: true }), (errorMs) => {
        const correction = correctionFor(errorMs, false);
        if (correction.kind !== 'nudge') return Math.abs(errorMs) <= DEAD_BAND_MS;
        return (
          Math.abs(correction.rate - 1) <= MAX_RATE_CHANGE + 1e-12 && correction.rate > 1 === errorMs < 0
        );
      }),
    );
  });

  test('jumps beyond two hundred milliseconds', () => {
    expect(correctionFor(JUMP_MS + 0.1, false)).toEqual({ kind: 'jump' });
    expect(correctionFor(-300, true)).toEqual({ kind: 'jump' });
  });

  test('brings any error below the jump under the dead band at five milliseconds a second, without passing zero', () => {
    for (const start of [199, -199, 39, -39, 20, -7, 2]) {
      let errorMs = start;
      let correcting = false;
      for (let laidMs = 0; laidMs < 5_000 + Math.abs(start) * 200; laidMs += 200) {
        const correction = correctionFor(errorMs, correcting);
        correcting = correction.kind === 'nudge';
        if (correction.kind === 'nudge') errorMs += 200 * (correction.rate - 1);
        expect(Math.sign(errorMs)).toBe(Math.sign(start));
      }
      expect(Math.abs(errorMs)).toBeLessThan(DEAD_BAND_MS);
    }
  });
});
