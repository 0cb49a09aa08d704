/** A token bucket: so much at once, so much a second after that. Pure. */
export interface Budget {
  /** Takes the cost, into debt where it must. @returns true while nothing is owed */
  charge(cost: number, nowMs: number): boolean;
  /** Takes the cost, or nothing. */
  spend(cost: number, nowMs: number): boolean;
  /** Until nothing is owed. */
  owedMs(nowMs: number): number;
  /** Nothing was taken for so long that it is as good as new. */
  isFull(nowMs: number): boolean;
}

export interface BudgetSize {
  burst: number;
  perSecond: number;
}

/** @param nowMs monotonic, as every time here */
export function createBudget({ burst, perSecond }: BudgetSize, nowMs: number): Budget {
  let left = burst;
  let atMs = nowMs;
  function refill(now: number): void {
    left = Math.min(burst, left + (Math.max(0, now - atMs) * perSecond) / 1000);
    atMs = now;
  }
  return {
    charge(cost, now) {
      refill(now);
      left -= cost;
      return left >= 0;
    },
    spend(cost, now) {
      refill(now);
      if (left < cost) return false;
      left -= cost;
      return true;
    },
    owedMs(now) {
      refill(now);
      return left >= 0 ? 0 : (-left / perSecond) * 1000;
    },
    isFull(now) {
      refill(now);
      return left >= burst;
    },
  };
}
