/**
 * Where a device keeps the audio: blobs named by their SHA-256, filled chunk by chunk. Adapters: `opfs.ts` (browsers)
 * and `memory-store.ts` (private windows that have no files, and tests). One contract suite, `tests/contract/store.ts`, runs against both.
 */
import type { Bitmap } from './bitmap.ts';

export interface BlobMeta {
  /** SHA-256 of the whole blob, hex. */
  id: string;
  kind: 'track' | 'art';
  bytes: number;
  mime: string;
  /** Empty for a picture, which travels in one piece. */
  chunksId: string;
  /** See chunks.ts. Empty until it is known. */
  manifest: Uint8Array<ArrayBuffer>;
  imported: boolean;
  /** All of it was hashed here and is `id`, so that `chunksId` is right. Absent: not yet, or before this was noted. */
  checked?: boolean;
  /** To be fetched completely, also after a reload. */
  wanted: boolean;
  /** Somebody asked for it to stay on this device: it goes only when they remove it. */
  kept?: boolean;
  /** Wall clock: when it was last asked for here. Absent: never, or before this was noted. */
  usedAtMs?: number;
  /** Cover that belongs to it: removed together with the last track that shows it. */
  artId?: string;
}

export interface StoredBlob extends BlobMeta {
  bitmap: Bitmap;
}

/** The device has no room for these bytes. */
export class NoSpaceError extends Error {
  override readonly name = 'NoSpaceError';
}

export interface BlobStore {
  all(): Promise<StoredBlob[]>;
  /**
   * Adds a blob without bytes, or replaces what is known of one; its bytes and bitmap stay. Another tab may know more of
   * it: nothing is `imported` or `kept` no longer by a put, nor loses its manifest (see merge.ts). Gives what is then stored.
   */
  put(meta: BlobMeta): Promise<StoredBlob>;
  /**
   * Stores a chunk and marks it as held, in this order, so that a crash never leaves a mark without bytes. Rejects with
   * NoSpaceError, or when the blob is unknown. `data` stays the caller's: what found no room is written again.
   */
  write(id: string, chunkIndex: number, data: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Bytes [start, end) of chunks that are held. */
  read(id: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** A complete blob, for an object URL. */
  blob(id: string): Promise<Blob>;
  /** Deleting what is not there is harmless. */
  delete(id: string): Promise<void>;
  close(): void;
}
