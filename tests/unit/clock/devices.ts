import { createClockSync, type ClockSync } from '../../../app/clock/sync.ts';

interface Timer {
  owner: string | null;
  atMs: number;
  order: number;
  run: () => void;
}

/**
 * Devices whose clocks are off by known amounts, on a network with known delays, in simulated time. One that sleeps runs no
 * timers, hears on waking what has reached it, and its local time stands still, as on most systems; its wall clock goes on.
 */
export function devices(skews: Record<string, number>) {
  let nowMs = 1_000_000;
  const timers = new Set<Timer>();
  let order = 0;
  const schedule = (owner: string | null, run: () => void, ms: number): (() => void) => {
    const timer = { owner, atMs: nowMs + ms, order: order++, run };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  const inboxes = new Map<string, (from: string, message: Uint8Array, receivedAtMs: number) => void>();
  const clocks = new Map<string, ClockSync>();
  const there = new Set<string>();
  /** Links that are down, as `from>to`, both ways. */
  const cuts = new Set<string>();
  const asleep = new Map<string, { sinceMs: number; held: (() => void)[] }>();
  const sleptMs = (id: string): number => {
    const since = asleep.get(id)?.sinceMs;
    return since === undefined ? 0 : nowMs - since;
  };

  const world = {
    /** Who leads, as that device computes it. */
    leader: null as string | null | ((id: string, peers: readonly string[]) => string | null),
    delayMs: (_from: string, _to: string): number => 3,
    loses: (_from: string, _to: string): boolean => false,
    sentBy: new Map<string, number>(),
    /** Probes; the rest are answers. */
    askedBy: new Map<string, number>(),
    wallSkews: {} as Record<string, number>,
    nowMs: (): number => nowMs,
    local: (id: string): number => nowMs - sleptMs(id) + (skews[id] ?? 0),
    clock(id: string): ClockSync {
      const clock = clocks.get(id);
      if (!clock) throw new Error(`${id} is not there`);
      return clock;
    },
    peers: (id: string): string[] =>
      [...there].filter((other) => other !== id && !cuts.has(`${id}>${other}`)),
    add(id: string, startOffsetMs = 0): ClockSync {
      there.add(id);
      const clock = createClockSync({
        selfId: id,
        localNowMs: () => world.local(id),
        wallNowMs: () => 1_700_000_000_000 + nowMs + (world.wallSkews[id] ?? 0),
        send: (to, message) => {
          for (const counts of message[0] === 1 ? [world.sentBy, world.askedBy] : [world.sentBy]) {
            counts.set(id, (counts.get(id) ?? 0) + 1);
          }
          if (!world.peers(id).includes(to) || world.loses(id, to)) return;
          const copy = message.slice();
          const arrive = (): void => {
            const sleep = asleep.get(to);
            if (sleep) sleep.held.push(arrive);
            else world.deliver(to, id, copy);
          };
          schedule(null, arrive, world.delayMs(id, to));
        },
        onMessage: (listener) => {
          inboxes.set(id, listener);
          return () => inboxes.delete(id);
        },
        leader: () => (typeof world.leader === 'function' ? world.leader(id, world.peers(id)) : world.leader),
        peers: () => world.peers(id),
        setTimer: (run, ms) => schedule(id, run, ms),
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
      world.lookAll();
    },
    lead(id: string): void {
      world.leader = id;
      world.lookAll();
    },
    lookAll(): void {
      for (const [id, clock] of clocks) if (!asleep.has(id)) clock.look();
    },
    cut(a: string, b: string): void {
      cuts.add(`${a}>${b}`).add(`${b}>${a}`);
      world.lookAll();
    },
    link(a: string, b: string): void {
      cuts.delete(`${a}>${b}`);
      cuts.delete(`${b}>${a}`);
      world.lookAll();
    },
    /** No link to anybody. */
    isolate(id: string): void {
      for (const other of there) if (other !== id) cuts.add(`${id}>${other}`).add(`${other}>${id}`);
      world.lookAll();
    },
    sleep(id: string): void {
      asleep.set(id, { sinceMs: nowMs, held: [] });
    },
    /** `clockStood` false: it was merely stopped, and its clock was not. */
    wake(id: string, clockStood = true): void {
      const sleep = asleep.get(id);
      if (!sleep) return;
      asleep.delete(id);
      if (clockStood) {
        const stoodMs = nowMs - sleep.sinceMs;
        skews[id] = (skews[id] ?? 0) - stoodMs;
        for (const timer of timers) if (timer.owner === id) timer.atMs += stoodMs;
      }
      for (const arrive of sleep.held) arrive();
    },
    deliver(to: string, from: string, message: Uint8Array): void {
      inboxes.get(to)?.(from, message, world.local(to));
    },
    run(ms: number): void {
      const untilMs = nowMs + ms;
      for (;;) {
        let next: Timer | null = null;
        for (const timer of timers) {
          if (timer.atMs > untilMs || (timer.owner !== null && asleep.has(timer.owner))) continue;
          if (!next || timer.atMs < next.atMs || (timer.atMs === next.atMs && timer.order < next.order)) {
            next = timer;
          }
        }
        if (!next) break;
        timers.delete(next);
        nowMs = Math.max(nowMs, next.atMs);
        next.run();
      }
      nowMs = untilMs;
    },
    /** Runs, and looks again and again how far each of them is off from `roomMs` at most. */
    worstErrorMs(
      ids: readonly string[],
      ms: number,
      { roomMs = (): number => nowMs, everyMs = 100 } = {},
    ): number {
      let worstMs = 0;
      for (let passedMs = 0; passedMs < ms; passedMs += everyMs) {
        world.run(everyMs);
        for (const id of ids) worstMs = Math.max(worstMs, Math.abs(world.clock(id).nowMs() - roomMs()));
      }
      return worstMs;
    },
  };
  return world;
}

/** Everybody's election: the first of these that it is linked with, or is itself. */
export function ranked(order: readonly string[]) {
  return (id: string, peers: readonly string[]): string | null =>
    order.find((one) => one === id || peers.includes(one)) ?? null;
}
