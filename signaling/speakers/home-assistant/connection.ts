/**
 * One WebSocket to Home Assistant: home-assistant-js-websocket over a socket of ours. By itself the library throws out of an event
 * at a message that is no JSON, leaves a rejection that nobody handles when it comes back to a server that refuses, and
 * remembers every event that it did not ask for: here it gets only what it can take, and a connection that ended is not used again.
 * Loaded when there is a token.
 */
import { Connection, type HaWebSocket } from 'home-assistant-js-websocket';
import * as v from 'valibot';
import { WebSocket } from 'ws';

const CONNECT_MS = 8_000;
/** All states of a large house are some megabytes. */
const MAX_MESSAGE_BYTES = 33_554_432;
const ANSWER_MS = 9_000;
const PING_MS = 4_000;
const PONG_MS = 8_000;

/** It is there and lets nobody in with this token. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
}

/** It answered a command with an error; `message` is its own. */
export class CommandRefused extends Error {
  override readonly name = 'CommandRefused';
}

const Message = v.looseObject({
  type: v.string(),
  id: v.optional(v.number()),
  ha_version: v.optional(v.string()),
});
const Refusal = v.object({ code: v.union([v.string(), v.number()]), message: v.optional(v.string()) });
type Message = v.InferOutput<typeof Message>;

function parse(data: unknown): Message | null {
  try {
    const parsed = v.safeParse(Message, JSON.parse(String(data)));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export interface HomeAssistant {
  readonly localAddress: string | null;
  /** Rejects with CommandRefused, or another error when it does not answer. */
  command(message: { type: string } & Record<string, unknown>): Promise<unknown>;
  /** For as long as the connection lives. */
  onEvent(type: string, listener: (event: unknown) => void): Promise<void>;
  close(): void;
}

function within<T>(work: Promise<T>, ms: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** Rejects with TokenRefused, or another error when nobody answers. `onLost`: once, when it ended for whatever reason but `close()`. */
export async function openHomeAssistant(
  { url, token }: { url: string; token: string },
  onLost: () => void,
): Promise<HomeAssistant> {
  const socket = new WebSocket(`${url.replace(/^http/i, 'ws')}/api/websocket`, {
    handshakeTimeout: CONNECT_MS,
    maxPayload: MAX_MESSAGE_BYTES,
    perMessageDeflate: false,
  });
  // What went wrong does not matter: `close` follows.
  socket.on('error', () => {});
  const version = await new Promise<string>((resolve, reject) => {
    const impatience = setTimeout(() => socket.terminate(), CONNECT_MS);
    const end = (finish: () => void): void => {
      clearTimeout(impatience);
      socket.removeAllListeners('message');
      socket.removeAllListeners('close');
      finish();
    };
    socket.once('close', () => end(() => reject(new Error('nobody answers'))));
    socket.on('message', (data) => {
      const message = parse(data);
      if (message?.type === 'auth_required')
        socket.send(JSON.stringify({ type: 'auth', access_token: token }));
      if (message?.type === 'auth_ok') end(() => resolve(message.ha_version ?? '0.0.0'));
      if (message?.type !== 'auth_invalid') return;
      end(() => reject(new TokenRefused()));
      socket.terminate();
    });
  });

  /** What the library asks of a socket. */
  const guarded = {
    OPEN: WebSocket.OPEN,
    haVersion: version,
    get readyState() {
      return socket.readyState;
    },
    send: (text: string) => socket.send(text),
    close: () => socket.terminate(),
    addEventListener(type: string, listener: (event: { data: string }) => void) {
      if (type === 'close') return void socket.once('close', () => listener({ data: '' }));
      socket.on('message', (data) => {
        const message = parse(data);
        if (message === null || !isExpected(message)) return;
        try {
          listener({ data: JSON.stringify(message) });
        } catch {
          socket.terminate();
        }
      });
    },
    removeEventListener() {},
  };
  /** The library answers for events that nobody asked for, and keeps each answer's promise. */
  const isExpected = ({ type, id }: Message): boolean =>
    ['event', 'result', 'pong'].includes(type) && id !== undefined && connection.commands.has(id);

  let closed = false;
  // Its type is the browser's WebSocket, of which it uses no more than this.
  const connection = new Connection(guarded as unknown as HaWebSocket, {
    setupRetry: 0,
    createSocket: () => Promise.reject(new Error('a new connection is opened instead')),
  });
  function close(): void {
    if (closed) return;
    closed = true;
    clearInterval(pinging);
    connection.close();
    socket.terminate();
  }
  connection.addEventListener('disconnected', () => {
    if (closed) return;
    close();
    onLost();
  });
  const pinging = setInterval(() => {
    within(connection.ping(), PONG_MS).catch(() => socket.terminate());
  }, PING_MS);

  return {
    get localAddress() {
      // ws keeps the socket that it upgraded there; without it, the machine's own choice is told.
      const { _socket } = socket as unknown as { _socket?: { localAddress?: string } };
      return _socket?.localAddress?.replace(/^::ffff:/, '') ?? null;
    },
    async command(message) {
      try {
        return await within(connection.sendMessagePromise(message), ANSWER_MS);
      } catch (error) {
        const refusal = v.safeParse(Refusal, error);
        // Numbers are the library's own, of a connection that was lost.
        if (refusal.success && typeof refusal.output.code === 'string')
          throw new CommandRefused(refusal.output.message ?? refusal.output.code);
        throw new Error('no answer', { cause: error });
      }
    },
    async onEvent(type, listener) {
      await within(
        connection.subscribeMessage(
          listener,
          { type: 'subscribe_events', event_type: type },
          { resubscribe: false },
        ),
        ANSWER_MS,
      );
    },
    close,
  };
}
