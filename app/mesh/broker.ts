import { Peer, type DataConnection } from 'peerjs';
import { backoffMs } from './backoff.ts';
import type { PeerId } from './transport.ts';

export interface BrokerOptions {
  selfId: PeerId;
  host: string;
  port: number;
  path: string;
  secure: boolean;
  config: RTCConfiguration;
  onOpen(): void;
  onIncoming(connection: DataConnection): void;
}

export interface Broker {
  readonly isOpen: boolean;
  /** Null while the broker is out of reach. */
  connect(peerId: PeerId): DataConnection | null;
  /** Ends the session with the broker and starts a new one; open connections stay. */
  reconnect(): void;
  close(): void;
}

/** PeerJS's session with the node, kept up for ever: connections that are open outlive it. */
export function createBroker(options: BrokerOptions): Broker {
  const { selfId, onOpen, onIncoming } = options;
  /** The same for every session, so that the broker hands a half-open session's id to its successor. */
  const token = crypto.randomUUID();
  let peer = start();
  let failures = 0;
  let retry: ReturnType<typeof setTimeout> | undefined;
  let closed = false;

  function start(): Peer {
    const { host, port, path, secure, config } = options;
    const created = new Peer(selfId, { host, port, path, secure, config, token, debug: 0 });
    created.on('open', () => {
      failures = 0;
      onOpen();
    });
    created.on('connection', onIncoming);
    // Voices travel inside an authenticated connection (voice.ts): a call comes from a stranger.
    created.on('call', (call) => call.close());
    created.on('disconnected', () => retryLater());
    created.on('close', () => retryLater());
    // `disconnected` or `close` follows whatever ends the session; the rest concerns one connection, which times out.
    created.on('error', () => {});
    return created;
  }

  function retryLater(): void {
    if (closed || retry !== undefined) return;
    failures++;
    retry = setTimeout(again, backoffMs(failures, Math.random));
  }

  function again(): void {
    clearTimeout(retry);
    retry = undefined;
    if (closed) return;
    if (peer.destroyed) peer = start();
    else if (peer.disconnected) peer.reconnect();
  }

  return {
    get isOpen() {
      return peer.open;
    },
    connect(peerId) {
      if (!peer.open) return null;
      return peer.connect(peerId, { label: 'earshot', serialization: 'raw', reliable: true }) ?? null;
    },
    reconnect() {
      peer.disconnect();
      again();
    },
    close() {
      if (closed) return;
      closed = true;
      clearTimeout(retry);
      peer.destroy();
    },
  };
}
