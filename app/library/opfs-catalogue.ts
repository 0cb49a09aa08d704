/** What is known of the blobs, in IndexedDB. Each call is one transaction. */
import { emptyBitmap, setBit } from './bitmap.ts';
import { chunkCount } from './chunks.ts';
import { merge } from './merge.ts';
import type { BlobMeta, StoredBlob } from './store.ts';

const DATABASE = 'earshot-library';
const VERSION = 1;
const META = 'meta';
const BITMAPS = 'bitmaps';

export interface Catalogue {
  all(): Promise<StoredBlob[]>;
  get(id: string): Promise<BlobMeta | undefined>;
  /** Merges it with what another tab put, and gives what is then stored. */
  put(meta: BlobMeta): Promise<StoredBlob>;
  /** Adds to what is marked already, also by another tab. */
  mark(id: string, chunkIndices: readonly number[]): Promise<void>;
  delete(id: string): Promise<void>;
}

/** Only this file writes the database: what it holds has the type that was put. */
function done<T>(request: IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as T);
    request.onerror = () => reject(request.error ?? new Error('the database refused'));
  });
}

function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('the database refused'));
  });
}

export async function openCatalogue(): Promise<Catalogue> {
  const opening = indexedDB.open(DATABASE, VERSION);
  opening.onupgradeneeded = () => {
    opening.result.createObjectStore(META, { keyPath: 'id' });
    opening.result.createObjectStore(BITMAPS);
  };
  const database = await done<IDBDatabase>(opening);
  // A newer version of the app in another tab wants to upgrade: do not stand in its way.
  database.onversionchange = () => database.close();

  return {
    async all() {
      const transaction = database.transaction([META, BITMAPS]);
      const [metas, ids, bitmaps] = await Promise.all([
        done<BlobMeta[]>(transaction.objectStore(META).getAll()),
        done<IDBValidKey[]>(transaction.objectStore(BITMAPS).getAllKeys()),
        done<Uint8Array<ArrayBuffer>[]>(transaction.objectStore(BITMAPS).getAll()),
      ]);
      const marked = new Map(ids.map((id, i) => [id, bitmaps[i]]));
      return metas.map((meta) => ({
        ...meta,
        bitmap: marked.get(meta.id) ?? emptyBitmap(chunkCount(meta.bytes)),
      }));
    },
    get: (id) => done<BlobMeta | undefined>(database.transaction(META).objectStore(META).get(id)),
    async put(meta) {
      const transaction = database.transaction([META, BITMAPS], 'readwrite');
      const metas = transaction.objectStore(META);
      const bitmaps = transaction.objectStore(BITMAPS);
      const known = await done<BlobMeta | undefined>(metas.get(meta.id));
      const marked = await done<Uint8Array<ArrayBuffer> | undefined>(bitmaps.get(meta.id));
      const found = known && { ...known, bitmap: marked ?? emptyBitmap(chunkCount(known.bytes)) };
      const stored = merge(found, meta);
      const { bitmap, ...record } = stored;
      metas.put(record);
      bitmaps.put(bitmap, meta.id);
      await finished(transaction);
      return stored;
    },
    async mark(id, chunkIndices) {
      const transaction = database.transaction([META, BITMAPS], 'readwrite');
      const meta = await done<BlobMeta | undefined>(transaction.objectStore(META).get(id));
      if (!meta) throw new Error(`no blob ${id}`);
      const bitmaps = transaction.objectStore(BITMAPS);
      const bitmap =
        (await done<Uint8Array<ArrayBuffer> | undefined>(bitmaps.get(id))) ??
        emptyBitmap(chunkCount(meta.bytes));
      for (const index of chunkIndices) setBit(bitmap, index);
      bitmaps.put(bitmap, id);
      await finished(transaction);
    },
    async delete(id) {
      const transaction = database.transaction([META, BITMAPS], 'readwrite');
      transaction.objectStore(META).delete(id);
      transaction.objectStore(BITMAPS).delete(id);
      await finished(transaction);
    },
  };
}
