/**
 * The real mesh. The node's topic (y-webrtc's protocol) tells who is there, PeerJS brings the connections, and
 * everything - document, presence, bytes, clock probes, voices - goes over these, once both sides have proven that they
 * know the room's secret.
 *
 * y-webrtc's own connections are not used: they lose messages over 256 KiB in silence, often stay dead after a freeze,
 * and repeat every edit N(N-1) times (FACTS.md); none of it can be mended from outside.
 */
import type * as Y from 'yjs';
import { BROKER_PATH, SIGNALING_PATH } from '../../signaling/protocol/node-info.ts';
import { topicKey } from './announcement.ts';
import { createBroker } from './broker.ts';
import { createDiscovery } from './discovery.ts';
import { importMeshKey } from './handshake.ts';
import { createIceServers } from './ice-servers.ts';
import { type Links, createLinks } from './links.ts';
import { listeners } from './listeners.ts';
import { createNodeProbe } from './node-probe.ts';
import { type WatchPage, watchPage } from './page-life.ts';
import { createRoom } from './room.ts';
import { createSleepGuard } from './sleep-guard.ts';
import { createTicker } from './ticker.ts';
import { type ChannelName, type MeshStatus, type PeerId, type Transport } from './transport.ts';
import { PeerUnreachableError } from './transport.ts';

const TICK_MS = 1_000;
/** From an announcement to an open link: a few tenths of a second on a LAN, relayed or not. */
const LINK_PATIENCE_MS = 3_000;
const FIRST_CONTACT_MS = 3_000;
/** By then everybody who is on the topic has answered a newcomer (roster.ts). */
const ANSWERED_MS = 1_000;
/** Time for the goodbyes to leave before their connections are torn down. */
const GOODBYE_MS = 150;

/** The part of the room's keys (signaling/protocol/secret.ts) that the mesh needs. */
export interface MeshKeys {
  roomId: string;
  /** Password of the topic's encryption. */
  signalingKey: string;
  /** 32 bytes. */
  meshKey: Uint8Array<ArrayBuffer>;
  /** Shown to the node for the use of its relay; without it connections are direct or none. */
  uplinkKey?: string;
}

export interface BrowserMeshOptions {
  doc: Y.Doc;
  keys: MeshKeys;
  /** The node's HTTPS origin, e.g. `https://192.168.1.20:8443`. */
  origin: string;
  /** From `node.json`; null: ICE goes without a STUN server. */
  stunPort: number | null;
  /** Unique for each page: letters, digits and hyphens, e.g. a UUID. */
  selfId: PeerId;
  /** Who a peer is, by what it tells: one person comes again as another peer. Null: cannot be known. */
  personOf?: (state: unknown) => string | null;
  /** Outside of a page: what stands in for it. */
  watch?: WatchPage;
}

export interface BrowserMesh extends Transport {
  /** The node's STUN port, once it is known or changed; used from the next connection on. */
  setStunPort(port: number | null): void;
}

/** Starts at once; needs a secure context (Web Crypto). */
export async function createBrowserMesh(options: BrowserMeshOptions): Promise<BrowserMesh> {
  const { doc, keys, selfId } = options;
  const node = new URL(options.origin);
  const secure = node.protocol === 'https:';
  const port = Number(node.port) || (secure ? 443 : 80);
  const nowMs = () => performance.timeOrigin + performance.now();
  const startedAtMs = nowMs();

  const onStatus = listeners<[MeshStatus]>();
  const onPresences = listeners<[]>();
  const onPeers = listeners<[readonly PeerId[]]>();
  const onVoice = listeners<[PeerId, MediaStream | null]>();
  const onMessage: Record<
    ChannelName,
    ReturnType<typeof listeners<[PeerId, Uint8Array<ArrayBuffer>, number]>>
  > = {
    control: listeners(),
    bytes: listeners(),
    clock: listeners(),
  };
  let status: MeshStatus = 'connecting';
  let closed = false;
  let topicLostAtMs = -Infinity;
  let topicUpAtMs = Infinity;

  const iceServers = createIceServers({
    origin: node.origin,
    stunPort: options.stunPort,
    relay: keys.uplinkKey === undefined ? null : { roomId: keys.roomId, uplinkKey: keys.uplinkKey },
    nowMs,
  });
  const [key, signalingKey] = await Promise.all([
    importMeshKey(keys.meshKey),
    topicKey(keys.signalingKey, keys.roomId),
    // Without a relay a first connection may be none at all, and the next attempt comes seconds later.
    iceServers.ready,
  ]);

  const broker = createBroker({
    selfId,
    host: node.hostname,
    port,
    path: BROKER_PATH,
    secure,
    config: iceServers.config,
    nowMs,
    onOpen() {
      if (discovery.isUp) discovery.announce(true);
      links.redial();
    },
    onIncoming: (connection) => links.accept(connection),
  });

  const links: Links = createLinks({
    selfId,
    key,
    broker,
    nowMs,
    onPeers() {
      onPeers.emit([...links.open.keys()]);
      updateStatus();
    },
    onOpen: (peerId) => room.opened(peerId),
    onSilent(peerId, silent) {
      if (silent) discovery.check();
      room.company.silent(peerId, silent);
    },
    onClose(peerId, left) {
      discovery.linkClosed(peerId, left);
      if (!left) discovery.check();
      room.closed(peerId, left);
    },
    onMessage: (channel, from, message, receivedAtMs) => onMessage[channel].emit(from, message, receivedAtMs),
    onRoomMessage: (from, message) => room.receive(from, message),
    onPing: (from, note) => room.heardNote(from, note),
    onVoice: (from, stream) => onVoice.emit(from, stream),
  });

  const room = createRoom({
    doc,
    selfId,
    nowMs,
    send: (to, message) => links.linkOf(to)?.sendRoomMessage(message) ?? unreachable(to),
    personOf: options.personOf ?? (() => null),
    onPresences: () => onPresences.emit(),
    onBad: (from) => links.linkOf(from)?.close(),
  });

  const discovery = createDiscovery({
    url: `${secure ? 'wss' : 'ws'}://${node.host}${SIGNALING_PATH}`,
    topic: keys.roomId,
    key: signalingKey,
    selfId,
    nowMs,
    isLinked: (peerId) => links.linkOf(peerId) !== undefined,
    onKnown(peerId, fresh) {
      if (fresh) links.isBack(peerId);
      links.want(new Set(discovery.known()));
    },
    onUp(isUp) {
      if (isUp) {
        topicUpAtMs = nowMs();
        // A session with the broker from before shares the fate of the topic's socket, and would not notice for minutes.
        if (broker.isOpen && broker.openedAtMs < topicLostAtMs) broker.reconnect();
        else if (broker.isOpen) discovery.announce(true);
        else broker.retryNow();
        iceServers.retryNow();
      } else topicLostAtMs = nowMs();
      updateStatus();
    },
  });

  const probe = createNodeProbe({ origin: node.origin, nowMs, onBack: retryNow });

  function unreachable(peerId: PeerId): Promise<never> {
    return Promise.reject(new PeerUnreachableError(`${peerId} is not connected`));
  }

  function updateStatus(): void {
    if (closed) return;
    const inReach = discovery.isUp || links.open.size > 0;
    const tooLong = nowMs() - startedAtMs > FIRST_CONTACT_MS;
    const next = inReach ? 'connected' : status !== 'connecting' || tooLong ? 'alone' : 'connecting';
    if (next === status) return;
    status = next;
    onStatus.emit(status);
  }

  function retryNow(): void {
    discovery.retryNow();
    broker.retryNow();
    links.redial();
  }

  function reconnect(): void {
    if (closed) return;
    links.closeAll(false);
    broker.reconnect();
    discovery.reconnect();
    links.redial();
  }

  const guard = createSleepGuard({ nowMs, wallMs: () => Date.now(), periodMs: TICK_MS });

  function tick(): void {
    const gap = guard.look();
    if (gap === 'slept') reconnect();
    discovery.tick();
    broker.tick();
    iceServers.tick();
    if (!discovery.isUp) probe.tick();
    links.want(new Set(discovery.known()));
    room.tick(discovery.missing(LINK_PATIENCE_MS));
    links.tick(gap !== 'on-time', room.note());
    updateStatus();
  }

  const ticker = createTicker(TICK_MS, tick);
  const unwatch = (options.watch ?? watchPage)({
    onSleeping: (sleeping) => room.company.setSleeping(sleeping),
    onWake() {
      tick();
      discovery.check();
      if (!discovery.isUp || !broker.isOpen) retryNow();
    },
    onLeave: close,
  });

  function close(): void {
    if (closed) return;
    closed = true;
    ticker.close();
    unwatch();
    probe.close();
    iceServers.close();
    for (const all of [onStatus, onPresences, onPeers, onVoice, ...Object.values(onMessage)]) all.clear();
    room.close();
    for (const link of links.open.values()) link.bye();
    setTimeout(() => {
      discovery.close();
      links.closeAll(false);
      broker.close();
    }, GOODBYE_MS);
  }

  return {
    selfId,
    status: () => status,
    onStatus: onStatus.add,
    setPresence: room.company.setState,
    presences: room.company.presences,
    asleep: room.company.asleep,
    onPresences: onPresences.add,
    peers: () => [...links.open.keys()],
    onPeers: onPeers.add,
    connections: () =>
      [...links.open].map(([peerId, link]) => ({
        peerId,
        path: link.path(),
        roundTripMs: link.roundTripMs,
      })),
    unreached: discovery.missing,
    isWhole() {
      const isAnswered = discovery.isUp ? nowMs() - topicUpAtMs >= ANSWERED_MS : status !== 'connecting';
      return isAnswered && discovery.missing(0).length === 0 && room.isWhole();
    },
    send(to, channel, message) {
      const link = closed ? undefined : links.open.get(to);
      return link?.send(channel, message) ?? unreachable(to);
    },
    onMessage: (channel, listener) => onMessage[channel].add(listener),
    offerVoice: links.offerVoice,
    onVoice: onVoice.add,
    reconnect,
    close,
    setStunPort: iceServers.setStunPort,
  };
}
