/**
 * What the host does about the loudspeakers: a pure function of what is wanted (the document), what is observed (the node) and
 * the time, so that the next host goes on where this one ended. Nothing is remembered here. Rules R1… in tests/SPEC.md.
 */
import type { ObservedSpeaker, SpeakerDeed } from '../../signaling/protocol/speakers.ts';
import type { WantedSpeaker } from '../session/schema.ts';

/** What the node says of a speaker, its ages turned into room time. */
export interface SeenSpeaker extends Omit<ObservedSpeaker, 'ages' | 'byHand'> {
  at: {
    state: number;
    found: number;
    asked: number | null;
    buffering: number | null;
    playing: number | null;
    failed: number | null;
  };
  byHand: {
    on: { on: boolean; atMs: number } | null;
    volumeAtMs: number | null;
    mutedAtMs: number | null;
  };
}

/** What was done at the device is taken over into what is wanted. */
export interface Follow {
  speakerId: string;
  on?: boolean;
  volume?: number;
  muted?: boolean;
}

export interface Reconciliation {
  acts: readonly { speakerId: string; deed: SpeakerDeed }[];
  follows: readonly Follow[];
}

/** Pauses after the first and the second refusal; after the third and every later one it is tried once a minute. */
const RETRY_MS = [1_000, 3_000];
const SLOW_RETRY_MS = 60_000;
/** Devices count in steps: what is nearer than this is the same. */
const VOLUME_STEP = 0.011;
/** Less than one of a hundred steps. */
const SILENT = 0.0055;

export function seenSpeaker(speaker: ObservedSpeaker, nowMs: number): SeenSpeaker {
  const { ages, byHand, ...rest } = speaker;
  const at = (age: number | null): number | null => (age === null ? null : nowMs - age);
  return {
    ...rest,
    at: {
      state: nowMs - ages.state,
      found: nowMs - ages.found,
      asked: at(ages.asked),
      buffering: at(ages.buffering),
      playing: at(ages.playing),
      failed: at(ages.failed),
    },
    byHand: {
      on: byHand.on === null ? null : { on: byHand.on.on, atMs: nowMs - byHand.on.age },
      volumeAtMs: at(byHand.volume?.age ?? null),
      mutedAtMs: at(byHand.muted?.age ?? null),
    },
  };
}

/** @param title what speakers may show */
export function reconcile(
  wanted: ReadonlyMap<string, WantedSpeaker>,
  seen: readonly SeenSpeaker[],
  nowMs: number,
  title: string,
): Reconciliation {
  const acts: { speakerId: string; deed: SpeakerDeed }[] = [];
  const follows: Follow[] = [];
  const latest = latestOfEnsembles(wanted, seen);
  for (const speaker of seen) {
    const speakerId = speaker.id;
    const wish = wanted.get(speakerId) ?? null;
    const on = followedOn(speaker, wish) ?? followedOthers(speaker, wish, latest);
    const volume = followedVolume(speaker, wish);
    const muted = followedMuted(speaker, wish);
    if (on !== null || volume !== null || muted !== null)
      follows.push({
        speakerId,
        ...(on === null ? {} : { on }),
        ...(volume === null ? {} : { volume }),
        ...(muted === null ? {} : { muted }),
      });
    if (wish === null || on !== null) continue;
    if (!wish.on) {
      if (soundsRoom(speaker)) acts.push({ speakerId, deed: { do: 'stop' } });
      continue;
    }
    // Before it plays: one that forgot how loud it was must not begin otherwise.
    for (const deed of soundDeeds(speaker, wish)) {
      const isFollowed = (deed.do === 'mute' && muted !== null) || (deed.do === 'volume' && volume !== null);
      if (!isFollowed) acts.push({ speakerId, deed });
    }
    if (speaker.state !== 'starting' && !soundsRoom(speaker) && isDue(speaker, wish, nowMs))
      acts.push({ speakerId, deed: { do: 'play', title } });
  }
  return { acts, follows };
}

const isSounding = ({ state }: SeenSpeaker): boolean =>
  state === 'starting' || state === 'buffering' || state === 'playing';

/** Now, or in a moment. */
export const soundsRoom = (speaker: SeenSpeaker): boolean => speaker.plays === 'room' && isSounding(speaker);

/** Whether it plays is to be wanted from now on, because somebody made it so later than anything was wanted; null: no. */
function followedOn(speaker: SeenSpeaker, wish: WantedSpeaker | null): boolean | null {
  const isOn = soundsRoom(speaker);
  if (wish === null) return isOn && speaker.state !== 'starting' ? true : null;
  if (isOn === wish.on) return null;
  const hand = speaker.byHand.on;
  if (hand !== null && hand.on === isOn && hand.atMs > wish.onAt) return isOn;
  // It was found, or has begun, to play something else: that is somebody's doing too.
  const isTaken = speaker.plays === 'other' && isSounding(speaker) && speaker.at.state > wish.onAt;
  return isTaken && wish.on ? false : null;
}

/** Of those that can only play or be silent together: what was wanted last of any of them. */
function latestOfEnsembles(
  wanted: ReadonlyMap<string, WantedSpeaker>,
  seen: readonly SeenSpeaker[],
): ReadonlyMap<string, WantedSpeaker> {
  const latest = new Map<string, WantedSpeaker>();
  for (const { id, kind, ensemble } of seen) {
    const wish = wanted.get(id);
    if (ensemble?.isOne !== true || wish === undefined) continue;
    const key = `${kind}/${ensemble.id}`;
    const other = latest.get(key);
    const isLater = other === undefined || wish.onAt > other.onAt;
    // Of two at once the one that plays: so that the order in which they are listed says nothing.
    if (isLater || (wish.onAt === other.onAt && wish.on)) latest.set(key, wish);
  }
  return latest;
}

/** Else its stop would silence those that shall play, and theirs would be told to play again, for ever. */
function followedOthers(
  { kind, ensemble }: SeenSpeaker,
  wish: WantedSpeaker | null,
  latest: ReadonlyMap<string, WantedSpeaker>,
): boolean | null {
  const last = latest.get(`${kind}/${ensemble?.id}`);
  if (ensemble?.isOne !== true || wish === null || last === undefined) return null;
  return last.on === wish.on ? null : last.on;
}

function followedVolume(speaker: SeenSpeaker, wish: WantedSpeaker | null): number | null {
  const { volume, byHand } = speaker;
  if (wish === null || wish.volume === null || volume === null || byHand.volumeAtMs === null) return null;
  const isNew = byHand.volumeAtMs > wish.volumeAt && Math.abs(volume - wish.volume) > VOLUME_STEP;
  return isNew ? volume : null;
}

function followedMuted({ muted, byHand }: SeenSpeaker, wish: WantedSpeaker | null): boolean | null {
  if (wish === null || wish.muted === null || muted === null || byHand.mutedAtMs === null) return null;
  return byHand.mutedAtMs > wish.mutedAt && muted !== wish.muted ? muted : null;
}

/** What of its sound is not as it is wanted. */
export function soundDeeds(
  { can, volume, muted, delayMs }: SeenSpeaker,
  wish: WantedSpeaker,
): readonly SpeakerDeed[] {
  const deeds: SpeakerDeed[] = [];
  const isMuteOff = can.mute && wish.muted !== null && muted !== null && muted !== wish.muted;
  // Mute first and heard last: it is never louder than it was or shall be.
  if (isMuteOff && !muted) deeds.push({ do: 'mute', muted: true });
  if (wish.volume !== null && isOff(can.volume, wish.volume, volume, VOLUME_STEP))
    deeds.push({ do: 'volume', volume: wish.volume });
  // Many are mute at volume 0, whatever they are told.
  const isSilent = volume !== null && Math.max(volume, wish.volume ?? volume) < SILENT;
  if (isMuteOff && muted && !isSilent) deeds.push({ do: 'mute', muted: false });
  if (wish.delayMs !== null && isOff(can.delay, wish.delayMs, delayMs, 1))
    deeds.push({ do: 'delay', delayMs: wish.delayMs });
  return deeds;
}

function isOff(can: boolean, wish: number, is: number | null, step: number): boolean {
  return can && is !== null && Math.abs(wish - is) > step;
}

/** Not too soon after it refused; at once when somebody has switched it on anew since. */
function isDue({ failures, at }: SeenSpeaker, wish: WantedSpeaker, nowMs: number): boolean {
  if (failures === 0 || at.failed === null || wish.onAt > at.failed) return true;
  return nowMs - at.failed >= (RETRY_MS[failures - 1] ?? SLOW_RETRY_MS);
}
