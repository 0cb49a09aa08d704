/**
 * The document and presence over y-webrtc. Its signaling is encrypted with a key that only the room knows, so an offer
 * that decrypts comes from the room. Presence is wrapped in `{peerId, state}`: the peer id is what PeerJS dials.
 */
import * as v from 'valibot';
import { Awareness, removeAwarenessStates } from 'y-protocols/awareness';
import { WebrtcProvider } from 'y-webrtc';
import type * as Y from 'yjs';
import type { PeerId } from './transport.ts';

/** FACTS.md: a connection that is not up by then never will be; y-webrtc has no deadline of its own. */
const CONNECT_DEADLINE_MS = 5_000;

const Envelope = v.object({
  peerId: v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/)),
  state: v.unknown(),
});

export interface RoomSyncOptions {
  doc: Y.Doc;
  roomId: string;
  password: string;
  signalingUrl: string;
  config: RTCConfiguration;
  selfId: PeerId;
  nowMs(): number;
  onPresences(): void;
  onSignaling(): void;
}

export interface RoomSync {
  readonly signalingUp: boolean;
  setPresence(state: unknown): void;
  presences(): ReadonlyMap<PeerId, unknown>;
  /** Forgets a peer that said goodbye, before its presence would time out. */
  forget(peerId: PeerId): void;
  /** Destroys connections that are stuck. */
  tick(): void;
  reconnect(): void;
  /** Tells the others that this peer is gone; `close` follows when that had time to leave. */
  leave(): void;
  close(): void;
}

export function createRoomSync(options: RoomSyncOptions): RoomSync {
  const { doc, selfId, nowMs } = options;
  const awareness = new Awareness(doc);
  const stuckSince = new Map<object, number>();
  let presence: unknown = null;
  let closed = false;

  // The first state must differ from Awareness's own empty one, which is never sent.
  awareness.setLocalState({ peerId: selfId, state: null });
  awareness.on('change', options.onPresences);

  const provider = new WebrtcProvider(options.roomId, doc, {
    signaling: [options.signalingUrl],
    password: options.password,
    awareness,
    maxConns: Number.MAX_SAFE_INTEGER,
    filterBcConns: true,
    peerOpts: { config: options.config },
  });
  watchSignaling();

  function watchSignaling(): void {
    for (const socket of provider.signalingConns) {
      socket.on('connect', options.onSignaling);
      socket.on('disconnect', options.onSignaling);
    }
  }

  function parse(state: unknown): v.InferOutput<typeof Envelope> | null {
    const parsed = v.safeParse(Envelope, state);
    return parsed.success ? parsed.output : null;
  }

  return {
    get signalingUp() {
      return provider.signalingConns.some((socket) => socket.connected);
    },
    setPresence(state) {
      presence = state;
      awareness.setLocalState({ peerId: selfId, state });
    },
    presences() {
      const found = new Map<PeerId, { state: unknown; atMs: number }>();
      for (const [clientId, raw] of awareness.getStates()) {
        const envelope = parse(raw);
        if (!envelope || envelope.peerId === selfId) continue;
        const atMs = awareness.meta.get(clientId)?.lastUpdated ?? 0;
        const other = found.get(envelope.peerId);
        // A page that was reloaded leaves its former self behind until that times out.
        if (!other || other.atMs <= atMs) found.set(envelope.peerId, { state: envelope.state, atMs });
      }
      const out = new Map<PeerId, unknown>([[selfId, presence]]);
      for (const [peerId, { state }] of found) out.set(peerId, state);
      return out;
    },
    forget(peerId) {
      const gone = [...awareness.getStates()]
        .filter(([clientId, raw]) => clientId !== awareness.clientID && parse(raw)?.peerId === peerId)
        .map(([clientId]) => clientId);
      removeAwarenessStates(awareness, gone, 'left');
    },
    tick() {
      const connections = new Set(provider.room?.webrtcConns.values());
      for (const known of stuckSince.keys()) if (!connections.has(known as never)) stuckSince.delete(known);
      for (const connection of connections) {
        if (connection.connected) stuckSince.delete(connection);
        else if (!stuckSince.has(connection)) stuckSince.set(connection, nowMs());
        else if (nowMs() - (stuckSince.get(connection) ?? 0) > CONNECT_DEADLINE_MS) connection.destroy();
      }
    },
    reconnect() {
      if (closed) return;
      provider.disconnect();
      // y-webrtc appends to this list on every connect.
      provider.signalingConns.length = 0;
      provider.connect();
      awareness.setLocalState({ peerId: selfId, state: presence });
      watchSignaling();
    },
    leave() {
      awareness.off('change', options.onPresences);
      awareness.setLocalState(null);
    },
    close() {
      if (closed) return;
      closed = true;
      provider.disconnect();
      provider.destroy();
      awareness.destroy();
    },
  };
}
