/** What every WebSocket path has in common: bounds on size, number, pace, silence, slowness and nonsense. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type RawData, WebSocket, WebSocketServer } from 'ws';
import { createAddressBudgets } from './address-budgets.ts';
import { type BudgetSize, createBudget } from './budget.ts';
import type { Counters } from './counters.ts';
import { createShares, shareOf } from './shares.ts';

/** A peer that answers no ping for this long is gone. */
const PING_MS = 15_000;
/** A socket that takes nothing while this much waits for it is closed: the others must not pay for it. */
const MAX_BUFFERED_BYTES = 1_048_576;
/** What waits for all sockets of a path together; beyond it, those that lag are closed earlier. */
const MAX_BUFFERED_BY_ALL = 67_108_864;
const LAGGING_BYTES = 65_536;
/** After so many messages that do not parse, it is no client of ours. */
const MAX_BAD_MESSAGES = 20;

export interface GuardedSocket {
  readonly request: IncomingMessage;
  /** @returns false when it is closed, or was just closed for being too slow */
  send(text: string): boolean;
  /** Makes what was just received cost more, by what it causes; the socket is not read from until that is paid. */
  charge(messages: number): void;
  /** Counts what did not parse; closes the socket when that goes on. */
  bad(reason: string): void;
  /** @param code RFC 6455, section 7.4 */
  close(code: number, reason: string): void;
  terminate(): void;
  onMessage(listener: (data: Buffer, isBinary: boolean) => void): void;
  onClose(listener: () => void): void;
}

export interface SocketPath {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  connections(): number;
  /** Says goodbye to all; what does not answer within a second is cut off. */
  close(): Promise<void>;
}

export interface SocketPathOptions {
  /** For the counters. */
  path: string;
  maxMessageBytes: number;
  /** Of all addresses together; one has a share of them. */
  maxSockets: number;
  /** Addresses that may have all of them. */
  isExempt(address: string): boolean;
  /** What one socket may say. */
  pace: { messages: BudgetSize; bytes: BudgetSize };
  /** What all sockets of one address may say together, in messages; left out, as much as each of them may. */
  paceOfAddress?: BudgetSize;
  /** Beyond its pace; left out, the node does not read on until it may again, so the sender is slowed down. */
  onTooFast?: (socket: GuardedSocket) => void;
  /** Monotonic milliseconds. */
  now: () => number;
  counters: Counters;
  /** Said to each socket before the node closes it to stop. */
  farewell?: string;
  onSocket(socket: GuardedSocket): void;
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Refuses before any WebSocket exists. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.on('error', () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  // The server's own time limits no longer watch it; a peer that keeps its half open would stay for ever.
  setTimeout(() => socket.destroy(), 1_000).unref();
}

export function createSocketPath(options: SocketPathOptions): SocketPath {
  const { path, counters, now } = options;
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: options.maxMessageBytes,
    clientTracking: true,
    // One message of a socket a turn of the event loop: a packet full of small ones would keep the others waiting.
    allowSynchronousEvents: false,
  });
  const shares = createShares(shareOf(options.maxSockets), options.isExempt);
  const ofAddresses =
    options.paceOfAddress === undefined ? null : createAddressBudgets(options.paceOfAddress);
  const answered = new WeakSet<WebSocket>();
  let closed = false;
  let bufferedByAll = 0;

  function guard(socket: WebSocket, request: IncomingMessage): GuardedSocket {
    let badMessages = 0;
    const address = request.socket.remoteAddress ?? '';
    const ofAll = options.isExempt(address) ? null : (ofAddresses?.of(address, now()) ?? null);
    const messages = createBudget(options.pace.messages, now());
    const bytes = createBudget(options.pace.bytes, now());

    let listener: ((data: Buffer, isBinary: boolean) => void) | null = null;
    /** What had been read when the socket was paused: at most one packet of it. */
    const inbox: [Buffer, boolean][] = [];
    let isWaiting = false;

    function charge(cost: number): void {
      messages.charge(cost, now());
      ofAll?.charge(cost, now());
    }

    function drain(): void {
      isWaiting = false;
      for (let next = inbox.shift(); next !== undefined; next = inbox.shift()) {
        if (socket.readyState !== WebSocket.OPEN) return;
        const [data, isBinary] = next;
        // Its pong may wait behind what it says.
        answered.add(socket);
        charge(1);
        bytes.charge(data.length, now());
        listener?.(data, isBinary);
        const owedMs = Math.max(messages.owedMs(now()), bytes.owedMs(now()), ofAll?.owedMs(now()) ?? 0);
        if (owedMs > 0) return slowDown(owedMs);
      }
      if (socket.isPaused) socket.resume();
    }

    function slowDown(owedMs: number): void {
      if (socket.readyState !== WebSocket.OPEN) return;
      counters.count(path, 'slowed-down');
      if (options.onTooFast !== undefined) return options.onTooFast(guarded);
      socket.pause();
      isWaiting = true;
      setTimeout(drain, Math.ceil(owedMs)).unref();
    }

    const guarded: GuardedSocket = {
      request,
      send(text) {
        if (socket.readyState !== WebSocket.OPEN) return false;
        const waiting = socket.bufferedAmount;
        const isLagging = bufferedByAll > MAX_BUFFERED_BY_ALL && waiting > LAGGING_BYTES;
        if (waiting > MAX_BUFFERED_BYTES || isLagging) {
          counters.count(path, 'too-slow');
          socket.terminate();
          return false;
        }
        const size = text.length;
        bufferedByAll += size;
        socket.send(text, () => (bufferedByAll -= size));
        return true;
      },
      charge,
      bad(reason) {
        counters.count(path, reason);
        badMessages++;
        if (badMessages >= MAX_BAD_MESSAGES) guarded.close(1008, reason);
      },
      close(code, reason) {
        socket.close(code, reason);
        // A peer that never answers the close frame keeps its socket for ws's own thirty seconds otherwise.
        setTimeout(() => socket.terminate(), 2_000).unref();
      },
      terminate: () => socket.terminate(),
      onMessage(callback) {
        listener = callback;
        socket.on('message', (data: RawData, isBinary: boolean) => {
          inbox.push([toBuffer(data), isBinary]);
          if (!isWaiting) drain();
        });
      },
      onClose: (callback) => void socket.once('close', callback),
    };
    return guarded;
  }

  const pings = setInterval(() => {
    for (const socket of server.clients) {
      if (!answered.has(socket)) {
        socket.terminate();
        continue;
      }
      answered.delete(socket);
      socket.ping();
    }
  }, PING_MS);
  pings.unref();

  return {
    upgrade(request, socket, head) {
      if (closed || server.clients.size >= options.maxSockets) {
        counters.count(path, 'too-many-sockets');
        refuseUpgrade(socket, '503 Service Unavailable');
        return;
      }
      const giveBack = shares.take(request.socket.remoteAddress ?? '');
      if (giveBack === null) {
        counters.count(path, 'too-many-sockets-of-one');
        refuseUpgrade(socket, '429 Too Many Requests');
        return;
      }
      // It closes however this ends, with a handshake that makes no sense too.
      socket.once('close', giveBack);
      server.handleUpgrade(request, socket, head, (webSocket) => {
        answered.add(webSocket);
        webSocket.on('pong', () => answered.add(webSocket));
        // ws reports what breaks the protocol or the size limit here and closes the socket itself.
        webSocket.on('error', () => counters.count(path, 'protocol-error'));
        options.onSocket(guard(webSocket, request));
      });
    },
    connections: () => server.clients.size,
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(pings);
      for (const socket of server.clients) {
        if (options.farewell !== undefined && socket.readyState === WebSocket.OPEN)
          socket.send(options.farewell);
        socket.close(1001, 'shutting-down');
      }
      const impatience = setTimeout(() => {
        for (const socket of server.clients) socket.terminate();
      }, 1_000);
      await new Promise<void>((resolve) => server.close(() => resolve()));
      clearTimeout(impatience);
    },
  };
}
