/**
 * `POST /speakers/say` over HTTPS: something spoken, once, on loudspeakers that can return to their music by themselves. From any
 * member of a room, host or not: it changes nothing that is wanted of a speaker, and is no part of what the host keeps.
 */
import * as v from 'valibot';
import { SpeakerId } from './speakers.ts';
import { RoomId, UplinkKey } from './uplink.ts';

export const SAY_PATH = '/speakers/say';
/** How long somebody may speak. */
export const MOST_SAID_MS = 20_000;
export const SAID_KBPS = 128;
/** A second more, for what the encoder adds at both ends. */
export const MAX_SAID_BYTES = ((MOST_SAID_MS + 1_000) / 1_000) * SAID_KBPS * 125;
/** In base64, with what stands around it. */
export const MAX_SAY_REQUEST_BYTES = Math.ceil(MAX_SAID_BYTES / 3) * 4 + 4_096;
export const MAX_SAID_ON = 16;

export const SayRequest = v.object({
  roomId: RoomId,
  /** As for the uplink. */
  uplinkKey: UplinkKey,
  speakerIds: v.pipe(v.array(SpeakerId), v.minLength(1), v.maxLength(MAX_SAID_ON)),
  /** Whole frames of MP3, 48 kHz, stereo; base64 (RFC 4648, section 4). */
  mp3: v.pipe(v.string(), v.maxLength(MAX_SAY_REQUEST_BYTES), v.regex(/^[A-Za-z0-9+/]+={0,2}$/)),
});

/** For each of those that were asked: why it does not say it, in plain words; null: it does. */
export const SayAnswer = v.object({
  said: v.array(v.object({ speakerId: SpeakerId, error: v.nullable(v.pipe(v.string(), v.maxLength(200))) })),
});

export const SayRefusal = v.object({
  refused: v.picklist(['bad-message', 'wrong-key', 'too-large', 'not-frames', 'too-often']),
});

export type SayRequest = v.InferOutput<typeof SayRequest>;
export type SayAnswer = v.InferOutput<typeof SayAnswer>;
export type SayRefusal = v.InferOutput<typeof SayRefusal>;
