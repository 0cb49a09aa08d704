/** Bytes from peers and to peers: the shelf's other side. */
import type { PeerId, Transport } from '../mesh/transport.ts';
import { createArtFetcher } from './art.ts';
import { createChecker } from './checker.ts';
import { type Download, type DownloadTimes, DOWNLOAD_TIMES, createDownload } from './download.ts';
import type { ByteSource, TrackRef } from './library.ts';
import { createNeighbours } from './neighbours.ts';
import { createServer } from './serve.ts';
import { type Shelf, isComplete } from './shelf.ts';
import { NoSpaceError } from './store.ts';
import { WrongTrackError } from './whole.ts';
import { type Message, decode, encode } from './wire.ts';

/** Tracks that are fetched at once without anybody waiting for them. */
const BACKGROUND_DOWNLOADS = 2;

export interface TransferOptions {
  transport: Transport;
  shelf: Shelf;
  times?: DownloadTimes;
  /** Track ids: what plays, then what comes, in order. */
  needed(): readonly string[];
  /** Whether something else may leave this device for this track. */
  mayMakeRoom(trackId: string): boolean;
  /** A track did not fit on this device. */
  onFull(): void;
}

export interface Transfer {
  open(track: TrackRef): ByteSource;
  fetch(track: TrackRef): void;
  cancelFetch(trackId: string): void;
  fetchArt(artId: string): void;
  /** Ends everything that concerns this track, for its removal. */
  forget(trackId: string): void;
  /** Something left this device: what did not fit may be tried again. */
  roomMade(): void;
  /** Peers that hold it completely. */
  holders(trackId: string): PeerId[];
  /** Peers that hold at least a part of it. */
  partHolders(trackId: string): PeerId[];
  /** It is being read or fetched. */
  isBusy(trackId: string): boolean;
  isIdle(): boolean;
  onChange(listener: () => void): () => void;
  close(): void;
}

const wrongKey = ({ trackId, chunksId }: Pick<TrackRef, 'trackId' | 'chunksId'>) => `${trackId}/${chunksId}`;

export function createTransfer(options: TransferOptions): Transfer {
  const { transport, shelf, times = DOWNLOAD_TIMES, needed, mayMakeRoom, onFull } = options;
  const neighbours = createNeighbours(transport, shelf);
  const server = createServer(transport, shelf);
  const send = (to: PeerId, message: Message) => transport.send(to, 'control', encode(message));
  const art = createArtFetcher({ shelf, neighbours, send, timeoutMs: times.requestMs });
  /** In the order in which they were asked for. */
  const wanted = new Map<string, TrackRef>();
  const downloads = new Map<string, Download>();
  const sources = new Map<string, Set<{ fail(error: Error): void }>>();
  /** Records that turned out to be wrong: fetching them again would end in the same way. */
  const wrong = new Set<string>();
  /** Tracks that did not fit, and whether they are wanted completely as soon as there is room. */
  const unfit = new Map<string, TrackRef | null>();
  let peers = transport.peers();
  let scheduling = false;
  let closed = false;

  function isHere(id: string): boolean {
    const blob = shelf.get(id);
    return blob !== undefined && isComplete(blob);
  }

  /** It did not fit, and nothing has changed since: fetching it again would end in the same way. */
  function isUnfit(trackId: string): boolean {
    if (!unfit.has(trackId)) return false;
    if (!mayMakeRoom(trackId)) return true;
    unfit.delete(trackId);
    return false;
  }

  function download(track: TrackRef): Download {
    const known = downloads.get(track.trackId);
    if (known) return known;
    const created = createDownload({
      track,
      shelf,
      neighbours,
      times,
      send,
      spread: Math.random(),
      onGave(from) {
        for (const current of downloads.values()) current.heard(from);
      },
      onBusy: scheduleSoon,
      onEnd(error) {
        downloads.delete(track.trackId);
        if (error instanceof NoSpaceError) {
          unfit.set(track.trackId, wanted.get(track.trackId) ?? null);
          onFull();
        }
        wanted.delete(track.trackId);
        if (error) sources.get(track.trackId)?.forEach((source) => source.fail(error));
        schedule();
      },
    });
    downloads.set(track.trackId, created);
    return created;
  }

  const checker = createChecker({
    shelf,
    againMs: times.checkAgainMs,
    onWrong({ id, chunksId }) {
      wrong.add(wrongKey({ trackId: id, chunksId }));
      wanted.delete(id);
      const error = new WrongTrackError('the bytes are not those of this track: its record is wrong');
      sources.get(id)?.forEach((source) => source.fail(error));
    },
  });

  function scheduleSoon(): void {
    if (scheduling) return;
    scheduling = true;
    queueMicrotask(() => {
      scheduling = false;
      schedule();
    });
  }

  /** The soonest needed first, then in the order in which they were asked for. */
  function byNeed(): [string, TrackRef][] {
    if (wanted.size < 2) return [...wanted];
    const place = new Map<string, number>();
    for (const id of needed()) if (wanted.has(id) && !place.has(id)) place.set(id, place.size);
    const placeOf = ([id]: [string, TrackRef]) => place.get(id) ?? wanted.size;
    return [...wanted].sort((a, b) => placeOf(a) - placeOf(b));
  }

  function schedule(): void {
    if (closed) return;
    let running = 0;
    for (const [id, track] of byNeed()) {
      if (isHere(id)) {
        wanted.delete(id);
        continue;
      }
      // A track of which nobody here has anything to give must not keep the others from being fetched.
      if (neighbours.holders(id).length === 0) continue;
      if (running >= BACKGROUND_DOWNLOADS && !sources.has(id)) {
        downloads.get(id)?.pause();
        continue;
      }
      const current = download(track);
      current.resume();
      if (current.isBusy) running++;
    }
  }

  function onMessage(from: PeerId, bytes: Uint8Array<ArrayBuffer>): void {
    const message = decode(bytes);
    if (!message || closed) return;
    switch (message.type) {
      case 'haves':
        neighbours.receive(from, message);
        break;
      case 'wantBits':
      case 'wantManifest':
      case 'wantChunk':
      case 'wantArt':
      case 'cancelChunk':
        server.receive(from, message);
        break;
      case 'art':
        art.receive(from, message.id, message.data);
        break;
      case 'denied':
        if (message.wanted === 'art') art.denied(from, message.id);
        else downloads.get(message.id)?.receive(from, message);
        break;
      default:
        downloads.get(message.id)?.receive(from, message);
    }
  }

  const unsubscribe = [
    transport.onMessage('control', onMessage),
    transport.onMessage('bytes', onMessage),
    transport.onPeers((next) => {
      for (const peerId of peers) {
        if (next.includes(peerId)) continue;
        for (const current of downloads.values()) current.peerGone(peerId);
        art.peerGone(peerId);
      }
      peers = next;
    }),
    // The rest came from another side: an import, or another tab.
    shelf.onChange((id) => {
      if (isHere(id)) downloads.get(id)?.pump();
    }),
    neighbours.onChange(() => {
      for (const current of downloads.values()) current.pump();
      art.pump();
      schedule();
    }),
  ];

  function open(track: TrackRef): ByteSource {
    const { trackId, bytes } = track;
    const over = new AbortController();
    const source = { fail: (error: Error) => over.abort(error) };
    const siblings = sources.get(trackId) ?? new Set();
    sources.set(trackId, siblings.add(source));
    if (wrong.has(wrongKey(track))) source.fail(new WrongTrackError('the record of this track is wrong'));
    else if (!isHere(trackId) && isUnfit(trackId))
      source.fail(new NoSpaceError('this device has no room for it'));
    // Who reads learns that the store cannot be opened.
    shelf.loaded.then(
      () => {
        if (!over.signal.aborted && !isHere(trackId)) download(track).resume();
      },
      () => {},
    );

    return {
      bytes,
      async read(start, end, signal) {
        if (!(start >= 0 && start <= end && end <= bytes)) throw new RangeError('outside of the track');
        const either = signal ? AbortSignal.any([signal, over.signal]) : over.signal;
        either.throwIfAborted();
        await shelf.loaded;
        either.throwIfAborted();
        if (!isHere(trackId)) await download(track).need(start, end, either);
        return shelf.read(trackId, start, end);
      },
      close() {
        if (!siblings.delete(source)) return;
        over.abort(new DOMException('the track was closed', 'AbortError'));
        if (siblings.size > 0) return;
        sources.delete(trackId);
        if (wanted.has(trackId)) return schedule();
        downloads.get(trackId)?.close();
        downloads.delete(trackId);
      },
    };
  }

  return {
    open,
    fetch(track) {
      if (wrong.has(wrongKey(track))) return;
      if (isUnfit(track.trackId)) return void unfit.set(track.trackId, track);
      wanted.set(track.trackId, track);
      schedule();
    },
    cancelFetch(trackId) {
      wanted.delete(trackId);
      if (unfit.has(trackId)) unfit.set(trackId, null);
      if (sources.has(trackId)) return;
      downloads.get(trackId)?.close();
      downloads.delete(trackId);
      schedule();
    },
    fetchArt: art.fetch,
    forget(trackId) {
      wanted.delete(trackId);
      unfit.delete(trackId);
      downloads.get(trackId)?.close();
      downloads.delete(trackId);
      const error = new DOMException('the track was removed from this device', 'AbortError');
      sources.get(trackId)?.forEach((source) => source.fail(error));
      schedule();
    },
    roomMade() {
      for (const [id, track] of unfit) if (track) wanted.set(id, track);
      unfit.clear();
      art.roomMade();
      schedule();
    },
    holders: neighbours.completeHolders,
    partHolders: neighbours.holders,
    isBusy: (trackId) => downloads.get(trackId)?.isBusy === true || sources.has(trackId),
    isIdle: () => ![...downloads.values()].some((current) => current.isBusy),
    onChange: neighbours.onChange,
    close() {
      if (closed) return;
      closed = true;
      unsubscribe.forEach((off) => off());
      for (const current of downloads.values()) current.close();
      for (const all of sources.values()) {
        all.forEach((source) => source.fail(new DOMException('the library was closed', 'AbortError')));
      }
      downloads.clear();
      sources.clear();
      checker.close();
      art.close();
      server.close();
      neighbours.close();
    },
  };
}
