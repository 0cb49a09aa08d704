/**
 * Plays the room on this device: follows the timeline, in step with the room's clock. It never waits for anybody; when
 * bytes come late it joins where the room is by then.
 */
import type { RoomClock } from '../clock/clock.ts';
import type { ByteSource } from '../library/library.ts';
import { STEP_EXPECTED_MS } from './certainty.ts';
import { createLane, type Lane } from './lane.ts';
import { createLevelMeter } from './level.ts';
import { createOutputMeter } from './output-meter.ts';
import type { Placed } from './placed.ts';
import type { Offsets } from './schedule.ts';
import { setPageTimer, type SetTimer } from './steady-timers.ts';
import type { Moment } from './timeline.ts';
import { createOpenTracks } from './tracks.ts';

export type PlayerState =
  /** Paused, or nothing to play. */
  | { kind: 'silent' }
  /** Bytes are still on their way, or the first samples are being decoded. */
  | { kind: 'waiting'; trackId: string }
  /** `errorMs`: what is heard minus where the room is (positive: ahead). `bufferedMs`: decoded ahead. */
  | { kind: 'playing'; trackId: string; errorMs: number; bufferedMs: number }
  /** It cannot be heard here. */
  | { kind: 'missing'; trackId: string; why: Unheard };

/**
 * `absent`: nobody has the bytes. `undecodable`: this browser cannot play them. `too-long`: it could only decode them all at
 * once, and they are more than its memory should have to hold. `not-loaded`: what decodes them is a part of the app that
 * could not be had; it is asked for again.
 */
export type Unheard = 'absent' | 'undecodable' | 'too-long' | 'not-loaded';

export interface Player {
  /**
   * What should sound from now on. Saying the same again changes nothing. Null or paused: silence. `soon`: tracks that come
   * after it, made ready to sound at once.
   */
  follow(moment: Moment | null, soon?: readonly string[]): void;
  /** Ms by which what is played is heard later than the system knows: plays that much earlier. */
  setTrim(trimMs: number): void;
  state(): PlayerState;
  /** The kind or the track changed, or the error moved by a millisecond. */
  onState(listener: (state: PlayerState) => void): () => void;
  /** Loudness of what is played now, 0…1. */
  level(): number;
  close(): void;
}

/** From deciding to sounding: long enough for the main thread to lay out the first buffers, and after it hung. */
const START_SECONDS = 0.06;
const BUSY_START_SECONDS = 0.25;
const HUNG_MS = 1_000;
const BUSY_MS = 2_000;
/** Give or take a fifth: in time with what the sound card takes at once, readings would all err the same way. */
const TICK_MS = 100;
const READY_TICK_MS = 15;
/** A song that is to fade in gets a decoder only then: one that stood still for minutes would be taken away. */
const FADE_IN_LEAD_MS = 15_000;

/**
 * @param options.open a track's bytes, or null when nobody is known to have them (asked again each second).
 * @param options.destination where the sound goes: this device's output, the host's mixer, or both.
 */
export function createPlayer(options: {
  context: AudioContext;
  clock: RoomClock;
  open: (trackId: string) => ByteSource | null;
  destination: AudioNode;
  /** What makes a track as loud as others, in dB; 0 without it. */
  gainDb?: (trackId: string) => number;
  /** Of the track's record: how to start in its middle (app/library/seek-index.ts). */
  seekIndex?: (trackId: string) => string | undefined;
  /** The page's by default. */
  setTimer?: SetTimer;
}): Player {
  const { context, clock, destination, setTimer = setPageTimer } = options;
  const tracks = createOpenTracks({
    context,
    open: options.open,
    seekIndex: options.seekIndex ?? (() => undefined),
  });
  const meter = createOutputMeter(context, expectStep);
  const output = context.createGain();
  const level = createLevelMeter(output);
  output.connect(destination);

  const listeners = new Set<(state: PlayerState) => void>();
  let moment: Moment | null = null;
  /** What is heard now comes first; then what fades out beside it, and what fades in next. */
  let lanes: Lane[] = [];
  /** Tracks that whoever leads this player wants ready. */
  let asked: readonly string[] = [];
  /** Tracks that come next. Their first seconds are decoded once this one is heard: it comes first. */
  let coming: readonly string[] = [];
  let areReady = false;
  /** Room time from which `fit` finds more to lay out. */
  let fitAgainAtMs = Infinity;
  let told: PlayerState = { kind: 'silent' };
  let stopTimer: (() => void) | null = null;
  let soon = false;
  let trimMs = 0;
  /** Until then what is known of the output may change by a step, not by drifting: a large error is true. */
  let stepExpectedUntilMs = -Infinity;
  let tickedAtMs = -Infinity;
  /** The page hung, and has much to catch up with. */
  let busyUntilMs = -Infinity;
  let closed = false;

  const localNowMs = (): number => performance.timeOrigin + performance.now();

  function offsets(): Offsets | null {
    const outputOffsetMs = meter.offsetMs();
    if (outputOffsetMs === null) return null;
    const roomMs = clock.nowMs();
    return { outputOffsetMs: outputOffsetMs + trimMs, roomOffsetMs: roomMs - clock.toLocalMs(roomMs) };
  }

  function laneFor(current: Placed, next: Placed | null): Lane {
    const known = lanes.find((lane) => lane.covers(current));
    if (known) {
      known.hold(current, next);
      return known;
    }
    return createLane({
      context,
      destination: output,
      tracks,
      roomNowMs: clock.nowMs,
      localNowMs,
      gainDb: options.gainDb ?? (() => 0),
      startMarginSeconds: () => (localNowMs() < busyUntilMs ? BUSY_START_SECONDS : START_SECONDS),
      onProgress: tickSoon,
      current,
      next,
    });
  }

  /** Makes what sounds fit the timeline. */
  function fit(): void {
    const nowMs = clock.nowMs();
    const parts = moment?.playing ? partsOf(moment, nowMs) : [];
    if (parts.length > 0 && stopTimer === null) meter.reset();
    const fadeInAtMs = moment?.playing ? fadeInDueMs(moment) : Infinity;
    fitAgainAtMs = fadeInAtMs > nowMs ? fadeInAtMs : Infinity;
    const due = parts.flatMap(({ current, next }) => [current, ...(next ? [next] : [])]);
    coming = parts.length > 0 ? [...(moment?.next ? [moment.next.item.trackId] : []), ...asked] : [];
    areReady = false;
    tracks.keep(new Set([...due.map(({ item }) => item.trackId), ...coming]));
    const fitting = parts.map(({ current, next }) => laneFor(current, next));
    for (const lane of lanes) if (!fitting.includes(lane)) lane.close();
    lanes = fitting;
  }

  /** What sounds is heard earlier or later from now on, or will be soon. */
  function expectStep(): void {
    stepExpectedUntilMs = localNowMs() + STEP_EXPECTED_MS;
  }

  function tick(): void {
    if (closed) return;
    const nowMs = localNowMs();
    if (stopTimer !== null && nowMs - tickedAtMs > HUNG_MS) busyUntilMs = nowMs + BUSY_MS;
    tickedAtMs = nowMs;
    meter.read();
    if (clock.nowMs() >= fitAgainAtMs) fit();
    const known = context.state === 'running' ? offsets() : null;
    if (known) {
      const isStepExpected = localNowMs() < stepExpectedUntilMs;
      for (const lane of lanes) lane.advance(known, isStepExpected);
      if (!areReady && lanes[0]?.heard(known)) {
        areReady = true;
        for (const trackId of coming) tracks.prepare(trackId);
      }
    }
    tell();
    stopTimer?.();
    const tickMs = TICK_MS * (0.8 + 0.4 * Math.random());
    const waitMs = known || context.state !== 'running' ? tickMs : READY_TICK_MS;
    stopTimer = lanes.length > 0 ? setTimer(tick, waitMs) : null;
  }

  function tickSoon(): void {
    if (soon || closed) return;
    soon = true;
    queueMicrotask(() => {
      soon = false;
      tick();
    });
  }

  function state(): PlayerState {
    const [lane] = lanes;
    if (!moment?.playing || !lane) return { kind: 'silent' };
    const { trackId } = moment.item;
    if (lane.problem)
      return { kind: 'missing', trackId, why: lane.problem === 'missing' ? 'absent' : lane.problem };
    const known = offsets();
    const heard = known && lane.heard(known);
    if (heard) return { kind: 'playing', trackId, ...heard };
    // The output is being measured anew, or a reading was a little off: what sounds goes on all the same.
    if (told.kind === 'playing' && context.state === 'running' && lane.sounds) return { ...told, trackId };
    return { kind: 'waiting', trackId };
  }

  function tell(): void {
    const current = state();
    const changed =
      current.kind !== told.kind ||
      ('trackId' in current && 'trackId' in told && current.trackId !== told.trackId) ||
      (current.kind === 'playing' &&
        told.kind === 'playing' &&
        Math.abs(current.errorMs - told.errorMs) >= 1);
    if (!changed) return;
    told = current;
    for (const listener of listeners) listener(current);
  }

  const stopWatching = clock.onChange(tickSoon);
  context.addEventListener('statechange', tickSoon);

  return {
    follow(next, soon = []) {
      if (closed) return;
      moment = next;
      asked = soon;
      fit();
      tickSoon();
    },
    setTrim(next) {
      trimMs = next;
      expectStep();
      tickSoon();
    },
    state,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    level: level.read,
    close() {
      if (closed) return;
      closed = true;
      stopTimer?.();
      stopWatching();
      context.removeEventListener('statechange', tickSoon);
      for (const lane of lanes) lane.close();
      lanes = [];
      tracks.close();
      meter.close();
      level.close();
      output.disconnect();
      listeners.clear();
    },
  };
}

/** One voice: an item, and what follows it without a fade. */
interface Part {
  current: Placed;
  next: Placed | null;
}

/** Room time from which the next song is laid out beside this one; Infinity when nothing is to fade in. */
function fadeInDueMs({ next }: Moment): number {
  return next?.startsAtMs != null && next.overlapMs > 0 ? next.startsAtMs - FADE_IN_LEAD_MS : Infinity;
}

/** What sounds now, what fades out beside it, and what is soon to fade in. */
function partsOf(moment: Moment, nowMs: number): Part[] {
  const { item, startedAtMs, fading, next } = moment;
  const fadeOutMs = next?.overlapMs ?? 0;
  const current: Placed = { item, startedAtMs, fadeInMs: fading?.overlapMs ?? 0, fadeOutMs };
  const parts: Part[] = [{ current, next: null }];
  if (fading) {
    const before: Placed = {
      item: fading.item,
      startedAtMs: startedAtMs + fading.overlapMs - fading.item.durationMs,
      fadeInMs: 0,
      fadeOutMs: fading.overlapMs,
    };
    parts.push({ current: before, next: null });
  }
  if (next?.startsAtMs != null) {
    const following: Placed = {
      item: next.item,
      startedAtMs: next.startsAtMs,
      fadeInMs: fadeOutMs,
      fadeOutMs: 0,
    };
    if (fadeOutMs === 0) parts[0] = { current, next: following };
    else if (nowMs >= fadeInDueMs(moment)) parts.push({ current: following, next: null });
  }
  return parts;
}
