/**
 * Tar archives (POSIX.1-1988 ustar) of plain files: what a room is saved as. Every system can open one. Built of blobs, so
 * that the audio in it is never in memory; read by slices for the same reason.
 */
const BLOCK_BYTES = 512;
/** Offset and length of the header's fields; numbers are octal digits. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const UID = [108, 8] as const;
const GID = [116, 8] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const TYPE = [156, 1] as const;
const MAGIC = [257, 8] as const;

export interface TarEntry {
  /** At most 100 bytes of ASCII. */
  name: string;
  data: Blob;
}

/** The file is no tar archive, or ends in the middle of one. */
export class TarError extends Error {
  override readonly name = 'TarError';
}

function sumOf(header: Uint8Array): number {
  const [start, length] = CHECKSUM;
  // The sum is taken with its own field filled with spaces.
  return header.reduce((sum, byte, i) => sum + (i >= start && i < start + length ? 0x20 : byte), 0);
}

function headerOf(name: string, bytes: number, atMs: number): Uint8Array<ArrayBuffer> {
  const header = new Uint8Array(BLOCK_BYTES);
  const put = ([start, length]: readonly [number, number], text: string) => {
    const encoded = new TextEncoder().encode(text);
    if (encoded.length > length) throw new TarError(`“${text}” does not fit into the archive`);
    header.set(encoded, start);
  };
  const octal = (field: readonly [number, number], value: number) =>
    put(field, `${value.toString(8).padStart(field[1] - 1, '0')}\0`);
  put(NAME, name);
  octal(MODE, 0o644);
  octal(UID, 0);
  octal(GID, 0);
  octal(SIZE, bytes);
  octal(MTIME, Math.floor(atMs / 1000));
  put(TYPE, '0');
  put(MAGIC, 'ustar\x0000');
  put(CHECKSUM, `${sumOf(header).toString(8).padStart(6, '0')}\0 `);
  return header;
}

const padding = (bytes: number) => new Uint8Array((BLOCK_BYTES - (bytes % BLOCK_BYTES)) % BLOCK_BYTES);

/** `atMs`: the files' time, ms since 1970. */
export function writeTar(entries: readonly TarEntry[], atMs: number): Blob {
  const parts = entries.flatMap(({ name, data }): BlobPart[] => [
    headerOf(name, data.size, atMs),
    data,
    padding(data.size),
  ]);
  return new Blob([...parts, new Uint8Array(2 * BLOCK_BYTES)], { type: 'application/x-tar' });
}

/** Plain files of an archive, in order; links and folders are left out. Throws TarError. */
export async function* readTar(file: Blob): AsyncGenerator<TarEntry> {
  for (let at = 0; at + BLOCK_BYTES <= file.size;) {
    const header = new Uint8Array(await file.slice(at, at + BLOCK_BYTES).arrayBuffer());
    if (header.every((byte) => byte === 0)) return;
    const text = ([start, length]: readonly [number, number]) =>
      new TextDecoder().decode(header.subarray(start, start + length)).replace(/\0.*$/s, '');
    const bytes = Number.parseInt(text(SIZE), 8);
    const start = at + BLOCK_BYTES;
    if (Number.parseInt(text(CHECKSUM), 8) !== sumOf(header) || !(bytes >= 0) || start + bytes > file.size)
      throw new TarError('this file is damaged, or was saved by something else');
    if (text(TYPE) === '0' || text(TYPE) === '')
      yield { name: text(NAME), data: file.slice(start, start + bytes) };
    at = start + bytes + padding(bytes).length;
  }
  throw new TarError('this file is cut off');
}
