/**
 * When a sample has to enter the audio graph so that it is heard at its moment of the room, and what to do when it is
 * not. Pure: readings and times come in as arguments.
 *
 * Three clocks meet here. The *room's* time says where the music is. *Local* time (`performance.timeOrigin +
 * performance.now()`) is this device's monotonic clock; the room's clock is known as an offset to it. The *context's*
 * time counts samples of the sound card, which runs a little faster or slower than the local clock and is heard a
 * latency later: `getOutputTimestamp()` pairs the two.
 *
 *   heard(T)     = T · 1000 + outputOffsetMs                      local ms at which context time T is heard
 *   position(T)  = heard(T) + roomOffsetMs − startedAtMs          where the room is in the track then
 *   T(room)      = (room − roomOffsetMs − outputOffsetMs) / 1000  context time that is heard at a room time
 */

export interface Offsets {
  /** Local ms minus context ms, of what is heard. */
  outputOffsetMs: number;
  /** Room ms minus local ms. */
  roomOffsetMs: number;
}

/** Where the room is in a track (ms) when context time `contextSeconds` is heard. */
export function positionAt(contextSeconds: number, startedAtMs: number, offsets: Offsets): number {
  return contextSeconds * 1_000 + offsets.outputOffsetMs + offsets.roomOffsetMs - startedAtMs;
}

/** Context time (s) that is heard at a room time. */
export function contextTimeOf(roomMs: number, offsets: Offsets): number {
  return (roomMs - offsets.roomOffsetMs - offsets.outputOffsetMs) / 1_000;
}

export const DEAD_BAND_MS = 1;
/** Correction goes on until the error is this small, so that it does not flutter at the edge of the dead band. */
export const SETTLED_MS = 0.25;
/** Beyond this an error is jumped to at once: resampling would take 40 s and more. */
export const JUMP_MS = 200;
/**
 * Up to here an error is bent away (by half a percent from 10 ms on), which takes up to seven seconds. Between this and
 * `JUMP_MS` it is bent too while it may be a slip of the measurement, and jumped to as soon as it is certain
 * (certainty.ts): half a percent would leave an echo in the room for up to 40 s. What just began to sound is put right sooner.
 */
export const STEP_MS = 35;
/** Half a percent is a twelfth of a semitone: not heard as a change of pitch. */
export const MAX_RATE_CHANGE = 0.005;
const CORRECTION_TIME_MS = 2_000;

export type Correction = { kind: 'hold' } | { kind: 'nudge'; rate: number } | { kind: 'jump' };

/**
 * What to do about an error: `errorMs` = position as scheduled minus position of the room (positive: we are ahead),
 * taken at the end of what is scheduled, so that the answer does not chase its own delay. `rate` multiplies the speed of
 * what is scheduled next; an error dies away over some two seconds. `correcting`: the last answer was a nudge.
 */
export function correctionFor(errorMs: number, correcting: boolean): Correction {
  const size = Math.abs(errorMs);
  if (size > JUMP_MS) return { kind: 'jump' };
  if (size <= (correcting ? SETTLED_MS : DEAD_BAND_MS)) return { kind: 'hold' };
  const change = Math.max(-MAX_RATE_CHANGE, Math.min(MAX_RATE_CHANGE, -errorMs / CORRECTION_TIME_MS));
  return { kind: 'nudge', rate: 1 + change };
}
