import { describe, expect, test } from 'vitest';
import { createClockSync, type ClockSync } from '../../../app/clock/sync.ts';

/** Devices whose clocks are off by known amounts, on a network with known delays, in simulated time. */
function network(skews: Record<string, number>) {
  let nowMs = 1_000_000;
  const timers: { atMs: number; order: number; run: () => void }[] = [];
  let order = 0;
  const schedule = (run: () => void, ms: number): (() => void) => {
    const timer = { atMs: nowMs + ms, order: order++, run };
    timers.push(timer);
    return () => {
      const index = timers.indexOf(timer);
      if (index >= 0) timers.splice(index, 1);
    };
  };
  const inboxes = new Map<string, (from: string, message: Uint8Array, receivedAtMs: number) => void>();
  const clocks = new Map<string, ClockSync>();
  const there = new Set<string>();
  const world = {
    leader: null as string | null,
    delayMs: (_from: string, _to: string): number => 3,
    loses: (_from: string, _to: string): boolean => false,
    sentBy: new Map<string, number>(),
    local: (id: string): number => nowMs + (skews[id] ?? 0),
    add(id: string, startOffsetMs = 0): ClockSync {
      there.add(id);
      const clock = createClockSync({
        selfId: id,
        localNowMs: () => world.local(id),
        send: (to, message) => {
          world.sentBy.set(id, (world.sentBy.get(id) ?? 0) + 1);
          if (!there.has(to) || world.loses(id, to)) return;
          const copy = message.slice();
          schedule(() => inboxes.get(to)?.(id, copy, world.local(to)), world.delayMs(id, to));
        },
        onMessage: (listener) => {
          inboxes.set(id, listener);
          return () => inboxes.delete(id);
        },
        leader: () => world.leader,
        peers: () => [...there].filter((other) => other !== id),
        setTimer: schedule,
        startOffsetMs,
      });
      clocks.set(id, clock);
      world.lookAll();
      return clock;
    },
    remove(id: string): void {
      there.delete(id);
      clocks.get(id)?.close();
      clocks.delete(id);
    },
    lead(id: string): void {
      world.leader = id;
      world.lookAll();
    },
    lookAll(): void {
      for (const clock of clocks.values()) clock.look();
    },
    deliver(to: string, from: string, message: Uint8Array): void {
      inboxes.get(to)?.(from, message, world.local(to));
    },
    run(ms: number): void {
      const untilMs = nowMs + ms;
      for (;;) {
        timers.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
        const next = timers[0];
        if (!next || next.atMs > untilMs) break;
        timers.shift();
        nowMs = next.atMs;
        next.run();
      }
      nowMs = untilMs;
    },
  };
  return world;
}

describe('clock sync', () => {
  test('a lone first peer goes by its own time, and by what it knew before a reload', () => {
    const world = network({ a: 500 });
    world.leader = 'a';
    expect(world.add('a').nowMs()).toBe(world.local('a'));
    world.remove('a');
    expect(world.add('a', 42).nowMs()).toBe(world.local('a') + 42);
  });

  test('a second peer has the leader’s time within a second, to half the asymmetry of the path', () => {
    const world = network({ a: 0, b: 7_000 });
    world.delayMs = (from) => (from === 'a' ? 4 : 2);
    world.leader = 'a';
    const a = world.add('a');
    const b = world.add('b');
    world.run(1_000);
    expect(Math.abs(a.nowMs() - b.nowMs())).toBeLessThanOrEqual(1.01);
    expect(b.estimate?.roundTripMs).toBeCloseTo(6, 6);
    expect(a.estimate).toBeNull();
    expect(b.toLocalMs(b.nowMs())).toBeCloseTo(world.local('b'), 6);
  });

  test('room time goes on without a jump when the leader leaves and another one leads', () => {
    const world = network({ a: 0, b: 7_000, c: -3_000 });
    world.leader = 'a';
    const a = world.add('a');
    const b = world.add('b');
    const c = world.add('c');
    world.run(2_000);
    const beforeMs = a.nowMs() - b.nowMs();
    const aheadMs = a.nowMs() - world.local('a');
    world.remove('a');
    world.lead('b');
    const expected = world.local('a') + aheadMs;
    expect(Math.abs(b.nowMs() - expected + beforeMs)).toBeLessThan(0.01);
    world.run(60_000);
    const later = world.local('a') + aheadMs;
    expect(Math.abs(b.nowMs() - later)).toBeLessThan(1);
    expect(Math.abs(c.nowMs() - later)).toBeLessThan(1);
  });

  test('a newcomer that is to lead at once takes over the time that the others share', () => {
    const world = network({ a: 0, b: 7_000, n: 90_000 });
    world.leader = 'a';
    const a = world.add('a');
    const b = world.add('b');
    world.run(2_000);
    world.leader = 'n';
    const n = world.add('n');
    world.run(3_000);
    expect(Math.abs(n.nowMs() - world.local('a'))).toBeLessThan(1);
    expect(Math.abs(a.nowMs() - n.nowMs())).toBeLessThan(1);
    expect(Math.abs(b.nowMs() - n.nowMs())).toBeLessThan(1);
  });

  test('bursts that are lost are repeated, and a leader that nobody answers goes by its own time', () => {
    const world = network({ a: 0, b: 250 });
    world.leader = 'a';
    world.loses = () => true;
    const a = world.add('a');
    const b = world.add('b');
    world.run(5_000);
    expect(b.estimate).toBeNull();
    world.loses = () => false;
    world.run(1_000);
    expect(b.estimate).not.toBeNull();
    expect(Math.abs(a.nowMs() - b.nowMs())).toBeLessThan(0.1);
  });

  test('follows a leader whose time stepped (it slept) after two bursts, and tells', () => {
    const skews = { a: 0, b: 0 };
    const world = network(skews);
    world.leader = 'a';
    const a = world.add('a');
    const b = world.add('b');
    world.run(2_000);
    let told = 0;
    b.onChange(() => told++);
    skews.a = 4_000;
    world.run(12_000);
    expect(Math.abs(a.nowMs() - b.nowMs())).toBeLessThan(1);
    expect(told).toBeGreaterThan(0);
  });

  test('messages that were not asked for, or do not parse, change nothing and are not answered', () => {
    const world = network({ a: 0, b: 0, x: 0 });
    world.leader = 'a';
    world.add('a');
    const b = world.add('b');
    world.run(1_500);
    const before = b.offsetMs();
    const sent = world.sentBy.get('b');
    for (let length = 0; length < 64; length++) world.deliver('b', 'x', new Uint8Array(length).fill(2));
    const forged = new Uint8Array(30);
    forged[0] = 2;
    for (let number = 0; number < 50; number++) {
      new DataView(forged.buffer).setUint32(1, number, true);
      world.deliver('b', 'a', forged);
    }
    const nan = new Uint8Array(13);
    nan[0] = 1;
    new DataView(nan.buffer).setFloat64(5, Number.NaN, true);
    world.deliver('b', 'a', nan);
    expect(b.offsetMs()).toBe(before);
    expect(world.sentBy.get('b')).toBe(sent);
  });

  test('closed twice, it is silent', () => {
    const world = network({ a: 0, b: 0 });
    world.leader = 'a';
    world.add('a');
    const b = world.add('b');
    b.close();
    b.close();
    const sent = world.sentBy.get('b');
    world.run(30_000);
    expect(world.sentBy.get('b')).toBe(sent);
  });
});
