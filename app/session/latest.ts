/** Which of the anchors that members wrote counts (schema.ts, `AnchorRecord`). Pure. */
import type { InferOutput } from 'valibot';
import { momentAt } from '../playback/timeline.ts';
import { arrange, type QueueEntry } from './order.ts';
import type { AnchorRecord, Loop, OrderMode } from './schema.ts';

export interface WrittenAnchor {
  memberId: string;
  /** It began because something was added to a room that had run out for who added it. */
  isOpening: boolean;
  record: InferOutput<typeof AnchorRecord>;
}

export interface LatestOf {
  byRank: readonly QueueEntry[];
  mode: OrderMode;
  loop: Loop;
  crossfadeMs: number;
  votesOf: (itemId: string) => number;
}

export function latestOf(written: readonly WrittenAnchor[], room: LatestOf): WrittenAnchor | null {
  const sorted = [...written].sort(later);
  const counts = sorted.findIndex((one, index) => {
    const before = sorted[index + 1];
    return !one.isOpening || before === undefined || !wasPlaying(before, one.record.atMs, room);
  });
  return sorted[counts] ?? null;
}

function later(a: WrittenAnchor, b: WrittenAnchor): number {
  return (
    b.record.decidedAtMs - a.record.decidedAtMs ||
    b.record.steps - a.record.steps ||
    b.record.atMs - a.record.atMs ||
    Number(a.isOpening) - Number(b.isOpening) ||
    (a.memberId > b.memberId ? -1 : 1)
  );
}

/** Whether something played at `atMs` that had been added before. */
function wasPlaying({ record }: WrittenAnchor, atMs: number, room: LatestOf): boolean {
  if (record.ended === true) return false;
  const known = room.byRank.filter(({ at }) => at < atMs);
  const { anchor, order } = arrange(known, record, room.mode, room.loop, room.votesOf);
  return momentAt(anchor, order, room.loop, atMs, room.crossfadeMs) !== null;
}
