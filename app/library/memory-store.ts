import { type Bitmap, emptyBitmap, setBit } from './bitmap.ts';
import { chunkCount, chunkRange } from './chunks.ts';
import { type BlobMeta, type BlobStore, NoSpaceError } from './store.ts';

export interface MemoryStoreOptions {
  /** Writes beyond this many bytes fail with NoSpaceError. */
  quotaBytes?: number;
}

/** The store for tests: everything is gone with the process. */
export function createMemoryStore({ quotaBytes = Infinity }: MemoryStoreOptions = {}): BlobStore {
  const blobs = new Map<
    string,
    { meta: BlobMeta; bitmap: Bitmap; chunks: Map<number, Uint8Array<ArrayBuffer>> }
  >();

  function get(id: string) {
    const blob = blobs.get(id);
    if (!blob) throw new Error(`no blob ${id}`);
    return blob;
  }

  async function read(id: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const { meta, chunks } = get(id);
    const out = new Uint8Array(end - start);
    for (const [index, data] of chunks) {
      const range = chunkRange(index, meta.bytes);
      const from = Math.max(start, range.start);
      const to = Math.min(end, range.end);
      if (from < to) out.set(data.subarray(from - range.start, to - range.start), from - start);
    }
    return out;
  }

  return {
    all: async () => [...blobs.values()].map(({ meta, bitmap }) => ({ ...meta, bitmap: bitmap.slice() })),
    async put(meta) {
      const known = blobs.get(meta.id);
      if (known) known.meta = { ...meta };
      else {
        blobs.set(meta.id, {
          meta: { ...meta },
          bitmap: emptyBitmap(chunkCount(meta.bytes)),
          chunks: new Map(),
        });
      }
    },
    async write(id, chunkIndex, data) {
      const blob = get(id);
      const used = [...blobs.values()].flatMap(({ chunks }) => [...chunks.values()]);
      if (used.reduce((sum, chunk) => sum + chunk.length, data.length) > quotaBytes) {
        throw new NoSpaceError('the store is full');
      }
      blob.chunks.set(chunkIndex, data.slice());
      setBit(blob.bitmap, chunkIndex);
    },
    read,
    blob: async (id) => new Blob([await read(id, 0, get(id).meta.bytes)], { type: get(id).meta.mime }),
    async delete(id) {
      blobs.delete(id);
    },
    close() {},
  };
}
