/** How often this device stumbled lately: stood still, or lost the node while it hosted. Pure; any monotonic milliseconds. */

/** A page that a system stops, or that computes for so long, would leave a hole in the stream. */
export const STOOD_STILL_MS = 2_000;
const REMEMBERED_MS = 600_000;
const MOST = 16;
/** What comes together is one stumble. */
const APART_MS = 3_000;

export interface Steadiness {
  stumbled(nowMs: number): void;
  stumbles(nowMs: number): number;
}

export function createSteadiness(): Steadiness {
  let atMs: number[] = [];
  return {
    stumbled(nowMs) {
      const last = atMs.at(-1);
      if (last !== undefined && nowMs - last < APART_MS) return;
      atMs = [...atMs, nowMs].slice(-MOST);
    },
    stumbles(nowMs) {
      atMs = atMs.filter((each) => nowMs - each < REMEMBERED_MS);
      return atMs.length;
    },
  };
}
