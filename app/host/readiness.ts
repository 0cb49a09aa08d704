/** Whether this device would be heard at once if it became the host. Pure; any monotonic milliseconds. */

/** A seek, or a song's first moments, are no reason to let another go first. */
const LATE_MS = 1_000;

export interface Readiness {
  /** Its player sounds, or the room has nothing to be heard. */
  sounded(nowMs: number): void;
  isReady(nowMs: number): boolean;
}

export function createReadiness(): Readiness {
  let atMs = -Infinity;
  return {
    sounded(nowMs) {
      atMs = nowMs;
    },
    isReady: (nowMs) => nowMs - atMs <= LATE_MS,
  };
}
