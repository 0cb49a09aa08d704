/** One HTTP connection that listens. Slow ones lose sound, never memory: they skip to the live edge between two frames. */
import type { ServerResponse } from 'node:http';
import { createIcyWriter } from './icy.ts';

/** About two seconds at 128 kbit/s; what lies beyond it in this process would only be heard late. */
export const MAX_QUEUED_BYTES = 32_768;
/** A connection that took nothing for this long is dead. */
const STUCK_MS = 60_000;

export interface Listener {
  /** Hands over whole frames. @returns bytes queued; 0 when they were skipped */
  write(frames: Uint8Array, title: string, nowMs: number): number;
  /** Ends the response properly, so that the listener knows that it is over. */
  end(): void;
}

/** @param response headers already written */
export function createListener(response: ServerResponse, options: { icy: boolean; nowMs: number }): Listener {
  const icy = options.icy ? createIcyWriter() : null;
  let skipping = false;
  let taken = 0;
  let takenAtMs = options.nowMs;

  /** True when the network took bytes, or nothing waits for it, since the last time anybody asked. */
  function moves(queued: number): boolean {
    const socket = response.socket;
    const before = taken;
    taken = socket === null ? 0 : socket.bytesWritten - socket.writableLength;
    return queued === 0 || taken !== before;
  }

  return {
    write(frames, title, nowMs) {
      const queued = response.writableLength;
      if (moves(queued)) takenAtMs = nowMs;
      if (nowMs - takenAtMs > STUCK_MS) {
        response.destroy();
        return 0;
      }
      if (queued === 0) skipping = false;
      if (queued > MAX_QUEUED_BYTES) skipping = true;
      if (skipping) return 0;
      const bytes = icy === null ? frames : icy.interleave(frames, title);
      response.write(bytes);
      return bytes.length;
    },
    end() {
      response.end();
    },
  };
}
