/** In which order the missing chunks of a track are asked for. Pure. */
import { chunksOf } from './chunks.ts';

/** MP4's index may stand at the end; players look there first. */
const TAIL_CHUNKS = 4;
const HEAD_CHUNKS = 2;
/** What a reader comes to soon is fetched in its order: 2 MB, some 50 s of music. */
const READ_AHEAD_CHUNKS = 16;

export interface Need {
  chunks: number;
  /** Byte ranges that readers wait for, the longest waiting first. */
  reads: readonly { start: number; end: number }[];
  /** Where the last read ended: what comes next is read next. 0: nobody reads. */
  cursorBytes: number;
  isMp4: boolean;
  /** How many holders have a chunk, for what nobody waits for: the rarest is asked for first. */
  copies(index: number): number;
  /**
   * 0…1: where this device begins among chunks that are equally rare. Devices that fetch the same track at the same time
   * begin at different places, and so have something to give to each other.
   */
  spread: number;
}

/** Chunk indices, most urgent first; may repeat. `urgent` ones have somebody waiting. */
export function* inOrderOfNeed(need: Need): Generator<{ index: number; urgent: boolean }> {
  const { chunks, reads, cursorBytes, isMp4, copies, spread } = need;
  for (const { start, end } of reads) {
    const { first, afterLast } = chunksOf(start, end);
    for (let index = first; index < Math.min(afterLast, chunks); index++) yield { index, urgent: true };
  }
  for (let index = 0; index < Math.min(HEAD_CHUNKS, chunks); index++) yield { index, urgent: false };
  if (isMp4) {
    for (let index = Math.max(0, chunks - TAIL_CHUNKS); index < chunks; index++)
      yield { index, urgent: false };
  }
  const cursor = chunksOf(cursorBytes, cursorBytes).first;
  if (cursorBytes > 0) {
    for (let index = cursor; index < Math.min(cursor + READ_AHEAD_CHUNKS, chunks); index++)
      yield { index, urgent: false };
  }
  const from = cursorBytes > 0 ? cursor : Math.floor(spread * chunks);
  const byCopies = new Map<number, number[]>();
  for (let i = 0; i < chunks; i++) {
    const index = (from + i) % chunks;
    const known = copies(index);
    const same = byCopies.get(known);
    if (same) same.push(index);
    else byCopies.set(known, [index]);
  }
  for (const [, indices] of [...byCopies].sort(([a], [b]) => a - b)) {
    for (const index of indices) yield { index, urgent: false };
  }
}
