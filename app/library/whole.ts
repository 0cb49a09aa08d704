/** Whether the chunks of a track, put together, are the track: its name is the SHA-256 of all of its bytes. */
import { CHUNK_BYTES } from './chunks.ts';
import type { Shelf } from './shelf.ts';
import type { BlobMeta } from './store.ts';

/** A record names a `chunksId` that does not belong to its `trackId`: no peer can ever give the right bytes. */
export class WrongTrackError extends Error {
  override readonly name = 'WrongTrackError';
}

/** Several chunks a read, and between two reads others get their turn. */
const READ_BYTES = 8 * CHUNK_BYTES;

/** Reads a complete track once. Rejects when it is removed meanwhile. */
export async function isWhole({ id, bytes }: BlobMeta, shelf: Shelf): Promise<boolean> {
  // Needed when a track has arrived, not for the first load.
  const { createSHA256 } = await import('hash-wasm');
  const hash = await createSHA256();
  for (let start = 0; start < bytes; start += READ_BYTES) {
    hash.update(await shelf.read(id, start, Math.min(bytes, start + READ_BYTES)));
  }
  return hash.digest('hex') === id;
}
