/** Ticks that come late tell that this device, or its browser, stood still. Pure. */

/** Peers give this one up after less; so do its own connections to the node. */
const SLEPT_MS = 5_000;

export type Gap = 'on-time' | 'late' | 'slept';

export interface SleepGuard {
  /** Call at each tick: how it compares with the one before. */
  look(): Gap;
}

/** @param options `nowMs` may stand still while the device sleeps, as some systems' monotonic clocks do: `wallMs` does not */
export function createSleepGuard(options: {
  nowMs(): number;
  wallMs(): number;
  periodMs: number;
}): SleepGuard {
  const { nowMs, wallMs, periodMs } = options;
  let last = { nowMs: nowMs(), wallMs: wallMs() };
  return {
    look() {
      const before = last;
      last = { nowMs: nowMs(), wallMs: wallMs() };
      const gapMs = Math.max(last.nowMs - before.nowMs, last.wallMs - before.wallMs);
      if (gapMs > periodMs + SLEPT_MS) return 'slept';
      return gapMs > 2 * periodMs ? 'late' : 'on-time';
    },
  };
}
