/**
 * How loud a song is at each of its samples: its own level, and the curves by which it takes over from the song before and
 * hands over to the next. Equal power (sine and cosine of the same angle), since two songs are not alike: their powers add
 * up, and the sum of the squares is one throughout. The curves belong to the position in the song, so that all devices, and
 * whoever joins in the middle of a fade, hear the same. Pure.
 */
import type { TimelineItem } from './timeline.ts';

const MOST_GAIN_DB = 12;
const LEAST_GAIN_DB = -24;

export interface Fades {
  /** From the item's start. 0: it is there at once. */
  fadeInMs: number;
  /** To the item's end. */
  fadeOutMs: number;
}

/** 0…1 at a position of an item. */
export function fadeAt(
  positionMs: number,
  { durationMs }: TimelineItem,
  { fadeInMs, fadeOutMs }: Fades,
): number {
  let gain = 1;
  if (positionMs < fadeInMs) gain *= Math.sin((Math.PI / 2) * (Math.max(0, positionMs) / fadeInMs));
  const leftMs = durationMs - positionMs;
  if (leftMs < fadeOutMs) gain *= Math.sin((Math.PI / 2) * (Math.max(0, leftMs) / fadeOutMs));
  return gain;
}

/** A wrong or hostile record makes nothing deafening. */
export function amplitudeOf(gainDb: number): number {
  return 10 ** (Math.min(MOST_GAIN_DB, Math.max(LEAST_GAIN_DB, gainDb)) / 20);
}

/**
 * Samples of an item from `fromFrame` on, at their loudness. May be the same array when nothing changes: what a decoder
 * hands out may be its own.
 */
export function shaped(
  samples: Float32Array,
  at: { fromFrame: number; rateHz: number; gain: number; item: TimelineItem } & Fades,
): Float32Array {
  const { fromFrame, rateHz, gain, item } = at;
  const msPerFrame = 1_000 / rateHz;
  const fromMs = fromFrame * msPerFrame;
  const untilMs = (fromFrame + samples.length) * msPerFrame;
  if (fromMs >= at.fadeInMs && untilMs <= item.durationMs - at.fadeOutMs)
    return gain === 1 ? samples : samples.map((value) => value * gain);
  return samples.map((value, index) => value * gain * fadeAt(fromMs + index * msPerFrame, item, at));
}
