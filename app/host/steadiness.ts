/**
 * How often this device stumbled lately: stood still, or lost the node while it hosted, or hosted and was not heard. Pure; any
 * monotonic milliseconds.
 */

/** A page that a system stops, or that computes for so long, would leave a hole in the stream. */
export const STOOD_STILL_MS = 2_000;
const REMEMBERED_MS = 600_000;
const MOST = 16;
/** What comes together is one stumble. */
const APART_MS = 3_000;
/** Long enough for every other candidate to have its turn; then it may have been a Wi-Fi that hung. */
const UNHEARD_MS = 60_000;

export interface Steadiness {
  stumbled(nowMs: number): void;
  stumbles(nowMs: number): number;
  /** The node got nothing of what it fed: a stumble, too. */
  wasUnheard(nowMs: number): void;
  isUnheard(nowMs: number): boolean;
}

export function createSteadiness(): Steadiness {
  let atMs: number[] = [];
  let unheardAtMs = -Infinity;

  function stumbled(nowMs: number): void {
    const last = atMs.at(-1);
    if (last !== undefined && nowMs - last < APART_MS) return;
    atMs = [...atMs, nowMs].slice(-MOST);
  }

  return {
    stumbled,
    stumbles(nowMs) {
      atMs = atMs.filter((each) => nowMs - each < REMEMBERED_MS);
      return atMs.length;
    },
    wasUnheard(nowMs) {
      stumbled(nowMs);
      unheardAtMs = nowMs;
    },
    isUnheard: (nowMs) => nowMs - unheardAtMs < UNHEARD_MS,
  };
}
