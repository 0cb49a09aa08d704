/**
 * Keeps a room's document on this device: as y-indexeddb 9 lays it out, whose rooms it goes on with. That package itself holds
 * one connection for good and writes inside the document's own update event: once the browser had cut that connection, each
 * edit threw before the mesh had heard of it, and a write that was refused (a full disk) was told to nobody.
 */
import * as Y from 'yjs';
import { createDatabase, finished, requested } from '../database.ts';

/** Rows of updates, one an edit, by a key that counts up. */
const UPDATES = 'updates';
/** Of y-indexeddb, and empty: an earlier version of the app expects it. */
const CUSTOM = 'custom';
/** So many rows are replaced by one. */
const MOST_ROWS = 500;
/** The origin of what comes out of the database. */
const STORED = Symbol('stored');

export interface Persistence {
  /** The document holds what the last session left. Rejects when the database cannot be opened. */
  readonly whenLoaded: Promise<void>;
  /** Takes no more edits; those it has are written, and what is stored stays. */
  close(): void;
}

const nameOf = (roomId: string): string => `earshot-room-${roomId}`;

/**
 * @param onRefused what is edited is no longer kept; told once until storing works again, when all of it is made up for.
 * The document and who else listens to it never notice.
 */
export function openPersistence(doc: Y.Doc, roomId: string, onRefused?: () => void): Persistence {
  const database = createDatabase({
    name: nameOf(roomId),
    version: 1,
    create(created) {
      created.createObjectStore(UPDATES, { autoIncrement: true });
      created.createObjectStore(CUSTOM);
    },
  });
  /** The last row that the document holds; other tabs add theirs. */
  let lastKey: IDBValidKey = -Infinity;
  let rows = 0;
  /** The document holds what no row does. */
  let isAhead = doc.store.clients.size > 0;
  let isRefused = false;
  let syncing: Promise<void> | null = null;
  let pending = 0;
  let closed = false;

  /** Takes in what other tabs have added (at first: all there is), and writes the document as a whole where that is due. */
  async function exchange(connection: IDBDatabase): Promise<void> {
    const transaction = connection.transaction(UPDATES, 'readwrite');
    const written = finished(transaction);
    // Its requests tell it, too.
    written.catch(() => undefined);
    const store = transaction.objectStore(UPDATES);
    const unread = IDBKeyRange.lowerBound(lastKey, true);
    const [keys, updates, count] = await Promise.all([
      requested<IDBValidKey[]>(store.getAllKeys(unread)),
      requested<Uint8Array[]>(store.getAll(unread)),
      requested<number>(store.count()),
    ]);
    Y.transact(doc, () => updates.forEach((update) => Y.applyUpdate(doc, update)), STORED, false);
    if (!isAhead && count < MOST_ROWS) {
      await written;
      lastKey = keys.at(-1) ?? lastKey;
      rows = count;
      return;
    }
    const wasAhead = isAhead;
    // From here on it may get ahead again.
    isAhead = false;
    try {
      const whole = await requested<IDBValidKey>(store.add(Y.encodeStateAsUpdate(doc)));
      store.delete(IDBKeyRange.upperBound(whole, true));
      await written;
      lastKey = whole;
      rows = 1;
    } catch (error) {
      isAhead ||= wasAhead;
      throw error;
    }
  }

  /** One at a time. */
  function sync(): Promise<void> {
    syncing ??= (async () => {
      try {
        do await database.use(exchange);
        while (isAhead);
        isRefused = false;
      } finally {
        syncing = null;
      }
    })();
    return syncing;
  }

  async function add(connection: IDBDatabase, update: Uint8Array): Promise<void> {
    const transaction = connection.transaction(UPDATES, 'readwrite');
    transaction.objectStore(UPDATES).add(update);
    await finished(transaction);
    rows++;
  }

  async function store(update: Uint8Array): Promise<void> {
    if (!isAhead && !syncing) {
      try {
        await database.use((connection) => add(connection, update));
        // Not done, it is due with the next edit.
        if (rows >= MOST_ROWS) sync().catch(() => undefined);
        return;
      } catch {
        // The document as a whole has it.
      }
    }
    isAhead = true;
    await sync();
  }

  function refused(): void {
    if (!isRefused && !closed) onRefused?.();
    isRefused = true;
  }

  function during(work: Promise<void>): Promise<void> {
    pending++;
    return work.finally(() => {
      pending--;
      if (closed && pending === 0) database.close();
    });
  }

  function onUpdate(update: Uint8Array, origin: unknown): void {
    if (origin !== STORED) during(store(update)).catch(refused);
  }

  doc.on('update', onUpdate);
  const whenLoaded = during(sync());
  // Whoever waits for it says so.
  whenLoaded.catch(() => (isRefused = true));

  return {
    whenLoaded,
    close() {
      if (closed) return;
      closed = true;
      doc.off('update', onUpdate);
      if (pending === 0) database.close();
    },
  };
}

/** Deletes what this device keeps of a room's document; waits for tabs that have it open to let go of it. */
export async function deletePersisted(roomId: string): Promise<void> {
  await requested(indexedDB.deleteDatabase(nameOf(roomId)));
}
