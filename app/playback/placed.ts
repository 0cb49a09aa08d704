import type { Fades } from './fade.ts';
import type { TimelineItem } from './timeline.ts';

/** An item at its place in room time: position 0 belongs to `startedAtMs`. */
export interface Placed extends Fades {
  item: TimelineItem;
  startedAtMs: number;
}

/** Anchors are computed from floats: starts this near to each other are the same start. */
export const SAME_START_MS = 1;

export function samePlace(a: Placed | undefined, b: Placed | null): boolean {
  return (
    a !== undefined &&
    b !== null &&
    a.item.itemId === b.item.itemId &&
    Math.abs(a.startedAtMs - b.startedAtMs) <= SAME_START_MS
  );
}
