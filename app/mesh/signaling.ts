/** The room's topic on the node (y-webrtc's signaling protocol): a WebSocket that is kept up for ever. */
import * as v from 'valibot';
import { type Announcement, seal, unseal } from './announcement.ts';
import { backoffMs } from './backoff.ts';

const OPEN_DEADLINE_MS = 8_000;
const PING_MS = 5_000;
/** The node answers pings at once: a socket that brought nothing for this long after one is dead, whatever it says. */
const ANSWER_DEADLINE_MS = 2_500;

const Published = v.object({ type: v.literal('publish'), topic: v.string(), data: v.unknown() });

export interface SignalingOptions {
  /** `wss://…/signaling` */
  url: string;
  topic: string;
  key: CryptoKey;
  nowMs(): number;
  onUp(isUp: boolean): void;
  onAnnouncement(announcement: Announcement): void;
}

export interface Signaling {
  readonly isUp: boolean;
  /** Dropped while the node is out of reach. */
  announce(announcement: Announcement): void;
  /** Tries at once if it waits for its next attempt. */
  retryNow(): void;
  reconnect(): void;
  /** The network may have changed: asks the node for a sign of life now, not at the next turn. */
  check(): void;
  /** Called every second. */
  tick(): void;
  close(): void;
}

export function createSignaling(options: SignalingOptions): Signaling {
  const { topic, key, nowMs } = options;
  let socket: WebSocket | null = null;
  let isUp = false;
  let failures = 0;
  let startedAtMs = 0;
  let heardAtMs = 0;
  let pingedAtMs = 0;
  let retryAtMs: number | null = null;
  let closed = false;
  /** Opening one announcement after the other keeps their order. */
  let opening = Promise.resolve();

  function setUp(next: boolean): void {
    if (next === isUp) return;
    isUp = next;
    options.onUp(isUp);
  }

  function receive(data: unknown): void {
    heardAtMs = nowMs();
    if (typeof data !== 'string') return;
    let message: unknown;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    const parsed = v.safeParse(Published, message);
    if (!parsed.success || parsed.output.topic !== topic) return;
    opening = opening.then(async () => {
      const announcement = await unseal(key, parsed.output.data);
      if (announcement !== null && !closed) options.onAnnouncement(announcement);
    });
  }

  function start(): void {
    retryAtMs = null;
    startedAtMs = nowMs();
    const current = new WebSocket(options.url);
    socket = current;
    current.onopen = () => {
      failures = 0;
      heardAtMs = pingedAtMs = nowMs();
      current.send(JSON.stringify({ type: 'subscribe', topics: [topic] }));
      setUp(true);
    };
    current.onmessage = ({ data }) => receive(data);
    current.onclose = () => lost(current);
    // `close` follows; a socket that nobody listens to would throw outside of browsers.
    current.onerror = () => {};
  }

  function lost(which: WebSocket): void {
    if (socket !== which) return;
    which.onopen = which.onmessage = which.onclose = null;
    which.close();
    socket = null;
    failures++;
    if (!closed) retryAtMs = nowMs() + backoffMs(failures, Math.random);
    setUp(false);
  }

  function ping(open: WebSocket): void {
    pingedAtMs = nowMs();
    open.send('{"type":"ping"}');
  }

  start();

  return {
    get isUp() {
      return isUp;
    },
    announce(announcement) {
      const current = socket;
      void seal(key, announcement).then((data) => {
        if (current?.readyState === WebSocket.OPEN)
          current.send(JSON.stringify({ type: 'publish', topic, data }));
      });
    },
    retryNow() {
      if (!closed && socket === null) start();
    },
    reconnect() {
      if (closed) return;
      if (socket) lost(socket);
      start();
    },
    check() {
      const isWaiting = heardAtMs < pingedAtMs;
      if (socket !== null && isUp && !isWaiting) ping(socket);
    },
    tick() {
      const now = nowMs();
      if (socket === null) {
        if (retryAtMs !== null && now >= retryAtMs) start();
      } else if (!isUp) {
        if (now - startedAtMs > OPEN_DEADLINE_MS) lost(socket);
      } else if (heardAtMs < pingedAtMs && now - pingedAtMs > ANSWER_DEADLINE_MS) lost(socket);
      else if (now - pingedAtMs > PING_MS) ping(socket);
    },
    close() {
      if (closed) return;
      closed = true;
      if (socket) lost(socket);
    },
  };
}
