/** What this device holds, kept in memory beside the store so that it can be asked at any time. */
import { type Bitmap, countBits, emptyBitmap, hasBit, setBit } from './bitmap.ts';
import { chunkCount, chunkRange } from './chunks.ts';
import { type BlobMeta, type BlobStore, NoSpaceError } from './store.ts';

export interface Shelved {
  meta: BlobMeta;
  readonly bitmap: Bitmap;
  readonly chunks: number;
  heldChunks: number;
}

export interface Shelf {
  /** What the last session left is known. Rejects when the store cannot be opened. */
  readonly loaded: Promise<void>;
  get(id: string): Shelved | undefined;
  all(): Iterable<Shelved>;
  put(meta: BlobMeta): Promise<Shelved>;
  write(id: string, index: number, data: Uint8Array<ArrayBuffer>): Promise<void>;
  read(id: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  blob(id: string): Promise<Blob>;
  delete(id: string): Promise<void>;
  onChange(listener: (id: string) => void): () => void;
}

export function isComplete(blob: Shelved): boolean {
  return blob.heldChunks === blob.chunks;
}

export function heldBytes(blob: Shelved): number {
  const { chunks, heldChunks, meta, bitmap } = blob;
  if (heldChunks === 0 || chunks === 0) return 0;
  const last = chunkRange(chunks - 1, meta.bytes);
  const whole = chunkRange(0, meta.bytes).end;
  const lastHeld = hasBit(bitmap, chunks - 1);
  return (heldChunks - (lastHeld ? 1 : 0)) * whole + (lastHeld ? last.end - last.start : 0);
}

/** `makeRoom` is asked when the device is full for a track, not for a cover; after true the write is tried again. */
export function createShelf(store: BlobStore, makeRoom: () => Promise<boolean> = async () => false): Shelf {
  const blobs = new Map<string, Shelved>();
  const listeners = new Set<(id: string) => void>();
  const changed = (id: string) => listeners.forEach((listener) => listener(id));

  async function load(): Promise<void> {
    for (const { bitmap, ...meta } of await store.all()) {
      if (blobs.has(meta.id)) continue;
      const chunks = chunkCount(meta.bytes);
      const blob: Shelved = { meta, bitmap, chunks, heldChunks: countBits(bitmap, chunks) };
      // An import that was cut off: nobody knows of it, and nobody can complete it. A cover comes whole, or it is fetched again.
      if ((meta.imported || meta.kind === 'art') && !isComplete(blob)) await store.delete(meta.id);
      else blobs.set(meta.id, blob);
      changed(meta.id);
    }
  }

  return {
    loaded: load(),
    get: (id) => blobs.get(id),
    all: () => blobs.values(),
    async put(meta) {
      const known = blobs.get(meta.id);
      if (known) known.meta = meta;
      const chunks = chunkCount(meta.bytes);
      const blob = known ?? { meta, bitmap: emptyBitmap(chunks), chunks, heldChunks: 0 };
      blobs.set(meta.id, blob);
      await store.put(meta);
      changed(meta.id);
      return blob;
    },
    async write(id, index, data) {
      // Each turn has freed something, so this ends.
      for (let stored = false; !stored;) {
        stored = await store.write(id, index, data).then(
          () => true,
          async (error: unknown) => {
            const isCover = blobs.get(id)?.meta.kind === 'art';
            if (!(error instanceof NoSpaceError) || isCover || !(await makeRoom())) throw error;
            return false;
          },
        );
      }
      const blob = blobs.get(id);
      if (!blob || hasBit(blob.bitmap, index)) return;
      setBit(blob.bitmap, index);
      blob.heldChunks++;
      changed(id);
    },
    read: store.read,
    blob: store.blob,
    async delete(id) {
      blobs.delete(id);
      changed(id);
      await store.delete(id);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
