import { IndexeddbPersistence, clearDocument } from 'y-indexeddb';
import type * as Y from 'yjs';

export interface Persistence {
  /** The document holds what the last session left. Rejects when the database cannot be opened. */
  readonly whenLoaded: Promise<void>;
  /** Stops writing; what is stored stays. */
  close(): void;
  /** Stops writing and deletes what is stored. */
  clear(): Promise<void>;
}

/** Keeps a room's document on this device. */
export function openPersistence(doc: Y.Doc, roomId: string): Persistence {
  const name = `earshot-room-${roomId}`;
  const provider = new IndexeddbPersistence(name, doc);
  let closed = false;

  async function close(): Promise<void> {
    if (closed) return;
    closed = true;
    await provider.destroy();
  }

  // `whenSynced` never settles when the database fails to open; the private `_db` does.
  const opened = (provider as unknown as { _db: Promise<IDBDatabase> })._db;
  const whenLoaded = Promise.all([opened, provider.whenSynced]).then(() => {});

  return {
    whenLoaded,
    close: () => void close().catch(() => {}),
    async clear() {
      await close();
      await clearDocument(name);
    },
  };
}
