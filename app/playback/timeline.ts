/**
 * Where the music is: computed by every peer from the anchor, the order, the durations and the room's time; nobody is
 * in charge of going on to the next track. Pure.
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
  positionMs: number;
  playing: boolean;
  /** Room time at which position 0 of this item was heard (or would have been): only meaningful while playing. */
  startedAtMs: number;
  /** What follows when this one ends, with the room time at which it starts (null while paused). */
  next: { item: TimelineItem; index: number; startsAtMs: number | null } | null;
}
