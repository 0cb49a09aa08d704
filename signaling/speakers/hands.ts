/** What changed at a speaker without anybody having told it: somebody's hand, as far as each room is concerned. */
import { type Entry, isSameVolume, type Sound, type Told } from './entry.ts';
import type { DriverSpeaker } from './port.ts';

/** What changes within this time of a deed is taken for its outcome. */
export const OUTCOME_MS = 4_000;
/** Once it was seen to play what was ordered: what ends later than this is no outcome of that. */
export const SEEN_MS = 1_000;
/** What is nearer to a told volume is that one. */
const VOLUME_STEP = 0.011;
/** So far off may come out what a device makes of a told volume: the coarsest have some twenty steps. */
const COARSE_STEP = 0.06;
const MAX_ROOMS = 32;
/** Whoever pulls a slider tells it one volume after another. */
const MAX_TOLD = 16;

/** What begins or ends of this room's sound until then is nobody's hand: by default in the next moment, as it was asked for. */
export function mean(entry: Entry, room: string, nowMs: number, forMs = OUTCOME_MS): void {
  if (!entry.meantUntil.has(room) && entry.meantUntil.size >= MAX_ROOMS) entry.meantUntil.clear();
  entry.meantUntil.set(room, nowMs + forMs);
}

/** @param entry as it is now, but for its `sound`, which is as it was @param sound as it is now */
export function noteHands(entry: Entry, before: DriverSpeaker, sound: Sound, nowMs: number): void {
  noteSound(entry, sound, nowMs);
  noteMuted(entry, before, nowMs);
  noteVolume(entry, before, nowMs);
}

/** A room's sound that began or ended without that room having said so is somebody's hand; an error is nobody's. */
function noteSound(entry: Entry, sound: Sound, nowMs: number): void {
  const was = entry.sound?.room ?? null;
  const is = sound?.room ?? null;
  if (was === is) return;
  const isMeant = (room: string): boolean => (entry.meantUntil.get(room) ?? -Infinity) > nowMs;
  // Other sound in its place is never what it wanted.
  const isTaken = sound !== null && was !== null;
  if (was !== null && (isTaken || !isMeant(was)) && entry.now.state !== 'error')
    noteHand(entry, was, false, nowMs);
  if (is !== null && !isMeant(is) && entry.order?.room !== is) noteHand(entry, is, true, nowMs);
}

function noteHand(entry: Entry, room: string, on: boolean, atMs: number): void {
  if (!entry.handOn.has(room) && entry.handOn.size >= MAX_ROOMS) entry.handOn.clear();
  entry.handOn.set(room, { on, atMs });
}

function noteVolume(entry: Entry, before: DriverSpeaker, nowMs: number): void {
  const { volume } = entry.now;
  if (volume === null || before.volume === null || isSameVolume(volume, before.volume)) return;
  const deed = entry.volumeDeed;
  const isMade = deed?.made != null && isSameVolume(volume, deed.made);
  if (noteOutcome(entry, volume, nowMs) || isMade) return;
  if (deed !== null) deed.made = null;
  entry.handVolume = { atMs: nowMs };
}

/** It is about to be told this. Until it has answered anything may come of it; after that, see `noteAnswered`. */
export function noteTold(
  { told }: Entry,
  what: { volume: number } | { muted: boolean },
  nowMs: number,
): Told {
  const one = { ...what, untilMs: Infinity };
  const withIt = (before: readonly Told[]): Told[] =>
    [...before.filter(({ untilMs }) => untilMs > nowMs), one].slice(-MAX_TOLD);
  if ('volume' in one) told.volume = withIt(told.volume);
  told.muted = withIt(told.muted);
  return one;
}

export function noteAnswered({ told }: Entry, one: Told, isRefused: boolean, nowMs: number): void {
  one.untilMs = nowMs + OUTCOME_MS;
  if (!isRefused) return;
  told.volume = told.volume.filter((other) => other !== one);
  told.muted = told.muted.filter((other) => other !== one);
}

/**
 * What came of something that it was told may be seen after the next was told: it is taken for the earliest that it fits, as what
 * was told later may still come. Of several in a row that it fits it is the one that it hits.
 * @returns whether a volume that is new is what came of any
 */
function noteOutcome(entry: Entry, volume: number, nowMs: number): boolean {
  const { volumeDeed: deed } = entry;
  const isNear = (told: Told, step: number): boolean =>
    'volume' in told && Math.abs(told.volume - volume) <= step;
  const fits = (told: Told): boolean =>
    isNear(told, told === deed?.told && deed.isMade ? VOLUME_STEP : COARSE_STEP);
  const open = entry.told.volume.filter(({ untilMs }) => untilMs > nowMs);
  const from = open.findIndex(fits);
  const first = open[from];
  if (first === undefined) return false;
  const next = open.findIndex((one, at) => at > from && !fits(one));
  const inARow = open.slice(from, next < 0 ? open.length : next);
  const told = inARow.find((one) => isNear(one, VOLUME_STEP)) ?? first;
  if (deed !== null && open.includes(deed.told) && fits(deed.told)) {
    deed.made = volume;
    deed.isMade ||= told === deed.told || isNear(deed.told, VOLUME_STEP);
  }
  // It does one thing after another: what it was told before is over, also for what is seen of its mute from now on.
  entry.told.volume = open.slice(open.indexOf(told));
  entry.told.muted = entry.told.muted.slice(Math.max(0, entry.told.muted.indexOf(told)));
  return true;
}

/** It has accepted the volume: one that stands within a coarse step of it already may not move at all. */
export function noteAccepted(entry: Entry): void {
  const { volumeDeed: deed } = entry;
  if (deed === null) return;
  const volume = volumeSeen(entry);
  if (!deed.isMade && volume !== null && Math.abs(deed.volume - volume) <= COARSE_STEP) deed.made = volume;
}

/** What comes of the volume is seen while it says something, too. */
export function noteHeld(entry: Entry, { volume }: DriverSpeaker, nowMs: number): void {
  const before = volumeSeen(entry);
  if (volume !== null && before !== null && !isSameVolume(volume, before)) noteOutcome(entry, volume, nowMs);
}

const volumeSeen = ({ hold, now }: Entry): number | null => (hold?.later ?? now).volume;

function noteMuted(entry: Entry, before: DriverSpeaker, nowMs: number): void {
  const { muted } = entry.now;
  if (muted === null || before.muted === null || muted === before.muted) return;
  // Many are mute at volume 0, and at no other; and some make that of a low one.
  const fits = (told: Told): boolean => {
    if ('muted' in told) return told.muted === muted;
    return muted ? told.volume <= COARSE_STEP : told.volume > 0;
  };
  const open = entry.told.muted.filter(({ untilMs }) => untilMs > nowMs);
  const at = open.findIndex(fits);
  const told = open[at];
  if (told === undefined) {
    entry.handMuted = { atMs: nowMs };
    // Whoever presses its button presses it again: that is no outcome of a volume.
    entry.told.muted = open.filter((one) => 'muted' in one);
    return;
  }
  entry.handMuted = null;
  entry.told.muted = open.slice('muted' in told ? at + 1 : at);
}
