/**
 * Fetches the missing chunks of one track from everybody who holds some of it: several requests outstanding at each
 * peer, each chunk verified before it is stored. Who is silent gets asked less, who sends a wrong chunk is not asked
 * again for this track until it reconnects.
 */
import type { PeerId } from '../mesh/transport.ts';
import { hasBit } from './bitmap.ts';
import { chunksOf, isChunk, isManifest } from './chunks.ts';
import { WrongTrackError, isWhole } from './whole.ts';
import type { TrackRef } from './library.ts';
import type { Neighbours } from './neighbours.ts';
import { inOrderOfNeed } from './need.ts';
import { type Shelf, type Shelved, isComplete } from './shelf.ts';
import type { Message } from './wire.ts';

export interface DownloadTimes {
  /** A request without an answer for this long is given up. */
  requestMs: number;
  /** A chunk that somebody waits for is asked from a second holder after this long. */
  hedgeMs: number;
  /** A peer that let this request lapse rests this long, doubled each time. */
  restMs: number;
}

export const DOWNLOAD_TIMES: DownloadTimes = { requestMs: 6_000, hedgeMs: 1_200, restMs: 2_000 };
const OUTSTANDING_PER_PEER = 8;
const HEDGED_CHUNKS = 4;
const MAX_REST_MS = 60_000;
const BITS_FRESH_MS = 1_000;

export interface DownloadOptions {
  track: TrackRef;
  shelf: Shelf;
  neighbours: Neighbours;
  times: DownloadTimes;
  send(to: PeerId, message: Message): Promise<void>;
  /** 0…1, see need.ts. */
  spread: number;
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
  peerGone(peerId: PeerId): void;
  close(): void;
}

interface Holder {
  outstanding: Map<number, { atMs: number; timer: ReturnType<typeof setTimeout> }>;
  /** Chunks of it that are being verified and stored. They count as outstanding, so that a liar gets no further. */
  verifying: number;
  lied: boolean;
  lapses: number;
  restUntilMs: number;
  bits: Uint8Array | null;
  bitsAskedAtMs: number;
}

export function createDownload(options: DownloadOptions): Download {
  const { track, shelf, neighbours, times, spread, onEnd } = options;
  const holders = new Map<PeerId, Holder>();
  const reads = new Set<{ start: number; end: number; resolve(): void; reject(error: Error): void }>();
  /** Chunks that arrived and are being verified and stored. */
  const storing = new Set<number>();
  const timers = new Set<ReturnType<typeof setTimeout>>();
  let manifestFrom: { peerId: PeerId; timer: ReturnType<typeof setTimeout> } | null = null;
  let cursorBytes = 0;
  let closed = false;
  let preparing = false;
  let checking = false;
  let paused = false;
  let lookingAgain = false;
  let wasBusy = false;

  const nowMs = () => performance.now();

  function later(ms: number, run: () => void): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => {
      timers.delete(timer);
      if (!closed) run();
    }, ms);
    timers.add(timer);
    return timer;
  }

  function cancel(timer: ReturnType<typeof setTimeout>): void {
    clearTimeout(timer);
    timers.delete(timer);
  }

  function holder(peerId: PeerId): Holder {
    let known = holders.get(peerId);
    if (!known) {
      known = {
        outstanding: new Map(),
        verifying: 0,
        lied: false,
        lapses: 0,
        restUntilMs: 0,
        bits: null,
        bitsAskedAtMs: -1e9,
      };
      holders.set(peerId, known);
    }
    return known;
  }

  function send(to: PeerId, message: Message): void {
    options.send(to, message).catch(() => {});
  }

  function lapse(peerId: PeerId): void {
    const peer = holder(peerId);
    const restMs = Math.min(MAX_REST_MS, times.restMs * 2 ** peer.lapses++);
    peer.restUntilMs = nowMs() + restMs;
    later(restMs, pump);
  }

  function drop(peerId: PeerId, index: number): boolean {
    const request = holder(peerId).outstanding.get(index);
    if (!request) return false;
    cancel(request.timer);
    holder(peerId).outstanding.delete(index);
    return true;
  }

  function usable(): [PeerId, Holder][] {
    return neighbours
      .holders(track.trackId)
      .map((peerId): [PeerId, Holder] => [peerId, holder(peerId)])
      .filter(([, peer]) => !peer.lied && peer.restUntilMs <= nowMs());
  }

  function askManifest(): void {
    if (manifestFrom) return;
    const next = usable()[0];
    if (!next) return;
    const [peerId] = next;
    const timer = later(times.requestMs, () => {
      manifestFrom = null;
      lapse(peerId);
      pump();
    });
    manifestFrom = { peerId, timer };
    send(peerId, { type: 'wantManifest', id: track.trackId });
  }

  function holds(peerId: PeerId, peer: Holder, index: number): boolean {
    if (neighbours.have(peerId, track.trackId) === 'all') return true;
    refreshBits(peerId, peer);
    return peer.bits !== null && hasBit(peer.bits, index);
  }

  function refreshBits(peerId: PeerId, peer: Holder): void {
    if (nowMs() - peer.bitsAskedAtMs < BITS_FRESH_MS) return;
    peer.bitsAskedAtMs = nowMs();
    send(peerId, { type: 'wantBits', id: track.trackId });
  }

  const load = (peer: Holder) => peer.outstanding.size + peer.verifying;

  function outstanding(index: number): { peers: number; youngestMs: number } {
    let peers = 0;
    let youngestMs = Infinity;
    for (const { outstanding: requests } of holders.values()) {
      const request = requests.get(index);
      if (!request) continue;
      peers++;
      youngestMs = Math.min(youngestMs, nowMs() - request.atMs);
    }
    return { peers, youngestMs };
  }

  function ask(peerId: PeerId, peer: Holder, index: number, urgent: boolean): void {
    const timer = later(times.requestMs, () => {
      peer.outstanding.delete(index);
      send(peerId, { type: 'cancelChunk', id: track.trackId, index });
      lapse(peerId);
      pump();
    });
    peer.outstanding.set(index, { atMs: nowMs(), timer });
    if (urgent) later(times.hedgeMs, pump);
    send(peerId, { type: 'wantChunk', id: track.trackId, index });
  }

  /** Counts in what partial holders told; complete ones have every chunk alike. */
  function copiesOf(): (index: number) => number {
    const partial: Uint8Array[] = [];
    for (const peerId of neighbours.holders(track.trackId)) {
      const peer = holder(peerId);
      if (peer.lied || neighbours.have(peerId, track.trackId) === 'all') continue;
      refreshBits(peerId, peer);
      if (peer.bits) partial.push(peer.bits);
    }
    return (index) => partial.reduce((sum, bits) => sum + (hasBit(bits, index) ? 1 : 0), 0);
  }

  function askChunks(blob: Shelved): void {
    // The least busy first, so that all holders share the work.
    const free = usable().filter(([, peer]) => load(peer) < OUTSTANDING_PER_PEER);
    if (free.length === 0) return;
    const need = {
      chunks: blob.chunks,
      reads: [...reads],
      cursorBytes,
      isMp4: track.mime.includes('mp4'),
      copies: copiesOf(),
      spread,
    };
    let awaited = 0;
    for (const { index, urgent } of inOrderOfNeed(need)) {
      if (hasBit(blob.bitmap, index) || storing.has(index)) continue;
      // A long read waits for its first chunks; asking twice for all of it would send everything twice.
      const mayHedge = urgent && awaited++ < HEDGED_CHUNKS;
      const { peers, youngestMs } = outstanding(index);
      if (peers > 0 && !(mayHedge && peers === 1 && youngestMs >= times.hedgeMs)) continue;
      free.sort(([, a], [, b]) => load(a) - load(b));
      const found = free.find(([peerId, peer]) => !peer.outstanding.has(index) && holds(peerId, peer, index));
      if (!found) continue;
      const [peerId, peer] = found;
      ask(peerId, peer, index, urgent);
      if (load(peer) >= OUTSTANDING_PER_PEER) free.splice(free.indexOf(found), 1);
      if (free.length === 0) return;
    }
  }

  function isBusy(): boolean {
    if (closed) return false;
    if (preparing || checking || manifestFrom !== null || storing.size > 0) return true;
    return [...holders.values()].some((peer) => load(peer) > 0);
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
    settleReads(blob);
    if (isComplete(blob)) return checkWhole();
    if (paused) return;
    if (blob.meta.manifest.length === 0) return askManifest();
    askChunks(blob);
    if (!isBusy()) lookAgainAtParts();
  }

  /** Nobody has more to give, but who holds a part may get more of it, and does not tell without being asked. */
  function lookAgainAtParts(): void {
    if (lookingAgain || !usable().some(([peerId]) => neighbours.have(peerId, track.trackId) === 'some'))
      return;
    lookingAgain = true;
    later(BITS_FRESH_MS, () => {
      lookingAgain = false;
      pump();
    });
  }

  /**
   * Chunks are verified by `chunksId`, which somebody's record says belongs to this `trackId`: whether it does can be
   * told only by the whole.
   */
  function checkWhole(): void {
    if (checking) return;
    checking = true;
    isWhole(track, shelf)
      .then(async (good) => {
        if (good) return null;
        await shelf.delete(track.trackId);
        return new WrongTrackError('the bytes are not those of this track: its record is wrong');
      })
      .then(end, (error: unknown) => end(error as Error));
  }

  function prepare(afresh: boolean): void {
    if (preparing) return;
    preparing = true;
    const { trackId: id, bytes, chunksId, mime } = track;
    const manifest = new Uint8Array(0);
    (afresh ? shelf.delete(id) : Promise.resolve())
      .then(() =>
        shelf.put({ id, kind: 'track', bytes, mime, chunksId, manifest, imported: false, wanted: false }),
      )
      .then(
        () => {
          preparing = false;
          pump();
        },
        (error: unknown) => end(error as Error),
      );
  }

  function settleReads(blob: Shelved): void {
    for (const read of reads) {
      const { first, afterLast } = chunksOf(read.start, read.end);
      let here = true;
      for (let index = first; here && index < afterLast; index++) here = hasBit(blob.bitmap, index);
      if (!here) continue;
      reads.delete(read);
      read.resolve();
    }
  }

  async function receiveManifest(from: PeerId, manifest: Uint8Array<ArrayBuffer>): Promise<void> {
    const asked = manifestFrom;
    if (asked?.peerId !== from) return;
    cancel(asked.timer);
    const own = manifest.slice();
    try {
      const good = await isManifest(own, track.bytes, track.chunksId);
      const blob = shelf.get(track.trackId);
      if (closed || !blob) return;
      if (good) await shelf.put({ ...blob.meta, manifest: own });
      else holder(from).lied = true;
    } catch (error) {
      return end(error as Error);
    } finally {
      if (manifestFrom === asked) manifestFrom = null;
    }
    pump();
  }

  async function receiveChunk(from: PeerId, index: number, data: Uint8Array<ArrayBuffer>): Promise<void> {
    const blob = shelf.get(track.trackId);
    if (!drop(from, index) || !blob || hasBit(blob.bitmap, index) || storing.has(index)) return;
    const peer = holder(from);
    storing.add(index);
    peer.verifying++;
    try {
      if (await isChunk(data, index, track.bytes, blob.meta.manifest)) {
        peer.lapses = 0;
        if (!closed && shelf.get(track.trackId)) await shelf.write(track.trackId, index, data);
      } else {
        peer.lied = true;
        for (const other of [...peer.outstanding.keys()]) drop(from, other);
      }
    } catch (error) {
      return end(error as Error);
    } finally {
      storing.delete(index);
      peer.verifying--;
    }
    for (const [peerId, peer] of holders) {
      if (hasBit(blob.bitmap, index) && peer.outstanding.has(index)) {
        drop(peerId, index);
        send(peerId, { type: 'cancelChunk', id: track.trackId, index });
      }
    }
    pump();
  }

  function end(error: Error | null): void {
    if (closed) return;
    if (error) rejectReads(error);
    close();
    onEnd(error);
  }

  function close(): void {
    if (closed) return;
    closed = true;
    for (const timer of timers) clearTimeout(timer);
    timers.clear();
    takeBack();
    holders.clear();
    rejectReads(new DOMException('the track was closed', 'AbortError'));
  }

  /** Cancels every request for a chunk. */
  function takeBack(): void {
    for (const [peerId, peer] of holders) {
      for (const index of [...peer.outstanding.keys()]) {
        drop(peerId, index);
        send(peerId, { type: 'cancelChunk', id: track.trackId, index });
      }
    }
  }

  function rejectReads(error: Error): void {
    for (const read of reads) read.reject(error);
    reads.clear();
  }

  return {
    track,
    get isBusy() {
      return isBusy();
    },
    need(start, end, signal) {
      cursorBytes = end;
      return new Promise<void>((resolve, reject) => {
        const abort = () => {
          reads.delete(read);
          reject(signal.reason as Error);
        };
        const read = {
          start,
          end,
          resolve() {
            signal.removeEventListener('abort', abort);
            resolve();
          },
          reject(error: Error) {
            signal.removeEventListener('abort', abort);
            reject(error);
          },
        };
        signal.addEventListener('abort', abort, { once: true });
        reads.add(read);
        pump();
      });
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
        holder(from).bits = message.bitmap.slice();
        pump();
      } else if (message.type === 'denied') {
        if (message.wanted === 'manifest' && manifestFrom?.peerId === from) {
          cancel(manifestFrom.timer);
          manifestFrom = null;
        } else if (message.wanted !== 'chunk' || !drop(from, message.index)) return;
        lapse(from);
        pump();
      }
    },
    peerGone(peerId) {
      const peer = holders.get(peerId);
      if (manifestFrom?.peerId === peerId) {
        cancel(manifestFrom.timer);
        manifestFrom = null;
      }
      if (!peer) return;
      for (const index of [...peer.outstanding.keys()]) drop(peerId, index);
      holders.delete(peerId);
      pump();
    },
    close,
  };
}
