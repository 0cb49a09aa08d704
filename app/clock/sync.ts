/**
 * Keeps room time: asks the leader in bursts what time it is, and answers those who ask. Nobody's going makes room time
 * jump: a new leader goes on with the time that it knows; only one that knows nothing yet asks the others first.
 *
 * Nor does anybody's sleep put it back, in which local time stands still: whoever slept is behind room time, or right if the
 * wall clock was merely set. It goes on with what it has, and asks; while it leads it says no time that others would follow
 * until one who was awake has told it. If all slept, the latest of their times is nearest.
 *
 * Wire (channel `clock`, little endian, times in ms as float64):
 *   probe  0: u8 1   1: u32 number   5: f64 t0 local time of the asker                                      13 bytes
 *   answer 0: u8 2   1: u32 number   5: f64 t0 as asked   13: f64 t1 received   21: f64 t2 sent (room time)   29: u8 known
 * `known` says what the room time of the one who answers is: 0 just its own, 1 one that others have followed, 2 one that they
 * have followed before it slept.
 */
import type { RoomClock } from './clock.ts';
import { bestOf, doubted, latestOf, offsetAt, update, type ClockState, type ProbeSample } from './filter.ts';
import { createStandstill, STOOD_STILL_MS } from './standstill.ts';

export interface ClockSyncOptions {
  selfId: string;
  /** Monotonic, on the scale of `performance.timeOrigin + performance.now()`. */
  localNowMs: () => number;
  /** Goes on while the device sleeps. */
  wallNowMs: () => number;
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
/** After a sleep connections come back one by one, and not in the order of who knows. */
const AWAKE_MS = 10_000;
const WATCH_MS = 1_000;
const TOLD_MS = 1;

const PROBE = 1;
const ANSWER = 2;
const PROBE_BYTES = 13;
const ANSWER_BYTES = 30;

/** What a peer's room time is, as it tells those who ask. */
const MADE_UP = 0;
const SHARED = 1;
const SLEPT = 2;

export function createClockSync(options: ClockSyncOptions): ClockSync {
  const { selfId, localNowMs, send, leader, peers, setTimer } = options;
  const listeners = new Set<() => void>();
  let state: ClockState | null = null;
  /** In force while this peer leads, and until the first burst. */
  let ownOffsetMs = options.startOffsetMs ?? 0;
  let known: typeof MADE_UP | typeof SHARED | typeof SLEPT = MADE_UP;
  /** Local time before which one that slept leaves it to others to know. */
  let awakeAtMs = -Infinity;
  let leading = false;
  let followed: string | null = null;
  let inquiriesLeft = INQUIRIES;
  let toldOffsetMs = ownOffsetMs;
  let nextNumber = 1;
  let outstanding = new Map<number, { to: string; t0: number }>();
  let samples: ProbeSample[] = [];
  /** Of peers that slept: room time is this or later. */
  let earliest: ProbeSample[] = [];
  /** Peers that know no better time than this one, which is about to lead. */
  let ignorant = new Set<string>();
  let bursting = false;
  let cancelTimer: (() => void) | null = null;
  let cancelWatch: (() => void) | null = null;
  let closed = false;
  const standstill = createStandstill(options);

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

  /** After a sleep what was under way counts for nothing, and begins anew. */
  function noticeSleep(): void {
    if (!standstill.look()) return;
    if (known !== MADE_UP) {
      known = SLEPT;
      awakeAtMs = localNowMs() + AWAKE_MS;
    }
    state &&= doubted(state);
    abandon();
    burst();
  }

  /** Nobody may be there who asks, and whoever comes later should not have to wait. */
  function watch(): void {
    cancelWatch = setTimer(() => {
      if (closed) return;
      noticeSleep();
      watch();
    }, WATCH_MS);
  }

  /** Leaves a burst that is under way. */
  function abandon(): void {
    cancelTimer?.();
    bursting = false;
    inquiriesLeft = INQUIRIES;
    forget();
  }

  function forget(): void {
    outstanding = new Map();
    samples = [];
    earliest = [];
    ignorant = new Set();
  }

  /** Whom to ask now: the leader; or, when this peer is to lead a time that it cannot vouch for, anybody who knows better. */
  function askable(): readonly string[] {
    if (followed !== null) return [followed];
    return leading && known !== SHARED ? peers().slice(0, PROBES_A_BURST) : [];
  }

  function burst(): void {
    const targets = askable();
    if (targets.length === 0 || bursting) return;
    bursting = true;
    forget();
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
    const latest = leading ? latestOf(earliest) : null;
    forget();
    if (best) {
      state = update(state, best);
      known = SHARED;
      if (leading) ownOffsetMs = state.offsetMs;
      tell(false);
      // The second burst decides whether a stray was noise or a step: do not let it wait.
      if (!leading) later(burst, state.strays > 0 ? RETRY_MS : BURST_EVERY_MS);
      return;
    }
    if (latest && (known === MADE_UP || latest.offsetMs - ownOffsetMs > STOOD_STILL_MS)) {
      ownOffsetMs = latest.offsetMs;
      known = SLEPT;
      tell(false);
    }
    if (leading && --inquiriesLeft <= 0 && isAwake()) known = SHARED;
    if (leading && known === SHARED) return;
    later(burst, RETRY_MS);
  }

  function isAwake(): boolean {
    return localNowMs() >= awakeAtMs;
  }

  function look(): void {
    if (closed) return;
    noticeSleep();
    const chosen = leader();
    if (chosen === selfId) lead();
    else if (chosen !== null) follow(chosen);
  }

  function lead(): void {
    if (!leading) {
      ownOffsetMs = offset(localNowMs());
      leading = true;
      followed = null;
      abandon();
      tell(true);
    }
    if (known !== SHARED && !bursting && peers().length > 0) burst();
  }

  function follow(chosen: string): void {
    if (followed === chosen) return;
    if (leading && state !== null) {
      // The filter goes on from the time that this peer has led with.
      state = { ...state, offsetMs: ownOffsetMs, drift: 0, atMs: localNowMs() };
    }
    leading = false;
    followed = chosen;
    abandon();
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
    view.setUint8(29, known);
    send(to, reply);
  }

  function take(from: string, view: DataView, receivedAtMs: number): void {
    const number = view.getUint32(1, true);
    const asked = outstanding.get(number);
    if (!asked || asked.to !== from || asked.t0 !== view.getFloat64(5, true)) return;
    outstanding.delete(number);
    const theirs = view.getUint8(29);
    if (theirs !== SHARED && theirs !== SLEPT) {
      ignorant.add(from);
      if (leading && isAwake() && askable().every((peer) => ignorant.has(peer))) known = SHARED;
      return;
    }
    const t1 = view.getFloat64(13, true);
    const t2 = view.getFloat64(21, true);
    if (!Number.isFinite(t1) || !Number.isFinite(t2)) return;
    (theirs === SHARED ? samples : earliest).push({ t0: asked.t0, t1, t2, t3: receivedAtMs });
  }

  const stopListening = options.onMessage((from, message, receivedAtMs) => {
    if (closed || from === selfId) return;
    noticeSleep();
    const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
    if (message.length === PROBE_BYTES && message[0] === PROBE) {
      if (Number.isFinite(view.getFloat64(5, true))) answer(from, message, receivedAtMs);
    } else if (message.length === ANSWER_BYTES && message[0] === ANSWER) take(from, view, receivedAtMs);
  });
  watch();
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
      cancelWatch?.();
      stopListening();
      listeners.clear();
    },
  };
}
