/**
 * Asking another device of the room to chirp, and answering such requests. Only peers that have proven that they know the
 * room's secret get through to here. A device chirps while it plays the room aloud, for one asker at a time, and seldom.
 *
 * Wire (channel `control`, little endian), 11 bytes:
 *   0: u8 0x63   1: u8 kind (1 ask, 2 will, 3 will not, 4 stop)   2: f64 room ms of the first chirp, which also names the request
 *   10: u8 why not (1 it does not play aloud, 2 it is asked too often or chirps already, 3 the moment is out of reach), else 0
 */
import { CHIRPS_END_MS } from './chirp.ts';

const MARK = 0x63;
const BYTES = 11;
const ASK = 1;
const WILL = 2;
const WONT = 3;
const STOP = 4;
const REFUSALS = ['deaf', 'busy', 'late'] as const;

/** The nearest and the farthest moment that is worth beginning at. */
const NEAREST_MS = 150;
const FARTHEST_MS = 4_000;
/** As often as somebody may need who tries another place twice. */
const MOST_TIMES = 4;
const WITHIN_MS = 30_000;

export interface ChirpMessage {
  kind: 'ask' | 'will' | 'wont' | 'stop';
  firstRoomMs: number;
  why: (typeof REFUSALS)[number] | null;
}

/** `will`: it chirps. `deaf`: it does not play aloud. `silent`: no answer in time. */
export type ChirpAnswer = 'will' | (typeof REFUSALS)[number] | 'silent';

const KINDS = { ask: ASK, will: WILL, wont: WONT, stop: STOP } as const;

export function encodeChirp({ kind, firstRoomMs, why }: ChirpMessage): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(BYTES);
  const view = new DataView(out.buffer);
  view.setUint8(0, MARK);
  view.setUint8(1, KINDS[kind]);
  view.setFloat64(2, firstRoomMs, true);
  view.setUint8(10, why === null ? 0 : REFUSALS.indexOf(why) + 1);
  return out;
}

/** Null for anything else that goes over the channel. */
export function parseChirp(bytes: Uint8Array): ChirpMessage | null {
  if (bytes.length !== BYTES || bytes[0] !== MARK) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const firstRoomMs = view.getFloat64(2, true);
  const kind = (['ask', 'will', 'wont', 'stop'] as const).find((name) => KINDS[name] === bytes[1]);
  const code = view.getUint8(10);
  const why = REFUSALS[code - 1] ?? null;
  if (!kind || !Number.isFinite(firstRoomMs) || (kind === 'wont') !== (why !== null) || code > 3) return null;
  return { kind, firstRoomMs, why };
}

export interface ChirpRequestsOptions {
  send: (to: string, message: Uint8Array<ArrayBuffer>) => Promise<void>;
  onMessage: (listener: (from: string, message: Uint8Array) => void) => () => void;
  /** Room time. */
  nowMs: () => number;
  /** Begins to chirp for a peer; gives how to stop, or null when this device does not play aloud. */
  chirp: (from: string, firstRoomMs: number) => (() => void) | null;
  setTimer: (run: () => void, ms: number) => () => void;
}

export interface ChirpRequests {
  ask(peerId: string, firstRoomMs: number, deadlineMs: number): Promise<ChirpAnswer>;
  /** No need any more. */
  cancel(peerId: string, firstRoomMs: number): void;
  close(): void;
}

export function createChirpRequests(options: ChirpRequestsOptions): ChirpRequests {
  const { nowMs, setTimer } = options;
  const waiting = new Map<string, (answer: ChirpAnswer) => void>();
  const keyOf = (peerId: string, firstRoomMs: number): string => `${peerId} ${firstRoomMs}`;
  let grantedMs: number[] = [];
  let chirping: { from: string; firstRoomMs: number; stop: () => void } | null = null;
  let closed = false;

  const send = (to: string, message: ChirpMessage): void => {
    // Who does not get it, or whose answer does not arrive, goes by the deadline.
    options.send(to, encodeChirp(message)).catch(() => undefined);
  };

  function grant(from: string, firstRoomMs: number): ChirpMessage['why'] {
    const now = nowMs();
    if (firstRoomMs < now + NEAREST_MS || firstRoomMs > now + FARTHEST_MS) return 'late';
    grantedMs = grantedMs.filter((atMs) => Math.abs(now - atMs) < WITHIN_MS);
    const busy = chirping !== null && now < chirping.firstRoomMs + CHIRPS_END_MS;
    if (busy || grantedMs.length >= MOST_TIMES) return 'busy';
    const stop = options.chirp(from, firstRoomMs);
    if (!stop) return 'deaf';
    grantedMs.push(now);
    chirping = { from, firstRoomMs, stop };
    return null;
  }

  const stopListening = options.onMessage((from, bytes) => {
    const message = parseChirp(bytes);
    if (message === null || closed) return;
    const { kind, firstRoomMs } = message;
    if (kind === 'ask') {
      const why = grant(from, firstRoomMs);
      send(from, { kind: why === null ? 'will' : 'wont', firstRoomMs, why });
    } else if (kind === 'stop') {
      if (chirping?.from !== from || chirping.firstRoomMs !== firstRoomMs) return;
      chirping.stop();
      chirping = null;
    } else waiting.get(keyOf(from, firstRoomMs))?.(message.why ?? 'will');
  });

  return {
    ask(peerId, firstRoomMs, deadlineMs) {
      const key = keyOf(peerId, firstRoomMs);
      return new Promise((resolve) => {
        const settle = (answer: ChirpAnswer): void => {
          waiting.delete(key);
          cancel();
          resolve(answer);
        };
        const cancel = setTimer(() => settle('silent'), deadlineMs);
        waiting.set(key, settle);
        send(peerId, { kind: 'ask', firstRoomMs, why: null });
      });
    },
    cancel: (peerId, firstRoomMs) => send(peerId, { kind: 'stop', firstRoomMs, why: null }),
    close() {
      if (closed) return;
      closed = true;
      stopListening();
      chirping?.stop();
      for (const settle of [...waiting.values()]) settle('silent');
    },
  };
}
