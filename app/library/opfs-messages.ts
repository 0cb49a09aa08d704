/** What crosses the border of the store's worker: one id a request, errors as data, buffers transferred. */
import type { BlobMeta, StoredBlob } from './store.ts';

export type StoreCall =
  | { type: 'all' }
  | { type: 'put'; meta: BlobMeta }
  | { type: 'write'; blobId: string; chunkIndex: number; data: Uint8Array<ArrayBuffer> }
  | { type: 'read'; blobId: string; start: number; end: number }
  | { type: 'blob'; blobId: string }
  | { type: 'delete'; blobId: string };

export interface StoreResults {
  all: StoredBlob[];
  put: StoredBlob;
  write: undefined;
  read: Uint8Array<ArrayBuffer>;
  blob: Blob;
  delete: undefined;
}

export type StoreRequest = StoreCall & { id: number };

export type StoreResponse =
  | { id: number; ok: true; result: StoreResults[StoreCall['type']] }
  | { id: number; ok: false; noSpace: boolean; message: string };
