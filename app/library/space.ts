/** Makes room when the device is full: lets the least useful of what was fetched go, and says so. */
import { type Cached, leastUseful } from './evict.ts';
import type { SpaceEvent } from './library.ts';
import { type Shelf, heldBytes } from './shelf.ts';

/** Some at once: a full device would else pay for every chunk. */
const FREE_BYTES = 16 * 1024 * 1024;

export interface SpaceOptions {
  shelf: Shelf;
  /** Track ids: what plays, then what comes, in order. */
  needed(): readonly string[];
  isBusy(id: string): boolean;
  /** Other devices that hold it completely. */
  copies(id: string): number;
  /** Somebody wants it to be on two devices. */
  wished(id: string): boolean;
  remove(id: string): Promise<void>;
  tell(event: SpaceEvent): void;
}

export interface Space {
  /** False: nothing may go any more. */
  makeRoom(): Promise<boolean>;
  /** Whether something else may go for this track. */
  mayMakeRoom(id: string): boolean;
  /** Something is gone: there may be room again. */
  freed(): void;
  /** Something did not fit though nothing may go. Told once, until there is room again. */
  full(): void;
}

export function createSpace(options: SpaceOptions): Space {
  const { shelf, needed, isBusy, copies, wished, remove, tell } = options;
  let making: Promise<boolean> | null = null;
  let isFull = false;

  function cachedTracks(): Cached[] {
    const tracks = [...shelf.all()].filter(({ meta }) => meta.kind === 'track');
    return tracks.map((blob) => ({
      id: blob.meta.id,
      heldBytes: heldBytes(blob),
      imported: blob.meta.imported,
      kept: blob.meta.kept === true,
      busy: isBusy(blob.meta.id),
      copies: copies(blob.meta.id),
      wished: wished(blob.meta.id),
      usedAtMs: blob.meta.usedAtMs ?? 0,
    }));
  }

  async function make(): Promise<boolean> {
    const going = leastUseful(cachedTracks(), needed(), FREE_BYTES);
    if (going.length === 0) return false;
    const gone: string[] = [];
    let bytes = 0;
    for (const id of going) {
      const known = shelf.get(id);
      if (!known) continue;
      // Another tab may have imported or kept it since: then it stays, and may not go the next time either.
      const { meta } = await shelf.put(known.meta);
      if (meta.imported || meta.kept === true) continue;
      bytes += heldBytes(known);
      gone.push(id);
      await remove(id);
    }
    if (gone.length > 0) tell({ type: 'freed', trackIds: gone, bytes });
    return true;
  }

  return {
    makeRoom() {
      // Many chunks find the device full at the same time: one clearing serves them all.
      making ??= make().finally(() => (making = null));
      return making;
    },
    mayMakeRoom: (id) =>
      leastUseful(
        cachedTracks().filter((one) => one.id !== id),
        needed(),
        1,
      ).length > 0,
    freed() {
      isFull = false;
    },
    full() {
      if (isFull) return;
      isFull = true;
      tell({ type: 'full' });
    },
  };
}
