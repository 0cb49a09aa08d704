/**
 * Keeps the document in step with every linked peer (messages of y-protocols/sync). An edit goes from its author straight
 * to each peer: N-1 messages, and nobody repeats it, unless a peer that cannot reach the author asked for that. Whatever
 * is missing otherwise - before, while asleep, dropped - shows in the digests that come with every keepalive, and is
 * fetched from one peer at a time: so a newcomer loads the room once, not once from everybody.
 */
import { createDecoder } from 'lib0/decoding';
import { createEncoder, length as encodedBytes, toUint8Array } from 'lib0/encoding';
import { messageYjsSyncStep2, readSyncMessage, writeSyncStep1, writeUpdate } from 'y-protocols/sync';
import type * as Y from 'yjs';
import { createAssembler } from './chunks.ts';
import { EMPTY_DIGEST, digestBytes, digestFrom, digestOf } from './digest.ts';
import { type Outbox, createOutbox } from './outbox.ts';
import { DIGEST, roomMessage } from './room-wire.ts';
import type { PeerId } from './transport.ts';

/** While edits are on their way digests differ. What a peer holds and this one has not come by for so long is missing here. */
const DOUBT_MS = 2_500;
/** States that this document went through, to know one whose sender is merely behind. */
const KEPT_DIGESTS = 64;
/** A peer that sends nothing of what was asked for; the next one is asked. */
const PULL_DEADLINE_MS = 4_000;
/** Having been asked, a peer whose digest is still the same is behind: it will ask us. */
const ASK_AGAIN_MS = 10_000;
/** An edit larger than this (a document that is loaded from disk) is fetched by who lacks it, not sent to everybody. */
const LARGE_UPDATE_BYTES = 64 * 1024;

export interface DocSyncOptions {
  doc: Y.Doc;
  nowMs(): number;
  /** Resolves when there is room for the next message, rejects when the peer is gone. */
  send(to: PeerId, message: Uint8Array<ArrayBuffer>): Promise<void>;
  /** This peer sent what cannot be understood. */
  onBad(from: PeerId): void;
}

export interface DocSync {
  opened(peerId: PeerId): void;
  closed(peerId: PeerId): void;
  /** A message of kind SYNC or SYNC_PART. */
  receive(from: PeerId, body: Uint8Array, isLast: boolean): void;
  /** What this peer holds, for keepalives. */
  digest(): Uint8Array<ArrayBuffer>;
  /** @param isNews a message of kind DIGEST: an own look at it is due now */
  heardDigest(from: PeerId, digest: Uint8Array, isNews: boolean): void;
  /** From now on pass on to `to` what comes from `sources`. */
  relay(to: PeerId, sources: ReadonlySet<PeerId>): void;
  /** No linked peer is known to hold what this document lacks, and each has told what it holds. */
  isWhole(): boolean;
  tick(): void;
  close(): void;
}

/** Also the origin of the transactions that its updates cause. */
interface Peer {
  readonly peerId: PeerId;
  readonly outbox: Outbox;
  readonly assembler: ReturnType<typeof createAssembler>;
  theirs: string | null;
  /** A state of its document that this one has not been in, and since when that is known. */
  doubt: { theirs: string; sinceMs: number } | null;
  due: boolean;
  asked: { theirs: string | null; atMs: number } | null;
  sources: ReadonlySet<PeerId>;
}

export function createDocSync(options: DocSyncOptions): DocSync {
  const { doc, nowMs } = options;
  const peers = new Map<PeerId, Peer>();
  const origins = new WeakMap<object, PeerId>();
  /** Of the document as it is; null: has to be computed. */
  let known: string | null = null;
  const passed = new Set<string>();
  let pull: { peer: Peer; progressAtMs: number } | null = null;

  function mine(): string {
    if (known !== null) return known;
    known = digestOf(doc);
    passed.delete(known);
    passed.add(known);
    for (const oldest of passed) if (passed.size > KEPT_DIGESTS) passed.delete(oldest);
    return known;
  }

  /** True: for too long has `peer` held what this document has never been. */
  function isMissing(peer: Peer, theirs: string): boolean {
    if (passed.has(theirs)) peer.doubt = null;
    else if (peer.doubt === null || passed.has(peer.doubt.theirs)) peer.doubt = { theirs, sinceMs: nowMs() };
    return peer.doubt !== null && nowMs() - peer.doubt.sinceMs >= DOUBT_MS;
  }

  function tellDigest(peer: Peer): void {
    options.send(peer.peerId, roomMessage(DIGEST, digestBytes(mine()))).catch(() => {});
  }

  function onUpdate(update: Uint8Array, origin: unknown): void {
    known = null;
    if (peers.size > 0) mine();
    const from = typeof origin === 'object' && origin !== null ? origins.get(origin) : undefined;
    const to = [...peers.values()].filter((peer) => from === undefined || peer.sources.has(from));
    if (to.length === 0) return;
    if (update.length > LARGE_UPDATE_BYTES) return to.forEach(tellDigest);
    const encoder = createEncoder();
    writeUpdate(encoder, update);
    const message = toUint8Array(encoder);
    for (const peer of to) peer.outbox.push(message);
  }
  doc.on('update', onUpdate);

  function pullNext(): void {
    if (pull !== null) return;
    for (const peer of peers.values()) {
      if (!peer.due) continue;
      peer.due = false;
      peer.doubt = null;
      if (peer.theirs === null || peer.theirs === EMPTY_DIGEST || peer.theirs === mine()) continue;
      const encoder = createEncoder();
      writeSyncStep1(encoder, doc);
      if (!peer.outbox.push(toUint8Array(encoder))) continue;
      pull = { peer, progressAtMs: nowMs() };
      peer.asked = { theirs: peer.theirs, atMs: nowMs() };
      return;
    }
  }

  function endPull(): void {
    pull = null;
    pullNext();
  }

  return {
    opened(peerId) {
      const peer: Peer = {
        peerId,
        outbox: createOutbox(
          (message) => options.send(peerId, message),
          () => tellDigest(peer),
        ),
        assembler: createAssembler(),
        theirs: null,
        doubt: null,
        due: false,
        asked: null,
        sources: new Set(),
      };
      if (pull?.peer.peerId === peerId) pull = null;
      peers.set(peerId, peer);
      origins.set(peer, peerId);
      tellDigest(peer);
      pullNext();
    },
    closed(peerId) {
      peers.delete(peerId);
      if (pull?.peer.peerId === peerId) endPull();
    },
    receive(from, body, isLast) {
      const peer = peers.get(from);
      if (!peer) return;
      if (pull?.peer === peer) pull.progressAtMs = nowMs();
      try {
        const whole = peer.assembler.add({ bytes: body, isLast });
        if (whole === null) return;
        const answer = createEncoder();
        const kind = readSyncMessage(createDecoder(whole), answer, doc, peer);
        if (encodedBytes(answer) > 0) peer.outbox.push(toUint8Array(answer));
        if (kind === messageYjsSyncStep2 && pull?.peer === peer) endPull();
      } catch {
        options.onBad(from);
      }
    },
    digest: () => digestBytes(mine()),
    heardDigest(from, digest, isNews) {
      const peer = peers.get(from);
      const theirs = digestFrom(digest);
      if (!peer || theirs === null) return;
      peer.theirs = theirs;
      if (theirs === mine()) {
        peer.doubt = null;
        peer.due = false;
        return;
      }
      const isAnswered = peer.asked?.theirs === theirs && nowMs() - peer.asked.atMs < ASK_AGAIN_MS;
      if (isNews ? !passed.has(theirs) : isMissing(peer, theirs) && !isAnswered) peer.due = true;
      pullNext();
    },
    relay(to, sources) {
      const peer = peers.get(to);
      if (peer) peer.sources = sources;
    },
    isWhole() {
      const lacks = ({ theirs }: Peer): boolean =>
        theirs === null || (theirs !== EMPTY_DIGEST && theirs !== mine() && !passed.has(theirs));
      return pull === null && ![...peers.values()].some(lacks);
    },
    tick() {
      if (pull !== null && nowMs() - pull.progressAtMs > PULL_DEADLINE_MS) endPull();
    },
    close() {
      doc.off('update', onUpdate);
      peers.clear();
      pull = null;
    },
  };
}
