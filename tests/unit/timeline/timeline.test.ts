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
    expect(playing?.next).toEqual({ item: order[1], index: 1, startsAtMs: 11_000, overlapMs: 0 });
    expect(nextChangeMs(playing)).toBe(11_000);
    const paused = momentAt(anchor('a', 0, 10_000, false), order, 'off', 10_100);
    expect(paused?.next).toEqual({ item: order[1], index: 1, startsAtMs: null, overlapMs: 0 });
    expect(nextChangeMs(paused)).toBeNull();
    expect(nextChangeMs(null)).toBeNull();
  });

  test('T9 with a crossfade the next begins that long before the end, and the one before fades until it is over', () => {
    expect(momentAt(anchor('b'), order, 'off', 11_499, 500)).toMatchObject({
      index: 1,
      fading: null,
      next: { index: 2, startsAtMs: 11_500, overlapMs: 500 },
    });
    expect(nextChangeMs(momentAt(anchor('b'), order, 'off', 11_499, 500))).toBe(11_500);
    expect(momentAt(anchor('b'), order, 'off', 11_600, 500)).toMatchObject({
      index: 2,
      positionMs: 100,
      startedAtMs: 11_500,
      fading: { item: { itemId: 'b' }, overlapMs: 500 },
    });
    expect(momentAt(anchor('b'), order, 'off', 12_000, 500)).toMatchObject({ index: 2, fading: null });
    // The last one ends by itself.
    expect(momentAt(anchor('b'), order, 'off', 14_499, 500)).toMatchObject({ index: 2, next: null });
    expect(momentAt(anchor('b'), order, 'off', 14_500, 500)).toBeNull();
  });

  test('T10 items overlap by half of the shorter one at most, so that never three sound', () => {
    expect(momentAt(anchor('a'), order, 'off', 10_000, 12_000)?.next).toMatchObject({
      startsAtMs: 10_500,
      overlapMs: 500,
    });
    const tiny = [order[2]!, { itemId: 'd', trackId: 'td', durationMs: 40 }, order[1]!];
    expect(momentAt(anchor('c'), tiny, 'off', 10_000, 12_000)?.next).toMatchObject({ overlapMs: 20 });
    expect(momentAt(anchor('d'), tiny, 'off', 10_000, 12_000)?.next).toMatchObject({ overlapMs: 20 });
  });

  test('T10 loop one fades into itself, loop all from the last into the first', () => {
    expect(momentAt(anchor('b'), order, 'one', 10_000 + 1500 * 7 + 200, 500)).toMatchObject({
      index: 1,
      positionMs: 200,
      startedAtMs: 10_000 + 1500 * 7,
      fading: { item: { itemId: 'b' }, overlapMs: 500 },
      next: { index: 1, startsAtMs: 10_000 + 1500 * 8, overlapMs: 500 },
    });
    // 700 + 1,700 + 2,700 a round.
    expect(momentAt(anchor('a'), order, 'all', 10_000 + 5100 * 3 + 100, 300)).toMatchObject({
      index: 0,
      positionMs: 100,
      fading: { item: { itemId: 'c' }, overlapMs: 300 },
    });
  });

  test('T11 whoever knows a later anchor of the same music knows the same moment', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 6 }),
        fc.integer({ min: 0, max: 12_000 }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.integer({ min: 0, max: 60_000 }),
        fc.constantFrom('off' as const, 'one' as const, 'all' as const),
        (durations, crossfadeMs, firstMs, laterMs, loop) => {
          const items = durations.map((durationMs, i) => ({ itemId: `i${i}`, trackId: 't', durationMs }));
          const start = anchor('i0', 0, 0);
          const settled = momentAt(start, items, loop, firstMs, crossfadeMs);
          if (settled === null) return;
          const { item, startedAtMs, fading } = settled;
          const tail = fading && { tail: { itemId: fading.item.itemId, overlapMs: fading.overlapMs } };
          const later = { ...anchor(item.itemId, 0, startedAtMs), ...tail };
          const expected = momentAt(start, items, loop, firstMs + laterMs, crossfadeMs);
          const given = momentAt(later, items, loop, firstMs + laterMs, crossfadeMs);
          if (expected === null || given === null) {
            expect(given).toBe(expected);
            return;
          }
          expect(given.item).toBe(expected.item);
          expect(given.fading?.item).toBe(expected.fading?.item);
          expect(given.startedAtMs).toBeCloseTo(expected.startedAtMs, 3);
        },
      ),
      { numRuns: 2000, seed: 11 },
    );
  });

  test('T12 what is taken up in its last seconds is heard for half of them before the next begins', () => {
    expect(momentAt(anchor('c', 2600), order, 'all', 10_000, 1000)).toMatchObject({
      index: 2,
      positionMs: 2600,
      next: { startsAtMs: 10_200, overlapMs: 200 },
    });
    expect(momentAt(anchor('c', 2600), order, 'all', 10_250, 1000)).toMatchObject({
      index: 0,
      positionMs: 50,
      fading: { item: { itemId: 'c' }, overlapMs: 200 },
    });
    // Paused, nothing fades.
    expect(
      momentAt(
        { ...anchor('c', 100, 10_000, false), tail: { itemId: 'b', overlapMs: 500 } },
        order,
        'off',
        10_100,
        500,
      ),
    ).toMatchObject({ index: 2, fading: null });
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
        fc.integer({ min: 0, max: 12_000 }),
        (durations, from, positionMs, atMs, nowMs, loop, playing, crossfadeMs) => {
          const items = durations.map((durationMs, i) => ({ itemId: `i${i}`, trackId: 't', durationMs }));
          const itemId = `i${from % items.length}`;
          const moment = momentAt({ itemId, positionMs, atMs, playing }, items, loop, nowMs, crossfadeMs);
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
