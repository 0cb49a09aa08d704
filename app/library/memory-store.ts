import { setBit } from './bitmap.ts';
import { chunkRange } from './chunks.ts';
import { merge } from './merge.ts';
import { type BlobStore, NoSpaceError, type StoredBlob } from './store.ts';

export interface MemoryStoreOptions {
  /** Writes beyond this many bytes fail with NoSpaceError. */
  quotaBytes?: number;
}

/** For a device that can keep nothing, and for tests: everything is gone with the page, or the process. */
export function createMemoryStore({ quotaBytes = Infinity }: MemoryStoreOptions = {}): BlobStore {
  const blobs = new Map<string, { record: StoredBlob; chunks: Map<number, Uint8Array<ArrayBuffer>> }>();
  const copyOf = (record: StoredBlob) => ({ ...record, bitmap: record.bitmap.slice() });

  function get(id: string) {
    const blob = blobs.get(id);
    if (!blob) throw new Error(`no blob ${id}`);
    return blob;
  }

  async function read(id: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const { record, chunks } = get(id);
    const out = new Uint8Array(end - start);
    for (const [index, data] of chunks) {
      const range = chunkRange(index, record.bytes);
      const from = Math.max(start, range.start);
      const to = Math.min(end, range.end);
      if (from < to) out.set(data.subarray(from - range.start, to - range.start), from - start);
    }
    return out;
  }

  return {
    all: async () => [...blobs.values()].map(({ record }) => copyOf(record)),
    async put(meta) {
      const known = blobs.get(meta.id);
      const record = merge(known?.record, meta);
      blobs.set(meta.id, { record, chunks: known?.chunks ?? new Map<number, Uint8Array<ArrayBuffer>>() });
      return copyOf(record);
    },
    async write(id, chunkIndex, data) {
      const blob = get(id);
      const used = [...blobs.values()].flatMap(({ chunks }) => [...chunks.values()]);
      const replaced = blob.chunks.get(chunkIndex)?.length ?? 0;
      if (used.reduce((sum, chunk) => sum + chunk.length, data.length - replaced) > quotaBytes) {
        throw new NoSpaceError('the store is full');
      }
      blob.chunks.set(chunkIndex, data.slice());
      setBit(blob.record.bitmap, chunkIndex);
    },
    read,
    async blob(id) {
      const { bytes, mime } = get(id).record;
      return new Blob([await read(id, 0, bytes)], { type: mime });
    },
    async delete(id) {
      blobs.delete(id);
    },
    close() {},
  };
}
