/** What is known of the blobs, in IndexedDB. Each call is one transaction. */
import { createDatabase, finished, requested as done } from '../database.ts';
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

/** On one connection. Each call may be made twice (`Database.use`): none adds to what it did before. */
function catalogueOn(database: IDBDatabase): Catalogue {
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

export function openCatalogue(): Promise<Catalogue> {
  const { use } = createDatabase({
    name: DATABASE,
    version: VERSION,
    create(created) {
      created.createObjectStore(META, { keyPath: 'id' });
      created.createObjectStore(BITMAPS);
    },
  });
  return Promise.resolve({
    all: () => use((database) => catalogueOn(database).all()),
    get: (id) => use((database) => catalogueOn(database).get(id)),
    put: (meta) => use((database) => catalogueOn(database).put(meta)),
    mark: (id, chunkIndices) => use((database) => catalogueOn(database).mark(id, chunkIndices)),
    delete: (id) => use((database) => catalogueOn(database).delete(id)),
  });
}
