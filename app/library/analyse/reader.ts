/** Random access to a file through one window, so that walkers over millions of small frames rarely wait. */
const WINDOW_BYTES = 512 * 1024;

export interface Reader {
  readonly bytes: number;
  /** Up to `length` bytes from `start`, fewer at the end of the file; the view is valid until the next call. */
  at(start: number, length: number): Uint8Array | Promise<Uint8Array>;
}

export function createReader(file: Blob): Reader {
  let windowStart = 0;
  let window = new Uint8Array(0);

  async function load(start: number, length: number): Promise<Uint8Array> {
    const end = Math.min(file.size, start + Math.max(length, WINDOW_BYTES));
    window = new Uint8Array(await file.slice(start, end).arrayBuffer());
    windowStart = start;
    return window.subarray(0, length);
  }

  return {
    bytes: file.size,
    at(start, length) {
      if (start < 0 || start >= file.size || length <= 0) return new Uint8Array(0);
      const from = start - windowStart;
      const wanted = Math.min(length, file.size - start);
      if (from >= 0 && from + wanted <= window.length) return window.subarray(from, from + wanted);
      return load(start, wanted);
    },
  };
}

export function ascii(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}

/** Big endian, 0 where the bytes end. */
export function u32(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) * 2 ** 24 +
    (((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0))
  );
}

export function u32le(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at + 3] ?? 0) * 2 ** 24 +
    (((bytes[at + 2] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at] ?? 0))
  );
}

export interface Whole {
  state: 'whole';
  /** Length of the music where the walk knows it better than the container's header. */
  durationMs?: number;
  /** See seek-index.ts; only for files that are nothing but frames. */
  seekIndex?: string;
}

/** `why` completes “name” …: it says what is wrong. */
export interface Broken {
  state: 'truncated' | 'not-audio';
  why: string;
}

export type Verdict = Whole | Broken;

export const MID_FRAME: Broken = {
  state: 'truncated',
  why: 'ends in the middle of a frame: the file is cut off.',
};
