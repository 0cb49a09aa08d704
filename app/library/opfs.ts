/** The store of a browser: bytes in the origin's private file system, what is known of them in IndexedDB. */
import type { StoreCall, StoreRequest, StoreResponse, StoreResults } from './opfs-messages.ts';
import { type BlobStore, NoSpaceError } from './store.ts';

interface Waiting {
  resolve(result: never): void;
  reject(error: Error): void;
}

export function createOpfsStore(): BlobStore {
  const worker = new Worker(new URL('./opfs.worker.ts', import.meta.url), { type: 'module' });
  const waiting = new Map<number, Waiting>();
  let lastId = 0;
  let broken: Error | null = null;

  function fail(error: Error): void {
    broken = error;
    for (const request of waiting.values()) request.reject(error);
    waiting.clear();
  }

  worker.addEventListener('message', ({ data }: MessageEvent<StoreResponse>) => {
    const request = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.ok) request?.resolve(data.result as never);
    else request?.reject(data.noSpace ? new NoSpaceError(data.message) : new Error(data.message));
  });
  worker.addEventListener('error', () => fail(new Error('the store of this device stopped working')));

  function call<Call extends StoreCall>(
    request: Call,
    transfer: Transferable[] = [],
  ): Promise<StoreResults[Call['type']]> {
    if (broken) return Promise.reject(broken);
    const id = ++lastId;
    return new Promise((resolve, reject) => {
      waiting.set(id, { resolve, reject });
      worker.postMessage({ ...request, id } satisfies StoreRequest, transfer);
    });
  }

  return {
    all: () => call({ type: 'all' }),
    put: (meta) => call({ type: 'put', meta }),
    write(blobId, chunkIndex, data) {
      // What is handed over is gone here, and whoever called may have to write it again.
      const own = data.slice();
      return call({ type: 'write', blobId, chunkIndex, data: own }, [own.buffer]);
    },
    read: (blobId, start, end) => call({ type: 'read', blobId, start, end }),
    blob: (blobId) => call({ type: 'blob', blobId }),
    delete: (blobId) => call({ type: 'delete', blobId }),
    close() {
      if (broken) return;
      fail(new Error('the store was closed'));
      worker.terminate();
    },
  };
}
