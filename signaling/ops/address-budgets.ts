/** A token bucket for each remote address, in bounded memory. Pure. */
import { type Budget, type BudgetSize, createBudget } from './budget.ts';

/** More than a LAN has. Who invents addresses beyond it makes others' buckets forgotten, which harms nobody. */
const MAX_ADDRESSES = 4_096;

export interface AddressBudgets {
  /** False: this address has used up its share. */
  spend(address: string, cost: number, nowMs: number): boolean;
  /** This address's own, to be charged by all that it has open. */
  of(address: string, nowMs: number): Budget;
  size(): number;
}

export function createAddressBudgets(size: BudgetSize): AddressBudgets {
  /** Least lately used first: a Map keeps the order in which keys were set. */
  const budgets = new Map<string, Budget>();
  function of(address: string, nowMs: number): Budget {
    const budget = budgets.get(address) ?? createBudget(size, nowMs);
    budgets.delete(address);
    budgets.set(address, budget);
    if (budgets.size > MAX_ADDRESSES) {
      const [oldest] = budgets.keys();
      if (oldest !== undefined) budgets.delete(oldest);
    }
    return budget;
  }
  return {
    of,
    spend: (address, cost, nowMs) => of(address, nowMs).spend(cost, nowMs),
    size: () => budgets.size,
  };
}
