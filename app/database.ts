/**
 * A connection to an IndexedDB database that is opened when it is first needed, and anew when the browser has cut it: WebKit
 * does that to pages in the background, and from then on everything on the old connection fails.
 */

export interface DatabaseOptions {
  name: string;
  version: number;
  /** Of a database that is not there yet. */
  create(database: IDBDatabase): void;
}

export interface Database {
  /**
   * Work on the connection; begins at once when that is open. Done again, once, on a new connection when the old one turns out
   * to be cut, so it must be such that half of it done before harms nothing. Rejects with what the browser says when it
   * refuses, and always after `close`, or when the database was deleted meanwhile: what is forgotten stays so.
   */
  use<T>(work: (connection: IDBDatabase) => Promise<T>): Promise<T>;
  /** What has begun is finished. */
  close(): void;
}

/** What fails on a cut connection: what begins on it, in WebKit what goes on, and what was under way. */
const CUT = new Set(['InvalidStateError', 'UnknownError', 'AbortError']);

/** The caller knows what it put, or asked for. */
export function requested<T>(request: IDBRequest): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result as T);
    request.onerror = () => reject(request.error ?? new Error('the database refused'));
  });
}

export function finished(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(transaction.error ?? new Error('the database refused'));
  });
}

export function createDatabase({ name, version, create }: DatabaseOptions): Database {
  let connection: IDBDatabase | null = null;
  let opening: Promise<IDBDatabase> | null = null;
  let ended: Error | null = null;

  function drop(used: IDBDatabase): void {
    used.close();
    if (connection === used) connection = null;
  }

  async function connect(): Promise<IDBDatabase> {
    const request = indexedDB.open(name, version);
    request.onupgradeneeded = () => create(request.result);
    const opened = await requested<IDBDatabase>(request);
    if (ended) {
      opened.close();
      throw ended;
    }
    opened.onclose = () => drop(opened);
    // Another tab deletes it, or a newer version of the app there changes it: this one does not stand in its way.
    opened.onversionchange = ({ newVersion }) => {
      drop(opened);
      if (newVersion === null) ended = new Error(`${name} was deleted`);
    };
    connection = opened;
    return opened;
  }

  function open(): Promise<IDBDatabase> {
    if (ended) return Promise.reject(ended);
    opening ??= connect().finally(() => (opening = null));
    return opening;
  }

  return {
    async use(work) {
      const used = connection ?? (await open());
      try {
        return await work(used);
      } catch (error) {
        if (!(error instanceof Error) || !CUT.has(error.name)) throw error;
        drop(used);
        return work(connection ?? (await open()));
      }
    },
    close() {
      ended ??= new Error(`${name} is closed`);
      if (connection) drop(connection);
    },
  };
}
