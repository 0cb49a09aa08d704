import { describe, expect, test } from 'vitest';
import { createStandstill } from '../../../app/clock/standstill.ts';
import { seeded } from '../../fixtures/seeded.ts';
import { devices, ranked } from './devices.ts';

/** Peers give up one that is silent for less; a shorter sleep leaves its connections as they were. */
const GIVEN_UP_MS = 5_000;

type World = ReturnType<typeof devices>;

/** Room time is the simulated time: `a` has made it, and the others have followed. */
function party(others: readonly string[] = ['b', 'c']): World {
  const skews: Record<string, number> = { a: 0 };
  others.forEach((id, index) => (skews[id] = index % 2 === 0 ? 7_000 : -3_000));
  const world = devices(skews);
  world.leader = ranked(['a', ...others]);
  for (const id of ['a', ...others]) world.add(id);
  world.run(30_000);
  return world;
}

/** Its lid is closed, and its peers notice. */
function closeLid(world: World, id: string, ms: number): void {
  world.sleep(id);
  world.run(Math.min(ms, GIVEN_UP_MS));
  if (ms <= GIVEN_UP_MS) return;
  world.isolate(id);
  world.run(ms - GIVEN_UP_MS);
}

describe('local time that stood still (K9)', () => {
  function clocks() {
    const now = { localMs: 5_000, wallMs: 1_700_000_000_000 };
    const standstill = createStandstill({ localNowMs: () => now.localMs, wallNowMs: () => now.wallMs });
    return (passed: { localMs?: number; wallMs?: number }): boolean => {
      now.localMs += passed.localMs ?? 0;
      now.wallMs += passed.wallMs ?? 0;
      return standstill.look();
    };
  }

  test('K9 a sleep of more than a second is noticed, once', () => {
    const pass = clocks();
    expect(pass({ localMs: 60_000, wallMs: 60_000 })).toBe(false);
    expect(pass({ wallMs: 1_001 })).toBe(true);
    expect(pass({ localMs: 60_000, wallMs: 60_000 })).toBe(false);
  });

  test('K9 pieces of sleep add up, and a wall clock that was set back hides none', () => {
    const pass = clocks();
    expect(pass({ localMs: 1_000, wallMs: 1_400 })).toBe(false);
    expect(pass({ localMs: 1_000, wallMs: 1_400 })).toBe(false);
    expect(pass({ localMs: 1_000, wallMs: 1_400 })).toBe(true);
    expect(pass({ wallMs: -3_600_000 })).toBe(false);
    expect(pass({ wallMs: 1_001 })).toBe(true);
  });

  test('K9 a process that was stopped has not slept, nor has one whose clocks are read to 0.1 s', () => {
    const pass = clocks();
    expect(pass({ localMs: 600_000, wallMs: 600_000 })).toBe(false);
    for (let count = 0; count < 100; count++) {
      expect(pass({ localMs: count % 2 === 0 ? 100 : 0, wallMs: count % 2 === 0 ? 0 : 100 })).toBe(false);
    }
  });
});

describe('clock sync over a sleep', () => {
  test('K10 a leader that slept asks before it says what time it is, and nobody’s room time moves', () => {
    const world = party();
    closeLid(world, 'a', 600_000);
    world.wake('a');
    world.run(1_000);
    world.link('a', 'b');
    expect(world.worstErrorMs(['b', 'c'], 600)).toBeLessThan(1);
    world.link('a', 'c');
    expect(world.worstErrorMs(['a', 'b', 'c'], 60_000)).toBeLessThan(1);
  });

  test('K10 whoever is linked first: a newcomer, one that slept too, or one that stayed awake', () => {
    for (const order of ['nbc', 'ncb', 'bcn', 'cbn', 'cnb']) {
      const world = party();
      world.sleep('c');
      closeLid(world, 'a', 600_000);
      world.add('n');
      world.isolate('n');
      world.isolate('c');
      world.wake('a');
      world.wake('c');
      for (const id of order) {
        world.link('a', id);
        expect(world.worstErrorMs(['b'], 2_000), order).toBeLessThan(1);
      }
      world.run(1_000);
      expect(world.worstErrorMs(['a', 'b', 'c', 'n'], 60_000), order).toBeLessThan(1);
    }
  });

  test('K10 after a sleep so short that no connection broke, the first one that asks makes it ask', () => {
    const world = party();
    closeLid(world, 'a', 3_000);
    world.wake('a');
    expect(world.worstErrorMs(['b', 'c'], 30_000)).toBeLessThan(1);
    expect(world.worstErrorMs(['a'], 1_000)).toBeLessThan(1);
  });

  test('K10 one that slept alone goes on where it was, and takes the time of who comes and knows', () => {
    const world = party(['b']);
    world.isolate('a');
    world.run(30_000);
    world.sleep('a');
    world.run(600_000);
    world.wake('a');
    expect(world.worstErrorMs(['a'], 60_000, { roomMs: () => world.nowMs() - 600_000 })).toBe(0);
    world.link('a', 'b');
    expect(world.worstErrorMs(['b'], 2_000)).toBeLessThan(1);
    expect(world.worstErrorMs(['a', 'b'], 60_000)).toBeLessThan(1);
  });

  test('K10 one that has been awake again for a while gives a newcomer the time at once', () => {
    const world = party(['b']);
    world.remove('b');
    world.sleep('a');
    world.run(600_000);
    world.wake('a');
    world.run(20_000);
    world.add('n');
    world.run(1_000);
    expect(world.worstErrorMs(['a', 'n'], 10_000, { roomMs: () => world.nowMs() - 600_000 })).toBeLessThan(1);
  });

  test('K11 a follower that slept has room time again after one burst, from its first look on', () => {
    for (let phaseMs = 0; phaseMs < 1_000; phaseMs += 100) {
      const world = party();
      world.run(phaseMs);
      closeLid(world, 'b', 600_000);
      world.wake('b');
      world.link('a', 'b');
      world.run(600);
      expect(world.worstErrorMs(['a', 'b', 'c'], 20_000), `${phaseMs}`).toBeLessThan(1);
    }
  });

  test('K11 what a follower was told into its sleep counts for nothing', () => {
    const world = party();
    for (const intoBurstMs of [0, 20, 100, 225, 400]) {
      const asked = world.askedBy.get('b') ?? 0;
      while (world.askedBy.get('b') === asked) world.run(1);
      world.run(intoBurstMs);
      closeLid(world, 'b', 3_000);
      world.wake('b');
      world.run(1_500);
      expect(world.worstErrorMs(['a', 'b', 'c'], 1_000), `${intoBurstMs}`).toBeLessThan(1);
    }
  });

  test('K12 a wall clock that is set, to or fro, here or everywhere, moves nobody’s room time', () => {
    for (const ids of [['a'], ['b'], ['a', 'b', 'c']]) {
      for (const stepMs of [2_000, 3_600_000, -3_600_000]) {
        const world = party();
        let told = 0;
        for (const id of ['a', 'b', 'c']) world.clock(id).onChange(() => told++);
        for (const id of ids) world.wallSkews[id] = stepMs;
        expect(world.worstErrorMs(['a', 'b', 'c'], 60_000)).toBeLessThan(0.1);
        expect(told).toBe(0);
        expect(world.clock('b').estimate?.roundTripMs).toBeCloseTo(6, 6);
      }
    }
  });

  test('K12 set everywhere, it moves the leader by none of the noise of those whom it asks', () => {
    const random = seeded(12);
    const world = party();
    world.delayMs = () => 1 + random() * 30;
    for (const id of ['a', 'b', 'c']) world.wallSkews[id] = 3_600_000;
    expect(world.worstErrorMs(['a'], 30_000)).toBe(0);
  });

  test('K12 set while a device is alone, or while only newcomers are there, it costs them a few seconds of waiting', () => {
    const world = devices({ a: 0, n: 90_000 });
    world.leader = ranked(['a', 'n']);
    world.add('a');
    world.wallSkews['a'] = 3_600_000;
    expect(world.worstErrorMs(['a'], 1_000)).toBe(0);
    world.add('n');
    expect(world.worstErrorMs(['a'], 15_000)).toBe(0);
    expect(world.worstErrorMs(['a', 'n'], 60_000)).toBeLessThan(1);
  });

  test('K12 a leader that was stopped, its clock not, has room time, and asks nobody', () => {
    const world = party();
    closeLid(world, 'a', 600_000);
    const asked = world.askedBy.get('a');
    world.wake('a', false);
    world.link('a', 'b');
    world.link('a', 'c');
    expect(world.worstErrorMs(['a', 'b', 'c'], 4_000)).toBeLessThan(1);
    expect(world.askedBy.get('a')).toBe(asked);
  });

  test('K13 when all have slept, the room goes on from the latest time that one of them knows, and nobody goes back', () => {
    for (const last of ['a', 'b', 'c']) {
      const world = party();
      for (const id of ['a', 'b', 'c']) if (id !== last) world.sleep(id);
      world.run(60_000);
      for (const id of ['a', 'b', 'c']) world.isolate(id);
      world.run(240_000);
      const sinceMs = world.nowMs();
      world.sleep(last);
      world.run(3_600_000);
      for (const id of ['a', 'b', 'c']) world.wake(id);
      world.link('a', 'b');
      world.link('b', 'c');
      world.link('a', 'c');
      const sleptMs = world.nowMs() - sinceMs;
      const beforeMs = new Map(['a', 'b', 'c'].map((id) => [id, world.clock(id).nowMs()]));
      for (let passedMs = 0; passedMs < 15_000; passedMs += 50) {
        world.run(50);
        for (const id of ['a', 'b', 'c']) {
          expect(world.clock(id).nowMs(), `${id} of ${last}`).toBeGreaterThan(beforeMs.get(id) ?? 0);
          beforeMs.set(id, world.clock(id).nowMs());
        }
      }
      expect(
        world.worstErrorMs(['a', 'b', 'c'], 20_000, { roomMs: () => world.nowMs() - sleptMs }),
        last,
      ).toBeLessThan(3);
    }
  });

  test('K13 a newcomer that is to lead them takes the time of one that slept over its own', () => {
    const world = devices({ n: 90_000, a: 0, b: 7_000 });
    world.leader = ranked(['n', 'a', 'b']);
    for (const id of ['a', 'b']) world.add(id);
    world.run(30_000);
    for (const id of ['a', 'b']) world.sleep(id);
    world.run(600_000);
    for (const id of ['a', 'b']) world.wake(id);
    world.add('n');
    world.run(1_000);
    const roomMs = (): number => world.nowMs() - 600_000;
    expect(world.worstErrorMs(['n', 'a', 'b'], 30_000, { roomMs })).toBeLessThan(1);
  });

  test('K14 while one that knows stays awake, no sleep of others moves anybody’s room time (property)', () => {
    const everyMs = 500;
    for (let seed = 1; seed <= 15; seed++) {
      const random = seeded(seed);
      const ids = ['a', 'b', 'c', 'd'];
      const world = party(ids.slice(1));
      /** Since when it has been linked with all that are awake. */
      const wholeAtMs = new Map(ids.map((id) => [id, 0]));
      const asleep = new Set<string>();
      const knowing = (): string[] =>
        ids.filter((id) => !asleep.has(id) && world.nowMs() - (wholeAtMs.get(id) ?? 0) > 20_000);
      for (let step = 0; step < 40; step++) {
        const id = ids[Math.floor(random() * ids.length)] ?? 'a';
        if (asleep.has(id)) {
          world.wake(id);
          asleep.delete(id);
          wholeAtMs.set(id, Infinity);
          for (const other of [...ids].sort(() => random() - 0.5)) {
            if (other === id || asleep.has(other)) continue;
            expect(world.worstErrorMs(knowing(), random() * 2_000, { everyMs }), `seed ${seed}`).toBeLessThan(
              3,
            );
            world.link(id, other);
          }
          wholeAtMs.set(id, world.nowMs());
        } else if (knowing().some((other) => other !== id)) {
          asleep.add(id);
          world.sleep(id);
          expect(world.worstErrorMs(knowing(), GIVEN_UP_MS, { everyMs }), `seed ${seed}`).toBeLessThan(3);
          world.isolate(id);
        }
        expect(world.worstErrorMs(knowing(), random() * 60_000, { everyMs }), `seed ${seed}`).toBeLessThan(3);
      }
    }
  });
});
