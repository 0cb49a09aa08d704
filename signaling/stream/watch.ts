/**
 * Who would host in the host's place hears from here how its feed goes. The node is the first to know: a process that was
 * killed closes its socket at once, and a frozen or cut-off one sends no frames.
 */
import type { FeedNews } from '../protocol/uplink.ts';
import { createOwnPause } from './own-pause.ts';
import type { Claim } from './station.ts';

/** A host whose socket closed may be one that only reconnects. */
export const RETURN_MS = 200;
/** Frames come every 24 ms. Long for a Wi-Fi, and short enough for the next host to be heard within a second of the last sound. */
export const FRAMELESS_MS = 800;
/** Until a host's first frame: its encoder and its output may only just be starting. */
export const FIRST_FRAME_MS = 3_000;
const LOOK_MS = 50;
const OWN_PAUSE_MS = 250;

/** What is known of the feed with a room's highest claim. Monotonic milliseconds. */
export interface FeedSigns {
  welcomedAtMs: number;
  /** Null: none yet. */
  lastFrameAtMs: number | null;
  /** Null: its socket is open. */
  goneAtMs: number | null;
}

/** Pure. */
export function feedState(
  { welcomedAtMs, lastFrameAtMs, goneAtMs }: FeedSigns,
  nowMs: number,
): FeedNews['state'] {
  if (goneAtMs !== null && nowMs - goneAtMs >= RETURN_MS) return 'lost';
  if (lastFrameAtMs === null) return nowMs - welcomedAtMs > FIRST_FRAME_MS ? 'lost' : 'due';
  return nowMs - Math.max(lastFrameAtMs, welcomedAtMs) > FRAMELESS_MS ? 'lost' : 'up';
}

/** One host's connection. */
export interface WatchedFeed {
  frames(): void;
  gone(): void;
}

export interface Watches {
  /** A host with this claim was welcomed. The same claim again is the same host that came back. */
  welcomed(roomId: string, claim: Claim): WatchedFeed;
  /**
   * Tells how the feed goes, now and at each change.
   * @returns ends that; harmless when called twice
   */
  add(roomId: string, tell: (news: FeedNews) => void): () => void;
  /** Rooms that take memory. */
  rooms(): number;
  close(): void;
}

interface Room {
  feed: (Claim & FeedSigns & { told: FeedNews['state'] }) | null;
  watchers: Set<(news: FeedNews) => void>;
}

/** @param now monotonic milliseconds */
export function createWatches(now: () => number): Watches {
  const rooms = new Map<string, Room>();
  const ownPause = createOwnPause(OWN_PAUSE_MS);
  let timer: NodeJS.Timeout | null = null;

  function roomOf(roomId: string): Room {
    const room = rooms.get(roomId) ?? { feed: null, watchers: new Set() };
    rooms.set(roomId, room);
    return room;
  }

  function tellAll({ feed, watchers }: Room): void {
    if (feed === null) return;
    for (const tell of watchers) tell(newsOf(feed));
  }

  function look(): void {
    if (ownPause.lastedMs(now()) > 0) return;
    for (const [roomId, room] of rooms) {
      const { feed } = room;
      if (feed !== null) {
        const state = feedState(feed, now());
        // The feed of a host that only reconnects stays up.
        const isSame = state === feed.told || (state === 'due' && feed.told === 'up');
        if (!isSame) {
          feed.told = state;
          tellAll(room);
        }
      }
      // What nobody asks about and nobody feeds is forgotten, as the node's memory must not grow with rooms.
      const isOver = feed === null || (feed.goneAtMs !== null && feed.told === 'lost');
      if (isOver && room.watchers.size === 0) rooms.delete(roomId);
    }
    runOrRest();
  }

  function runOrRest(): void {
    if (rooms.size > 0 && timer === null) {
      ownPause.begin(now());
      timer = setInterval(look, LOOK_MS).unref();
    }
    if (rooms.size > 0 || timer === null) return;
    clearInterval(timer);
    timer = null;
  }

  return {
    welcomed(roomId, { epoch, peerId }) {
      const room = roomOf(roomId);
      const feed: NonNullable<Room['feed']> = {
        epoch,
        peerId,
        welcomedAtMs: now(),
        lastFrameAtMs: null,
        goneAtMs: null,
        told: 'due',
      };
      const before = room.feed;
      const isNews = before?.epoch !== epoch || before.peerId !== peerId || before.told === 'lost';
      if (!isNews) feed.told = before.told;
      room.feed = feed;
      if (isNews) tellAll(room);
      runOrRest();
      return {
        frames() {
          feed.lastFrameAtMs = now();
        },
        gone() {
          feed.goneAtMs ??= now();
        },
      };
    },
    add(roomId, tell) {
      const room = roomOf(roomId);
      room.watchers.add(tell);
      if (room.feed !== null) tell(newsOf(room.feed));
      runOrRest();
      return () => void room.watchers.delete(tell);
    },
    rooms: () => rooms.size,
    close() {
      rooms.clear();
      runOrRest();
    },
  };
}

function newsOf({ epoch, peerId, told }: NonNullable<Room['feed']>): FeedNews {
  return { type: 'feed', epoch, peerId, state: told };
}
