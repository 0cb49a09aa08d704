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
  /**
   * Runs what puts a blob and writes all of it in one go: no other tab takes it for one that was cut off, or does the same
   * meanwhile. The signal ends the waiting for another tab.
   */
  whole<T>(id: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T>;
  delete(id: string): Promise<void>;
  onChange(listener: (id: string) => void): () => void;
  /** Closes the store as well. */
  close(): void;
}

export interface ShelfOptions {
  store: BlobStore;
  /** Takes the place of a store that cannot be opened: what it holds is gone with the page. */
  spare?: (() => Promise<BlobStore>) | undefined;
  /** Web Locks API; where there is none, there is no other tab either that would be asked. */
  locks?: Pick<LockManager, 'request'> | undefined;
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

/** An import that ended early: nobody knows of it, and nobody can complete it. A cover comes whole, or it is fetched again. */
function isCutOff(blob: Shelved): boolean {
  return (blob.meta.imported || blob.meta.kind === 'art') && !isComplete(blob);
}

const lockOf = (id: string) => `earshot-import-${id}`;

export function createShelf(options: ShelfOptions): Shelf {
  const { spare, locks, makeRoom = async () => false } = options;
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
      const { id } = stored;
      if (blobs.has(id)) continue;
      const blob = shelved(stored);
      if (!isCutOff(blob)) blobs.set(id, blob);
      else if (!locks) await store.delete(id);
      // Held: another tab is at it. This one learns of it when it wants it.
      else
        await locks.request(lockOf(id), { ifAvailable: true }, (lock) => (lock ? lookAgain(id) : undefined));
      changed(id);
    }
    return store === options.store;
  }

  /** The other tab may have just come to its end. */
  async function lookAgain(id: string): Promise<void> {
    const stored = (await store.all()).find((one) => one.id === id);
    const blob = stored && shelved(stored);
    if (blob && isCutOff(blob)) await store.delete(id);
    else if (blob) blobs.set(id, blob);
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
    whole: (id, work, signal) => (locks ? locks.request(lockOf(id), signal ? { signal } : {}, work) : work()),
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
