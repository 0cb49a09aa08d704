/**
 * Whether this process stood still itself between two looks (a certificate that was made, a machine that slept). Timers that
 * were due run before what came meanwhile is read, so of whoever seems silent nothing can be said before the next look. Pure.
 */
export interface OwnPause {
  /** Call at each look. True at most once in a row: a process that is always late has to judge as well. */
  was(nowMs: number): boolean;
  /** It looks from now on; infinite: no longer. */
  begin(nowMs: number): void;
}

/** @param atLeastMs well above the time from look to look */
export function createOwnPause(atLeastMs: number): OwnPause {
  let lookedAtMs = Infinity;
  let said = false;
  return {
    was(nowMs) {
      said = nowMs - lookedAtMs >= atLeastMs && !said;
      lookedAtMs = nowMs;
      return said;
    },
    begin(nowMs) {
      lookedAtMs = nowMs;
      said = false;
    },
  };
}
