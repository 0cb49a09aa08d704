/**
 * What the node says of the host's feed, to a device that would host in its place: one light WebSocket on the uplink's path
 * (signaling/protocol/uplink.ts) that comes back by itself. It also tells how far away the node is, and whether it is there.
 */
import * as v from 'valibot';
import {
  type FeedNews,
  NodeWatchMessage,
  PROTOCOL_VERSION,
  type UplinkWatch,
} from '../../signaling/protocol/uplink.ts';
import type { NodeWord } from './alive.ts';
import type { UplinkSettings } from './mp3/shared.ts';
import { createNodeLine } from './node-line.ts';

const PING_MS = 2_000;
const DEAF_MS = 3_000;
/** A node that comes back within this time was never away. */
const GRACE_MS = 1_500;
const REFUSED_RETRY_MS = 30_000;
const REMEMBERED_TRIPS = 5;

export interface FeedWatch {
  word(): NodeWord;
  /**
   * `cut-off`: the node does not answer. `refused`: it answers, but has no place or no word for this device, which may host
   * all the same.
   */
  state(): 'connecting' | 'watching' | 'refused' | 'cut-off';
  /** The best of the last few; null: not measured. */
  roundTripMs(): number | null;
  /** Call about twice a second. */
  tick(): void;
  close(): void;
}

export function createFeedWatch(options: {
  settings: Omit<UplinkSettings, 'epoch'>;
  /** Monotonic. */
  nowMs: () => number;
  onChange: () => void;
}): FeedWatch {
  const { settings, nowMs, onChange } = options;
  const line = createNodeLine({ url: settings.url, onBack: connect });
  let socket: WebSocket | null = null;
  let sinceMs: number | null = null;
  let feed: FeedNews | null = null;
  let isRefused = false;
  let retryAtMs = Infinity;
  let lostAtMs = nowMs();
  let asked: { id: number; atMs: number } | null = null;
  let pingId = 0;
  let pingedAtMs = -Infinity;
  let tripsMs: number[] = [];
  let told = '';
  let closed = false;

  function connect(): void {
    if (closed) return;
    retryAtMs = Infinity;
    const current = new WebSocket(settings.url);
    socket = current;
    asked = { id: -1, atMs: nowMs() };
    current.onopen = () => {
      const { roomId, uplinkKey, peerId } = settings;
      const watch: UplinkWatch = { type: 'watch', protocol: PROTOCOL_VERSION, roomId, uplinkKey, peerId };
      current.send(JSON.stringify(watch));
    };
    current.onmessage = ({ data }) => {
      const message = socket === current ? parse(data) : null;
      if (message) take(message);
    };
    current.onclose = () => {
      if (socket === current) lost();
    };
  }

  function take(message: NodeWatchMessage): void {
    switch (message.type) {
      case 'watching':
        sinceMs = nowMs();
        isRefused = false;
        line.met();
        ping();
        break;
      case 'feed':
        feed = message;
        break;
      case 'pong':
        if (asked?.id !== message.id) return;
        tripsMs = [...tripsMs, nowMs() - asked.atMs].slice(-REMEMBERED_TRIPS);
        asked = null;
        break;
      case 'refused':
        isRefused = message.reason !== 'shutting-down';
        break;
    }
    onChange();
  }

  function ping(): void {
    pingedAtMs = nowMs();
    asked = { id: pingId++, atMs: pingedAtMs };
    socket?.send(JSON.stringify({ type: 'ping', id: asked.id }));
  }

  function lost(): void {
    const old = socket;
    socket = null;
    old?.close();
    if (sinceMs !== null) lostAtMs = nowMs();
    sinceMs = null;
    feed = null;
    asked = null;
    tripsMs = [];
    if (closed) return;
    if (isRefused) {
      line.met();
      retryAtMs = nowMs() + REFUSED_RETRY_MS;
    } else line.lost();
    onChange();
  }

  function stateNow(): ReturnType<FeedWatch['state']> {
    if (sinceMs !== null) return 'watching';
    if (isRefused) return 'refused';
    return nowMs() - lostAtMs < GRACE_MS ? 'connecting' : 'cut-off';
  }

  connect();
  return {
    word: () => ({ sinceMs, feed }),
    state: stateNow,
    roundTripMs: () => (tripsMs.length === 0 ? null : Math.min(...tripsMs)),
    tick() {
      if (closed) return;
      if (asked !== null && nowMs() - asked.atMs > DEAF_MS) lost();
      else if (sinceMs !== null && asked === null && nowMs() - pingedAtMs >= PING_MS) ping();
      if (nowMs() >= retryAtMs) connect();
      const state = stateNow();
      if (state === told) return;
      told = state;
      onChange();
    },
    close() {
      if (closed) return;
      closed = true;
      line.close();
      const old = socket;
      socket = null;
      old?.close();
    },
  };
}

function parse(data: unknown): NodeWatchMessage | null {
  if (typeof data !== 'string') return null;
  try {
    const parsed = v.safeParse(NodeWatchMessage, JSON.parse(data));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
