/**
 * Keeps room time: asks the leader in bursts what time it is, and answers those who ask. Nobody's going makes room time
 * jump: a new leader goes on with the time that it knows; only one that knows nothing yet asks the others first.
 *
 * Wire (channel `clock`, little endian, times in ms as float64):
 *   probe  0: u8 1   1: u32 number   5: f64 t0 local time of the asker                                      13 bytes
 *   answer 0: u8 2   1: u32 number   5: f64 t0 as asked   13: f64 t1 received   21: f64 t2 sent (room time)   29: u8 shared
 * `shared` is 1 when the room time of the one who answers is one that others have followed, 0 when it is just its own.
 */
import type { RoomClock } from './clock.ts';
import { bestOf, offsetAt, update, type ClockState, type ProbeSample } from './filter.ts';

export interface ClockSyncOptions {
  selfId: string;
  /** Monotonic, on the scale of `performance.timeOrigin + performance.now()`. */
  localNowMs: () => number;
  /** Fire and forget: a lost probe is just missing from its burst. */
  send: (to: string, message: Uint8Array<ArrayBuffer>) => void;
  onMessage: (listener: (from: string, message: Uint8Array, receivedAtMs: number) => void) => () => void;
  /** Who defines room time, as everybody computes it; null while unknown. */
  leader: () => string | null;
  /** Peers that can be reached now, self not among them. */
  peers: () => readonly string[];
  /** Calls back once, after `ms`; returns how to prevent it. */
  setTimer: (run: () => void, ms: number) => () => void;
  /** What this device last knew (`offsetMs()`), kept over a reload, so that a lone device's room time goes on. */
  startOffsetMs?: number;
}

export interface ClockSync extends RoomClock {
  /** Room minus local time, to be kept over a reload. */
  offsetMs(): number;
  /** Call when the leader or the peers may have changed. */
  look(): void;
  close(): void;
}

const PROBES_A_BURST = 10;
const PROBE_SPACING_MS = 25;
const ANSWER_WAIT_MS = 250;
const BURST_EVERY_MS = 10_000;
const RETRY_MS = 250;
/** Bursts without an answer after which a new leader goes by its own time. */
const INQUIRIES = 3;
const TOLD_MS = 1;

const PROBE = 1;
const ANSWER = 2;
const PROBE_BYTES = 13;
const ANSWER_BYTES = 30;

export function createClockSync(options: ClockSyncOptions): ClockSync {
  const { selfId, localNowMs, send, leader, peers, setTimer } = options;
  const listeners = new Set<() => void>();
  let state: ClockState | null = null;
  /** In force while this peer leads, and until the first burst. */
  let ownOffsetMs = options.startOffsetMs ?? 0;
  let shared = false;
  let leading = false;
  let followed: string | null = null;
  let inquiriesLeft = INQUIRIES;
  let toldOffsetMs = ownOffsetMs;
  let nextNumber = 1;
  let outstanding = new Map<number, { to: string; t0: number }>();
  let samples: ProbeSample[] = [];
  /** Peers that know no better time than this one, which is about to lead. */
  let ignorant = new Set<string>();
  let bursting = false;
  let cancelTimer: (() => void) | null = null;
  let closed = false;

  const offset = (localMs: number): number =>
    leading || state === null ? ownOffsetMs : offsetAt(state, localMs);

  function tell(force: boolean): void {
    const current = offset(localNowMs());
    if (!force && Math.abs(current - toldOffsetMs) <= TOLD_MS) return;
    toldOffsetMs = current;
    for (const listener of listeners) listener();
  }

  function later(run: () => void, ms: number): void {
    cancelTimer?.();
    cancelTimer = setTimer(() => {
      cancelTimer = null;
      if (!closed) run();
    }, ms);
  }

  /** Whom to ask now: the leader; or, when this peer is to lead a time that it only made up, anybody who knows better. */
  function askable(): readonly string[] {
    if (followed !== null) return [followed];
    return leading && !shared ? peers().slice(0, PROBES_A_BURST) : [];
  }

  function burst(): void {
    const targets = askable();
    if (targets.length === 0 || bursting) return;
    bursting = true;
    outstanding = new Map();
    samples = [];
    ignorant = new Set();
    let sent = 0;
    const next = (): void => {
      const to = targets[sent % targets.length];
      if (to !== undefined) probe(to);
      sent++;
      if (sent < PROBES_A_BURST) later(next, PROBE_SPACING_MS);
      else later(finish, ANSWER_WAIT_MS);
    };
    next();
  }

  function probe(to: string): void {
    const number = nextNumber;
    nextNumber = (nextNumber + 1) >>> 0;
    const message = new Uint8Array(PROBE_BYTES);
    const view = new DataView(message.buffer);
    const t0 = localNowMs();
    view.setUint8(0, PROBE);
    view.setUint32(1, number, true);
    view.setFloat64(5, t0, true);
    outstanding.set(number, { to, t0 });
    send(to, message);
  }

  function finish(): void {
    bursting = false;
    const best = bestOf(samples);
    outstanding = new Map();
    samples = [];
    if (best) {
      state = update(state, best);
      shared = true;
      if (leading) ownOffsetMs = state.offsetMs;
      tell(false);
      // The second burst decides whether a stray was noise or a step: do not let it wait.
      if (!leading) later(burst, state.strays > 0 ? RETRY_MS : BURST_EVERY_MS);
      return;
    }
    if (leading && !shared && --inquiriesLeft <= 0) shared = true;
    if (leading && shared) return;
    later(burst, RETRY_MS);
  }

  function look(): void {
    if (closed) return;
    const chosen = leader();
    if (chosen === selfId) lead();
    else if (chosen !== null) follow(chosen);
  }

  function lead(): void {
    if (!leading) {
      ownOffsetMs = offset(localNowMs());
      leading = true;
      followed = null;
      bursting = false;
      inquiriesLeft = INQUIRIES;
      cancelTimer?.();
      tell(true);
    }
    if (!shared && !bursting && peers().length > 0) burst();
  }

  function follow(chosen: string): void {
    if (followed === chosen) return;
    if (leading && state !== null) {
      // The filter goes on from the time that this peer has led with.
      state = { ...state, offsetMs: ownOffsetMs, drift: 0, atMs: localNowMs() };
    }
    leading = false;
    followed = chosen;
    bursting = false;
    tell(true);
    burst();
  }

  function answer(to: string, message: Uint8Array, receivedAtMs: number): void {
    const reply = new Uint8Array(ANSWER_BYTES);
    reply.set(message.subarray(0, PROBE_BYTES));
    const view = new DataView(reply.buffer);
    view.setUint8(0, ANSWER);
    view.setFloat64(13, receivedAtMs + offset(receivedAtMs), true);
    const nowMs = localNowMs();
    view.setFloat64(21, nowMs + offset(nowMs), true);
    view.setUint8(29, shared ? 1 : 0);
    send(to, reply);
  }

  function take(from: string, view: DataView, receivedAtMs: number): void {
    const number = view.getUint32(1, true);
    const asked = outstanding.get(number);
    if (!asked || asked.to !== from || asked.t0 !== view.getFloat64(5, true)) return;
    outstanding.delete(number);
    if (view.getUint8(29) !== 1) {
      ignorant.add(from);
      if (leading && askable().every((peer) => ignorant.has(peer))) shared = true;
      return;
    }
    const t1 = view.getFloat64(13, true);
    const t2 = view.getFloat64(21, true);
    if (Number.isFinite(t1) && Number.isFinite(t2)) samples.push({ t0: asked.t0, t1, t2, t3: receivedAtMs });
  }

  const stopListening = options.onMessage((from, message, receivedAtMs) => {
    if (closed || from === selfId) return;
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    if (message.length === PROBE_BYTES && message[0] === PROBE) {
      if (Number.isFinite(view.getFloat64(5, true))) answer(from, message, receivedAtMs);
    } else if (message.length === ANSWER_BYTES && message[0] === ANSWER) take(from, view, receivedAtMs);
  });
  look();

  return {
    nowMs() {
      const localMs = localNowMs();
      return localMs + offset(localMs);
    },
    toLocalMs: (roomMs) => roomMs - offset(localNowMs()),
    get estimate() {
      if (leading || state === null) return null;
      return { offsetMs: offset(localNowMs()), roundTripMs: state.roundTripMs };
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    offsetMs: () => offset(localNowMs()),
    look,
    close() {
      if (closed) return;
      closed = true;
      cancelTimer?.();
      stopListening();
      listeners.clear();
    },
  };
}
