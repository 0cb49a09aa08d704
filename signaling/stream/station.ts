/** One room's stream: at most one host feeds it, any number listen, and it never ends. */
import type { StreamStatus } from '../protocol/status.ts';
import { FRAME_MS, silentFrame } from './frames.ts';
import type { Listener } from './listener.ts';
import { createPace } from './pace.ts';
import { MAX_BURST_MS } from './profile.ts';

/**
 * What a new listener gets at once unless it asks for more or less. A player that buffers more than this waits for the rest in real time, and one that
 * buffers less would play this much later than it needs to: so it is short, enough for a decoder to find its feet.
 */
export const BURST_MS = 480;
const MAX_BURST_FRAMES = Math.ceil(MAX_BURST_MS / FRAME_MS);

/**
 * How long frames wait for others to share a write with. What a listener costs is the system call, so a crowd's wait: it is
 * time that counts, not frames, so that a host's late frame holds back none that are here, and a gap stays below 200 ms.
 */
function batchMsFor(listeners: number): number {
  if (listeners <= 64) return 0;
  return listeners <= 256 ? 90 : 114;
}

export interface Claim {
  epoch: number;
  peerId: string;
}

export interface HostInfo extends Claim {
  bitrateKbps: number;
}

/** A host that feeds this station. */
export interface Feed {
  /** Whole frames, in order. Ignored once the feed was replaced. */
  frames(frames: readonly Uint8Array[]): void;
  title(title: string): void;
  release(): void;
}

export interface Station {
  readonly roomId: string;
  /** Takes over from a lower claim, or from the same host's older connection. Null: the present host's claim is higher. */
  claim(host: HostInfo, onSuperseded: () => void): Feed | null;
  /**
   * @param burstMs how much of the last sound it gets at once, at most `MAX_BURST_MS`; where there was none, silence
   * @returns removes it again; harmless when called twice
   */
  listen(listener: Listener, burstMs?: number): () => void;
  listenerCount(): number;
  hasHost(): boolean;
  /** When it last had a host, now if it has one; null: never. Monotonic milliseconds. */
  hostedAtMs(): number | null;
  /** Called when the number of listeners changed. */
  onListeners(callback: (listeners: number) => void): () => void;
  status(): StreamStatus;
  close(): void;
}

export interface StationOptions {
  roomId: string;
  path: string;
  /** Monotonic milliseconds. */
  now: () => number;
}

/** `(epoch, peerId)` in order; the same claim again is the same host that reconnected. */
function outranks(current: Claim, next: Claim): boolean {
  return current.epoch !== next.epoch ? current.epoch > next.epoch : current.peerId > next.peerId;
}

export function createStation({ roomId, path, now }: StationOptions): Station {
  const listeners = new Set<Listener>();
  const watchers = new Set<(listeners: number) => void>();
  const pace = createPace(now());
  /** Without a hole in time, so that a burst is one piece of what was heard. */
  let recent: Uint8Array[] = [];
  let host: (HostInfo & { sinceMs: number; onSuperseded: () => void; feed: Feed }) | null = null;
  let silence = silentFrame(128);
  let bitrateKbps = 128;
  let title: string | null = null;
  let batch: Uint8Array[] = [];
  let bytesIn = 0;
  let bytesOut = 0;
  let silenceFrames = 0;
  let lastFrameAtMs: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let releasedAtMs: number | null = null;
  let emittedAtMs = now();
  let flushedAtMs = now();

  function flush(): void {
    if (batch.length === 0) return;
    const frames = batch.length === 1 ? (batch[0] as Uint8Array) : Buffer.concat(batch);
    batch = [];
    const nowMs = now();
    flushedAtMs = nowMs;
    for (const listener of listeners) bytesOut += listener.write(frames, title ?? '', nowMs);
  }

  function emit(frame: Uint8Array, nowMs: number): void {
    // Nobody listened, and no host fed it: what came before that is no part of the sound that begins now.
    if (nowMs - emittedAtMs >= BURST_MS) recent = [];
    emittedAtMs = nowMs;
    recent.push(frame);
    if (recent.length > MAX_BURST_FRAMES) recent.shift();
    if (listeners.size > 0) batch.push(frame);
  }

  function flushIfDue(): void {
    if (now() - flushedAtMs >= batchMsFor(listeners.size)) flush();
  }

  function fillGaps(): void {
    const nowMs = now();
    const due = pace.takeSilence(nowMs);
    for (let i = 0; i < due; i++) emit(silence, nowMs);
    silenceFrames += due;
    flushIfDue();
  }

  function runOrRest(): void {
    const needed = listeners.size > 0;
    if (needed && timer === null) {
      timer = setInterval(fillGaps, FRAME_MS);
    } else if (!needed && timer !== null) {
      clearInterval(timer);
      timer = null;
      batch = [];
    }
  }

  function release(feed: Feed): void {
    if (host?.feed !== feed) return;
    host = null;
    releasedAtMs = now();
    title = null;
    pace.hostGone();
  }

  return {
    roomId,
    claim(info, onSuperseded) {
      if (host !== null && outranks(host, info)) return null;
      const replaced = host;
      const feed: Feed = {
        frames(frames) {
          if (host?.feed !== feed) return;
          const nowMs = now();
          lastFrameAtMs = nowMs;
          for (const frame of frames) {
            bytesIn += frame.length;
            // A copy: the message it came in would otherwise be held in memory by one of its frames.
            if (pace.takeHostFrame(nowMs)) emit(Uint8Array.from(frame), nowMs);
          }
          flushIfDue();
        },
        title(text) {
          if (host?.feed === feed) title = text;
        },
        release: () => release(feed),
      };
      host = { ...info, sinceMs: now(), onSuperseded, feed };
      title = null;
      bitrateKbps = info.bitrateKbps;
      silence = silentFrame(bitrateKbps);
      replaced?.onSuperseded();
      return feed;
    },
    listen(listener, burstMs = BURST_MS) {
      flush();
      fillGaps();
      // Nobody listened and no host fed it: what is left in `recent` may be old, and the stream was silent since.
      const fresh = lastFrameAtMs !== null && now() - lastFrameAtMs < BURST_MS;
      const wanted = Math.min(Math.round(burstMs / FRAME_MS), MAX_BURST_FRAMES);
      const frames = (fresh || timer !== null) && wanted > 0 ? recent.slice(-wanted) : [];
      const missing = Array<Uint8Array>(wanted - frames.length).fill(silence);
      bytesOut += listener.write(Buffer.concat([...missing, ...frames]), title ?? '', now());
      listeners.add(listener);
      runOrRest();
      for (const watcher of watchers) watcher(listeners.size);
      return () => {
        if (!listeners.delete(listener)) return;
        runOrRest();
        for (const watcher of watchers) watcher(listeners.size);
      };
    },
    listenerCount: () => listeners.size,
    hasHost: () => host !== null,
    hostedAtMs: () => (host === null ? releasedAtMs : now()),
    onListeners(callback) {
      watchers.add(callback);
      return () => void watchers.delete(callback);
    },
    status: () => ({
      roomId,
      path,
      host:
        host === null
          ? null
          : {
              peerId: host.peerId,
              epoch: host.epoch,
              connectedSeconds: Math.floor((now() - host.sinceMs) / 1000),
            },
      listeners: listeners.size,
      bitrateKbps,
      bytesIn,
      bytesOut,
      lastFrameAgeMs: lastFrameAtMs === null ? null : Math.round(now() - lastFrameAtMs),
      silenceFrames,
      title,
    }),
    close() {
      if (timer !== null) clearInterval(timer);
      timer = null;
      for (const listener of listeners) listener.end();
      listeners.clear();
      watchers.clear();
      host = null;
    },
  };
}
