/**
 * How far what came out of a decoder is behind what went into it, and so when whoever takes it falls behind. Pure.
 *
 * A decoder that is stopped for a moment catches up; what reads at its own real time never does, and hears whatever has piled up
 * that much later for ever.
 */

/** So far behind, whoever listens is too late for the room. */
export const MAX_BEHIND_MS = 500;
/** From report to report. */
export const REPORT_MS = 500;
/** A hiccup of this machine, or of the decoder, is over by then. */
export const LASTING_MS = 500;

export interface Backlog {
  /** So much sound more has gone in. */
  went(ms: number, nowMs: number): void;
  /** A report: of all that went in since the beginning, so much has come out. */
  came(ms: number, nowMs: number): void;
  /** It has been too far behind for long enough. */
  isLasting(nowMs: number): boolean;
}

export function createBacklog(): Backlog {
  let wentMs = 0;
  let cameMs = 0;
  let sinceMs: number | null = null;

  return {
    went(ms, nowMs) {
      wentMs += ms;
      // Between two reports nothing is known to have come out; what brings none at all is behind as well.
      if (wentMs - cameMs > REPORT_MS + MAX_BEHIND_MS) sinceMs ??= nowMs;
    },
    came(ms, nowMs) {
      cameMs = ms;
      sinceMs = wentMs - cameMs > MAX_BEHIND_MS ? (sinceMs ?? nowMs) : null;
    },
    isLasting: (nowMs) => sinceMs !== null && nowMs - sinceMs >= LASTING_MS,
  };
}
