/**
 * Where the music is: computed by every peer from the anchor, the order, the durations, the crossfade and the room's time;
 * nobody is in charge of going on to the next track. Pure. Rules T1… in tests/SPEC.md.
 *
 * With a crossfade, an item begins while the one before it still sounds: `overlapMs` before that one's end. It is the current
 * one from then on; what ends is its moment's `fading`.
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
  /** What still sounds from before this item: it ends `overlapMs` after this one began. Null when nothing does. */
  fading: { item: TimelineItem; overlapMs: number } | null;
  /**
   * What follows, with the room time at which it starts (null while paused), `overlapMs` before this item's end.
   */
  next: { item: TimelineItem; index: number; startsAtMs: number | null; overlapMs: number } | null;
}

type Start = Omit<Anchor, 'rank'>;
type Order = readonly TimelineItem[];

/**
 * How long an item and its follower sound together, when the follower is to begin `crossfadeMs` before the end: at most half
 * of either, so that no moment belongs to three of them; and half of what was left when the item was taken up at `fromMs`, so
 * that nobody who seeks, or changes the crossfade, finds themselves in the next item at once.
 */
export function overlapMs(
  item: TimelineItem,
  next: TimelineItem | undefined,
  crossfadeMs: number,
  fromMs = 0,
): number {
  if (next === undefined) return 0;
  return Math.max(0, Math.min(crossfadeMs, (item.durationMs - fromMs) / 2, next.durationMs / 2));
}

/**
 * What plays at room time `nowMs`; null in an idle room: no anchor, an ended one, or everything after it was played.
 * `anchor.itemId` must be in `order`: `queries.anchor()` is already resolved that way, an unknown item yields null. An
 * anchor in the future (`atMs > nowMs`) stands at its position until then. O(order), however long ago the anchor was.
 */
export function momentAt(
  anchor: Start | null,
  order: Order,
  loop: Loop,
  nowMs: number,
  crossfadeMs = 0,
): Moment | null {
  if (anchor === null || anchor.ended === true) return null;
  const from = order.findIndex((item) => item.itemId === anchor.itemId);
  const item = order[from];
  if (item === undefined) return null;

  const startMs = anchor.atMs - anchor.positionMs;
  const sinceMs = anchor.positionMs + (anchor.playing ? Math.max(0, nowMs - anchor.atMs) : 0);
  const spans = spansOf(order, loop, crossfadeMs);
  const firstOverlapMs = overlapMs(item, order[spans.after(from)], crossfadeMs, anchor.positionMs);
  const firstMs = item.durationMs - firstOverlapMs;
  const at = (index: number, beganMs: number, before: Passed | null): Moment | null =>
    momentOf(order, index, spans, startMs + beganMs, sinceMs - beganMs, anchor.playing, before);

  if (!anchor.playing || sinceMs < firstMs) {
    const own = at(from, 0, tailOf(anchor, order));
    return own?.next
      ? { ...own, next: nextOf(own.next, startMs + firstMs, firstOverlapMs, anchor.playing) }
      : own;
  }
  const first: Passed = { index: from, overlapMs: firstOverlapMs };
  if (loop === 'one') {
    const lapMs = spans.of(from);
    const lapsMs = Math.floor((sinceMs - firstMs) / lapMs) * lapMs;
    return at(from, firstMs + lapsMs, lapsMs > 0 ? { index: from, overlapMs: spans.overlap(from) } : first);
  }

  const rest = walk(order, spans, from + 1, sinceMs - firstMs, first);
  if (rest.index < order.length) return at(rest.index, firstMs + rest.passedMs, rest.before);
  if (loop === 'off') return null;
  const lapMs = order.reduce((sum, _, index) => sum + spans.of(index), 0);
  const outsideMs = firstMs + rest.passedMs;
  const lapsMs = Math.floor((sinceMs - outsideMs) / lapMs) * lapMs;
  const beforeLapMs = outsideMs + lapsMs;
  const lastIndex = order.length - 1;
  const ended = lapsMs > 0 ? { index: lastIndex, overlapMs: spans.overlap(lastIndex) } : rest.before;
  const last = walk(order, spans, 0, sinceMs - beforeLapMs, ended);
  return at(last.index % order.length, beforeLapMs + last.passedMs, last.before);
}

/** Room time at which the current item changes by itself; null while paused or idle. */
export function nextChangeMs(moment: Moment | null): number | null {
  if (!moment?.playing) return null;
  return moment.next?.startsAtMs ?? moment.startedAtMs + moment.item.durationMs;
}

/** How long everything from the anchor to the end of the order takes (loop off), counted from the anchor's start. */
export function remainingMs(anchor: Start, order: Order, crossfadeMs: number): number {
  const from = order.findIndex((item) => item.itemId === anchor.itemId);
  let sum = 0;
  for (let index = Math.max(0, from); index < order.length; index++) {
    const item = order[index] as TimelineItem;
    const fromMs = index === from ? anchor.positionMs : 0;
    sum += item.durationMs - overlapMs(item, order[index + 1], crossfadeMs, fromMs);
  }
  return sum;
}

/** An item that was played before another, and how long they sounded together. */
interface Passed {
  index: number;
  overlapMs: number;
}

interface Spans {
  /** Index of what follows an item; beyond the order: nothing does. */
  after(index: number): number;
  overlap(index: number): number;
  /** How long an item that was played from its start is the current one. */
  of(index: number): number;
}

function spansOf(order: Order, loop: Loop, crossfadeMs: number): Spans {
  const after = (index: number): number =>
    loop === 'one' ? index : loop === 'all' ? (index + 1) % order.length : index + 1;
  const overlap = (index: number): number => {
    const item = order[index];
    return item === undefined ? 0 : overlapMs(item, order[after(index)], crossfadeMs);
  };
  return { after, overlap, of: (index) => (order[index]?.durationMs ?? 0) - overlap(index) };
}

/** What stands `aheadMs` after the start of item `from` (index order.length: beyond the last). */
function walk(
  order: Order,
  spans: Spans,
  from: number,
  aheadMs: number,
  before: Passed | null,
): { index: number; passedMs: number; before: Passed | null } {
  let passedMs = 0;
  let last = before;
  for (let index = from; index < order.length; index++) {
    const end = passedMs + spans.of(index);
    if (aheadMs < end) return { index, passedMs, before: last };
    passedMs = end;
    last = { index, overlapMs: spans.overlap(index) };
  }
  return { index: order.length, passedMs, before: last };
}

/** What an anchor says was still sounding as its item began. */
function tailOf({ tail }: Start, order: Order): Passed | null {
  const index = tail === undefined ? -1 : order.findIndex((item) => item.itemId === tail.itemId);
  return tail === undefined || index < 0 ? null : { index, overlapMs: tail.overlapMs };
}

function momentOf(
  order: Order,
  index: number,
  spans: Spans,
  startedAtMs: number,
  positionMs: number,
  playing: boolean,
  before: Passed | null,
): Moment | null {
  const item = order[index];
  if (item === undefined) return null;
  const nextIndex = spans.after(index);
  const nextItem = order[nextIndex];
  const faded = before === null ? undefined : order[before.index];
  const sounds = playing && before !== null && positionMs < before.overlapMs;
  return {
    item,
    index,
    // Rounding in the modulo may leave the interval by a few ulps.
    positionMs: Math.min(Math.max(0, positionMs), item.durationMs),
    playing,
    startedAtMs,
    fading: sounds && faded !== undefined ? { item: faded, overlapMs: before.overlapMs } : null,
    next:
      nextItem === undefined
        ? null
        : nextOf(
            { item: nextItem, index: nextIndex },
            startedAtMs + spans.of(index),
            spans.overlap(index),
            playing,
          ),
  };
}

function nextOf(
  { item, index }: { item: TimelineItem; index: number },
  startsAtMs: number,
  overlap: number,
  playing: boolean,
): NonNullable<Moment['next']> {
  return { item, index, startsAtMs: playing ? startsAtMs : null, overlapMs: overlap };
}
