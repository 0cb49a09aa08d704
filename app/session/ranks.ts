/**
 * Ranks: fractional indices (https://observablehq.com/@dgreensp/implementing-fractional-indexing) without jitter. Two
 * peers that insert at the same place at once get equal ranks, which are ordered by itemId. Pure.
 */
import { generateNKeysBetween } from 'fractional-indexing';

export interface Ranked {
  itemId: string;
  rank: string;
}

/** Longer ranks come of hundreds of inserts at one place: then all ranks are dealt anew. */
const LONG_RANK = 60;

/** Order by `(rank, itemId)`, by UTF-16 code unit: the same on every device, whatever its language. */
export function compareRanked(a: Ranked, b: Ranked): number {
  if (a.rank !== b.rank) return a.rank < b.rank ? -1 : 1;
  return a.itemId < b.itemId ? -1 : a.itemId > b.itemId ? 1 : 0;
}

/** Index of the first element of `byRank` that is not before `place`. */
export function lowerBound(byRank: readonly Ranked[], place: Ranked): number {
  let low = 0;
  let high = byRank.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const at = byRank[middle];
    if (at !== undefined && compareRanked(at, place) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The rank changes that make `(rank, itemId)` order equal `wanted`: as few as possible, because each may override a
 * concurrent move. `rank: null` is a new item, or one that must get a new rank. O(n log n).
 */
export function ranksFor(
  wanted: readonly { itemId: string; rank: string | null }[],
): ReadonlyMap<string, string> {
  const changes = new Map<string, string>();
  const kept = longestRun(wanted);
  try {
    let run: string[] = [];
    let lower: string | null = null;
    for (let i = 0; i <= wanted.length; i++) {
      const item = wanted[i];
      const upper = item !== undefined && kept[i] === true ? item.rank : null;
      // Nothing fits between two equal ranks: the right one moves too.
      if (item !== undefined && (upper === null || (run.length > 0 && upper === lower))) {
        run.push(item.itemId);
        continue;
      }
      const keys = run.length > 0 ? generateNKeysBetween(lower, upper, run.length) : [];
      if (keys.some((key) => key.length > LONG_RANK)) return dealt(wanted);
      run.forEach((itemId, k) => changes.set(itemId, keys[k] ?? ''));
      run = [];
      lower = upper;
    }
  } catch {
    // Only a rank made by other code has no neighbours: the smallest key that exists.
    return dealt(wanted);
  }
  return changes;
}

function dealt(wanted: readonly { itemId: string; rank: string | null }[]): ReadonlyMap<string, string> {
  const keys = generateNKeysBetween(null, null, wanted.length);
  const changes = new Map<string, string>();
  wanted.forEach(({ itemId, rank }, i) => {
    const key = keys[i] ?? '';
    if (key !== rank) changes.set(itemId, key);
  });
  return changes;
}

/** Marks a longest subsequence that is in `(rank, itemId)` order already (patience sorting). */
function longestRun(wanted: readonly { itemId: string; rank: string | null }[]): boolean[] {
  const before: number[] = [];
  /** tails[k]: index of the smallest last element of an ordered subsequence of length k + 1. */
  const tails: number[] = [];
  const at = (index: number | undefined): Ranked => wanted[index ?? -1] as Ranked;
  wanted.forEach((item, i) => {
    if (item.rank === null) return;
    let low = 0;
    let high = tails.length;
    const last = tails[high - 1];
    if (last !== undefined && compareRanked(at(last), item as Ranked) < 0) low = high;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareRanked(at(tails[middle]), item as Ranked) < 0) low = middle + 1;
      else high = middle;
    }
    before[i] = low > 0 ? (tails[low - 1] ?? -1) : -1;
    tails[low] = i;
  });
  const kept: boolean[] = wanted.map(() => false);
  for (let i = tails.at(-1) ?? -1; i >= 0; i = before[i] ?? -1) kept[i] = true;
  return kept;
}
