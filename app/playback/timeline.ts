/**
 * Where the music is: computed by every peer from the anchor, the order, the durations and the room's time; nobody is
 * in charge of going on to the next track. Pure. Rules T1… in tests/SPEC.md.
 */
import type { Anchor, Loop } from '../session/schema.ts';

export interface TimelineItem {
  itemId: string;
  trackId: string;
  durationMs: number;
}

export interface Moment {
  item: TimelineItem;
  /** Place of the item in the order that was passed in. */
  index: number;
  /** 0…durationMs of the item. */
  positionMs: number;
  playing: boolean;
  /** Room time at which position 0 of this item was heard (or would have been): only meaningful while playing. */
  startedAtMs: number;
  /** What follows when this one ends, with the room time at which it starts (null while paused). */
  next: { item: TimelineItem; index: number; startsAtMs: number | null } | null;
}

/**
 * What plays at room time `nowMs`; null in an idle room: no anchor, an ended one, or everything after it was played.
 * `anchor.itemId` must be in `order`: `queries.anchor()` is already resolved that way, an unknown item yields null. An
 * anchor in the future (`atMs > nowMs`) stands at its position until then. O(order), however long ago the anchor was.
 */
export function momentAt(
  anchor: Omit<Anchor, 'rank'> | null,
  order: readonly TimelineItem[],
  loop: Loop,
  nowMs: number,
): Moment | null {
  if (anchor === null || anchor.ended === true) return null;
  const from = order.findIndex((item) => item.itemId === anchor.itemId);
  const item = order[from];
  if (item === undefined) return null;

  const anchorStartMs = anchor.atMs - anchor.positionMs;
  if (!anchor.playing) return momentOf(order, from, loop, anchorStartMs, anchor.positionMs, false);

  const sinceStartMs = anchor.positionMs + Math.max(0, nowMs - anchor.atMs);
  if (sinceStartMs < item.durationMs) return momentOf(order, from, loop, anchorStartMs, sinceStartMs, true);
  if (loop === 'one') {
    const lapsMs = Math.floor(sinceStartMs / item.durationMs) * item.durationMs;
    return momentOf(order, from, loop, anchorStartMs + lapsMs, sinceStartMs - lapsMs, true);
  }

  const first = walk(order, from, sinceStartMs);
  if (first.index < order.length) {
    return momentOf(
      order,
      first.index,
      loop,
      anchorStartMs + first.passedMs,
      sinceStartMs - first.passedMs,
      true,
    );
  }
  if (loop === 'off') return null;
  const lapMs = order.reduce((sum, each) => sum + each.durationMs, 0);
  const lapsMs = Math.floor((sinceStartMs - first.passedMs) / lapMs) * lapMs;
  const beforeLapMs = first.passedMs + lapsMs;
  const last = walk(order, 0, sinceStartMs - beforeLapMs);
  const passedMs = beforeLapMs + last.passedMs;
  const index = last.index % order.length;
  return momentOf(order, index, loop, anchorStartMs + passedMs, sinceStartMs - passedMs, true);
}

/** Room time at which the current item changes by itself; null while paused or idle. */
export function nextChangeMs(moment: Moment | null): number | null {
  return moment?.playing ? moment.startedAtMs + moment.item.durationMs : null;
}

/** Index of the item that stands `aheadMs` after the start of item `from` (order.length: beyond the last). */
function walk(
  order: readonly TimelineItem[],
  from: number,
  aheadMs: number,
): { index: number; passedMs: number } {
  let passedMs = 0;
  for (let index = from; index < order.length; index++) {
    const end = passedMs + (order[index]?.durationMs ?? 0);
    if (aheadMs < end) return { index, passedMs };
    passedMs = end;
  }
  return { index: order.length, passedMs };
}

function momentOf(
  order: readonly TimelineItem[],
  index: number,
  loop: Loop,
  startedAtMs: number,
  positionMs: number,
  playing: boolean,
): Moment | null {
  const item = order[index];
  if (item === undefined) return null;
  const nextIndex = loop === 'one' ? index : loop === 'all' ? (index + 1) % order.length : index + 1;
  const nextItem = order[nextIndex];
  const startsAtMs = playing ? startedAtMs + item.durationMs : null;
  return {
    item,
    index,
    // Rounding in the modulo may leave the interval by a few ulps.
    positionMs: Math.min(Math.max(0, positionMs), item.durationMs),
    playing,
    startedAtMs,
    next: nextItem === undefined ? null : { item: nextItem, index: nextIndex, startsAtMs },
  };
}
