/** What this device holds, kept in memory beside the store so that it can be asked at any time. */
import { type Bitmap, countBits, hasBit, setBit } from './bitmap.ts';
import { chunkCount, chunkRange } from './chunks.ts';
import { merge } from './merge.ts';
import { type BlobMeta, type BlobStore, NoSpaceError, type StoredBlob } from './store.ts';

export interface Shelved {
  readonly meta: BlobMeta;
  readonly bitmap: Bitmap;
  readonly chunks: number;
  readonly heldChunks: number;
}

/** As the shelf itself has it. */
type Own = { -readonly [Key in keyof Shelved]: Shelved[Key] };

export interface Shelf {
  /**
   * What the last session left is known. False: the store cannot be opened, and what comes goes into the spare one. Rejects
   * when there is none.
   */
  readonly loaded: Promise<boolean>;
  get(id: string): Shelved | undefined;
  all(): Iterable<Shelved>;
  /** Also takes over what another tab put or wrote since this one loaded. */
  put(meta: BlobMeta): Promise<Shelved>;
  write(id: string, index: number, data: Uint8Array<ArrayBuffer>): Promise<void>;
  read(id: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  blob(id: string): Promise<Blob>;
  delete(id: string): Promise<void>;
  onChange(listener: (id: string) => void): () => void;
  /** Closes the store as well. */
  close(): void;
}

export interface ShelfOptions {
  store: BlobStore;
  /** Takes the place of a store that cannot be opened: what it holds is gone with the page. */
  spare?: (() => Promise<BlobStore>) | undefined;
  /** Asked when the device is full for a track, not for a cover; after true the write is tried again. */
  makeRoom?: () => Promise<boolean>;
}

function shelved({ bitmap, ...meta }: StoredBlob): Own {
  const chunks = chunkCount(meta.bytes);
  return { meta, bitmap, chunks, heldChunks: countBits(bitmap, chunks) };
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

export function createShelf({ spare, makeRoom = async () => false, ...options }: ShelfOptions): Shelf {
  let { store } = options;
  let closed = false;
  const blobs = new Map<string, Own>();
  const listeners = new Set<(id: string) => void>();
  const changed = (id: string) => listeners.forEach((listener) => listener(id));

  async function open(): Promise<StoredBlob[]> {
    try {
      return await store.all();
    } catch (error) {
      if (!spare || closed) throw error;
      store.close();
      store = await spare();
      return store.all();
    }
  }

  async function load(): Promise<boolean> {
    for (const stored of await open()) {
      if (blobs.has(stored.id)) continue;
      const blob = shelved(stored);
      const { meta } = blob;
      // An import that was cut off: nobody knows of it, and nobody can complete it. A cover comes whole, or it is fetched again.
      if ((meta.imported || meta.kind === 'art') && !isComplete(blob)) await store.delete(meta.id);
      else blobs.set(meta.id, blob);
      changed(meta.id);
    }
    return store === options.store;
  }

  return {
    loaded: load(),
    get: (id) => blobs.get(id),
    all: () => blobs.values(),
    async put(meta) {
      const blob = blobs.get(meta.id) ?? shelved(merge(undefined, meta));
      blob.meta = meta;
      blobs.set(meta.id, blob);
      const stored = await store.put(meta);
      // Deleted meanwhile. Or put once more: what that one says is not taken back.
      if (blobs.get(meta.id) === blob) Object.assign(blob, shelved(merge(stored, blob.meta)));
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
    read: (id, start, end) => store.read(id, start, end),
    blob: (id) => store.blob(id),
    async delete(id) {
      blobs.delete(id);
      changed(id);
      await store.delete(id);
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      closed = true;
      store.close();
    },
  };
}
