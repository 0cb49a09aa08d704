/**
 * The host's WebSocket: it proves its right to the room, then sends whole MP3 frames (signaling/protocol/uplink.ts). Who would
 * host in its place proves the same, and watches (watch.ts).
 */
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import type { Log } from '../ops/log.ts';
import { isKeyOf } from '../ops/room.ts';
import { createBudget } from '../ops/budget.ts';
import { createShares, shareOf } from '../ops/shares.ts';
import { createSocketPath, type GuardedSocket, type SocketPath } from '../ops/sockets.ts';
import {
  MAX_UPLINK_MESSAGE_BYTES,
  MIN_PROTOCOL_VERSION,
  type NodeUplinkMessage,
  type NodeWatchMessage,
  PROTOCOL_VERSION,
  type RefusalReason,
  UPLINK_PATH,
  type UplinkHello,
  UplinkMessage,
  type UplinkWatch,
} from '../protocol/uplink.ts';
import type { Feed, Station } from './station.ts';
import type { Stations } from './stations.ts';
import { parseTagged } from './variants.ts';
import { createWatches, type WatchedFeed } from './watch.ts';

const HELLO_MS = 5_000;
const MAX_UPLINKS = 256;
/** Of them: however many watch, places for hosts are left, to one address too. */
const MAX_WATCHES = 160;
/** One asks every second or two. */
const WATCH_PACE = { burst: 20, perSecond: 5 };
/** A household has a few rooms at most; the node has 32. */
const MAX_HOSTED_OF_ONE = 8;
/**
 * All variants together are 210 messages and 250 KB a second. A host that sends three times that is broken, and slowing it
 * down would only make it late.
 */
const PACE = {
  messages: { burst: 2_000, perSecond: 640 },
  bytes: { burst: 4_194_304, perSecond: 786_432 },
};
/** So many messages in a row without one frame: this is not a stream. */
const MAX_FRAMELESS = 20;
/** Policy violation (RFC 6455, section 7.4.1): it is no use to try the same again at once. */
const REFUSED = 1008;

function parseMessage(data: Buffer): UplinkMessage | null {
  try {
    const parsed = v.safeParse(UplinkMessage, JSON.parse(data.toString('utf8')));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export interface UplinkOptions {
  stations: Stations;
  counters: Counters;
  log: Log;
  /** Monotonic milliseconds. */
  now: () => number;
  /** Addresses that may have all of them. */
  isExempt(address: string): boolean;
}

export function createUplink({ stations, counters, log, now, isExempt }: UplinkOptions): SocketPath {
  /** By address, the rooms whose host it is. */
  const hosted = new Map<string, Set<string>>();
  const watches = createWatches(now);
  const watchShares = createShares(shareOf(MAX_WATCHES), isExempt);
  let watching = 0;
  const refusals = new WeakMap<GuardedSocket, (reason: RefusalReason) => void>();

  function serve(socket: GuardedSocket): void {
    const address = socket.request.socket.remoteAddress ?? '';
    let leaveRoom = (): void => {};
    let current: { station: Station; feed: Feed; watched: WatchedFeed; hello: UplinkHello } | null = null;
    /** Null: it does not watch. */
    let pings: ReturnType<typeof createBudget> | null = null;
    let frameless = 0;
    let ended = false;
    const tell = (message: NodeUplinkMessage | NodeWatchMessage): void =>
      void socket.send(JSON.stringify(message));

    function refuse(reason: RefusalReason, detail?: string): void {
      if (ended) return;
      ended = true;
      leaveRoom();
      stopWatching();
      counters.count(UPLINK_PATH, reason);
      tell(detail === undefined ? { type: 'refused', reason } : { type: 'refused', reason, detail });
      socket.close(REFUSED, reason);
      log.info({ event: 'uplink-refused', reason, from: address });
    }

    refusals.set(socket, refuse);
    const impatience = setTimeout(() => refuse('hello-timeout'), HELLO_MS);
    let stopWatching = (): void => {};

    /** Once more for a host that reconnects, and whose older connection the node still holds. */
    function mayHost(roomId: string): boolean {
      const rooms = hosted.get(address);
      return isExempt(address) || rooms === undefined || rooms.size < MAX_HOSTED_OF_ONE || rooms.has(roomId);
    }

    function enterRoom(roomId: string): void {
      const rooms = hosted.get(address) ?? new Set();
      hosted.set(address, rooms.add(roomId));
      leaveRoom = () => {
        leaveRoom = () => {};
        rooms.delete(roomId);
        if (rooms.size === 0 && hosted.get(address) === rooms) hosted.delete(address);
      };
    }

    function isEntitled({ protocol, roomId, uplinkKey }: UplinkHello | UplinkWatch): boolean {
      if (protocol < MIN_PROTOCOL_VERSION || protocol > PROTOCOL_VERSION) {
        const spoken = `${MIN_PROTOCOL_VERSION} to ${PROTOCOL_VERSION}`;
        refuse('protocol-version', `this node speaks versions ${spoken}`);
      } else if (!isKeyOf(roomId, uplinkKey)) refuse('wrong-key');
      return !ended;
    }

    function watch(message: UplinkWatch): void {
      if (!isEntitled(message)) return;
      const giveBack = watching < MAX_WATCHES ? watchShares.take(address) : null;
      if (giveBack === null) return refuse('too-many-watches');
      clearTimeout(impatience);
      watching++;
      pings = createBudget(WATCH_PACE, now());
      tell({ type: 'watching' });
      const forget = watches.add(message.roomId, tell);
      stopWatching = () => {
        stopWatching = () => {};
        watching--;
        giveBack();
        forget();
      };
    }

    function welcome(hello: UplinkHello): void {
      if (!isEntitled(hello)) return;
      if (!mayHost(hello.roomId)) {
        counters.count(UPLINK_PATH, 'too-many-rooms-of-one');
        return refuse('too-many-rooms', `one address feeds at most ${MAX_HOSTED_OF_ONE}`);
      }
      const station = stations.stationForHost(hello.roomId);
      if (station === null) return refuse('too-many-rooms');
      const feed = station.claim(hello, () => refuse('superseded'));
      if (feed === null) return refuse('lower-epoch');
      enterRoom(hello.roomId);
      clearTimeout(impatience);
      current = { station, feed, watched: watches.welcomed(hello.roomId, hello), hello };
      const { path } = station.status();
      tell({ type: 'welcome', streamPath: path, listeners: station.listenerCount() });
      let told = '';
      const tellWanted = (): void => {
        const variants = station.wanted();
        if (variants.join() !== told) tell({ type: 'wanted', variants });
        told = variants.join();
      };
      tellWanted();
      stopWatching = station.onListeners((listeners) => {
        tell({ type: 'listeners', listeners });
        tellWanted();
      });
      const { roomId, peerId, epoch } = hello;
      log.info({ event: 'host-joined', roomId, peerId, epoch, from: address });
    }

    socket.onMessage((data, isBinary) => {
      if (ended) return;
      if (isBinary) {
        if (current === null) return refuse('bad-message', 'frames before hello');
        const { frames, badBytes, variant } = parseTagged(data);
        if (badBytes > 0) counters.count(UPLINK_PATH, 'bad-frames');
        frameless = frames.length > 0 ? 0 : frameless + 1;
        if (frameless >= MAX_FRAMELESS) return refuse('not-frames');
        if (frames.length > 0 && variant === 'mp3') current.watched.frames();
        current.feed.frames(frames, variant);
        return;
      }
      const message = parseMessage(data);
      if (message?.type === 'ping' && pings !== null) {
        if (!pings.spend(1, now())) return refuse('too-fast');
        return tell({ type: 'pong', id: message.id });
      }
      const isFirst = current === null && pings === null;
      if (message?.type === 'hello' && isFirst) return welcome(message);
      if (message?.type === 'watch' && isFirst) return watch(message);
      if (message?.type === 'title' && current !== null) {
        const { title, artist } = message;
        current.feed.title(artist === undefined || artist === '' ? title : `${artist} - ${title}`);
        return;
      }
      refuse('bad-message', message === null ? undefined : `unexpected ${message.type}`);
    });

    socket.onClose(() => {
      ended = true;
      leaveRoom();
      clearTimeout(impatience);
      stopWatching();
      if (current === null) return;
      const { feed, watched, hello } = current;
      feed.release();
      watched.gone();
      log.info({ event: 'host-left', roomId: hello.roomId, peerId: hello.peerId, epoch: hello.epoch });
    });
  }

  const sockets = createSocketPath({
    path: UPLINK_PATH,
    maxMessageBytes: MAX_UPLINK_MESSAGE_BYTES,
    maxSockets: MAX_UPLINKS,
    pace: PACE,
    isExempt,
    now,
    counters,
    onTooFast: (socket) => refusals.get(socket)?.('too-fast'),
    farewell: JSON.stringify({ type: 'refused', reason: 'shutting-down' } satisfies NodeUplinkMessage),
    onSocket: serve,
  });
  return {
    ...sockets,
    async close() {
      await sockets.close();
      watches.close();
    },
  };
}
