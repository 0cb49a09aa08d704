/**
 * Fetches the missing chunks of one track from everybody who holds some of it: several requests outstanding at each
 * peer, each chunk verified before it is stored. Who is silent gets asked less, who sends a wrong chunk is not asked
 * again for this track until it reconnects.
 */
import type { PeerId } from '../mesh/transport.ts';
import { hasBit } from './bitmap.ts';
import { isChunk, isManifest } from './chunks.ts';
import { BITS_FRESH_MS, createHolders, loadOf } from './holders.ts';
import type { TrackRef } from './library.ts';
import type { Neighbours } from './neighbours.ts';
import { inOrderOfNeed } from './need.ts';
import { createReads } from './reads.ts';
import { type Shelf, type Shelved, isComplete } from './shelf.ts';
import { createTimers } from './timers.ts';
import type { Message } from './wire.ts';

export interface DownloadTimes {
  /** A request is given up when its peer gave nothing for this long. */
  requestMs: number;
  /** A chunk that somebody waits for is asked from a second holder after this long. */
  hedgeMs: number;
  /** A peer that let this request lapse rests this long, doubled each time. */
  restMs: number;
  /** A complete track that could not be checked is checked again after this long. */
  checkAgainMs?: number;
}

export const DOWNLOAD_TIMES: DownloadTimes = { requestMs: 6_000, hedgeMs: 1_200, restMs: 2_000 };
const OUTSTANDING_PER_PEER = 8;
const HEDGED_CHUNKS = 4;

export interface DownloadOptions {
  track: TrackRef;
  shelf: Shelf;
  neighbours: Neighbours;
  times: DownloadTimes;
  send(to: PeerId, message: Message): Promise<void>;
  /** 0…1, see need.ts. */
  spread: number;
  /** A peer gave a good chunk: whatever else is asked of it waits for its turn and is not forgotten. */
  onGave(from: PeerId): void;
  /** `isBusy` changed by itself. */
  onBusy(): void;
  /** Everything is here, or it cannot go on. */
  onEnd(error: Error | null): void;
}

export interface Download {
  readonly track: TrackRef;
  /** Resolves when bytes [start, end) are on the shelf. */
  need(start: number, end: number, signal: AbortSignal): Promise<void>;
  /** Something was asked for, or is being stored. False: nobody in reach has anything to give. */
  readonly isBusy: boolean;
  /** Looks again for what can be asked of whom. */
  pump(): void;
  /** Asks for nothing more, until `resume`: others are needed sooner. */
  pause(): void;
  resume(): void;
  receive(from: PeerId, message: Message): void;
  /** This peer sends, for this track or another: what is asked of it has its time anew. */
  heard(peerId: PeerId): void;
  peerGone(peerId: PeerId): void;
  close(): void;
}

export function createDownload(options: DownloadOptions): Download {
  const { track, shelf, neighbours, times, spread, onEnd } = options;
  const timers = createTimers();
  const reads = createReads();
  /** Chunks that arrived and are being verified and stored. */
  const storing = new Set<number>();
  let manifestFrom: { peerId: PeerId; timer: ReturnType<typeof setTimeout> } | null = null;
  /** Who was asked for it and gave none in time: it is welcome when it comes after all. */
  const lateManifests = new Set<PeerId>();
  let cursorBytes = 0;
  let closed = false;
  let preparing = false;
  let paused = false;
  let lookingAgain = false;
  let wasBusy = false;

  const nowMs = () => performance.now();

  const holders = createHolders({
    trackId: track.trackId,
    neighbours,
    timers,
    nowMs,
    requestMs: times.requestMs,
    restMs: times.restMs,
    askBits: (peerId) => send(peerId, { type: 'wantBits', id: track.trackId }),
    onLapsed(peerId, index) {
      send(peerId, { type: 'cancelChunk', id: track.trackId, index });
      pump();
    },
    onRested: pump,
  });

  function send(to: PeerId, message: Message): void {
    options.send(to, message).catch(() => {});
  }

  function askManifest(): void {
    if (manifestFrom) return;
    const next = holders.usable()[0];
    if (!next) return;
    const [peerId] = next;
    const timer = timers.after(times.requestMs, () => {
      manifestFrom = null;
      lateManifests.add(peerId);
      holders.lapse(peerId);
      pump();
    });
    manifestFrom = { peerId, timer };
    send(peerId, { type: 'wantManifest', id: track.trackId });
  }

  function dropManifest(): void {
    if (manifestFrom) timers.cancel(manifestFrom.timer);
    manifestFrom = null;
  }

  function ask(peerId: PeerId, index: number, urgent: boolean): void {
    holders.ask(peerId, index);
    if (urgent) timers.after(times.hedgeMs, pump);
    send(peerId, { type: 'wantChunk', id: track.trackId, index });
  }

  function askChunks(blob: Shelved): void {
    // The least busy first, so that all holders share the work.
    const free = holders.usable().filter(([, peer]) => loadOf(peer) < OUTSTANDING_PER_PEER);
    if (free.length === 0) return;
    const need = {
      chunks: blob.chunks,
      reads: reads.waiting(),
      cursorBytes,
      isMp4: track.mime.includes('mp4'),
      copies: holders.copies(),
      spread,
    };
    let awaited = 0;
    for (const { index, urgent } of inOrderOfNeed(need)) {
      if (hasBit(blob.bitmap, index) || storing.has(index)) continue;
      // A long read waits for its first chunks; asking twice for all of it would send everything twice.
      const mayHedge = urgent && awaited++ < HEDGED_CHUNKS;
      const { peers, youngestMs } = holders.outstanding(index);
      if (peers > 0 && !(mayHedge && peers === 1 && youngestMs >= times.hedgeMs)) continue;
      free.sort(([, a], [, b]) => loadOf(a) - loadOf(b));
      const found = free.find(
        ([peerId, peer]) => !peer.outstanding.has(index) && holders.holds(peerId, peer, index),
      );
      if (!found) continue;
      const [peerId, peer] = found;
      ask(peerId, index, urgent);
      if (loadOf(peer) >= OUTSTANDING_PER_PEER) free.splice(free.indexOf(found), 1);
      if (free.length === 0) return;
    }
  }

  function isBusy(): boolean {
    if (closed) return false;
    if (preparing || manifestFrom !== null || storing.size > 0) return true;
    return [...holders.all()].some(([, peer]) => loadOf(peer) > 0);
  }

  function pump(): void {
    look();
    const busy = isBusy();
    if (closed || busy === wasBusy) return;
    wasBusy = busy;
    options.onBusy();
  }

  function look(): void {
    if (closed) return;
    const blob = shelf.get(track.trackId);
    // Half of something else under the same name is worth nothing.
    const foreign = blob && (blob.meta.chunksId !== track.chunksId || blob.meta.bytes !== track.bytes);
    if (!blob || (foreign && !isComplete(blob))) return prepare(foreign === true);
    reads.settle(blob.bitmap);
    if (isComplete(blob)) return end(null);
    if (paused) return;
    if (blob.meta.manifest.length === 0) return askManifest();
    askChunks(blob);
    if (!isBusy()) lookAgainAtParts();
  }

  /** Nobody has more to give, but who holds a part may get more of it, and does not tell without being asked. */
  function lookAgainAtParts(): void {
    if (
      lookingAgain ||
      !holders.usable().some(([peerId]) => neighbours.have(peerId, track.trackId) === 'some')
    )
      return;
    lookingAgain = true;
    timers.after(BITS_FRESH_MS, () => {
      lookingAgain = false;
      pump();
    });
  }

  function prepare(afresh: boolean): void {
    if (preparing) return;
    preparing = true;
    const { trackId: id, bytes, chunksId, mime, artId } = track;
    const manifest = new Uint8Array(0);
    const flags = { imported: false, wanted: false, ...(artId !== undefined && { artId }) };
    (afresh ? shelf.delete(id) : Promise.resolve())
      .then(() => shelf.put({ id, kind: 'track', bytes, mime, chunksId, manifest, ...flags }))
      .then(
        () => {
          preparing = false;
          pump();
        },
        (error: unknown) => end(error as Error),
      );
  }

  async function receiveManifest(from: PeerId, manifest: Uint8Array<ArrayBuffer>): Promise<void> {
    const asked = manifestFrom?.peerId === from ? manifestFrom : null;
    if (!lateManifests.delete(from) && !asked) return;
    if (asked) timers.cancel(asked.timer);
    const own = manifest.slice();
    let good = false;
    try {
      good = await isManifest(own, track.bytes, track.chunksId);
      const blob = shelf.get(track.trackId);
      if (closed || !blob) return;
      if (good) {
        holders.gave(from);
        await shelf.put({ ...blob.meta, manifest: own });
      } else holders.lied(from);
    } catch (error) {
      return end(error as Error);
    } finally {
      if (good || manifestFrom === asked) dropManifest();
    }
    pump();
  }

  async function receiveChunk(from: PeerId, index: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const blob = shelf.get(track.trackId);
    if (!holders.take(from, index) || !blob || hasBit(blob.bitmap, index) || storing.has(index)) return;
    const peer = holders.of(from);
    storing.add(index);
    peer.verifying++;
    try {
      if (await isChunk(data, index, track.bytes, blob.meta.manifest)) {
        holders.gave(from);
        options.onGave(from);
        if (!closed && shelf.get(track.trackId)) await shelf.write(track.trackId, index, data);
      } else {
        holders.lied(from);
      }
    } catch (error) {
      return end(error as Error);
    } finally {
      storing.delete(index);
      peer.verifying--;
    }
    for (const [peerId, peer] of holders.all()) {
      if (hasBit(blob.bitmap, index) && peer.outstanding.has(index)) {
        holders.drop(peerId, index);
        send(peerId, { type: 'cancelChunk', id: track.trackId, index });
      }
    }
    pump();
  }

  function end(error: Error | null): void {
    if (closed) return;
    if (error) reads.reject(error);
    close();
    onEnd(error);
  }

  function close(): void {
    if (closed) return;
    closed = true;
    timers.close();
    takeBack();
    holders.clear();
    reads.reject(new DOMException('the track was closed', 'AbortError'));
  }

  /** Cancels every request for a chunk. */
  function takeBack(): void {
    for (const [peerId, peer] of holders.all()) {
      for (const index of [...peer.outstanding.keys()]) {
        holders.drop(peerId, index);
        send(peerId, { type: 'cancelChunk', id: track.trackId, index });
      }
    }
  }

  return {
    track,
    get isBusy() {
      return isBusy();
    },
    need(start, end, signal) {
      cursorBytes = end;
      const here = reads.add(start, end, signal);
      pump();
      return here;
    },
    pump,
    pause() {
      if (paused || closed) return;
      paused = true;
      takeBack();
      pump();
    },
    resume() {
      paused = false;
      pump();
    },
    receive(from, message) {
      if (closed) return;
      if (message.type === 'chunk') void receiveChunk(from, message.index, message.data);
      else if (message.type === 'manifest') void receiveManifest(from, message.manifest);
      else if (message.type === 'bits') {
        holders.of(from).bits = message.bitmap.slice();
        pump();
      } else if (message.type === 'denied') {
        if (message.wanted === 'manifest' && manifestFrom?.peerId === from) {
          dropManifest();
        } else if (message.wanted !== 'chunk' || !holders.drop(from, message.index)) return;
        holders.lapse(from);
        pump();
      }
    },
    heard: holders.heard,
    peerGone(peerId) {
      lateManifests.delete(peerId);
      if (manifestFrom?.peerId === peerId) dropManifest();
      if (holders.remove(peerId)) pump();
    },
    close,
  };
}
