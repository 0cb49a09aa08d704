/**
 * Loudspeakers: one WebSocket (`/speakers`) from every member's app to the node. The node tells what it observes of every
 * speaker on the LAN; the host, and nobody else, says what they shall do. Times are ages, as the node has no room time.
 */
import * as v from 'valibot';
import { RoomId, UplinkKey } from './uplink.ts';

export const SPEAKERS_PATH = '/speakers';
/** More are not told: a house has a dozen, and a LAN that shows thousands is being played with. */
export const MAX_SPEAKERS = 64;
/** Of one group. */
export const MAX_SPEAKER_MEMBERS = 32;
/** One action, or the hello. What the node says may be larger: 64 speakers of at most 3 KB. */
export const MAX_SPEAKERS_MESSAGE_BYTES = 4_096;
/** The node says something at least so often. Pages do not see its pings, and a node without power closes nothing. */
export const SPEAKERS_BEAT_MS = 10_000;

/** `<kind>:<what the vendor calls it>`, a key of the document: no '/'. */
export const SpeakerId = v.pipe(v.string(), v.regex(/^[a-z-]{2,16}:[\w.:-]{1,47}$/));
export const SpeakerKind = v.picklist([
  'dlna',
  'sonos',
  'cast',
  'home-assistant',
  'alexa',
  'snapcast',
  'demo',
]);

const Words = v.pipe(v.string(), v.maxLength(200));
/** Milliseconds since. */
const AgeMs = v.pipe(v.number(), v.minValue(0), v.maxValue(1e12));
/** 0…1 of what the device can. */
export const SpeakerVolume = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
export const MOST_SPEAKER_DELAY_MS = 2_000;
export const SpeakerDelayMs = v.pipe(v.number(), v.minValue(0), v.maxValue(MOST_SPEAKER_DELAY_MS));

/**
 * `idle`: nothing is loaded. `starting`: it was asked to play and has not answered yet. `buffering`: it answered and no
 * sound comes yet. `stopped`: something is loaded, and silent. `error`: the last thing it was asked for failed.
 */
export const SpeakerState = v.picklist(['idle', 'starting', 'buffering', 'playing', 'stopped', 'error']);

/** What of a speaker can be set; what cannot is not offered. */
export const SpeakerAbilities = v.object({
  volume: v.boolean(),
  mute: v.boolean(),
  delay: v.boolean(),
  announce: v.boolean(),
});

/** Those with the same `id` play the same now. `isOne`: what one of them is told to play or to stop, all of them do. */
export const SpeakerEnsemble = v.object({
  id: v.pipe(v.string(), v.minLength(1), v.maxLength(80)),
  isOne: v.boolean(),
});

/** Node → app: a speaker that is there now. */
export const ObservedSpeaker = v.object({
  id: SpeakerId,
  kind: SpeakerKind,
  /** As its owner called it. */
  name: v.pipe(v.string(), v.minLength(1), v.maxLength(80)),
  model: v.nullable(Words),
  /** The room of the house that it stands in, where that is known. */
  area: v.nullable(Words),
  /** What it plays together with, as the vendor calls that. */
  group: v.nullable(Words),
  ensemble: v.optional(v.nullable(SpeakerEnsemble), null),
  /** Of a group that is a speaker of its own: on what it plays, playing or not. A device plays for one of them at a time. */
  members: v.optional(v.pipe(v.array(SpeakerId), v.maxLength(MAX_SPEAKER_MEMBERS)), []),
  /** The one driver that needs a way out to the internet says so. */
  needsInternet: v.boolean(),
  can: SpeakerAbilities,
  state: SpeakerState,
  /** Whose sound is loaded: this room's stream, or anything else; null: nothing, or it does not say. */
  plays: v.nullable(v.picklist(['room', 'other'])),
  /** In its own words. */
  title: v.nullable(Words),
  volume: v.nullable(SpeakerVolume),
  muted: v.nullable(v.boolean()),
  delayMs: v.nullable(SpeakerDelayMs),
  /**
   * Why it does not play, in plain words, until it plays or was stopped; or else why it could not be stopped, until it is silent, or
   * told how loud, mute or late to be, in whatever state, until that was done.
   */
  error: v.nullable(Words),
  /** How often in a row it did not play when asked to. */
  failures: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /**
   * `state`: for how long it has sounded as it does (this room, something else, not at all), whatever it was told meanwhile; then
   * since it was found, since the steps of the last switch-on, and since it last failed.
   */
  ages: v.object({
    state: AgeMs,
    found: AgeMs,
    asked: v.nullable(AgeMs),
    buffering: v.nullable(AgeMs),
    playing: v.nullable(AgeMs),
    failed: v.nullable(AgeMs),
  }),
  /**
   * What last changed without this room having asked: at the device, or through another app. `on`: it plays this room, or
   * no longer does. What a speaker does when it has just come, or come back, is nobody's hand.
   */
  byHand: v.object({
    on: v.nullable(v.object({ on: v.boolean(), age: AgeMs })),
    volume: v.nullable(v.object({ age: AgeMs })),
    muted: v.optional(v.nullable(v.object({ age: AgeMs })), null),
  }),
});

/** App → node, first message. */
export const SpeakersHello = v.object({
  type: v.literal('hello'),
  protocol: v.pipe(v.number(), v.integer()),
  roomId: RoomId,
  /** As for the uplink. */
  uplinkKey: UplinkKey,
});

export const SpeakerDeed = v.variant('do', [
  /** The room's stream; the node knows its address. `title`: what the speaker may show. */
  v.object({ do: v.literal('play'), title: v.pipe(v.string(), v.maxLength(80)) }),
  v.object({ do: v.literal('stop') }),
  v.object({ do: v.literal('volume'), volume: SpeakerVolume }),
  v.object({ do: v.literal('mute'), muted: v.boolean() }),
  v.object({ do: v.literal('delay'), delayMs: SpeakerDelayMs }),
]);

/** Host → node. Refused (`not-host`) when a higher claim is known. */
export const SpeakerAct = v.object({
  type: v.literal('act'),
  /** Counts up; the answer carries it. */
  actId: v.pipe(v.number(), v.integer(), v.minValue(0)),
  epoch: v.pipe(v.number(), v.integer(), v.minValue(0)),
  peerId: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
  speakerId: SpeakerId,
  deed: SpeakerDeed,
});

export const SpeakersMessage = v.variant('type', [SpeakersHello, SpeakerAct]);

export const SpeakersRefusal = v.picklist([
  'bad-message',
  'wrong-key',
  'protocol-version',
  'hello-timeout',
  'shutting-down',
]);

/** Node → app. */
export const NodeSpeakersMessage = v.variant('type', [
  /**
   * Right after the hello, and whenever something changed: all of those that changed, and the ids of those that went. With none
   * of either it says that the node is there (`SPEAKERS_BEAT_MS`).
   */
  v.object({
    type: v.literal('observed'),
    /** The list is the whole of what is there. */
    whole: v.boolean(),
    speakers: v.pipe(v.array(ObservedSpeaker), v.maxLength(MAX_SPEAKERS)),
    gone: v.pipe(v.array(SpeakerId), v.maxLength(MAX_SPEAKERS)),
  }),
  /** `error`: why it was not done, in plain words; null: done. */
  v.object({ type: v.literal('acted'), actId: v.number(), error: v.nullable(Words) }),
  v.object({ type: v.literal('refused'), reason: SpeakersRefusal, detail: v.optional(v.string()) }),
]);

export type SpeakerKind = v.InferOutput<typeof SpeakerKind>;
export type SpeakerState = v.InferOutput<typeof SpeakerState>;
export type SpeakerEnsemble = v.InferOutput<typeof SpeakerEnsemble>;
export type SpeakerAbilities = v.InferOutput<typeof SpeakerAbilities>;
export type ObservedSpeaker = v.InferOutput<typeof ObservedSpeaker>;
export type SpeakersHello = v.InferOutput<typeof SpeakersHello>;
export type SpeakerDeed = v.InferOutput<typeof SpeakerDeed>;
export type SpeakerAct = v.InferOutput<typeof SpeakerAct>;
export type SpeakersMessage = v.InferOutput<typeof SpeakersMessage>;
export type SpeakersRefusal = v.InferOutput<typeof SpeakersRefusal>;
export type NodeSpeakersMessage = v.InferOutput<typeof NodeSpeakersMessage>;
