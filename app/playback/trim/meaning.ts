/**
 * What was heard, in terms of this device's trim. Pure.
 *
 * A sound that this device starts at context time T comes back in the recording at
 *   T + (output latency as the system says) + (what it does not say) + air + (input latency),
 * and only the second of these is what a trim is to take out. There are two ways to be rid of the others:
 *
 * - *Against another device* that plays the room aloud. Both chirp at known moments of the room's time, as the music would
 *   be played: this one's `own` chirps without its trim, the others' moments turned into context time by the offsets that
 *   the music goes by, trim included. One microphone hears both in one recording, so input latency and the output latency as
 *   told are in both, and the difference is by how much this device is behind the other one, to the fraction of a millisecond.
 *   What the two differ in besides is the air: 3 ms a metre, as for anybody who sits where this device lies.
 * - *Alone*: what the system says of both latencies is taken off. The output's is known well. Of the input's only an
 *   estimate exists (`MediaTrackSettings.latency`, which leaves out buffers): the result may be some 20 ms too high, and
 *   the screen says so.
 *
 * A headset that changes to its telephone mode when the microphone opens has another latency then; what was found holds for
 * that mode.
 */
import type { Curve, Deafness, Hearing } from './hear.ts';

/** The input's buffers, beyond what the browser tells, and the whole of it where it tells nothing. */
export const UNTOLD_INPUT_MS = 10;
export const INPUT_UNKNOWN_MS = 20;
/** How far the result may be off when the input's latency is estimated. */
export const ESTIMATED_WITHIN_MS = 20;

export interface Heard {
  own: Hearing;
  /** Null: measured alone. */
  other: Hearing | null;
  trimMs: number;
  /** From a sample's context time until it is heard, as the system says. */
  outputMs: number;
  /** As the microphone's track says; null where it does not. */
  inputMs: number | null;
}

export type Outcome =
  | {
      kind: 'found';
      /** When this device's chirps came in, and when they should have, both on the curves' scale. */
      foundMs: number;
      expectedMs: number;
      /** By how much this device sounds late with the trim that it has; negative: early. */
      lateMs: number;
      uncertaintyMs: number;
      /** The trim that makes up for it, whole ms. */
      proposedTrimMs: number;
      own: Curve;
      other: Curve | null;
    }
  | { kind: 'not-heard'; who: 'own' | 'other'; why: Deafness; own: Curve };

export type Found = Extract<Outcome, { kind: 'found' }>;

/** An output that stumbles once is late by as much in all of its chirps, and sounds as sure as ever: only a second try tells. */
const AGREED_WITHIN_MS = 10;

/** What two tries in a row say together; null: they contradict each other. The pictures are the second one's. */
export function agreement(first: Found, second: Found): Found | null {
  const apartMs = Math.abs(first.lateMs - second.lateMs);
  if (apartMs > AGREED_WITHIN_MS) return null;
  const shiftMs = (first.lateMs - second.lateMs) / 2;
  return {
    ...second,
    foundMs: second.foundMs + shiftMs,
    lateMs: second.lateMs + shiftMs,
    uncertaintyMs: Math.max(first.uncertaintyMs, second.uncertaintyMs, apartMs / 2),
    proposedTrimMs: Math.round((first.proposedTrimMs + second.proposedTrimMs) / 2),
  };
}

export function meaningOf({ own, other, trimMs, outputMs, inputMs }: Heard): Outcome {
  if (own.kind !== 'heard') return { kind: 'not-heard', who: 'own', why: own.why, own: own.curve };
  if (other !== null && other.kind !== 'heard')
    return { kind: 'not-heard', who: 'other', why: other.why, own: own.curve };
  const input = inputMs === null ? INPUT_UNKNOWN_MS : inputMs + UNTOLD_INPUT_MS;
  const expectedMs = other === null ? outputMs + input + trimMs : other.delayMs;
  const lateMs = own.delayMs - expectedMs;
  return {
    kind: 'found',
    foundMs: own.delayMs,
    expectedMs,
    lateMs,
    uncertaintyMs:
      other === null
        ? own.uncertaintyMs + ESTIMATED_WITHIN_MS
        : Math.hypot(own.uncertaintyMs, other.uncertaintyMs),
    proposedTrimMs: Math.round(trimMs + lateMs),
    own: own.curve,
    other: other?.curve ?? null,
  };
}
