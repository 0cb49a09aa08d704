/**
 * The connections to every peer that announces itself: the smaller peer id dials, so that a pair has one connection; a
 * connection counts once both sides have proven themselves (link.ts).
 */
import type { DataConnection } from 'peerjs';
import { backoffMs } from './backoff.ts';
import type { Broker } from './broker.ts';
import { type Link, createLink } from './link.ts';
import type { ChannelName, PeerId } from './transport.ts';

const DIAL_DEADLINE_MS = 8_000;
/** Keepalives go every second, and a lost one is repeated by SCTP: a killed peer is gone 4.5 s later at the latest. */
const SILENT_AFTER_MS = 3_500;
/** A silent connection may only be held up, as by a page that computes: it counts again when it is heard until then. */
const DEAD_AFTER_MS = 8_000;
/** A dial that is this old when the other side comes back was for the connection before. */
const OLD_DIAL_MS = 1_500;
/** Strangers can only occupy this many slots, each for a few seconds. */
const MAX_UNPROVEN = 64;
/** Voices in packets of 10 ms are heard 10 ms sooner than in the usual ones of 20, and are twice as many: not for a crowd's Wi-Fi. */
const QUICK_PACKET_MS = 10;
const FEW_PEERS = 8;

export interface LinksOptions {
  selfId: PeerId;
  key: CryptoKey;
  broker: Broker;
  nowMs(): number;
  onPeers(): void;
  onOpen(peerId: PeerId): void;
  /** An open link brings nothing any more, or something again. It is not among `open` meanwhile. */
  onSilent(peerId: PeerId, silent: boolean): void;
  /** A link that was open is no more. `left`: it said goodbye. */
  onClose(peerId: PeerId, left: boolean): void;
  onRoomMessage(from: PeerId, message: Uint8Array): void;
  onPing(from: PeerId, note: Uint8Array): void;
  onMessage(channel: ChannelName, from: PeerId, message: Uint8Array<ArrayBuffer>, receivedAtMs: number): void;
  onVoice(from: PeerId, stream: MediaStream | null): void;
}

export interface Links {
  readonly open: ReadonlyMap<PeerId, Link>;
  /** Open or silent. */
  linkOf(peerId: PeerId): Link | undefined;
  /** The peers that should be connected. */
  want(peerIds: ReadonlySet<PeerId>): void;
  accept(connection: DataConnection): void;
  offerVoice(stream: MediaStream | null, to: readonly PeerId[]): void;
  /** Pings with `note`, drops the silent, dials the missing. Called every second, or late. */
  tick(wasLate: boolean, note: Uint8Array): void;
  /** This peer has come back just now: what was tried before does not count. */
  isBack(peerId: PeerId): void;
  /** Dials every missing peer now. */
  redial(): void;
  closeAll(goodbye: boolean): void;
}

interface Attempt {
  failures: number;
  notBeforeMs: number;
  dialing: { link: Link; sinceMs: number } | null;
}

export function createLinks(options: LinksOptions): Links {
  const { selfId, key, broker, nowMs } = options;
  const open = new Map<PeerId, Link>();
  const silent = new Map<PeerId, Link>();
  const unproven = new Set<Link>();
  const attempts = new Map<PeerId, Attempt>();
  let wanted: ReadonlySet<PeerId> = new Set();
  let voice: { stream: MediaStream | null; to: ReadonlySet<PeerId> } = { stream: null, to: new Set() };

  function adopt(connection: DataConnection, role: 'dialer' | 'answerer'): Link {
    const peerId = connection.peer;
    let heardVoice = false;
    const link = createLink({
      connection: connection.peerConnection,
      selfId,
      peerId,
      role,
      key,
      nowMs,
      voicePacketMs: () => (open.size <= FEW_PEERS ? QUICK_PACKET_MS : null),
      onOpen() {
        unproven.delete(link);
        // First out, then in, so that nobody takes the new link for the old one.
        (open.get(peerId) ?? silent.get(peerId))?.close();
        attempts.delete(peerId);
        open.set(peerId, link);
        options.onOpen(peerId);
        if (voice.to.has(peerId)) link.setVoice(voice.stream);
        options.onPeers();
      },
      onHeard() {
        if (silent.get(peerId) !== link) return;
        silent.delete(peerId);
        open.set(peerId, link);
        options.onSilent(peerId, false);
        link.setVoice(voice.to.has(peerId) ? voice.stream : null);
        options.onPeers();
      },
      onMessage: (channel, message, receivedAtMs) =>
        options.onMessage(channel, peerId, message, receivedAtMs),
      onRoomMessage: (message) => options.onRoomMessage(peerId, message),
      onPing: (note) => options.onPing(peerId, note),
      onVoice(stream) {
        heardVoice = stream !== null;
        options.onVoice(peerId, stream);
      },
      onClose(left) {
        unproven.delete(link);
        connection.close();
        if (heardVoice) options.onVoice(peerId, null);
        const wasSilent = silent.get(peerId) === link && silent.delete(peerId);
        const wasOpen = open.get(peerId) === link;
        if (wasOpen) open.delete(peerId);
        const attempt = attempts.get(peerId);
        if (
          role === 'dialer' &&
          !open.has(peerId) &&
          (wasOpen || wasSilent || attempt?.dialing?.link === link)
        )
          failed(peerId, wasOpen || wasSilent);
        if (!wasOpen && !wasSilent) return;
        options.onClose(peerId, left);
        if (wasOpen) options.onPeers();
      },
    });
    unproven.add(link);
    connection.on('close', () => link.close());
    connection.on('error', () => link.close());
    return link;
  }

  function fallSilent(link: Link): void {
    open.delete(link.peerId);
    silent.set(link.peerId, link);
    options.onSilent(link.peerId, true);
    options.onPeers();
  }

  function failed(peerId: PeerId, wasOpen: boolean): void {
    const failures = wasOpen ? 1 : (attempts.get(peerId)?.failures ?? 0) + 1;
    attempts.set(peerId, {
      failures,
      notBeforeMs: nowMs() + backoffMs(failures, Math.random),
      dialing: null,
    });
  }

  function dial(peerId: PeerId): void {
    const attempt = attempts.get(peerId);
    if (attempt?.dialing || (attempt && nowMs() < attempt.notBeforeMs)) return;
    const connection = broker.connect(peerId);
    if (!connection) return;
    const link = adopt(connection, 'dialer');
    attempts.set(peerId, {
      failures: attempt?.failures ?? 0,
      notBeforeMs: nowMs(),
      dialing: { link, sinceMs: nowMs() },
    });
    setTimeout(() => {
      if (!link.isOpen) link.close();
    }, DIAL_DEADLINE_MS);
  }

  function dialMissing(): void {
    if (!broker.isOpen) return;
    for (const peerId of wanted)
      if (selfId < peerId && !open.has(peerId) && !silent.has(peerId)) dial(peerId);
  }

  return {
    open,
    linkOf: (peerId) => open.get(peerId) ?? silent.get(peerId),
    want(peerIds) {
      for (const peerId of attempts.keys()) if (!peerIds.has(peerId)) attempts.delete(peerId);
      wanted = peerIds;
      dialMissing();
    },
    accept(connection) {
      if (unproven.size >= MAX_UNPROVEN || !connection.peerConnection) connection.close();
      else adopt(connection, 'answerer');
    },
    offerVoice(stream, to) {
      voice = { stream, to: new Set(to) };
      for (const [peerId, link] of open) link.setVoice(voice.to.has(peerId) ? stream : null);
    },
    tick(wasLate, note) {
      for (const link of [...open.values(), ...silent.values()]) {
        // After a pause of our own, everybody looks silent: ask first.
        const silentMs = wasLate ? 0 : nowMs() - link.heardAtMs;
        if (silentMs > DEAD_AFTER_MS) link.close();
        else link.ping(note);
        if (silentMs > SILENT_AFTER_MS && open.get(link.peerId) === link) fallSilent(link);
      }
      dialMissing();
    },
    isBack(peerId) {
      silent.get(peerId)?.close();
      const attempt = attempts.get(peerId);
      if (!attempt) return;
      const { dialing } = attempt;
      if (dialing && nowMs() - dialing.sinceMs < OLD_DIAL_MS) return;
      attempts.delete(peerId);
      dialing?.link.close();
    },
    redial() {
      for (const attempt of attempts.values()) attempt.notBeforeMs = 0;
      dialMissing();
    },
    closeAll(goodbye) {
      for (const link of [...open.values(), ...silent.values(), ...unproven]) {
        if (goodbye) link.bye();
        link.close();
      }
    },
  };
}
