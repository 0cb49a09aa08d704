import { describe, expect, test } from 'vitest';
import { createFounding } from '../../../app/session/founding.ts';

function newcomer(world: { hasOwner: boolean; isWhole: boolean; name: string | null }) {
  let nowMs = 0;
  const timers = new Set<{ run: () => void; atMs: number }>();
  const founded: { name: string; atMs: number }[] = [];
  const founding = createFounding({
    nowMs: () => nowMs,
    setTimer(run, ms) {
      const timer = { run, atMs: nowMs + ms };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    hasOwner: () => world.hasOwner,
    isWhole: () => world.isWhole,
    name: () => world.name,
    found(name) {
      founded.push({ name, atMs: nowMs });
      world.hasOwner = true;
    },
  });
  return {
    founding,
    founded,
    timers,
    pass(ms: number) {
      const endMs = nowMs + ms;
      for (;;) {
        const [next] = [...timers].sort((a, b) => a.atMs - b.atMs);
        if (!next || next.atMs > endMs) break;
        timers.delete(next);
        nowMs = next.atMs;
        next.run();
      }
      nowMs = endMs;
    },
  };
}

describe('founding', () => {
  test('F1 a room in which nothing is missing and nobody owns is founded after 2.5 s', () => {
    const { founded, timers, pass } = newcomer({ hasOwner: false, isWhole: true, name: 'Ann’s room' });
    pass(2_250);
    expect(founded).toEqual([]);
    pass(1_000);
    expect(founded).toEqual([{ name: 'Ann’s room', atMs: 2_500 }]);
    expect(timers.size).toBe(0);
  });

  test('F2 while a link or the document is on its way nobody founds, and the time begins anew after it', () => {
    const world = { hasOwner: false, isWhole: false, name: 'Ann’s room' };
    const { founded, pass } = newcomer(world);
    pass(9_000);
    world.isWhole = true;
    pass(2_000);
    world.isWhole = false;
    pass(500);
    world.isWhole = true;
    pass(2_000);
    expect(founded).toEqual([]);
    world.hasOwner = true;
    pass(60_000);
    expect(founded).toEqual([]);
  });

  test('F3 who announces itself and is never reached holds it up for 30 s, not for ever', () => {
    const { founded, pass } = newcomer({ hasOwner: false, isWhole: false, name: 'Ann’s room' });
    pass(29_900);
    expect(founded).toEqual([]);
    pass(1_000);
    expect(founded).toHaveLength(1);
  });

  test('F4 who has not told a name yet founds once it has; a room that is closed is founded by nobody', () => {
    const world: { hasOwner: boolean; isWhole: boolean; name: string | null } = {
      hasOwner: false,
      isWhole: true,
      name: null,
    };
    const { founding, founded, timers, pass } = newcomer(world);
    pass(60_000);
    expect(founded).toEqual([]);
    world.name = 'Ann’s room';
    pass(500);
    expect(founded).toHaveLength(1);

    world.hasOwner = false;
    const other = newcomer(world);
    other.founding.close();
    expect(other.timers.size).toBe(0);
    founding.close();
    expect(timers.size).toBe(0);
  });
});
