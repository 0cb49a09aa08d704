/**
 * How much one address may ask of the node's ports, so that one device that runs wild leaves the node to the others. This
 * machine itself is left out: a proxy on it speaks for everybody.
 */
import { createAddressBudgets } from './address-budgets.ts';
import type { BudgetSize } from './budget.ts';

export interface VisitorLimits {
  /** Connections at a time: a browser has some ten, and a whole party may hide behind one router. */
  open: number;
  /** New connections: each costs a TLS handshake. */
  opening: BudgetSize;
  /** Requests, and WebSockets that are opened. */
  requests: BudgetSize;
  /** STUN and TURN requests: a browser that joins fifty others sends some hundred at once. */
  introductions: BudgetSize;
  isExempt(address: string): boolean;
}

const LIMITS: VisitorLimits = {
  open: 1_024,
  opening: { burst: 600, perSecond: 100 },
  requests: { burst: 2_000, perSecond: 300 },
  introductions: { burst: 2_000, perSecond: 400 },
  isExempt: (address) => /^(::ffff:)?127\.|^::1$/i.test(address),
};

export type Refused = 'too-many-connections-of-one' | 'connecting-too-fast' | 'asking-too-fast';

export interface Visitors {
  /** Whether no share binds this address. */
  isExempt(address: string): boolean;
  /** Null: welcome; `left` has to follow. */
  arrive(address: string): Refused | null;
  left(address: string): void;
  ask(address: string): Refused | null;
  /** Whether it may be introduced to somebody once more. This machine itself is not left out: nobody proxies datagrams. */
  introduce(address: string): boolean;
}

/** @param now monotonic milliseconds */
export function createVisitors(now: () => number, changes: Partial<VisitorLimits> = {}): Visitors {
  const limits = { ...LIMITS, ...changes };
  const open = new Map<string, number>();
  const opening = createAddressBudgets(limits.opening);
  const requests = createAddressBudgets(limits.requests);
  const introductions = createAddressBudgets(limits.introductions);

  return {
    isExempt: limits.isExempt,
    arrive(address) {
      const count = open.get(address) ?? 0;
      if (!limits.isExempt(address)) {
        if (count >= limits.open) return 'too-many-connections-of-one';
        if (!opening.spend(address, 1, now())) return 'connecting-too-fast';
      }
      open.set(address, count + 1);
      return null;
    },
    left(address) {
      const count = (open.get(address) ?? 1) - 1;
      if (count === 0) open.delete(address);
      else open.set(address, count);
    },
    ask: (address) =>
      limits.isExempt(address) || requests.spend(address, 1, now()) ? null : 'asking-too-fast',
    introduce: (address) => introductions.spend(address, 1, now()),
  };
}
