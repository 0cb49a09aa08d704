/**
 * Every speaker that any driver sees, and what is known of it beyond what it says itself: which room's sound it plays, what it
 * was told and how that went, and what changed without anybody having told it. Keeps nothing of speakers that are gone: one
 * that comes back begins anew, and the host does with it what is wanted.
 */
import { MAX_SPEAKERS, type ObservedSpeaker, type SpeakerDeed } from '../protocol/speakers.ts';
import { createOwnPause } from '../stream/own-pause.ts';
import { createFeeding } from './feeding.ts';
import { type Entry, isReworded, isSounding, newEntry, type Sound, viewOf } from './entry.ts';
import { mean, noteHands, noteHeld, SEEN_MS } from './hands.ts';
import {
  type Announcement,
  type CreateDriver,
  type DriverOptions,
  type DriverSpeaker,
  SpeakerError,
  type SpeakerDriver,
} from './port.ts';
import { createSaying } from './saying.ts';
import { createShown } from './shown.ts';
import { heeded, setSound } from './sound-deeds.ts';
import type { StreamNames } from './stream-names.ts';

/** From the order to sound; a device that takes longer counts as one that did not play, unless it buffers (`feeding.ts`). */
const PLAY_MS = 15_000;
/** What falls silent with an error after that has played: the next try is a first one again. */
const STEADY_MS = 10_000;
const MAX_WAITING = 4;
/** So often it is looked whether this machine has slept, or stood still, at least so long; looks are at most so far apart. */
const PAUSE_LOOK_MS = 1_000;
const OWN_PAUSE_MS = 5_000;
/** Then until what came of that was seen, or the speaker is missed (`port.ts`). */
const AFTER_PAUSE_MS = 25_000;
const WORDS = {
  silent: 'It took the stream and stayed silent.',
  elsewhere: 'It took the stream and went on with something else.',
};

export interface SpeakerWatch {
  /** As one room sees them, ages as of now. */
  observed(roomId: string): ObservedSpeaker[];
  /** Told after each change, with the ids that it concerns. Returns its unsubscribe. */
  onChange(listener: (ids: ReadonlySet<string>) => void): () => void;
  /** Does it in this room's name. @returns why not, in plain words; null: done */
  act(roomId: string, speakerId: string, deed: SpeakerDeed): Promise<string | null>;
  /** Has each of them say it once, and those that play as one together. @returns for each why not; null: it does */
  announce(
    speakerIds: readonly string[],
    announcement: Announcement,
  ): Promise<{ speakerId: string; error: string | null }[]>;
  close(): Promise<void>;
}

export interface SpeakerWatchOptions extends Omit<DriverOptions, 'onChange'> {
  drivers: readonly CreateDriver[];
  streams: StreamNames;
  /** Addresses that listen to this room's stream, by an address that this machine still has. */
  listeners(roomId: string): ReadonlySet<string>;
  /** Wall-clock milliseconds: the monotonic clock stands still while the machine sleeps. */
  wallNow: () => number;
  /** How often it is looked who of those that play gets the stream. */
  feedLookMs?: number;
}

export function createSpeakerWatch({
  drivers,
  streams,
  listeners: listening,
  feedLookMs = 1_000,
  wallNow,
  ...options
}: SpeakerWatchOptions): SpeakerWatch {
  const { now, log } = options;
  const entries = new Map<string, Entry>();
  const listeners = new Set<(ids: ReadonlySet<string>) => void>();
  let closed = false;
  const shown = createShown({
    speakers: () => [...entries.values()].map(({ driver, now: seen }) => ({ ...seen, kind: driver.kind })),
    now,
    onChange: (ids) => tell(...ids),
  });
  const saying = createSaying({ entries, now, update, soundOf, tell });
  const ownPause = createOwnPause(OWN_PAUSE_MS);
  ownPause.begin(wallNow());
  const pausing = setInterval(notePause, PAUSE_LOOK_MS);
  const opened = drivers.map((create) => {
    const driver: SpeakerDriver = create({
      ...options,
      onChange: () => driver !== undefined && look(driver),
    });
    return driver;
  });
  for (const driver of opened) look(driver);
  const feeding = createFeeding({
    ...{ entries: () => entries.values(), streams, listeners: listening, now, fail, lookMs: feedLookMs },
    tell: ({ now: { id } }) => tell(id),
  });

  function tell(...ids: string[]): void {
    if (closed || ids.length === 0) return;
    for (const listener of listeners) listener(new Set(ids));
  }

  /** Loudspeakers run dry while this machine sleeps, and stop: what is silent afterwards was stopped by nobody. */
  function notePause(): void {
    if (ownPause.lastedMs(wallNow()) === 0) return;
    log.info({ event: 'own-pause' });
    for (const entry of entries.values())
      if (entry.sound?.room != null) mean(entry, entry.sound.room, now(), AFTER_PAUSE_MS);
  }

  function look(driver: SpeakerDriver): void {
    if (closed) return;
    // What a sleep has left behind may be seen before anything else is done.
    notePause();
    const seen = driver.speakers();
    const ids = new Set(seen.map(({ id }) => id));
    const changed: string[] = [];
    for (const [id, entry] of entries) {
      if (entry.driver !== driver || ids.has(id)) continue;
      forget(entry);
      entries.delete(id);
      changed.push(id);
    }
    for (const speaker of seen) {
      const entry = entries.get(speaker.id);
      if (entry === undefined) {
        if (entries.size >= MAX_SPEAKERS) continue;
        const fresh = newEntry(driver, speaker, now());
        fresh.sound = soundOf(fresh);
        entries.set(speaker.id, fresh);
      } else if (entry.hold !== null) {
        noteHeld(entry, speaker, now());
        entry.hold.later = speaker;
        continue;
      } else if (JSON.stringify(entry.now) === JSON.stringify(speaker)) continue;
      else update(entry, speaker);
      changed.push(speaker.id);
    }
    shown.look();
    tell(...changed);
  }

  function forget(entry: Entry): void {
    if (entry.order !== null) clearTimeout(entry.order.impatience);
    saying.letGo(entry);
  }

  /** Whose sound is loaded, silent or not; null also for what nobody can know: that is not somebody else's. */
  function loaded(entry: Entry): Sound {
    const { now: speaker, ownerRoom, ownerWords } = entry;
    const { url, state } = speaker;
    const isUntold = url === null || isReworded(entry, speaker);
    if (!isUntold) return { room: streams.roomOf(url) };
    if (ownerRoom === null || (url === null && state === 'idle')) return null;
    return { room: url === null || url === ownerWords ? ownerRoom : null };
  }

  function soundOf(entry: Entry): Sound {
    return isSounding(entry.now) ? loaded(entry) : null;
  }

  /** What it calls its sound soon after it took an order is its name for what was ordered. */
  function noteWords(entry: Entry): void {
    const { now: speaker, steps } = entry;
    if (!isSounding(speaker)) {
      if (steps.playing !== null) entry.wordsUntilMs = -Infinity;
    } else if (isReworded(entry, speaker) && now() < entry.wordsUntilMs) entry.ownerWords = speaker.url;
  }

  function update(entry: Entry, speaker: DriverSpeaker): void {
    const nowMs = now();
    const before = entry.now;
    entry.now = speaker;
    noteWords(entry);
    const sound = soundOf(entry);
    if (speaker.state !== before.state) entry.isSilent = false;
    if (!isSounding(speaker)) entry.refusals.delete('stop');
    if (sound?.room !== entry.sound?.room) {
      entry.soundAtMs = nowMs;
      // Somebody had it begin something else: that it refused before says nothing about that.
      if (sound !== null && sound.room !== entry.steps.room) entry.error = null;
    }
    const hasBegun = before.state !== 'playing' || sound?.room !== entry.sound?.room;
    noteHands(entry, before, sound, nowMs);
    entry.sound = sound;

    const { order } = entry;
    const meant = order?.room ?? entry.ownerRoom;
    // What it has played since before its order is no answer to that.
    const isAnswer = order === null || order.isAccepted || hasBegun;
    const isMeant = meant !== null && sound?.room === meant && !entry.isSilent && isAnswer;
    if (speaker.state === 'playing' && isMeant) {
      if (order !== null && hasBegun) mean(entry, meant, nowMs, SEEN_MS);
      entry.steps.playing ??= nowMs;
      entry.error = null;
      settle(entry);
    }
    if (speaker.state === 'error' && before.state !== 'error') {
      const { playing } = entry.steps;
      if (playing !== null && nowMs - playing > STEADY_MS) entry.failures = 0;
      fail(entry, speaker.error ?? 'It stopped with an error.');
    }
  }

  function settle(entry: Entry): void {
    if (entry.order === null) return;
    clearTimeout(entry.order.impatience);
    entry.order = null;
  }

  function fail(entry: Entry, words: string): void {
    settle(entry);
    entry.failures++;
    entry.failedAtMs = now();
    entry.error = words.slice(0, 200);
  }

  async function play(entry: Entry, room: string, title: string): Promise<void> {
    const { id } = entry.now;
    for (const one of saying.ensembleOf(entry)) saying.drop(one);
    settle(entry);
    const impatience = setTimeout(() => {
      if (entry.sound?.room === room) settle(entry);
      else fail(entry, entry.sound === null ? WORDS.silent : WORDS.elsewhere);
      tell(id);
    }, PLAY_MS);
    const order: NonNullable<Entry['order']> = { room, isAccepted: false, impatience, accepted: null };
    entry.order = order;
    entry.isSilent = false;
    entry.refusals.delete('stop');
    entry.wordsUntilMs = -Infinity;
    entry.steps = { room, asked: now(), buffering: null, playing: null };
    mean(entry, room, now());
    tell(id);
    // What plays as one is told once: told again it would begin again.
    const told = saying
      .ensembleOf(entry)
      .find((one) => one.order?.room === room && one.order.accepted !== null);
    order.accepted =
      told?.order?.accepted ??
      entry.driver.play(id, { url: (seenFrom) => streams.url(room, seenFrom), title });
    try {
      await order.accepted;
      // It may have been seen to play before its answer was.
      if (entry.order === order) mean(entry, room, now());
      entry.steps.buffering ??= now();
      order.isAccepted = true;
      entry.ownerRoom = room;
      entry.ownerWords = null;
      entry.wordsUntilMs = now() + PLAY_MS;
      update(entry, entry.now);
      tell(id);
    } catch (error) {
      if (entry.order === order) fail(entry, wordsOf(error));
      tell(id);
      throw error;
    }
  }

  async function stop(entry: Entry, room: string): Promise<void> {
    for (const one of saying.ensembleOf(entry)) saying.drop(one);
    mean(entry, room, now());
    settle(entry);
    entry.wordsUntilMs = -Infinity;
    // How it is to sound is nobody's wish any more.
    for (const kind of ['volume', 'mute', 'delay'] as const) entry.refusals.delete(kind);
    await heeded(entry, 'stop', entry.driver.stop(entry.now.id), wordsOf);
    mean(entry, room, now());
    entry.failures = 0;
    entry.failedAtMs = null;
    entry.error = null;
  }

  async function carryOut(entry: Entry, room: string, deed: SpeakerDeed): Promise<void> {
    const { id } = entry.now;
    switch (deed.do) {
      case 'play':
        return play(entry, room, deed.title);
      case 'stop':
        return stop(entry, room).finally(() => tell(id));
      default:
        return heeded(entry, deed.do, setSound(entry, deed, now), wordsOf).finally(() => tell(id));
    }
  }

  function wordsOf(error: unknown): string {
    if (error instanceof SpeakerError) return error.message;
    log.error({ event: 'speaker-driver', error: String(error) });
    return 'It could not be told, for a reason of the node’s own.';
  }

  /** One thing after another. @returns why not, in plain words; null: done */
  async function inTurn(speakerId: string, work: (entry: Entry) => Promise<void>): Promise<string | null> {
    const entry = entries.get(speakerId);
    if (entry === undefined || closed || !shown.has(speakerId)) return 'It is out of reach.';
    if (entry.waiting >= MAX_WAITING) return 'It is still busy with what it was told before.';
    entry.waiting++;
    const done = entry.queue.then(() => work(entry));
    entry.queue = done.catch(() => undefined).finally(() => entry.waiting--);
    try {
      await done;
      return null;
    } catch (error) {
      return wordsOf(error);
    }
  }

  return {
    observed(roomId) {
      const nowMs = now();
      return [...entries.values()]
        .filter((entry) => shown.has(entry.now.id))
        .map((entry) => viewOf(entry, loaded(entry), roomId, nowMs));
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    act: (roomId, speakerId, deed) => inTurn(speakerId, (entry) => carryOut(entry, roomId, deed)),
    announce(speakerIds, announcement) {
      const told = new Map<string, Promise<string | null>>();
      return Promise.all(
        speakerIds.map(async (speakerId) => {
          const ensemble = entries.get(speakerId)?.now.ensemble;
          const key = ensemble?.isOne === true ? ensemble.id : speakerId;
          const answer = told.get(key) ?? inTurn(speakerId, (entry) => saying.say(entry, announcement));
          told.set(key, answer);
          return { speakerId, error: await answer };
        }),
      );
    },
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(pausing);
      feeding.close();
      shown.close();
      for (const entry of entries.values()) forget(entry);
      entries.clear();
      listeners.clear();
      await Promise.all(opened.map((driver) => driver.close()));
    },
  };
}
