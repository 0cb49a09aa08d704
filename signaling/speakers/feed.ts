/** Whether a speaker that says it plays a room gets its stream. Pure. */

/**
 * `fed`: it fetches. `unfed`: it does not. `gone`: it does not, as the address that it was told is no longer this machine's.
 * `unknown`: nobody can tell.
 */
export type Feed = 'fed' | 'unfed' | 'gone' | 'unknown';

export interface FeedFacts {
  /** From where it fetches, if it does so itself. */
  address: string | null;
  /** Addresses that listen to this room's stream. */
  listeners: ReadonlySet<string>;
  /** From where the other speakers fetch. */
  others: ReadonlySet<string>;
  /** It was seen to fetch from its own address before: it has not another one for that. */
  isProven: boolean;
  /** The address that is loaded was this machine's, and is no longer. */
  isGone: boolean;
}

export function feedOf({ address, listeners, others, isProven, isGone }: FeedFacts): Feed {
  if (address !== null && listeners.has(address)) return 'fed';
  if (isGone) return 'gone';
  if (address === null) return 'unknown';
  // Behind a proxy, or on two networks, it may be any listener that is nobody else.
  const isOther = !isProven && [...listeners].some((listener) => !others.has(listener));
  return isOther ? 'unknown' : 'unfed';
}
