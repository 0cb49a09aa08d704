/**
 * Some devices say that they play, and fetch nothing: after a connection that broke, after a restart of the node, or because the
 * node has another address now. They are found out by who listens, and said to have failed, so that the host asks them again; so
 * are those that buffer and never play. The node itself does nothing to them.
 */
import { type Entry, isSounding } from './entry.ts';
import { feedOf } from './feed.ts';
import type { StreamNames } from './stream-names.ts';

/** For a connection that broke to be made again by the device itself. */
const UNFED_MS = 6_000;
/** That an address has gone is certain as soon as there is another one. */
const GONE_MS = 2_000;
const STEADY_MS = 10_000;
/** After the time that an order has. A small player fills its buffer first, which takes 22 s of MP3. */
const BUFFERING_MS = 20_000;

/** What is kept of one speaker. */
export interface FeedNote {
  isProven: boolean;
  /** When it was asked to play last: what was known before that counts no longer. */
  askedAtMs: number | null;
  /** Since when it fetches nothing; null: it does. */
  sinceMs: number | null;
  /** Since when it buffers; null: it does not. */
  bufferingMs: number | null;
  /** Since it was asked. */
  wasFed: boolean;
  /** An address that had gone when this was loaded: not the device's fault, once. */
  excusedUrl: string | null;
}

export const newFeedNote = (): FeedNote => ({
  ...{ isProven: false, askedAtMs: null, sinceMs: null, bufferingMs: null, wasFed: false, excusedUrl: null },
});

export interface FeedingOptions {
  entries(): Iterable<Entry>;
  streams: Pick<StreamNames, 'isGone'>;
  /** Addresses that listen to this room's stream. */
  listeners(roomId: string): ReadonlySet<string>;
  now: () => number;
  lookMs: number;
  /** It counts as not having played. */
  fail(entry: Entry, words: string): void;
  tell(entry: Entry): void;
}

export function createFeeding(options: FeedingOptions): { close(): void } {
  const { entries, streams, listeners, now, lookMs, fail, tell } = options;

  function look(): void {
    const all = [...entries()];
    for (const entry of all) {
      const room = entry.sound?.room ?? null;
      const { feed, steps } = entry;
      if (feed.askedAtMs !== steps.asked)
        Object.assign(feed, { askedAtMs: steps.asked, sinceMs: null, bufferingMs: null, wasFed: false });
      if (!isSounding(entry.now)) entry.isSilent = false;
      // What says something fetches that.
      const isBusy = entry.order !== null || entry.hold !== null;
      const { state } = entry.now;
      if (state !== 'playing' || room === null || isBusy) feed.sinceMs = null;
      else judge(entry, room, all);
      if (state !== 'buffering' || room === null || isBusy) feed.bufferingMs = null;
      else judgeBuffering(entry);
    }
  }

  function judgeBuffering(entry: Entry): void {
    const { feed, steps } = entry;
    feed.bufferingMs ??= now();
    if (entry.isSilent || now() - feed.bufferingMs < BUFFERING_MS) return;
    if (steps.playing !== null && feed.bufferingMs - steps.playing > STEADY_MS) entry.failures = 0;
    entry.isSilent = true;
    fail(entry, 'It has the stream and does not begin to play.');
    tell(entry);
  }

  function judge(entry: Entry, room: string, all: readonly Entry[]): void {
    const { feed, now: speaker } = entry;
    const others = all.flatMap(({ now: other }) => (other.id === speaker.id ? [] : (other.address ?? [])));
    const is = feedOf({
      address: speaker.address,
      listeners: listeners(room),
      others: new Set(others),
      isProven: feed.isProven,
      isGone: speaker.url !== null && streams.isGone(speaker.url),
    });
    if (is === 'fed') [feed.isProven, feed.wasFed] = [true, true];
    if (is === 'fed' || is === 'unknown') {
      feed.sinceMs = null;
      if (!entry.isSilent) return;
      entry.isSilent = false;
      entry.error = null;
      return tell(entry);
    }
    feed.sinceMs ??= now();
    if (entry.isSilent || now() - feed.sinceMs < (is === 'gone' ? GONE_MS : UNFED_MS)) return;
    const wasSteady = feed.wasFed && now() - (entry.steps.playing ?? entry.foundAtMs) > STEADY_MS;
    const isExcused = is === 'gone' && feed.excusedUrl !== speaker.url;
    if (wasSteady || isExcused) entry.failures = 0;
    entry.isSilent = true;
    if (is === 'unfed') fail(entry, 'It says that it plays, but it does not fetch the stream.');
    else fail(entry, 'The computer that runs Earshot has another address now: it has to be told.');
    if (isExcused) {
      feed.excusedUrl = speaker.url;
      entry.failures = 0;
    }
    tell(entry);
  }

  const looking = setInterval(look, lookMs);
  return { close: () => clearInterval(looking) };
}
