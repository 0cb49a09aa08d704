import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { momentAt, nextChangeMs, type TimelineItem } from '../../../app/playback/timeline.ts';

const order: readonly TimelineItem[] = [
  { itemId: 'a', trackId: 'ta', durationMs: 1000 },
  { itemId: 'b', trackId: 'tb', durationMs: 2000 },
  { itemId: 'c', trackId: 'tc', durationMs: 3000 },
];

function anchor(itemId: string, positionMs = 0, atMs = 10_000, playing = true) {
  return { itemId, positionMs, atMs, playing };
}

describe('timeline', () => {
  test('T1 the position moves with the time while playing, and only then', () => {
    expect(momentAt(anchor('b', 300), order, 'off', 10_500)).toMatchObject({
      item: { itemId: 'b' },
      index: 1,
      positionMs: 800,
      playing: true,
      startedAtMs: 9700,
    });
    expect(momentAt(anchor('b', 300, 10_000, false), order, 'all', 9e9)).toMatchObject({
      item: { itemId: 'b' },
      positionMs: 300,
      playing: false,
    });
  });

  test('T2 an item ends where the next begins', () => {
    expect(momentAt(anchor('a', 400), order, 'off', 10_599)).toMatchObject({ index: 0, positionMs: 999 });
    expect(momentAt(anchor('a', 400), order, 'off', 10_600)).toMatchObject({
      index: 1,
      positionMs: 0,
      startedAtMs: 10_600,
    });
    expect(momentAt(anchor('a', 400), order, 'off', 12_700)).toMatchObject({
      index: 2,
      positionMs: 100,
      startedAtMs: 12_600,
    });
  });

  test('T3 loop off ends', () => {
    expect(momentAt(anchor('b'), order, 'off', 14_999)).toMatchObject({ index: 2, next: null });
    expect(momentAt(anchor('b'), order, 'off', 15_000)).toBeNull();
  });

  test('T3 loop one starts the same item again', () => {
    expect(momentAt(anchor('b', 500), order, 'one', 10_000 + 2000 * 7)).toMatchObject({
      index: 1,
      positionMs: 500,
      startedAtMs: 9500 + 2000 * 7,
      next: { index: 1, startsAtMs: 9500 + 2000 * 8 },
    });
  });

  test('T3 loop all goes round', () => {
    expect(momentAt(anchor('b'), order, 'all', 15_000)).toMatchObject({ index: 0, positionMs: 0 });
    expect(momentAt(anchor('c', 2999), order, 'all', 10_002)).toMatchObject({ index: 0, positionMs: 1 });
    expect(momentAt(anchor('c'), order, 'all', 10_000)).toMatchObject({
      next: { index: 0, startsAtMs: 13_000 },
    });
  });

  test('T4 an anchor in the future waits for its time', () => {
    expect(momentAt(anchor('a', 100), order, 'off', 4000)).toMatchObject({ index: 0, positionMs: 100 });
    expect(momentAt(anchor('a', 100), order, 'off', 10_001)).toMatchObject({ positionMs: 101 });
  });

  test('T5 a thousand days with loop all equal the remainder of the last round', () => {
    const late = momentAt(anchor('b', 500), order, 'all', 10_000 + 86_400_000 * 1000);
    const elapsedMs = (500 + 86_400_000 * 1000) % 6000;
    const expected = momentAt(anchor('b', 0, 0), order, 'all', elapsedMs);
    expect(late).toMatchObject({ index: expected?.index, positionMs: expected?.positionMs });
  });

  test('T5 5,000 items and a year of looping take one pass', () => {
    const many = Array.from({ length: 5000 }, (_, i) => ({
      itemId: `i${i}`,
      trackId: 't',
      durationMs: 1000 + i,
    }));
    const begunMs = performance.now();
    for (let i = 0; i < 1000; i++) momentAt(anchor('i4999'), many, 'all', 3.15e10 + i);
    const eachMs = (performance.now() - begunMs) / 1000;
    console.log(`timeline: ${eachMs.toFixed(3)} ms a moment with 5,000 items`);
    expect(eachMs).toBeLessThan(5);
  });

  test('T6 next says what follows and when, and nothing while paused', () => {
    const playing = momentAt(anchor('a'), order, 'off', 10_100);
    expect(playing?.next).toEqual({ item: order[1], index: 1, startsAtMs: 11_000 });
    expect(nextChangeMs(playing)).toBe(11_000);
    const paused = momentAt(anchor('a', 0, 10_000, false), order, 'off', 10_100);
    expect(paused?.next).toEqual({ item: order[1], index: 1, startsAtMs: null });
    expect(nextChangeMs(paused)).toBeNull();
    expect(nextChangeMs(null)).toBeNull();
  });

  test('T7 nothing plays without an anchor in the order', () => {
    expect(momentAt(null, order, 'all', 0)).toBeNull();
    expect(momentAt(anchor('x'), order, 'all', 11_000)).toBeNull();
    expect(momentAt(anchor('a'), [], 'all', 11_000)).toBeNull();
    expect(momentAt({ ...anchor('a'), ended: true }, order, 'all', 11_000)).toBeNull();
  });

  test('T2 T8 at any time the items join without gap or overlap', () => {
    const duration = fc.double({ min: 1, max: 1e9, noNaN: true });
    const time = fc.double({ min: -1e14, max: 1e14, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(duration, { minLength: 1, maxLength: 8 }),
        fc.nat(7),
        fc.double({ min: 0, max: 1e14, noNaN: true }),
        time,
        time,
        fc.constantFrom('off' as const, 'one' as const, 'all' as const),
        fc.boolean(),
        (durations, from, positionMs, atMs, nowMs, loop, playing) => {
          const items = durations.map((durationMs, i) => ({ itemId: `i${i}`, trackId: 't', durationMs }));
          const itemId = `i${from % items.length}`;
          const moment = momentAt({ itemId, positionMs, atMs, playing }, items, loop, nowMs);
          if (moment === null) return loop === 'off' && playing;
          const { item, index, startedAtMs } = moment;
          const inside = moment.positionMs >= 0 && moment.positionMs <= item.durationMs;
          const ulps = 1 + Math.abs(startedAtMs) * 1e-14 + positionMs * 1e-12;
          const consistent =
            !playing ||
            nowMs < atMs ||
            Math.abs(startedAtMs + moment.positionMs - nowMs) <= ulps + Math.abs(nowMs) * 1e-12;
          return items[index] === item && inside && Number.isFinite(startedAtMs) && consistent;
        },
      ),
      { numRuns: 2000, seed: 7 },
    );
  });
});
