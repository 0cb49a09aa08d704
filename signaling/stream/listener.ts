/** One HTTP connection that listens. Slow ones lose sound, never memory: they skip to the live edge between two frames. */
import type { Socket } from 'node:net';
import { createIcyWriter } from './icy.ts';

/** About two seconds at 128 kbit/s; what lies beyond it in this process would only be heard late. */
export const MAX_QUEUED_BYTES = 32_768;

/** The same for a stream of another bit rate. */
export const maxQueuedBytesOf = (kbps: number): number => Math.max(1, kbps / 128) * MAX_QUEUED_BYTES;
/** A connection that took nothing for this long is dead; a player may have been paused for less. */
const STUCK_MS = 60_000;

/** Where the sound goes: what Node's responses and sockets have in common. */
export interface Sink {
  /** Bytes that wait in this process. */
  readonly writableLength: number;
  readonly socket: Pick<Socket, 'bytesWritten' | 'writableLength'> | null;
  write(bytes: Uint8Array): boolean;
  end(): void;
  destroy(): void;
}

export interface ListenerOptions {
  icy: boolean;
  /** Monotonic, when it begins. */
  nowMs: number;
  /** What was promised in the headers: exactly so many bytes, then the end. */
  limitBytes: number;
  /** What may wait in this process; `MAX_QUEUED_BYTES` unless said. */
  maxQueuedBytes?: number;
  /** For what never pauses: it is dead when it took nothing for so long. */
  stuckMs?: number;
}

export interface Listener {
  /** Hands over whole frames. @returns bytes queued; 0 when they were skipped */
  write(frames: Uint8Array, title: string, nowMs: number): number;
  /** Ends the response properly, so that the listener knows that it is over. */
  end(): void;
}

/** @param sink headers already written */
export function createListener(sink: Sink, options: ListenerOptions): Listener {
  const { maxQueuedBytes = MAX_QUEUED_BYTES, stuckMs = STUCK_MS } = options;
  const icy = options.icy ? createIcyWriter() : null;
  let skipping = false;
  /** What may wait: the burst comes on top of it until it has gone out. */
  let boundBytes = maxQueuedBytes;
  let begun = false;
  let leftBytes = options.limitBytes;
  let taken = 0;
  let takenAtMs = options.nowMs;

  /** True when the network took bytes, or nothing waits for it, since the last time anybody asked. */
  function moves(queued: number): boolean {
    if (queued === 0) return true;
    const { socket } = sink;
    const before = taken;
    taken = socket === null ? 0 : socket.bytesWritten - socket.writableLength;
    return taken !== before;
  }

  return {
    write(frames, title, nowMs) {
      const queued = sink.writableLength;
      if (moves(queued)) takenAtMs = nowMs;
      if (nowMs - takenAtMs > stuckMs) {
        sink.destroy();
        return 0;
      }
      if (queued === 0) skipping = false;
      if (queued <= maxQueuedBytes) boundBytes = maxQueuedBytes;
      if (queued > boundBytes) skipping = true;
      if (skipping || leftBytes === 0 || frames.length === 0) return 0;
      const whole = icy === null ? frames : icy.interleave(frames, title);
      const bytes = whole.length > leftBytes ? whole.subarray(0, leftBytes) : whole;
      if (!begun) boundBytes += bytes.length;
      begun = true;
      leftBytes -= bytes.length;
      sink.write(bytes);
      if (leftBytes === 0) sink.end();
      return bytes.length;
    },
    end() {
      sink.end();
    },
  };
}
