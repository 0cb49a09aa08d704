/** In which order the missing chunks of a track are asked for. Pure. */
import { chunksOf } from './chunks.ts';

/** MP4's index may stand at the end; players look there first. */
const TAIL_CHUNKS = 4;
const HEAD_CHUNKS = 2;

export interface Need {
  chunks: number;
  /** Byte ranges that readers wait for, the longest waiting first. */
  reads: readonly { start: number; end: number }[];
  /** Where the last read ended: what comes next is read next. */
  cursorBytes: number;
  isMp4: boolean;
}

/** Chunk indices, most urgent first; may repeat. `urgent` ones have somebody waiting. */
export function* inOrderOfNeed(need: Need): Generator<{ index: number; urgent: boolean }> {
  const { chunks, reads, cursorBytes, isMp4 } = need;
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
  for (let index = cursor; index < chunks; index++) yield { index, urgent: false };
  for (let index = 0; index < Math.min(cursor, chunks); index++) yield { index, urgent: false };
}
