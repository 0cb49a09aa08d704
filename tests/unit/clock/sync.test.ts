import { describe, expect, test } from 'vitest';
import { devices, ranked } from './devices.ts';

describe('clock sync', () => {
  test('a lone first peer goes by its own time, and by what it knew before a reload', () => {
    const world = devices({ a: 500 });
    world.leader = 'a';
    expect(world.add('a').nowMs()).toBe(world.local('a'));
    world.remove('a');
    expect(world.add('a', 42).nowMs()).toBe(world.local('a') + 42);
  });

  test('a second peer has the leader’s time within a second, to half the asymmetry of the path', () => {
    const world = devices({ a: 0, b: 7_000 });
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
    const world = devices({ a: 0, b: 7_000, c: -3_000 });
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
    const world = devices({ a: 0, b: 7_000, n: 90_000 });
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
    const world = devices({ a: 0, b: 250 });
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

  test('K15 when two parts of a room meet, the time of the one that leads is followed after two bursts, and told', () => {
    const world = devices({ a: 0, b: 0, x: 4_000, y: 0 });
    world.leader = ranked(['x', 'a', 'b', 'y']);
    for (const id of ['a', 'b']) world.add(id);
    for (const id of ['x', 'y']) {
      for (const other of ['a', 'b']) world.cut(id, other);
      world.add(id);
    }
    world.run(2_000);
    expect(world.clock('x').nowMs() - world.clock('b').nowMs()).toBeCloseTo(4_000, 3);
    let told = 0;
    world.clock('b').onChange(() => told++);
    for (const id of ['x', 'y']) for (const other of ['a', 'b']) world.link(id, other);
    told = 0;
    world.run(1_500);
    for (const id of ['a', 'b', 'y']) {
      expect(world.clock(id).nowMs() - world.clock('x').nowMs()).toBeCloseTo(0, 3);
    }
    expect(told).toBeGreaterThan(0);
  });

  test('messages that were not asked for, or do not parse, change nothing and are not answered', () => {
    const world = devices({ a: 0, b: 0, x: 0 });
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
    const world = devices({ a: 0, b: 0 });
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
