/**
 * When a large error is certain, so that it is jumped to (crossfaded, unheard) instead of bent to for up to 40 s of echo:
 * once it has stayed the same for a while. That tells it from a slip of the measurement (a reading 18 ms off, a clock that is
 * still settling), which a jump would make heard twice, and a slow approach hardly at all. Pure: times come in as arguments.
 */
import { STEP_MS } from './schedule.ts';

/** After an event that changes the output: an output says its new latency seconds later (Bluetooth), or only then has it. */
export const STEP_EXPECTED_MS = 3_000;
/** A step is expected: enough that it is no reading between the old latency and the new one. */
const EXPECTED_SURE_MS = 100;
/** Nobody said that anything changed. */
const UNEXPECTED_SURE_MS = 1_500;
/** Bending alone moves an error by 5 ms a second. */
const AGREEING_MS = 12;

export interface Certainty {
  /**
   * Takes what is known of the error now; true: it is more than a nudge and it is certain. `isStepExpected`: the output
   * changed lately, or a trim was set by hand. Null: nothing is laid out.
   */
  isSure(errorMs: number | null, nowMs: number, isStepExpected: boolean): boolean;
  /** Something else is laid out: what was measured does not count for it. */
  reset(): void;
}

export function createCertainty(): Certainty {
  let first: { errorMs: number; atMs: number } | null = null;
  return {
    isSure(errorMs, nowMs, isStepExpected) {
      if (errorMs === null || Math.abs(errorMs) <= STEP_MS) {
        first = null;
        return false;
      }
      if (!first || Math.abs(errorMs - first.errorMs) > AGREEING_MS) first = { errorMs, atMs: nowMs };
      return nowMs - first.atMs >= (isStepExpected ? EXPECTED_SURE_MS : UNEXPECTED_SURE_MS);
    },
    reset() {
      first = null;
    },
  };
}
