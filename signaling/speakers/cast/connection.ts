/**
 * The connection to one Cast device: TLS, heartbeats, and channels of JSON between a sender and a receiver. Written here, as
 * castv2 0.1.10 throws out of an event when a packet makes no sense and waits for up to 4 GiB of it, so that any device of the LAN
 * could end the node; and @foxxmd/chromecast-client 1.0.4 over it never sends its heartbeat, so devices hang up. castv2's
 * server is the other side in the tests.
 */
import { connect } from 'node:tls';
import { createBudget } from '../../ops/budget.ts';
import { castPacket, createPacketReader, MAX_PACKET_BYTES, parseCastMessage } from './packet.ts';

const CONNECTION = 'urn:x-cast:com.google.cast.tp.connection';
const HEARTBEAT = 'urn:x-cast:com.google.cast.tp.heartbeat';
const PLATFORM = { sourceId: 'sender-0', destinationId: 'receiver-0' };
const PING_MS = 4_000;
/** Three PINGs without an answer. */
const SILENT_MS = 12_500;
const CONNECT_MS = 3_000;
const MAX_ASKED = 64;
/** A device tells of each change once, and has a few in a second when it is turned. */
const SAYS = { burst: 400, perSecond: 100 };

export interface CastChannel {
  send(data: Readonly<Record<string, unknown>>): void;
  /** Resolves with the answer that carries this request's number; rejects after `timeoutMs`, or when the channel ends. */
  ask(data: Readonly<Record<string, unknown>>, timeoutMs: number): Promise<unknown>;
  close(): void;
}

export interface CastConnection {
  /** This machine's address on the way there. */
  readonly localAddress: string | null;
  /** Connects to this receiver, virtually; `onMessage` gets all that it says there, answers included. */
  channel(
    ends: { sourceId: string; destinationId: string },
    namespace: string,
    onMessage: (data: unknown) => void,
  ): CastChannel;
  close(): void;
}

interface Listener {
  sourceId: string;
  destinationId: string;
  namespace: string;
  hear(data: unknown): void;
  end(): void;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const requestIdOf = (data: unknown): unknown =>
  typeof data === 'object' && data !== null && 'requestId' in data ? data.requestId : undefined;

export const PLATFORM_ENDS = PLATFORM;

/** `onLost`: once, when it has ended for whatever reason but `close()`. Rejects when nobody answers. */
export function openCastConnection(
  { address, port }: { address: string; port: number },
  now: () => number,
  onLost: () => void,
): Promise<CastConnection> {
  const listeners = new Set<Listener>();
  const read = createPacketReader();
  const budget = createBudget(SAYS, now());
  let closed = false;
  let isOpen = false;
  let heardMs = now();
  let requests = 0;
  let beating: NodeJS.Timeout | null = null;
  // Every device makes its certificate by itself: there is nothing to verify it by.
  const socket = connect({ host: address, port, rejectUnauthorized: false });

  function send(ends: { sourceId: string; destinationId: string }, namespace: string, data: unknown): void {
    if (socket.destroyed || !socket.writable) return;
    // Nothing is queued for a device that takes nothing.
    if (socket.writableLength > MAX_PACKET_BYTES) return void socket.destroy();
    socket.write(castPacket({ ...ends, namespace, text: JSON.stringify(data) }));
  }

  function hear(body: Uint8Array): void {
    const message = parseCastMessage(body);
    const data = message === null ? undefined : parseJson(message.text);
    if (message === null || data === undefined) return;
    const { sourceId, destinationId, namespace } = message;
    if (namespace === HEARTBEAT) {
      const isPing = typeof data === 'object' && data !== null && 'type' in data && data.type === 'PING';
      if (isPing) send({ sourceId: PLATFORM.sourceId, destinationId: sourceId }, HEARTBEAT, { type: 'PONG' });
      return;
    }
    for (const listener of [...listeners]) {
      const isForIt = destinationId === '*' || destinationId === listener.sourceId;
      if (isForIt && listener.destinationId === sourceId && listener.namespace === namespace)
        listener.hear(data);
    }
  }

  function beat(): void {
    if (now() - heardMs > SILENT_MS) return void socket.destroy();
    send(PLATFORM, HEARTBEAT, { type: 'PING' });
  }

  function channel(
    ends: { sourceId: string; destinationId: string },
    namespace: string,
    onMessage: (data: unknown) => void,
  ): CastChannel {
    const asked = new Map<number, { resolve: (data: unknown) => void; reject: () => void }>();
    const listener: Listener = {
      ...ends,
      namespace,
      hear(data) {
        const requestId = requestIdOf(data);
        if (typeof requestId === 'number') asked.get(requestId)?.resolve(data);
        onMessage(data);
      },
      end() {
        for (const { reject } of asked.values()) reject();
      },
    };
    listeners.add(listener);
    send(ends, CONNECTION, { type: 'CONNECT', origin: {} });
    return {
      send: (data) => send(ends, namespace, { requestId: ++requests, ...data }),
      ask: (data, timeoutMs) =>
        new Promise((resolve, reject) => {
          const requestId = ++requests;
          const fail = (): void => settle(() => reject(new Error('no answer')));
          const timer = setTimeout(fail, timeoutMs);
          function settle(finish: () => void): void {
            clearTimeout(timer);
            asked.delete(requestId);
            finish();
          }
          if (!listeners.has(listener) || asked.size >= MAX_ASKED) return fail();
          asked.set(requestId, { resolve: (answer) => settle(() => resolve(answer)), reject: fail });
          send(ends, namespace, { ...data, requestId });
        }),
      close() {
        listeners.delete(listener);
        listener.end();
      },
    };
  }

  function close(): void {
    closed = true;
    socket.destroy();
  }

  return new Promise((resolve, reject) => {
    const impatience = setTimeout(() => socket.destroy(), CONNECT_MS);
    socket.on('data', (bytes: Buffer) => {
      heardMs = now();
      const bodies = read(bytes);
      if (bodies === null || !budget.spend(bodies.length, now())) return void socket.destroy();
      for (const body of bodies) hear(body);
    });
    // What went wrong does not matter: `close` follows.
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(impatience);
      if (beating !== null) clearInterval(beating);
      for (const listener of listeners) listener.end();
      listeners.clear();
      reject(new Error('nobody answers'));
      if (isOpen && !closed) onLost();
    });
    socket.once('secureConnect', () => {
      clearTimeout(impatience);
      isOpen = true;
      heardMs = now();
      beating = setInterval(beat, PING_MS);
      resolve({
        get localAddress() {
          return socket.localAddress?.replace(/^::ffff:/, '') ?? null;
        },
        channel,
        close,
      });
    });
  });
}
