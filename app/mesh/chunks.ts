/** Messages of any length in pieces that a data channel takes: over 256 KiB in one message it throws (FACTS.md). */

/** Small enough that a keepalive behind one is not late on a slow Wi-Fi. */
export const CHUNK_BYTES = 64 * 1024;
/** A room of 5,000 items is some 3 MB. */
export const MAX_WHOLE_BYTES = 64 * 1024 * 1024;

export interface Chunk {
  bytes: Uint8Array;
  isLast: boolean;
}

/** At least one, in order; views into `message`. */
export function* chunksOf(message: Uint8Array, size = CHUNK_BYTES): Generator<Chunk> {
  let at = 0;
  do {
    const bytes = message.subarray(at, at + size);
    at += size;
    yield { bytes, isLast: at >= message.length };
  } while (at < message.length);
}

export interface Assembler {
  /** The whole message once its last chunk is in, else null. Throws RangeError when it grows over `maxBytes`. */
  add(chunk: Chunk): Uint8Array | null;
}

export function createAssembler(maxBytes = MAX_WHOLE_BYTES): Assembler {
  let parts: Uint8Array[] = [];
  let bytes = 0;
  return {
    add(chunk) {
      bytes += chunk.bytes.length;
      if (bytes > maxBytes) throw new RangeError('the message is too large');
      if (!chunk.isLast) {
        parts.push(chunk.bytes.slice());
        return null;
      }
      const whole = new Uint8Array(bytes);
      let at = 0;
      for (const part of [...parts, chunk.bytes]) {
        whole.set(part, at);
        at += part.length;
      }
      parts = [];
      bytes = 0;
      return whole;
    },
  };
}
