/**
 * A PeerJS broker: the protocol of `peer` 1.0 as PeerJS 1.5 clients speak it. Written here because that server keeps
 * messages for unknown peers without bound and brings a web framework; this one bounds what it keeps.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { type HttpRequest, OPEN_TO_ALL, type Route, send } from '../ops/http.ts';
import { createSocketPath, type GuardedSocket, refuseUpgrade, type SocketPath } from '../ops/sockets.ts';
import { BROKER_PATH } from '../protocol/node-info.ts';
import {
  BrokerMessage,
  BrokerPeerId,
  BrokerToken,
  MAX_RENDEZVOUS_MESSAGE_BYTES,
} from '../protocol/rendezvous.ts';

const MAX_PEERS = 1024;
/** An offer to somebody who is not here waits this long, as a peer that reloads is back within it. */
const EXPIRE_MS = 5_000;
const SWEEP_MS = 1_000;
/** Who calls two hundred others says some two thousand things at once. */
const PACE = {
  messages: { burst: 5_000, perSecond: 500 },
  bytes: { burst: 8_388_608, perSecond: 1_048_576 },
};
const MAX_WAITING_PER_PEER = 64;
const MAX_WAITING_BYTES = 4_194_304;

interface Peer {
  id: string;
  token: string;
  socket: GuardedSocket;
}

interface Waiting {
  atMs: number;
  src: string;
  text: string;
}

export interface Broker extends SocketPath {
  readonly route: Route;
}

function parseMessage(data: Buffer): BrokerMessage | null {
  try {
    const parsed = v.safeParse(BrokerMessage, JSON.parse(data.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

/** Null: not a PeerJS client. */
function credentials(request: IncomingMessage): { id: string; token: string } | null {
  const query = new URLSearchParams(request.url?.split('?')[1] ?? '');
  const id = v.safeParse(BrokerPeerId, query.get('id'));
  const token = v.safeParse(BrokerToken, query.get('token'));
  return id.success && token.success && query.get('key') === 'peerjs'
    ? { id: id.output, token: token.output }
    : null;
}

/** @param now monotonic milliseconds */
export function createBroker(
  counters: Counters,
  now: () => number,
  isExempt: (address: string) => boolean,
): Broker {
  const peers = new Map<string, Peer>();
  const waiting = new Map<string, Waiting[]>();
  let waitingBytes = 0;

  function keep(dst: string, message: Waiting): void {
    const queue = waiting.get(dst) ?? [];
    if (queue.length >= MAX_WAITING_PER_PEER || waitingBytes + message.text.length > MAX_WAITING_BYTES) {
      counters.count(BROKER_PATH, 'too-many-waiting');
      return;
    }
    queue.push(message);
    waitingBytes += message.text.length;
    waiting.set(dst, queue);
  }

  function takeWaiting(dst: string): Waiting[] {
    const queue = waiting.get(dst) ?? [];
    waiting.delete(dst);
    for (const message of queue) waitingBytes -= message.text.length;
    return queue;
  }

  /** Tells each sender once that the one it asked for never came. */
  const sweep = setInterval(() => {
    for (const [dst, queue] of waiting) {
      const oldest = queue[0];
      if (oldest === undefined || now() - oldest.atMs < EXPIRE_MS) continue;
      const senders = new Set(takeWaiting(dst).map((message) => message.src));
      for (const src of senders)
        peers.get(src)?.socket.send(JSON.stringify({ type: 'EXPIRE', src: dst, dst: src }));
    }
  }, SWEEP_MS);
  sweep.unref();

  function relay(from: Peer, message: Exclude<BrokerMessage, { type: 'HEARTBEAT' }>): void {
    const dst = message.dst ?? null;
    if (dst === null) {
      if (message.type === 'LEAVE') from.socket.close(1000, 'left');
      else from.socket.bad('no-destination');
      return;
    }
    const text = JSON.stringify({ type: message.type, src: from.id, dst, payload: message.payload });
    const to = peers.get(dst);
    if (to?.socket.send(text) === true) return;
    if (message.type !== 'LEAVE' && message.type !== 'EXPIRE') keep(dst, { atMs: now(), src: from.id, text });
  }

  function serve(socket: GuardedSocket): void {
    const given = credentials(socket.request);
    if (given === null) {
      counters.count(BROKER_PATH, 'bad-parameters');
      socket.send(
        JSON.stringify({
          type: 'ERROR',
          payload: { msg: 'No id, token, or key supplied to websocket server' },
        }),
      );
      return socket.close(1008, 'bad-parameters');
    }
    const before = peers.get(given.id);
    if (before !== undefined && before.token !== given.token) {
      counters.count(BROKER_PATH, 'id-taken');
      socket.send(JSON.stringify({ type: 'ID-TAKEN', payload: { msg: 'ID is taken' } }));
      return socket.close(1008, 'id-taken');
    }
    const peer: Peer = { ...given, socket };
    peers.set(peer.id, peer);
    before?.socket.close(1000, 'replaced');
    // `peer` stays silent to one that reconnects; the client becomes open by this message only, so it is always sent.
    socket.send('{"type":"OPEN"}');
    for (const message of takeWaiting(peer.id)) socket.send(message.text);

    socket.onMessage((data) => {
      const message = parseMessage(data);
      if (message === null) {
        socket.send(JSON.stringify({ type: 'ERROR', payload: { msg: 'bad-message' } }));
        return socket.bad('bad-message');
      }
      if (message.type !== 'HEARTBEAT') relay(peer, message);
    });
    socket.onClose(() => {
      if (peers.get(peer.id) === peer) peers.delete(peer.id);
    });
  }

  const sockets = createSocketPath({
    path: BROKER_PATH,
    maxMessageBytes: MAX_RENDEZVOUS_MESSAGE_BYTES,
    maxSockets: MAX_PEERS,
    isExempt,
    pace: PACE,
    now,
    counters,
    onSocket: serve,
  });

  return {
    ...sockets,
    upgrade(request: IncomingMessage, socket: Duplex, head: Buffer) {
      if (request.url?.split('?')[0] !== `${BROKER_PATH}/peerjs`)
        return refuseUpgrade(socket, '404 Not Found');
      sockets.upgrade(request, socket, head);
    },
    route(request: HttpRequest, response) {
      if (request.path !== `${BROKER_PATH}/peerjs/id`) return false;
      const headers = {
        'Content-Type': 'text/plain; charset=utf-8',
        'Cache-Control': 'no-store',
        ...OPEN_TO_ALL,
      };
      return send(request, response, 200, headers, randomUUID());
    },
    async close() {
      clearInterval(sweep);
      await sockets.close();
      peers.clear();
      waiting.clear();
    },
  };
}
