/** How long to wait before a host's encoder that failed is begun again: ever longer, and never given up. Pure. */

const FIRST_PAUSES_MS = [1_000, 5_000];
const PAUSE_MS = 30_000;
/** What ran so long since has started well. */
const STEADY_MS = 60_000;

export interface Retries {
  /** It failed. */
  waitMs(nowMs: number): number;
}

export function createRetries(): Retries {
  let failures = 0;
  let failedAtMs = -Infinity;
  return {
    waitMs(nowMs) {
      if (nowMs - failedAtMs > STEADY_MS) failures = 0;
      failedAtMs = nowMs;
      return FIRST_PAUSES_MS[failures++] ?? PAUSE_MS;
    },
  };
}
