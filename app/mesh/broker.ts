import { Peer, type DataConnection } from 'peerjs';
import { backoffMs } from './backoff.ts';
import type { PeerId } from './transport.ts';

/** A TCP connection to a host that went away would be waited for some two minutes. */
const OPEN_DEADLINE_MS = 8_000;

export interface BrokerOptions {
  selfId: PeerId;
  host: string;
  port: number;
  path: string;
  secure: boolean;
  config: RTCConfiguration;
  nowMs(): number;
  onOpen(): void;
  onIncoming(connection: DataConnection): void;
}

export interface Broker {
  readonly isOpen: boolean;
  /** When its present session began; -Infinity before the first. */
  readonly openedAtMs: number;
  /** Null while the broker is out of reach. */
  connect(peerId: PeerId): DataConnection | null;
  /** Tries at once if it waits for its next attempt. */
  retryNow(): void;
  /** Ends the session with the broker and starts a new one; open connections stay. */
  reconnect(): void;
  /** Called every second. */
  tick(): void;
  close(): void;
}

/** A candidate that is still being added when its connection closes makes PeerJS reject where nobody listens. */
function calm(connection: DataConnection): void {
  const handle = connection.handleMessage.bind(connection);
  connection.handleMessage = (message) => handle(message).catch(() => {});
}

/** PeerJS's session with the node, kept up for ever: connections that are open outlive it. */
export function createBroker(options: BrokerOptions): Broker {
  const { selfId, nowMs, onOpen, onIncoming } = options;
  /** The same for every session, so that the broker hands a half-open session's id to its successor. */
  const token = crypto.randomUUID();
  let failures = 0;
  let retryAtMs: number | null = null;
  let startedAtMs = nowMs();
  let openedAtMs = -Infinity;
  let closed = false;
  let peer = start();

  function start(): Peer {
    const { host, port, path, secure, config } = options;
    const created = new Peer(selfId, { host, port, path, secure, config, token, debug: 0 });
    created.on('open', () => {
      failures = 0;
      openedAtMs = nowMs();
      onOpen();
    });
    created.on('connection', (connection) => {
      calm(connection);
      onIncoming(connection);
    });
    // Voices travel inside an authenticated connection (voice.ts): a call comes from a stranger.
    created.on('call', (call) => call.close());
    created.on('disconnected', () => retryLater());
    created.on('close', () => retryLater());
    // `disconnected` or `close` follows whatever ends the session; the rest concerns one connection, which times out.
    created.on('error', () => {});
    return created;
  }

  function retryLater(): void {
    if (closed || retryAtMs !== null) return;
    failures++;
    retryAtMs = nowMs() + backoffMs(failures, Math.random);
  }

  function again(): void {
    retryAtMs = null;
    if (closed) return;
    startedAtMs = nowMs();
    if (peer.destroyed) peer = start();
    else if (peer.disconnected) peer.reconnect();
  }

  return {
    get isOpen() {
      return peer.open;
    },
    get openedAtMs() {
      return openedAtMs;
    },
    connect(peerId) {
      if (!peer.open) return null;
      const connection = peer.connect(peerId, { label: 'earshot', serialization: 'raw', reliable: true });
      if (connection) calm(connection);
      return connection ?? null;
    },
    retryNow() {
      if (retryAtMs !== null) again();
    },
    reconnect() {
      peer.disconnect();
      again();
    },
    tick() {
      if (retryAtMs !== null) {
        if (nowMs() >= retryAtMs) again();
      } else if (!peer.open && nowMs() - startedAtMs > OPEN_DEADLINE_MS) {
        peer.disconnect();
        retryLater();
      }
    },
    close() {
      if (closed) return;
      closed = true;
      peer.destroy();
    },
  };
}
