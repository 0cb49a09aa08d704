/**
 * Room time: the common clock that anchors are written in. Local time is always `performance.timeOrigin +
 * performance.now()` (monotonic), never `Date.now()`; room time is local time plus the offset to the leader. The wall clock
 * is looked at only to notice that local time stood still (standstill.ts).
 */
export interface RoomClock {
  /** Room time now, in ms. */
  nowMs(): number;
  /** Turns a room time into this device's local (monotonic) time. */
  toLocalMs(roomMs: number): number;
  /** Offset local → room and the round trip it was measured with; null until the first burst, or when we lead. */
  readonly estimate: { readonly offsetMs: number; readonly roundTripMs: number } | null;
  /** The offset moved by more than a millisecond, or the leader changed. */
  onChange(listener: () => void): () => void;
}
