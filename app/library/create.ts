import type { Transport } from '../mesh/transport.ts';
import type { Analyser } from './analyse/client.ts';
import { writeArt } from './art.ts';
import type { DownloadTimes } from './download.ts';
import { importFiles } from './import.ts';
import { type Holding, type Library, type SpaceEvent, type TrackRef, trackRef } from './library.ts';
import { type Shelved, createShelf, heldBytes, isComplete } from './shelf.ts';
import { createSpace } from './space.ts';
import type { BlobMeta, BlobStore } from './store.ts';
import { createTransfer } from './transfer.ts';

/** Chunks come many times a second; screens need not. */
const TELL_EVERY_MS = 100;

/** Share of a track that is worth playing though nobody has the rest. */
const MOSTLY = 0.9;

export interface LibraryOptions {
  store: BlobStore;
  /** In its place when it cannot be opened, for as long as the page is. */
  spare?: () => Promise<BlobStore>;
  /** `navigator.locks`, which all tabs of the browser share. */
  locks?: Pick<LockManager, 'request'>;
  transport: Transport;
  analyser: Analyser;
  times?: DownloadTimes;
  /** `navigator.storage`, or null where there is none. */
  storage: Pick<StorageManager, 'estimate' | 'persist' | 'persisted'> | null;
  /** Track ids: what plays, then what comes, in order. Asked when space is short. */
  needed?: () => readonly string[];
  /** Whether somebody wants this track to be on two devices. */
  wished?: (trackId: string) => boolean;
  /** Makes an object URL; a test may have no such thing. */
  urls?: Pick<typeof URL, 'createObjectURL' | 'revokeObjectURL'>;
}

export interface LoadedLibrary extends Library {
  /**
   * What the last session left is in `holdings()`. False: the device's store cannot be opened, and what comes is here only
   * while the page is. Rejects when it cannot even be held so.
   */
  readonly loaded: Promise<boolean>;
}

/** Its own cover, or else the one that its record in the room names. */
function withArt(meta: BlobMeta, artId: string | undefined): BlobMeta {
  return meta.artId !== undefined || artId === undefined ? meta : { ...meta, artId };
}

function holdingOf(blob: Shelved): Holding {
  return {
    trackId: blob.meta.id,
    heldBytes: heldBytes(blob),
    totalBytes: blob.meta.bytes,
    complete: isComplete(blob),
    imported: blob.meta.imported,
  };
}

/** The library of this device. Closes its analyser and its store when it is closed. */
export function createLibrary(options: LibraryOptions): LoadedLibrary {
  const { store, spare, locks, transport, analyser, storage, urls = URL } = options;
  const shelf = createShelf({ store, spare, locks, makeRoom: () => space.makeRoom() });
  const spaceListeners = new Set<(event: SpaceEvent) => void>();
  const needed = options.needed ?? (() => []);
  const transfer = createTransfer({
    transport,
    shelf,
    needed,
    ...(options.times && { times: options.times }),
    mayMakeRoom: (id) => space.mayMakeRoom(id),
    onFull: () => space.full(),
  });
  const space = createSpace({
    shelf,
    needed,
    isBusy: transfer.isBusy,
    copies: (id) => transfer.holders(id).length,
    wished: options.wished ?? (() => false),
    remove,
    tell: (event) => spaceListeners.forEach((listener) => listener(event)),
  });
  const listeners = new Set<() => void>();
  let ahead: ReadonlySet<string> = new Set();
  /** Wanted whatever plays: by somebody here, or as a copy for others. */
  const asked = new Set<string>();
  const artUrls = new Map<string, string | null>();
  let holdings: Map<string, Holding> | null = null;
  let telling: ReturnType<typeof setTimeout> | undefined;
  let persistAsked = false;
  let closed = false;

  function changed(): void {
    holdings = null;
    telling ??= setTimeout(() => {
      telling = undefined;
      listeners.forEach((listener) => listener());
    }, TELL_EVERY_MS);
  }

  const unsubscribe = [
    transfer.onChange(changed),
    shelf.onChange((id) => {
      changed();
      const blob = shelf.get(id);
      if (blob?.meta.kind === 'track' && blob.meta.wanted && isComplete(blob))
        want(id, false).catch(() => {});
    }),
  ];

  async function want(id: string, wanted: boolean): Promise<void> {
    const blob = shelf.get(id);
    if (blob && blob.meta.wanted !== wanted) await shelf.put({ ...blob.meta, wanted });
  }

  const loaded = shelf.loaded.then((lasts) => {
    for (const blob of shelf.all()) {
      if (blob.meta.kind !== 'track' || !blob.meta.wanted || isComplete(blob)) continue;
      if (blob.meta.kept === true) asked.add(blob.meta.id);
      transfer.fetch(trackRef(blob.meta.id, blob.meta));
    }
    return lasts;
  });
  // Whoever needs it awaits it; an unopened store must not be an unhandled rejection as well.
  loaded.catch(() => {});

  async function fetchTrack(track: TrackRef, keep: boolean): Promise<void> {
    const { trackId: id, bytes, mime, chunksId, artId } = track;
    const isStillWanted = () => !closed && (ahead.has(id) || asked.has(id));
    await shelf.loaded;
    if (!isStillWanted()) return;
    const known = shelf.get(id);
    if (known) {
      const kept = keep || known.meta.kept === true;
      const wanted = !isComplete(known);
      if (known.meta.wanted !== wanted || (known.meta.kept === true) !== kept)
        await shelf.put({ ...withArt(known.meta, artId), wanted, kept });
    } else {
      const manifest = new Uint8Array(0);
      const flags = { imported: false, wanted: true, kept: keep, usedAtMs: Date.now() };
      const meta: BlobMeta = { id, kind: 'track', bytes, mime, chunksId, manifest, ...flags };
      await shelf.put(withArt(meta, artId));
    }
    if (isStillWanted()) transfer.fetch(track);
  }

  function askToStay(): void {
    if (persistAsked) return;
    persistAsked = true;
    // Refused or not: what was asked for is done.
    void storage?.persist().catch(() => false);
  }

  async function touch({ trackId, artId }: TrackRef): Promise<void> {
    await shelf.loaded;
    const blob = shelf.get(trackId);
    if (blob && !closed) await shelf.put({ ...withArt(blob.meta, artId), usedAtMs: Date.now() });
  }

  async function remove(trackId: string): Promise<void> {
    await shelf.loaded;
    asked.delete(trackId);
    transfer.forget(trackId);
    const artId = shelf.get(trackId)?.meta.artId;
    await shelf.delete(trackId);
    await forgetArt(artId);
    space.freed();
    transfer.roomMade();
  }

  function artUrl(artId: string): string | null {
    const known = artUrls.get(artId);
    if (known !== undefined) return known;
    const blob = shelf.get(artId);
    if (!blob || !isComplete(blob)) {
      shelf.loaded.then(
        () => !closed && !shelf.get(artId) && transfer.fetchArt(artId),
        () => {},
      );
      return null;
    }
    artUrls.set(artId, null);
    shelf.blob(artId).then(
      (data) => {
        if (closed || !shelf.get(artId)) return;
        artUrls.set(artId, urls.createObjectURL(data));
        changed();
      },
      () => artUrls.delete(artId),
    );
    return null;
  }

  async function forgetArt(artId: string | undefined): Promise<void> {
    // Others wrote the record: what it names as a cover may be somebody's song.
    if (artId === undefined || shelf.get(artId)?.meta.kind !== 'art') return;
    if ([...shelf.all()].some(({ meta }) => meta.artId === artId)) return;
    const url = artUrls.get(artId);
    if (url) urls.revokeObjectURL(url);
    artUrls.delete(artId);
    await shelf.delete(artId);
  }

  return {
    loaded,
    async *import(files, signal) {
      askToStay();
      await shelf.loaded;
      yield* importFiles({ files, signal, analyser, shelf, writeArt, forget: transfer.forget });
    },
    open(track) {
      touch(track).catch(() => {});
      return transfer.open(track);
    },
    fetch(track) {
      asked.add(track.trackId);
      fetchTrack(track, false).catch(() => {});
    },
    keep(track) {
      askToStay();
      asked.add(track.trackId);
      fetchTrack(track, true).catch(() => {});
    },
    fetchAhead(tracks) {
      const before = ahead;
      ahead = new Set(tracks.map(({ trackId }) => trackId));
      for (const trackId of before) {
        if (ahead.has(trackId) || asked.has(trackId)) continue;
        transfer.cancelFetch(trackId);
        want(trackId, false).catch(() => {});
      }
      for (const track of tracks) {
        const blob = shelf.get(track.trackId);
        if (!blob || !isComplete(blob)) fetchTrack(track, false).catch(() => {});
      }
    },
    askToStay,
    remove,
    holdings() {
      holdings ??= new Map(
        [...shelf.all()]
          .filter(({ meta, heldChunks }) => meta.kind === 'track' && heldChunks > 0)
          .map((blob) => [blob.meta.id, holdingOf(blob)]),
      );
      return holdings;
    },
    holders: (trackId) => transfer.holders(trackId).length,
    holderIds: transfer.holders,
    isInReach(trackId) {
      if (transfer.partHolders(trackId).length > 0) return true;
      const blob = shelf.get(trackId);
      return blob !== undefined && heldBytes(blob) >= MOSTLY * blob.meta.bytes;
    },
    async file(trackId) {
      await shelf.loaded;
      const blob = shelf.get(trackId);
      if (!blob || !isComplete(blob)) throw new Error(`track ${trackId} is not here`);
      return shelf.blob(trackId);
    },
    isIdle: transfer.isIdle,
    artUrl,
    onChange(listener) {
      const own = () => listener();
      listeners.add(own);
      return () => void listeners.delete(own);
    },
    onSpace(listener) {
      const own = (event: SpaceEvent) => listener(event);
      spaceListeners.add(own);
      return () => void spaceListeners.delete(own);
    },
    async storage() {
      const used = [...shelf.all()].reduce((sum, blob) => sum + heldBytes(blob), 0);
      // What the browser would keep says nothing of a page's memory.
      const place = (await loaded.catch(() => false)) ? storage : null;
      const estimate = await place?.estimate();
      return {
        usedBytes: used,
        quotaBytes: estimate?.quota ?? 0,
        persistent: (await place?.persisted()) ?? false,
      };
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(telling);
      listeners.clear();
      spaceListeners.clear();
      unsubscribe.forEach((off) => off());
      transfer.close();
      analyser.close();
      for (const url of artUrls.values()) if (url) urls.revokeObjectURL(url);
      artUrls.clear();
      shelf.close();
    },
  };
}
