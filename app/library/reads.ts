/** Who waits for bytes of a track that are on their way. */
import { hasBit } from './bitmap.ts';
import { chunksOf } from './chunks.ts';

export interface Reads {
  /** Resolves when bytes [start, end) are here; rejects with the signal's reason, or with what `reject` is told. */
  add(start: number, end: number, signal: AbortSignal): Promise<void>;
  waiting(): readonly { start: number; end: number }[];
  /** These chunks are here. */
  settle(bitmap: Uint8Array): void;
  /** None of the others will come. */
  reject(error: Error): void;
}

export function createReads(): Reads {
  const reads = new Set<{ start: number; end: number; resolve(): void; reject(error: Error): void }>();
  return {
    add(start, end, signal) {
      return new Promise<void>((resolve, reject) => {
        const abort = () => {
          reads.delete(read);
          reject(signal.reason as Error);
        };
        const read = {
          start,
          end,
          resolve() {
            signal.removeEventListener('abort', abort);
            resolve();
          },
          reject(error: Error) {
            signal.removeEventListener('abort', abort);
            reject(error);
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        reads.add(read);
      });
    },
    waiting: () => [...reads],
    settle(bitmap) {
      for (const read of reads) {
        const { first, afterLast } = chunksOf(read.start, read.end);
        let here = true;
        for (let index = first; here && index < afterLast; index++) here = hasBit(bitmap, index);
        if (!here) continue;
        reads.delete(read);
        read.resolve();
      }
    },
    reject(error) {
      for (const read of reads) read.reject(error);
      reads.clear();
    },
  };
}
