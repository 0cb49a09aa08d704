/**
 * The order of the queue. Ranks make one line, and the anchor's place on it is the cursor: what stands before it has
 * been passed and keeps its order in every mode; only what stands after it is sorted by the mode. Nothing marks an item
 * as played. Pure. Rules O1… in tests/SPEC.md.
 */
import type { TimelineItem } from '../playback/timeline.ts';
import { compareRanked, lowerBound } from './ranks.ts';
import type { Anchor, Loop, OrderMode } from './schema.ts';

/** A place in the queue whose track is known. */
export interface QueueEntry extends TimelineItem {
  rank: string;
  by: string;
  at: number;
}

export interface Arrangement {
  /** Passed items, then the current one, then the upcoming ones as the mode sorts them. */
  order: readonly QueueEntry[];
  /** The anchor, moved to the next item in order when its own is gone; null when that leaves nothing to play. */
  anchor: Anchor | null;
  /** Index of the anchor's item; without one, of the first upcoming item. */
  cursor: number;
}

/**
 * @param byRank in `(rank, itemId)` order
 * @param votesOf sum of the votes on an item
 */
export function arrange(
  byRank: readonly QueueEntry[],
  anchor: Anchor | null,
  mode: OrderMode,
  loop: Loop,
  votesOf: (itemId: string) => number,
): Arrangement {
  if (anchor === null) return { order: upcoming([], byRank, mode, votesOf), anchor: null, cursor: 0 };

  const named = byRank.find((entry) => entry.itemId === anchor.itemId);
  const live =
    named !== undefined && anchor.opening === true ? firstOpening(byRank, named, anchor.atMs) : named;
  const place = lowerBound(byRank, live ?? anchor);
  // Up to here the line is settled: the anchor's item included, if it exists.
  const settled = live === undefined ? place : place + 1;
  const order = upcoming(byRank.slice(0, settled), byRank.slice(settled), mode, votesOf);
  if (anchor.ended === true) return { order, anchor, cursor: settled };
  if (live !== undefined && live === named) return { order, anchor, cursor: place };
  if (live !== undefined) return { order, anchor: { ...anchor, itemId: live.itemId }, cursor: place };

  const cursor = settled === order.length && loop === 'all' ? 0 : settled;
  const next = order[cursor];
  if (next === undefined) return { order, anchor: null, cursor };
  const { atMs, playing } = anchor;
  return { order, anchor: { itemId: next.itemId, rank: next.rank, positionMs: 0, atMs, playing }, cursor };
}

/**
 * Items that several people added to the same idle room at once have one rank; only one of their anchors survives, and
 * the others must not count as played. So the first of them plays. One that could have been heard to its end before the
 * anchor was written has been: its room was apart from this one.
 */
function firstOpening(byRank: readonly QueueEntry[], named: QueueEntry, atMs: number): QueueEntry {
  let first = named;
  for (let index = lowerBound(byRank, named) - 1; index >= 0; index--) {
    const before = byRank[index];
    if (before === undefined || before.rank !== named.rank || before.at + before.durationMs <= atMs) break;
    first = before;
  }
  return first;
}

function upcoming(
  passed: readonly QueueEntry[],
  rest: readonly QueueEntry[],
  mode: OrderMode,
  votesOf: (itemId: string) => number,
): readonly QueueEntry[] {
  if (mode === 'votes') return [...passed, ...byVotes(rest, votesOf)];
  if (mode === 'fair') return [...passed, ...byTurns(passed, rest)];
  return [...passed, ...rest];
}

/** Most votes first; equal sums stay in rank order. */
export function byVotes(
  rest: readonly QueueEntry[],
  votesOf: (itemId: string) => number,
): readonly QueueEntry[] {
  return rest
    .map((entry) => ({ entry, votes: votesOf(entry.itemId) }))
    .sort((a, b) => b.votes - a.votes || compareRanked(a.entry, b.entry))
    .map(({ entry }) => entry);
}

/**
 * Round robin: whose turn was longest ago comes next, who never had one before everybody else (by rank of the first
 * item). Within one member by rank. `passed` ends with what plays.
 */
export function byTurns(passed: readonly QueueEntry[], rest: readonly QueueEntry[]): readonly QueueEntry[] {
  const lastTurn = new Map<string, number>();
  passed.forEach((entry, index) => lastTurn.set(entry.by, index));
  const lines = new Map<string, QueueEntry[]>();
  for (const entry of rest) {
    const line = lines.get(entry.by);
    if (line === undefined) lines.set(entry.by, [entry]);
    else line.push(entry);
  }
  // A Map keeps insertion order, which is the rank order of first items; sort is stable.
  let members = [...lines].sort(([a], [b]) => (lastTurn.get(a) ?? -1) - (lastTurn.get(b) ?? -1));
  const order: QueueEntry[] = [];
  for (let round = 0; members.length > 0; round++) {
    members = members.filter(([, line]) => line.length > round);
    for (const [, line] of members) order.push(line[round] as QueueEntry);
  }
  return order;
}
