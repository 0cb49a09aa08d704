/** One variant of a room's stream: a host's frames in, listeners out, and silence wherever there are none. */
import type { Listener } from './listener.ts';
import { createOwnPause } from './own-pause.ts';
import { createPace, GAP_MS } from './pace.ts';
import type { Format } from './variants.ts';

/**
 * What a new listener gets at once unless it asks for more or less. A player that buffers more than this waits for the rest in real time, and one that
 * buffers less would play this much later than it needs to: so it is short, enough for a decoder to find its feet.
 */
export const BURST_MS = 480;
/** How often it is looked whether silence is due. */
const LOOK_MS = 24;

/**
 * How long frames wait for others to share a write with. What a listener costs is the system call, so a crowd's wait: it is
 * time that counts, not frames, so that a host's late frame holds back none that are here, and a gap stays below 200 ms.
 */
function batchMsFor(listeners: number): number {
  if (listeners <= 64) return 0;
  return listeners <= 256 ? 90 : 114;
}

export interface ListenOptions {
  /** How much of the last sound it gets at once, at most what the format remembers; where there was none, silence. */
  burstMs?: number;
  /** What stands before the first frame. */
  head?: Uint8Array;
}

export interface ChannelStats {
  listeners: number;
  bytesIn: number;
  bytesOut: number;
  silenceFrames: number;
  /** Monotonic milliseconds; null: no host's frame came yet. */
  lastFrameAtMs: number | null;
}

export interface Channel {
  /** Whole frames of the host, in order. */
  frames(frames: readonly Uint8Array[]): void;
  /** From now on silence is this. */
  setSilence(frame: Uint8Array): void;
  /** Do not wait for the host's next frame. */
  hostGone(): void;
  /** @returns removes it again; harmless when called twice */
  listen(listener: Listener, options?: ListenOptions): () => void;
  stats(): ChannelStats;
  close(): void;
}

export interface ChannelOptions {
  format: Format;
  /** Monotonic milliseconds. */
  now: () => number;
  title: () => string;
  /** Listeners came or went. */
  onListeners: () => void;
}

export function createChannel({ format, now, title, onListeners }: ChannelOptions): Channel {
  const { frameMs } = format;
  const maxBurstFrames = Math.ceil(format.maxBurstMs / frameMs);
  const listeners = new Set<Listener>();
  const pace = createPace(now(), frameMs);
  let { silence } = format;
  /** Without a hole in time, so that a burst is one piece of what was heard. */
  let recent: Uint8Array[] = [];
  let batch: Uint8Array[] = [];
  let bytesIn = 0;
  let bytesOut = 0;
  let silenceFrames = 0;
  let lastFrameAtMs: number | null = null;
  let timer: NodeJS.Timeout | null = null;
  let emittedAtMs = now();
  let flushedAtMs = now();
  const ownPause = createOwnPause(GAP_MS);

  function flush(): void {
    if (batch.length === 0) return;
    const frames = batch.length === 1 ? (batch[0] as Uint8Array) : Buffer.concat(batch);
    batch = [];
    const nowMs = now();
    flushedAtMs = nowMs;
    for (const listener of listeners) bytesOut += listener.write(frames, title(), nowMs);
  }

  function emit(frame: Uint8Array, nowMs: number): void {
    // Nobody listened, and no host fed it: what came before that is no part of the sound that begins now.
    if (nowMs - emittedAtMs >= BURST_MS) recent = [];
    emittedAtMs = nowMs;
    recent.push(frame);
    if (recent.length > maxBurstFrames) recent.shift();
    if (listeners.size > 0) batch.push(frame);
  }

  function flushIfDue(): void {
    if (now() - flushedAtMs >= batchMsFor(listeners.size)) flush();
  }

  function fillGaps(): void {
    const nowMs = now();
    const pauseMs = ownPause.lastedMs(nowMs);
    if (pauseMs > 0) pace.stoodStill(pauseMs, nowMs);
    const due = pauseMs > 0 ? 0 : pace.takeSilence(nowMs);
    for (let i = 0; i < due; i++) emit(silence, nowMs);
    silenceFrames += due;
    flushIfDue();
  }

  function runOrRest(): void {
    const needed = listeners.size > 0;
    if (needed && timer === null) {
      ownPause.begin(now());
      timer = setInterval(fillGaps, LOOK_MS);
    } else if (!needed && timer !== null) {
      clearInterval(timer);
      timer = null;
      ownPause.begin(Infinity);
      batch = [];
      // Nobody sends an extra variant that nobody hears.
      if (format.variant !== 'mp3') recent = [];
    }
  }

  return {
    frames(frames) {
      const nowMs = now();
      lastFrameAtMs = nowMs;
      for (const frame of frames) {
        bytesIn += frame.length;
        // A copy: the message it came in would otherwise be held in memory by one of its frames.
        if (pace.takeHostFrame(nowMs)) emit(Uint8Array.from(frame), nowMs);
      }
      flushIfDue();
    },
    setSilence(frame) {
      silence = frame;
    },
    hostGone: () => pace.hostGone(),
    listen(listener, { burstMs = BURST_MS, head = new Uint8Array(0) } = {}) {
      // All that is due goes to those who are here; it is in `recent` for who comes now.
      if (timer === null) pace.begin(now());
      else fillGaps();
      flush();
      // Nobody listened and no host fed it: what is left in `recent` may be old, and the stream was silent since.
      const fresh = lastFrameAtMs !== null && now() - lastFrameAtMs < BURST_MS;
      const wanted = Math.min(Math.round(burstMs / frameMs), maxBurstFrames);
      const frames = (fresh || timer !== null) && wanted > 0 ? recent.slice(-wanted) : [];
      const missing = Array<Uint8Array>(wanted - frames.length).fill(silence);
      bytesOut += listener.write(Buffer.concat([head, ...missing, ...frames]), title(), now());
      listeners.add(listener);
      runOrRest();
      onListeners();
      return () => {
        if (!listeners.delete(listener)) return;
        runOrRest();
        onListeners();
      };
    },
    stats: () => ({ listeners: listeners.size, bytesIn, bytesOut, silenceFrames, lastFrameAtMs }),
    close() {
      if (timer !== null) clearInterval(timer);
      timer = null;
      for (const listener of listeners) listener.end();
      listeners.clear();
    },
  };
}
