/**
 * The equations of app/playback/trim/meaning.ts, played through: a device of given latencies plays, a microphone records,
 * and the trim that comes out is the latency that its system does not tell.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { CHIRPS_MS, OTHER_AFTER_MS } from '../../../../app/playback/trim/chirp.ts';
import type { Hearing } from '../../../../app/playback/trim/hear.ts';
import { agreement, meaningOf, UNTOLD_INPUT_MS } from '../../../../app/playback/trim/meaning.ts';
import { contextTimeOf } from '../../../../app/playback/schedule.ts';

const CURVE = { fromMs: -700, stepMs: 0.5, values: [0, 1, 0] };
const heard = (delayMs: number, uncertaintyMs = 0.3): Hearing => ({
  kind: 'heard',
  delayMs,
  uncertaintyMs,
  ratio: 5,
  chirps: 8,
  curve: CURVE,
});
const deaf: Hearing = { kind: 'not-heard', why: 'faint', curve: CURVE };

interface World {
  /** Local ms at which context time 0 is processed. */
  processMs: number;
  /** From processing to sound: what the system says, and what it does not. */
  outputMs: number;
  untoldMs: number;
  inputMs: number;
  roomOffsetMs: number;
  trimMs: number;
  /** By how much the other device sounds after the room's moments. */
  otherLateMs: number;
}

/** As `ear.ts` schedules and the air answers: delays on the recording's clock, after the context times that were due. */
function delaysIn(world: World): { ownMs: number; otherMs: number } {
  const firstRoomMs = 50_000;
  const outputOffsetMs = world.processMs + world.outputMs;
  const offsets = { outputOffsetMs, roomOffsetMs: world.roomOffsetMs };
  const trimmed = { ...offsets, outputOffsetMs: outputOffsetMs + world.trimMs };
  /** Context time at which what sounds at a local time stands in the recording. */
  const recordedAt = (localMs: number): number => (localMs + world.inputMs - world.processMs) / 1_000;
  const ownDue = contextTimeOf(firstRoomMs + CHIRPS_MS[3]!, offsets);
  const otherRoomMs = firstRoomMs + OTHER_AFTER_MS + CHIRPS_MS[3]!;
  const otherDue = contextTimeOf(otherRoomMs, trimmed);
  const ownSoundsMs = ownDue * 1_000 + outputOffsetMs + world.untoldMs;
  const otherSoundsMs = otherRoomMs - world.roomOffsetMs + world.otherLateMs;
  return {
    ownMs: (recordedAt(ownSoundsMs) - ownDue) * 1_000,
    otherMs: (recordedAt(otherSoundsMs) - otherDue) * 1_000,
  };
}

const ms = (max: number) => fc.double({ min: 0, max, noNaN: true });
const worlds: fc.Arbitrary<World> = fc.record({
  processMs: ms(1e6),
  outputMs: ms(300),
  untoldMs: ms(400),
  inputMs: ms(150),
  roomOffsetMs: ms(1e6),
  trimMs: fc.integer({ min: -200, max: 200 }),
  otherLateMs: fc.double({ min: -20, max: 20, noNaN: true }),
});

describe('H10 what follows', () => {
  test('against another device: the trim makes up for what this system does not tell, whatever the other latencies', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { ownMs, otherMs } = delaysIn(world);
        const outcome = meaningOf({
          ...world,
          own: heard(ownMs),
          other: heard(otherMs),
          // Not asked for here: the microphone's own latency is in both.
          inputMs: null,
        });
        if (outcome.kind !== 'found') throw new Error(outcome.kind);
        expect(Math.abs(outcome.lateMs - (world.untoldMs - world.trimMs - world.otherLateMs))).toBeLessThan(
          0.001,
        );
        expect(Math.abs(outcome.proposedTrimMs - (world.untoldMs - world.otherLateMs))).toBeLessThanOrEqual(
          0.501,
        );
      }),
    );
  });

  test('alone: the same, as far as the input’s latency is known', () => {
    fc.assert(
      fc.property(worlds, (world) => {
        const { ownMs } = delaysIn(world);
        const told = world.inputMs - UNTOLD_INPUT_MS;
        const outcome = meaningOf({ ...world, own: heard(ownMs), other: null, inputMs: told });
        if (outcome.kind !== 'found') throw new Error(outcome.kind);
        expect(Math.abs(outcome.proposedTrimMs - world.untoldMs)).toBeLessThanOrEqual(0.501);
        expect(outcome.uncertaintyMs).toBeGreaterThanOrEqual(20);
      }),
    );
  });

  test('who was not heard is named, this device first', () => {
    const base = { trimMs: 0, outputMs: 20, inputMs: 10 };
    expect(meaningOf({ ...base, own: heard(10), other: deaf })).toMatchObject({
      kind: 'not-heard',
      who: 'other',
    });
    expect(meaningOf({ ...base, own: deaf, other: heard(10) })).toMatchObject({
      kind: 'not-heard',
      who: 'own',
    });
    expect(meaningOf({ ...base, own: deaf, other: null })).toMatchObject({
      kind: 'not-heard',
      who: 'own',
      why: 'faint',
    });
  });
});

describe('two tries', () => {
  const found = (ownMs: number) => {
    const outcome = meaningOf({ trimMs: 5, outputMs: 20, inputMs: 10, own: heard(ownMs), other: heard(60) });
    if (outcome.kind !== 'found') throw new Error(outcome.kind);
    return outcome;
  };

  test('H13 that agree give their mean, and doubt by how much they differ', () => {
    const both = agreement(found(100), found(108));
    expect(both).toMatchObject({ lateMs: 44, foundMs: 104, expectedMs: 60, proposedTrimMs: 49 });
    expect(both?.uncertaintyMs).toBe(4);
    expect(agreement(found(100), found(100))?.uncertaintyMs).toBeLessThan(1);
  });

  test('H13 that contradict each other give none', () => {
    expect(agreement(found(100), found(110.5))).toBeNull();
    expect(agreement(found(100), found(-75))).toBeNull();
  });
});
