/** Where somebody who talks pauses, told from how loud it is. Pure. */

/** Quieter than this (RMS of full scale) nobody talks. */
const SILENT = 10 ** (-50 / 20);
/** Or so much quieter than the loudest of late: a microphone in a noisy room is never silent. */
const SHARE = 10 ** (-24 / 20);
/** How fast the loudest is forgotten, a second. */
const FORGET = 10 ** (-1 / 20);

export interface Pauses {
  /** @returns for how long it has been quiet by now, ms */
  take(rms: number, forMs: number): number;
}

export function createPauses(): Pauses {
  let loudest = 0;
  let quietMs = 0;
  return {
    take(rms, forMs) {
      loudest = Math.max(rms, loudest * FORGET ** (forMs / 1_000));
      quietMs = rms < Math.max(SILENT, loudest * SHARE) ? quietMs + forMs : 0;
      return quietMs;
    },
  };
}
