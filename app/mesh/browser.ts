/** The real mesh: y-webrtc for the document and presence, PeerJS for bytes, clock probes and voices. */
import type * as Y from 'yjs';
import { BROKER_PATH, SIGNALING_PATH } from '../../signaling/protocol/node-info.ts';
import { createBroker } from './broker.ts';
import { importMeshKey } from './handshake.ts';
import { type Links, createLinks } from './links.ts';
import { listeners } from './listeners.ts';
import { createRoomSync } from './room-sync.ts';
import {
  type ChannelName,
  type MeshStatus,
  type PeerId,
  type Transport,
  PeerUnreachableError,
} from './transport.ts';

const TICK_MS = 2_000;
/** A tick that late means that this device slept; y-webrtc does not survive that by itself (FACTS.md). */
const ASLEEP_AFTER_MS = 6_000;
const FIRST_CONTACT_MS = 3_000;
/** Time for the goodbyes to leave before their connections are torn down. */
const GOODBYE_MS = 150;

/** The part of the room's keys (app/session) that the mesh needs. */
export interface MeshKeys {
  roomId: string;
  /** Password of the signaling's encryption. */
  signalingKey: string;
  /** 32 bytes. */
  meshKey: Uint8Array<ArrayBuffer>;
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
  // Both libraries read this object at each new connection.
  const config: RTCConfiguration = { iceServers: [] };
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

  function setStunPort(stunPort: number | null): void {
    config.iceServers = stunPort === null ? [] : [{ urls: `stun:${node.hostname}:${stunPort}` }];
  }
  setStunPort(options.stunPort);

  const key = await importMeshKey(keys.meshKey);

  const broker = createBroker({
    selfId,
    host: node.hostname,
    port,
    path: BROKER_PATH,
    secure,
    config,
    onOpen: () => links.redial(),
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
    onMessage: (channel, from, message, receivedAtMs) => onMessage[channel].emit(from, message, receivedAtMs),
    onVoice: (from, stream) => onVoice.emit(from, stream),
    onLeft: (peerId) => room.forget(peerId),
  });

  const room = createRoomSync({
    doc,
    roomId: keys.roomId,
    password: keys.signalingKey,
    signalingUrl: `${secure ? 'wss' : 'ws'}://${node.host}${SIGNALING_PATH}`,
    config,
    selfId,
    nowMs,
    onPresences() {
      const others = new Set(room.presences().keys());
      others.delete(selfId);
      links.want(others);
      onPresences.emit();
    },
    onSignaling: updateStatus,
  });

  function updateStatus(): void {
    if (closed) return;
    const inReach = room.signalingUp || links.open.size > 0;
    const tooLong = nowMs() - startedAtMs > FIRST_CONTACT_MS;
    const next = inReach ? 'connected' : status !== 'connecting' || tooLong ? 'alone' : 'connecting';
    if (next === status) return;
    status = next;
    onStatus.emit(status);
  }

  function reconnect(): void {
    if (closed) return;
    links.closeAll(false);
    broker.reconnect();
    room.reconnect();
    links.redial();
  }

  let tickedAtMs = nowMs();
  const ticking = setInterval(() => {
    const gapMs = nowMs() - tickedAtMs;
    tickedAtMs = nowMs();
    if (gapMs > TICK_MS + ASLEEP_AFTER_MS) reconnect();
    room.tick();
    links.tick(gapMs > 2 * TICK_MS);
    updateStatus();
  }, TICK_MS);

  const onPageHide = (event: PageTransitionEvent) => {
    if (!event.persisted) close();
  };
  addEventListener('pagehide', onPageHide);

  function close(): void {
    if (closed) return;
    closed = true;
    clearInterval(ticking);
    removeEventListener('pagehide', onPageHide);
    for (const all of [onStatus, onPresences, onPeers, onVoice, ...Object.values(onMessage)]) all.clear();
    room.leave();
    for (const link of links.open.values()) link.bye();
    setTimeout(() => {
      links.closeAll(false);
      broker.close();
      room.close();
    }, GOODBYE_MS);
  }

  return {
    selfId,
    status: () => status,
    onStatus: onStatus.add,
    setPresence: room.setPresence,
    presences: room.presences,
    onPresences: onPresences.add,
    peers: () => [...links.open.keys()],
    onPeers: onPeers.add,
    send(to, channel, message) {
      const link = closed ? undefined : links.open.get(to);
      return (
        link?.send(channel, message) ?? Promise.reject(new PeerUnreachableError(`${to} is not connected`))
      );
    },
    onMessage: (channel, listener) => onMessage[channel].add(listener),
    offerVoice: links.offerVoice,
    onVoice: onVoice.add,
    reconnect,
    close,
    setStunPort,
  };
}
