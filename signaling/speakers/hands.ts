/** What changed at a speaker without anybody having told it: somebody's hand, as far as each room is concerned. */
import type { Entry, Sound } from './entry.ts';
import type { DriverSpeaker } from './port.ts';

/** What changes within this time of a deed is taken for its outcome. */
export const OUTCOME_MS = 4_000;
/** Less is how the device counts, not a hand. */
const VOLUME_STEP = 0.011;
const MAX_ROOMS = 32;

/** What begins or ends of this room's sound in the next moment was asked for. */
export function mean(entry: Entry, room: string, nowMs: number): void {
  if (!entry.meantUntil.has(room) && entry.meantUntil.size >= MAX_ROOMS) entry.meantUntil.clear();
  entry.meantUntil.set(room, nowMs + OUTCOME_MS);
}

/** @param entry as it is now, but for its `sound`, which is as it was @param sound as it is now */
export function noteHands(entry: Entry, before: DriverSpeaker, sound: Sound, nowMs: number): void {
  noteSound(entry, sound, nowMs);
  noteVolume(entry, before, nowMs);
  noteMuted(entry, before, nowMs);
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
  if (volume === null || before.volume === null || Math.abs(volume - before.volume) < VOLUME_STEP / 2) return;
  const deed = entry.volumeDeed;
  const isMeant = deed !== null && deed.untilMs > nowMs && Math.abs(deed.volume - volume) <= VOLUME_STEP;
  if (!isMeant) entry.handVolume = { atMs: nowMs };
}

function noteMuted(entry: Entry, before: DriverSpeaker, nowMs: number): void {
  const { muted } = entry.now;
  if (muted === null || before.muted === null || muted === before.muted) return;
  const deed = entry.muteDeed;
  const isMeant = deed !== null && deed.untilMs > nowMs && deed.muted === muted;
  if (!isMeant) entry.handMuted = { atMs: nowMs };
}
