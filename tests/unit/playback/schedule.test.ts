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
  outputOffset,
  positionAt,
  SETTLED_MS,
  sinceStumble,
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

describe('the output’s offset', () => {
  test('is unknown without readings', () => expect(outputOffset([])).toBeNull());

  test('is not moved by one reading in forty that is 18 ms off', () => {
    const readings = Array.from({ length: 15 }, (_, n) => ({
      contextSeconds: n / 10,
      localMs: 1_000 + n * 100 + (n % 3) * 0.05 + (n === 7 ? 18 : 0),
    }));
    expect(outputOffset(readings)).toBeCloseTo(1_000.05, 6);
  });

  test('of an even number of readings is half way between the middle two', () => {
    expect(
      outputOffset([
        { contextSeconds: 1, localMs: 1_001 },
        { contextSeconds: 2, localMs: 2_003 },
      ]),
    ).toBe(2);
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

describe('an output that stumbled', () => {
  /** As Chromium gives them: a sawtooth of 12 ms, and here and there one that is 18 ms off. */
  const readings = (stepAt: number, stepMs: number) =>
    Array.from({ length: 15 }, (_, n) => ({
      contextSeconds: n / 10,
      localMs: n * 100 + ((n * 8.3) % 12) + (n >= stepAt ? stepMs : 0) + (n === 7 ? 18 : 0),
    }));

  test.each([20, -20, 55, 300])('by %i ms: what was read before says nothing', (stepMs) => {
    const all = readings(10, stepMs);
    expect(sinceStumble(all, 5)).toEqual(all.slice(10));
  });

  test('one that did not keeps its readings, as does one that has told too little yet', () => {
    for (let length = 1; length <= 15; length++) {
      const all = readings(15, 0).slice(0, length);
      expect(sinceStumble(all, 5)).toEqual(all);
    }
    const begun = readings(5, 60).slice(1, 10);
    expect(sinceStumble(begun, 5)).toEqual(begun);
  });
});
