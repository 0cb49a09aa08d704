/** Libraries of several peers in one process, with tracks of known bytes. */
import { createHash } from 'node:crypto';
import type { Analyser } from '../../../app/library/analyse/client.ts';
import { analyseFile } from '../../../app/library/analyse/file.ts';
import { CHUNK_BYTES, chunkCount } from '../../../app/library/chunks.ts';
import { type LoadedLibrary, createLibrary } from '../../../app/library/create.ts';
import type { DownloadTimes } from '../../../app/library/download.ts';
import type { TrackRef } from '../../../app/library/library.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import type { BlobStore } from '../../../app/library/store.ts';
import { type MemoryHub, createMemoryHub } from '../../../app/mesh/memory.ts';
import type { Transport } from '../../../app/mesh/transport.ts';

export const FAST = { requestMs: 150, hedgeMs: 40, restMs: 50, checkAgainMs: 50 };

const sha256 = (data: Uint8Array) => createHash('sha256').update(data).digest();

export interface TestTrack {
  ref: TrackRef;
  data: Uint8Array<ArrayBuffer>;
  manifest: Uint8Array<ArrayBuffer>;
}

/** A track of so many chunks (the last one short), different for every seed. */
export function testTrack(chunks: number, seed: number, mime = 'audio/mpeg'): TestTrack {
  const data = new Uint8Array((chunks - 1) * CHUNK_BYTES + 1000);
  let x = seed + 1;
  for (let i = 0; i < data.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    data[i] = x >>> 24;
  }
  const hashes = Array.from({ length: chunks }, (_, i) =>
    sha256(data.subarray(i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES)),
  );
  const manifest = new Uint8Array(Buffer.concat(hashes));
  const trackId = sha256(data).toString('hex');
  return {
    ref: { trackId, bytes: data.length, chunksId: sha256(manifest).toString('hex'), mime },
    data,
    manifest,
  };
}

/** Puts some (default: all) chunks of a track into a store, as a former session would have. */
export async function fill(
  store: BlobStore,
  { ref, data, manifest }: TestTrack,
  { chunks, ...flags }: { chunks?: readonly number[]; imported?: boolean; wanted?: boolean } = {},
): Promise<void> {
  const { trackId: id, bytes, chunksId, mime } = ref;
  const { imported = chunks === undefined, wanted = false } = flags;
  await store.put({ id, kind: 'track', bytes, mime, chunksId, manifest, imported, wanted });
  for (const index of chunks ?? Array.from({ length: chunkCount(bytes) }, (_, i) => i)) {
    await store.write(id, index, data.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
  }
}

export const hereAnalyser: Analyser = {
  analyse: (file, signal, onProgress) =>
    analyseFile({
      file,
      fileName: file.name,
      signal,
      onProgress,
      shrinkCover: async (cover) => (cover.size < 190_000 ? new Uint8Array(await cover.arrayBuffer()) : null),
    }),
  close() {},
};

export interface Rig {
  hub: MemoryHub;
  peer(options?: PeerOptions): { library: LoadedLibrary; transport: Transport; store: BlobStore };
  close(): void;
}

export interface PeerOptions {
  store?: BlobStore;
  spare?: () => Promise<BlobStore>;
  locks?: Pick<LockManager, 'request'>;
  selfId?: string;
  wrap?: (transport: Transport) => Transport;
  analyser?: Analyser;
  storage?: StorageManager;
  needed?: () => readonly string[];
  wished?: (trackId: string) => boolean;
  times?: DownloadTimes;
}

export function createRig(): Rig {
  const hub = createMemoryHub();
  const libraries: LoadedLibrary[] = [];
  return {
    hub,
    peer({ store = createMemoryStore(), selfId = `peer-${libraries.length}`, wrap, ...rest } = {}) {
      const inner = hub.join({ selfId });
      const transport = wrap ? wrap(inner) : inner;
      const {
        analyser = hereAnalyser,
        storage = null,
        needed = () => [],
        wished = () => false,
        times = FAST,
        spare,
        locks,
      } = rest;
      const options = { store, transport, analyser, times, storage, needed, wished };
      const library = createLibrary({ ...options, ...(spare && { spare }), ...(locks && { locks }) });
      libraries.push(library);
      return { library, transport, store };
    },
    close() {
      libraries.forEach((library) => library.close());
      hub.close();
    },
  };
}

/** Resolves when `holds()` at some change of the library; fails after the deadline. */
export async function until(
  library: LoadedLibrary,
  holds: () => boolean,
  what = 'the condition',
): Promise<void> {
  if (holds()) return;
  await new Promise<void>((resolve, reject) => {
    const deadline = setTimeout(() => (off(), reject(new Error(`${what} did not come true`))), 10_000);
    const off = library.onChange(() => {
      if (!holds()) return;
      clearTimeout(deadline);
      off();
      resolve();
    });
  });
}
