/** A Snapserver's control connection: JSON-RPC 2.0, a line each, over TCP (port 1705). Bounded in what it takes and waits for. */
import { connect } from 'node:net';
import * as v from 'valibot';
import { SpeakerError } from '../port.ts';
import { OUT_OF_REACH } from '../within.ts';

const ANSWER_MS = 4_000;
const MAX_LINE_BYTES = 1_048_576;
const MAX_WAITING = 64;

const Line = v.object({
  id: v.optional(v.nullable(v.number())),
  result: v.optional(v.unknown()),
  error: v.optional(v.object({ message: v.string() })),
  method: v.optional(v.string()),
});

export interface Rpc {
  /** @throws SpeakerError when it refuses, or does not answer */
  ask(method: string, params?: Readonly<Record<string, unknown>>): Promise<unknown>;
  close(): void;
}

export interface RpcOptions {
  host: string;
  port: number;
  onUp(): void;
  /** It tells of a change that somebody else made. */
  onNotice(): void;
  /** Told once, after which nothing else is. */
  onLost(why: string): void;
}

export function openRpc({ host, port, onUp, onNotice, onLost }: RpcOptions): Rpc {
  const waiting = new Map<number, (line: v.InferOutput<typeof Line> | null) => void>();
  const socket = connect({ host, port });
  let held = '';
  let last = 0;
  let isOver = false;

  function end(why: string): void {
    if (isOver) return;
    isOver = true;
    socket.destroy();
    for (const answer of [...waiting.values()]) answer(null);
    onLost(why);
  }

  function take(text: string): void {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      return end('it says what makes no sense');
    }
    // Several notices at once come as a list.
    for (const one of Array.isArray(json) ? json : [json]) {
      const parsed = v.safeParse(Line, one);
      if (!parsed.success) return end('it says what makes no sense');
      const { id, method } = parsed.output;
      if (method !== undefined) onNotice();
      else if (id != null) waiting.get(id)?.(parsed.output);
    }
  }

  socket.setNoDelay(true).setKeepAlive(true, 15_000);
  socket.setTimeout(ANSWER_MS, () => end('it does not answer'));
  socket.setEncoding('utf8');
  socket.on('connect', () => {
    socket.setTimeout(0);
    onUp();
  });
  socket.on('data', (text: string) => {
    held += text;
    const lines = held.split('\n');
    held = lines.pop() ?? '';
    if (held.length > MAX_LINE_BYTES) return end('it says too much');
    for (const line of lines) if (line.trim() !== '') take(line);
  });
  socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  socket.on('close', () => end('the connection closed'));

  return {
    ask(method, params = {}) {
      if (isOver || waiting.size >= MAX_WAITING) return Promise.reject(new SpeakerError(OUT_OF_REACH));
      const id = ++last;
      socket.write(`${JSON.stringify({ id, jsonrpc: '2.0', method, params })}\r\n`);
      return new Promise((resolve, reject) => {
        const patience = setTimeout(() => answer(null), ANSWER_MS);
        function answer(line: v.InferOutput<typeof Line> | null): void {
          clearTimeout(patience);
          waiting.delete(id);
          if (line === null) reject(new SpeakerError(OUT_OF_REACH));
          else if (line.error === undefined) resolve(line.result);
          else reject(new SpeakerError(`The Snapserver refused: ${line.error.message.slice(0, 80)}.`));
        }
        waiting.set(id, answer);
      });
    },
    close() {
      isOver = true;
      socket.destroy();
      for (const answer of [...waiting.values()]) answer(null);
    },
  };
}
