/** Whether this device would be heard at once if it became the host. Pure; any monotonic milliseconds. */

/** Who has only just begun may have a moment of the song and wait for the rest. */
const STEADY_MS = 2_000;
/** A seek, or a song's first moments, are no reason to let another go first. */
const LATE_MS = 1_000;

export interface Readiness {
  /** What its player does; `nothing`: the room has nothing to be heard. */
  look(what: 'sounds' | 'silent' | 'nothing', nowMs: number): void;
  isReady(nowMs: number): boolean;
}

export function createReadiness(): Readiness {
  let soundsSinceMs: number | null = null;
  let silentSinceMs: number | null = null;

  const isReady = (nowMs: number): boolean => soundsSinceMs !== null && nowMs - soundsSinceMs >= STEADY_MS;

  return {
    look(what, nowMs) {
      if (what === 'silent') {
        silentSinceMs ??= nowMs;
        if (!isReady(nowMs) || nowMs - silentSinceMs > LATE_MS) soundsSinceMs = null;
        return;
      }
      silentSinceMs = null;
      if (what === 'nothing') soundsSinceMs = -Infinity;
      else soundsSinceMs ??= nowMs;
    },
    isReady,
  };
}
