/**
 * Notices that local time stood still: on most systems the monotonic clock stops while the device sleeps, and the wall clock
 * does not. Noticing is all that the wall clock is for: it may be set at any moment, so no time is ever computed from it.
 * Pure. Rule K9 in tests/SPEC.md.
 */

/** More than two clocks come apart by reading them to 0.1 s, and by hours of uneven quartz. */
export const STOOD_STILL_MS = 1_000;

export interface Standstill {
  /** Whether local time stood still (or the wall clock was set ahead) since the last call that said so. */
  look(): boolean;
}

export function createStandstill(options: { localNowMs: () => number; wallNowMs: () => number }): Standstill {
  const aheadMs = (): number => options.wallNowMs() - options.localNowMs();
  // The least since then, not the last: a phone sleeps in pieces of half a second, which add up.
  let leastMs = aheadMs();
  return {
    look() {
      const nowMs = aheadMs();
      const stoodStill = nowMs - leastMs > STOOD_STILL_MS;
      leastMs = stoodStill ? nowMs : Math.min(leastMs, nowMs);
      return stoodStill;
    },
  };
}
