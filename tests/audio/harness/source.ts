import type { ByteSource } from '../../../app/library/library.ts';

export async function bytesOf(url: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** A source over a file that stays outside of the page's memory, and how much of it was read. */
export async function fileSource(url: string): Promise<ByteSource & { readBytes(): number }> {
  const blob = await (await fetch(url)).blob();
  let readBytes = 0;
  return {
    bytes: blob.size,
    async read(start, end, signal) {
      signal?.throwIfAborted();
      readBytes += end - start;
      return new Uint8Array(await blob.slice(start, end).arrayBuffer());
    },
    readBytes: () => readBytes,
    close: () => undefined,
  };
}

/** A source whose first `availableBytes` are here; the rest arrives with `release`. */
export function memorySource(
  data: Uint8Array<ArrayBuffer>,
  availableBytes = data.length,
): ByteSource & {
  release(bytes: number): void;
  breakAt(byte: number): void;
  /** Reads wait for ever from now on. */
  stall(): void;
  /** Where the furthest read ended, and whether one waits. */
  readBytes(): number;
  isReading(): boolean;
} {
  let available = availableBytes;
  let furthest = 0;
  let closed = false;
  let broken = Infinity;
  const waiting = new Set<() => void>();
  const wake = (): void => {
    for (const check of [...waiting]) check();
  };
  return {
    bytes: data.length,
    read: (start, end, signal) =>
      new Promise((resolve, reject) => {
        const check = (): void => {
          const gone = closed || signal?.aborted === true;
          if (!gone && end > available && end <= broken) return;
          waiting.delete(check);
          signal?.removeEventListener('abort', check);
          if (end > broken) reject(new Error('the disk is gone'));
          else if (gone) reject(new DOMException('closed', 'AbortError'));
          else resolve(data.slice(start, end));
        };
        furthest = Math.max(furthest, end);
        waiting.add(check);
        signal?.addEventListener('abort', check);
        check();
      }),
    stall() {
      available = -1;
    },
    readBytes: () => furthest,
    isReading: () => waiting.size > 0,
    breakAt(byte) {
      broken = byte;
    },
    release(bytes) {
      available = bytes;
      wake();
    },
    close() {
      closed = true;
      wake();
    },
  };
}
