/**
 * Settling: writing down what has happened by itself since the anchor was written. The current item is computed from
 * the order, so an edit of the order (or of loop, votes, …) would otherwise rewrite what was already heard. Every
 * command settles first; nothing audible changes by it. Pure. Rules C1… in tests/SPEC.md.
 */
import { momentAt, remainingMs, type Moment } from '../playback/timeline.ts';
import type { Arrangement, QueueEntry } from './order.ts';
import { lowerBound, type Ranked } from './ranks.ts';
import type { Anchor, Loop, OrderMode } from './schema.ts';

export interface Settled {
  moment: Moment | null;
  /** The anchor that says the same as the stored one, at the item that plays now. */
  anchor: Anchor | null;
  /** False: the stored anchor says so already, and ranks need not be touched. */
  changed: boolean;
  /** The order in which everything is played, passed items first. */
  order: readonly QueueEntry[];
  /** First index of `order` that is neither passed nor current. */
  upNextIndex: number;
  /** What the rank order must become (an edit changes this); holds the place of an ended anchor whose item is gone. */
  line: readonly Ranked[];
}

export interface SettleSettings {
  mode: OrderMode;
  loop: Loop;
  crossfadeMs: number;
  /** The longest crossfade that may hold after the edit. */
  mostCrossfadeMs: number;
}

export function settle(
  byRank: readonly QueueEntry[],
  stored: Anchor | null,
  { order, anchor, cursor }: Arrangement,
  { mode, loop, crossfadeMs, mostCrossfadeMs }: SettleSettings,
  nowMs: number,
): Settled {
  if (stored === null || stored.ended === true) {
    const line = stored === null ? byRank : withPlace(byRank, stored);
    return { moment: null, anchor: stored, changed: false, order, upNextIndex: cursor, line };
  }
  const moment = momentAt(anchor, order, loop, nowMs, crossfadeMs);
  if (moment === null) {
    const last = order.at(-1);
    const upNextIndex = order.length;
    if (anchor === null || last === undefined) {
      // The anchor's item is gone and nothing follows: its place is where the music ended.
      const place: Anchor = { ...stored, positionMs: 0, playing: false, ended: true };
      return { moment, anchor: place, changed: true, order, upNextIndex, line: withPlace(byRank, place) };
    }
    const endedAtMs = stored.atMs - anchor.positionMs + remainingMs(anchor, order, crossfadeMs);
    return {
      moment,
      anchor: endedAnchor(last, endedAtMs),
      changed: true,
      order,
      upNextIndex,
      line: lineThrough(order, order.length, byRank, mode),
    };
  }

  const startMs = stored.atMs - stored.positionMs;
  // What follows may change by the edit: if it could have begun by now, the present place is written down, so that it
  // begins later instead.
  const { durationMs } = moment.item;
  const mayFade =
    moment.playing && moment.positionMs > durationMs - Math.min(mostCrossfadeMs, durationMs / 2);
  if (moment.item.itemId === stored.itemId && moment.startedAtMs === startMs && !mayFade) {
    return { moment, anchor, changed: false, order, upNextIndex: moment.index + 1, line: byRank };
  }
  const current = order[moment.index] as QueueEntry;
  return {
    moment,
    anchor: {
      itemId: current.itemId,
      rank: current.rank,
      positionMs: moment.playing && !mayFade ? 0 : moment.positionMs,
      atMs: mayFade ? nowMs : moment.playing ? moment.startedAtMs : stored.atMs,
      playing: moment.playing,
      ...(moment.fading && {
        tail: { itemId: moment.fading.item.itemId, overlapMs: moment.fading.overlapMs },
      }),
    },
    changed: true,
    order,
    upNextIndex: moment.index + 1,
    line: lineThrough(order, moment.index + 1, byRank, mode),
  };
}

/** Everything up to and including this item has been played. */
export function endedAnchor({ itemId, rank }: Ranked, atMs: number): Anchor {
  return { itemId, rank, positionMs: 0, atMs, playing: false, ended: true };
}

/** `line` once the cursor stands at `order[count - 1]`: what it passed is fixed in the order it was played in. */
export function lineThrough(
  order: readonly QueueEntry[],
  count: number,
  line: readonly Ranked[],
  mode: OrderMode,
): readonly Ranked[] {
  // In manual mode the order is the line already.
  if (mode === 'manual') return line;
  const passed: readonly Ranked[] = order.slice(0, count);
  const ids = new Set(passed.map((entry) => entry.itemId));
  return [...passed, ...line.filter((entry) => !ids.has(entry.itemId))];
}

function withPlace(byRank: readonly QueueEntry[], place: Ranked): readonly Ranked[] {
  if (byRank.some((entry) => entry.itemId === place.itemId)) return byRank;
  const at = lowerBound(byRank, place);
  return [...byRank.slice(0, at), { itemId: place.itemId, rank: place.rank }, ...byRank.slice(at)];
}
