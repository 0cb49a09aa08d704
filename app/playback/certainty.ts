/**
 * When a large error is certain, so that it is jumped to (crossfaded, unheard) instead of bent to for up to 40 s of echo:
 * once it has stayed the same for a while. That tells it from a slip of the measurement (a reading 18 ms off, a clock that is
 * still settling), which a jump would make heard twice, and a slow approach hardly at all. Pure: times come in as arguments.
 */
import { STEP_MS } from './schedule.ts';

/** After an event that changes the output: an output says its new latency seconds later (Bluetooth), or only then has it. */
export const STEP_EXPECTED_MS = 3_000;
interface Rule {
  /** Errors up to this are left to bending. */
  aboveMs: number;
  /** What was measured since has stayed within this; bending alone moves an error by 5 ms a second. */
  agreeingMs: number;
  sureMs: number;
}

/** Nobody said that anything changed. */
const UNEXPECTED: readonly Rule[] = [{ aboveMs: STEP_MS, agreeingMs: 12, sureMs: 1_500 }];
/**
 * A step is expected. A large one: enough that it is no reading between the old latency and the new one. A small one: once
 * the readings before it are in the minority; a page that just began to sound stumbles (by 20 to 60 ms in a busy Chromium), and
 * two devices that bend towards each other for seven seconds are heard as two.
 */
const EXPECTED: readonly Rule[] = [
  { aboveMs: STEP_MS, agreeingMs: 12, sureMs: 100 },
  { aboveMs: 10, agreeingMs: 5, sureMs: 600 },
];

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
  let since = new Map<Rule, { errorMs: number; atMs: number }>();
  return {
    isSure(errorMs, nowMs, isStepExpected) {
      const known = since;
      since = new Map();
      if (errorMs === null) return false;
      return (isStepExpected ? EXPECTED : UNEXPECTED).reduce((sure, rule) => {
        if (Math.abs(errorMs) <= rule.aboveMs) return sure;
        const before = known.get(rule);
        const agrees = before !== undefined && Math.abs(errorMs - before.errorMs) <= rule.agreeingMs;
        const first = agrees ? before : { errorMs, atMs: nowMs };
        since.set(rule, first);
        return sure || nowMs - first.atMs >= rule.sureMs;
      }, false);
    },
    reset() {
      since = new Map();
    },
  };
}
