/**
 * Whether this process stood still itself between two looks (a certificate that was made, a machine that slept). Timers that
 * were due run before what came meanwhile is read, so of whoever seems silent nothing can be said before the next look. Pure.
 */
export interface OwnPause {
  /**
   * Call at each look. For how long it stood still; 0: it did not. Never twice in a row: a process that is always late has to
   * judge as well.
   */
  lastedMs(nowMs: number): number;
  /** It looks from now on; infinite: no longer. */
  begin(nowMs: number): void;
}

/** @param atLeastMs well above the time from look to look */
export function createOwnPause(atLeastMs: number): OwnPause {
  let lookedAtMs = Infinity;
  let said = false;
  return {
    lastedMs(nowMs) {
      const sinceMs = nowMs - lookedAtMs;
      lookedAtMs = nowMs;
      said = sinceMs >= atLeastMs && !said;
      return said ? sinceMs : 0;
    },
    begin(nowMs) {
      lookedAtMs = nowMs;
      said = false;
    },
  };
}
