/** What the watch keeps of one speaker while it is there, and what a room is told of it. */
import type { ObservedSpeaker, SpeakerDeed } from '../protocol/speakers.ts';
import { type FeedNote, newFeedNote } from './feeding.ts';
import type { DriverSpeaker, SpeakerDriver } from './port.ts';

/** A room, or something else; null: silence. */
export type Sound = { room: string | null } | null;

/** How loud it was told to be, or whether mute. */
export type Told = ({ volume: number } | { muted: boolean }) & {
  /** What changes until then may be its outcome. */
  untilMs: number;
};

/** The volume that it was told last. */
export interface VolumeDeed {
  volume: number;
  told: Told;
  /** What the device makes of it, counting in steps of its own; null: that is not known, or it was turned since. */
  made: number | null;
  /** Seen to have come, after which the next change is another one. */
  isMade: boolean;
}

export interface Entry {
  driver: SpeakerDriver;
  now: DriverSpeaker;
  sound: Sound;
  foundAtMs: number;
  /** When it began to sound as it does: this room, another, something else, or not at all. */
  soundAtMs: number;
  /** The order that is being carried out. */
  order: {
    room: string;
    isAccepted: boolean;
    impatience: NodeJS.Timeout;
    /** Settles with the driver's answer; null: not asked yet. */
    accepted: Promise<void> | null;
  } | null;
  /** While it says something: `now` stays as it was, and `later` is what was seen since. */
  hold: { later: DriverSpeaker | null; timer: NodeJS.Timeout } | null;
  /** For devices that do not tell what they play, or in words of their own: whose order it took last. */
  ownerRoom: string | null;
  /** How it calls what it was told then; null: as it was told, or nothing was heard yet. What it says until then is that. */
  ownerWords: string | null;
  wordsUntilMs: number;
  /** Of the last order. */
  steps: { room: string | null; asked: number | null; buffering: number | null; playing: number | null };
  failures: number;
  failedAtMs: number | null;
  error: string | null;
  /** It says that it plays, and does not. */
  isSilent: boolean;
  feed: FeedNote;
  /** Rooms whose order or stop this change may be the outcome of, and until when. */
  meantUntil: Map<string, number>;
  volumeDeed: VolumeDeed | null;
  /**
   * What it was told lately, the latest last, and is not known to be over: what came of one may be seen after the next was told.
   * By what may come of it: of a volume both.
   */
  told: { volume: Told[]; muted: Told[] };
  handOn: Map<string, { on: boolean; atMs: number }>;
  handVolume: { atMs: number } | null;
  handMuted: { atMs: number } | null;
  /** Why it last would not stop, or be as loud, mute or late as told, in plain words, the latest last; none that was done since. */
  refusals: Map<Exclude<SpeakerDeed['do'], 'play'>, string>;
  waiting: number;
  queue: Promise<unknown>;
}

/** Less is how the device counts, not a change. */
export const isSameVolume = (one: number, other: number): boolean => Math.abs(one - other) < 0.0055;

/** What no stream of this node is called, unless a device has given it a name of its own. */
const isWebAddress = (url: string): boolean => /^(?:https?|x-rincon-mp3radio):\/\//i.test(url);

/** It is loaded under a name that the device, or its system, has made up. */
export function isReworded({ driver }: Entry, { url }: DriverSpeaker): boolean {
  return driver.rewords === true && url !== null && !isWebAddress(url);
}

export const isSounding = ({ state }: DriverSpeaker): boolean => state === 'playing' || state === 'buffering';

/** As it is when it is seen first, or again. */
export function newEntry(driver: SpeakerDriver, speaker: DriverSpeaker, nowMs: number): Entry {
  return {
    driver,
    now: speaker,
    sound: null,
    foundAtMs: nowMs,
    soundAtMs: nowMs,
    order: null,
    hold: null,
    ownerRoom: null,
    ownerWords: null,
    wordsUntilMs: -Infinity,
    steps: { room: null, asked: null, buffering: null, playing: null },
    failures: 0,
    failedAtMs: null,
    error: null,
    isSilent: false,
    feed: newFeedNote(),
    meantUntil: new Map(),
    volumeDeed: null,
    told: { volume: [], muted: [] },
    handOn: new Map(),
    handVolume: null,
    handMuted: null,
    refusals: new Map(),
    waiting: 0,
    queue: Promise.resolve(),
  };
}

/**
 * As it was told, as long as the device reports what it made of that: a host that compared the two would tell it again for ever.
 */
function volumeShown({ now: { volume }, volumeDeed }: Entry): number | null {
  const isMade = volume !== null && volumeDeed?.made != null && isSameVolume(volume, volumeDeed.made);
  return isMade ? volumeDeed.volume : volume;
}

/** What one room is told of it. `loaded`: whose sound is loaded, silent or not. */
export function viewOf(entry: Entry, loaded: Sound, roomId: string, nowMs: number): ObservedSpeaker {
  const { now: speaker, order, steps } = entry;
  const age = (atMs: number): number => Math.max(0, Math.round(nowMs - atMs));
  const aged = (atMs: number | null): number | null => (atMs === null ? null : age(atMs));
  const hand = entry.handOn.get(roomId);
  const source = order === null ? loaded : { room: order.room };
  const isMine = steps.room === roomId;
  const state = order === null ? speaker.state : order.isAccepted ? 'buffering' : 'starting';
  // What goes on to play something else in place of what it was told plays that in vain.
  const isInVain = isMine && entry.sound?.room !== roomId;
  const isFailed =
    entry.error !== null && order === null && (entry.isSilent || !isSounding(speaker) || isInVain);
  return {
    id: speaker.id,
    kind: entry.driver.kind,
    name: speaker.name,
    model: speaker.model,
    area: speaker.area,
    group: speaker.group,
    ensemble: speaker.ensemble,
    members: [...(speaker.members ?? [])],
    needsInternet: entry.driver.kind === 'alexa',
    can: speaker.can,
    state: isFailed ? 'error' : state,
    plays: source === null ? null : source.room === roomId ? 'room' : 'other',
    title: speaker.title,
    volume: volumeShown(entry),
    muted: speaker.muted,
    delayMs: speaker.delayMs,
    error: entry.error ?? [...entry.refusals.values()].at(-1) ?? null,
    failures: entry.failures,
    ages: {
      state: age(entry.soundAtMs),
      found: age(entry.foundAtMs),
      asked: isMine ? aged(steps.asked) : null,
      buffering: isMine ? aged(steps.buffering) : null,
      playing: isMine ? aged(steps.playing) : null,
      failed: aged(entry.failedAtMs),
    },
    byHand: {
      on: hand === undefined ? null : { on: hand.on, age: age(hand.atMs) },
      volume: entry.handVolume === null ? null : { age: age(entry.handVolume.atMs) },
      muted: entry.handMuted === null ? null : { age: age(entry.handMuted.atMs) },
    },
  };
}
