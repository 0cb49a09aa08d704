/**
 * Plays the room on this device: follows the timeline, in step with the room's clock. It never waits for anybody; when
 * bytes come late it joins where the room is by then.
 */
import type { RoomClock } from '../clock/clock.ts';
import type { ByteSource } from '../library/library.ts';
import { createLevelMeter } from './level.ts';
import { createOutputMeter } from './output-meter.ts';
import { createRun, type Placed, type Run } from './run.ts';
import type { Offsets } from './schedule.ts';
import type { Moment } from './timeline.ts';
import { createOpenTracks } from './tracks.ts';

export type PlayerState =
  /** Paused, or nothing to play. */
  | { kind: 'silent' }
  /** Bytes are still on their way, or the first samples are being decoded. */
  | { kind: 'waiting'; trackId: string }
  /** `errorMs`: what is heard minus where the room is (positive: ahead). `bufferedMs`: decoded ahead. */
  | { kind: 'playing'; trackId: string; errorMs: number; bufferedMs: number }
  /** Nobody has the bytes (`undecodable`: this browser cannot play them). */
  | { kind: 'missing'; trackId: string; undecodable: boolean };

export interface Player {
  /** What should sound from now on. Saying the same again changes nothing. Null or paused: silence. */
  follow(moment: Moment | null): void;
  /** Ms by which what is played is heard later than the system knows: plays that much earlier. */
  setTrim(trimMs: number): void;
  state(): PlayerState;
  /** The kind or the track changed, or the error moved by a millisecond. */
  onState(listener: (state: PlayerState) => void): () => void;
  /** Loudness of what is played now, 0…1. */
  level(): number;
  close(): void;
}

const TICK_MS = 100;
const READY_TICK_MS = 15;
/** Anchors are computed from floats: starts this near to each other are the same start. */
const SAME_START_MS = 1;
const RETRY_MS = 1_000;

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
}): Player {
  const { context, clock, destination } = options;
  const tracks = createOpenTracks({
    context,
    open: options.open,
    seekIndex: options.seekIndex ?? (() => undefined),
  });
  const meter = createOutputMeter(context);
  const output = context.createGain();
  const level = createLevelMeter(output);
  output.connect(destination);

  const listeners = new Set<(state: PlayerState) => void>();
  let moment: Moment | null = null;
  let run: Run | null = null;
  /** Still heard until `run` begins. */
  let outgoing: Run | null = null;
  let told: PlayerState = { kind: 'silent' };
  let retryAtMs = 0;
  /** Where a track broke off before. */
  let failedItem: Placed | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let soon = false;
  let trimMs = 0;
  let closed = false;

  const localNowMs = (): number => performance.timeOrigin + performance.now();

  function offsets(): Offsets | null {
    const outputOffsetMs = meter.offsetMs();
    if (outputOffsetMs === null) return null;
    const roomMs = clock.nowMs();
    return { outputOffsetMs: outputOffsetMs + trimMs, roomOffsetMs: roomMs - clock.toLocalMs(roomMs) };
  }

  const wanted = (): Placed | null =>
    moment?.playing ? { item: moment.item, startedAtMs: moment.startedAtMs } : null;

  const after = (of: Moment): Placed | null =>
    of.next && of.next.startsAtMs !== null ? { item: of.next.item, startedAtMs: of.next.startsAtMs } : null;

  /** What follows an item as far as the timeline has told by now. */
  function nextOf(current: Placed): Placed | null | undefined {
    if (!moment?.playing) return undefined;
    return same(current, wanted()) ? after(moment) : undefined;
  }

  /** Begins anew where the room is. What sounds goes on until then if it is right, and ends at once if it is not. */
  function begin(first: Placed, overlap: boolean): void {
    const now = context.currentTime;
    if (timer === null) meter.reset();
    outgoing?.stop(now);
    if (overlap && run?.sounding) outgoing = run;
    else {
      run?.stop(now);
      outgoing = null;
    }
    run = createRun({
      context,
      destination: output,
      tracks,
      first,
      fromMs: Math.max(0, clock.nowMs() - first.startedAtMs),
      nextOf,
      gainDb: options.gainDb ?? (() => 0),
      onProgress: tickSoon,
      patient: failedItem !== null && same(failedItem, first),
    });
  }

  /** Asks once more for a track that was missing. */
  function retry(first: Placed): void {
    if (localNowMs() < retryAtMs) return;
    retryAtMs = localNowMs() + RETRY_MS;
    const asking = run;
    tracks.get(first.item.trackId).then(
      ({ kind }) => {
        if (!closed && run === asking && kind === 'open' && same(first, wanted())) begin(first, false);
      },
      () => undefined,
    );
  }

  /** The track broke off: opened anew it may go on; if it does not, it is left silent. */
  function recover(first: Placed): void {
    const broken = run?.placed.at(-1) ?? first;
    failedItem = broken;
    tracks.drop(broken.item.trackId);
    begin(first, true);
  }

  function silence(): void {
    run?.stop(context.currentTime);
    outgoing?.stop(context.currentTime);
    run = null;
    outgoing = null;
  }

  /** Makes the run fit the timeline. */
  function fit(): void {
    const first = wanted();
    if (!first || !moment) {
      silence();
      return;
    }
    const next = after(moment);
    tracks.keep(new Set([first.item.trackId, ...(next ? [next.item.trackId] : [])]));
    const at = run?.placed.findIndex((placed) => same(placed, first)) ?? -1;
    if (!run || at < 0) {
      begin(first, false);
      return;
    }
    const planned = run.placed[at + 1];
    if (planned && !same(planned, next)) begin(first, true);
    else run.look();
    // Opened now, its bytes are asked for in time.
    if (next) tracks.get(next.item.trackId).catch(() => undefined);
  }

  /** Ends what sounded before once the new run begins; it counts as heard until the new one is. */
  function handOver(known: Offsets): void {
    const at = run?.startsAtSeconds ?? null;
    if (!outgoing) return;
    if (at === null) outgoing.advance(known);
    else {
      outgoing.stop(at);
      if (run?.errorMs(known, localNowMs()) != null) outgoing = null;
    }
  }

  function tick(): void {
    if (closed) return;
    meter.read();
    const first = wanted();
    const known = context.state === 'running' ? offsets() : null;
    if (first && known && run) {
      run.advance(known);
      if (run.failed) recover(first);
      else if (run.lost) begin(first, true);
      if (run.problem === 'missing') retry(first);
      handOver(known);
    }
    tell();
    if (timer !== null) clearTimeout(timer);
    timer =
      first || run ? setTimeout(tick, known || context.state !== 'running' ? TICK_MS : READY_TICK_MS) : null;
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
    const first = wanted();
    if (!first) return { kind: 'silent' };
    const { trackId } = first.item;
    if (run?.problem) return { kind: 'missing', trackId, undecodable: run.problem === 'undecodable' };
    const known = offsets();
    if (known) {
      for (const heard of [run, outgoing]) {
        const errorMs = heard?.errorMs(known, localNowMs()) ?? null;
        if (heard && errorMs !== null)
          return { kind: 'playing', trackId, errorMs, bufferedMs: heard.bufferedMs() };
      }
    }
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
    follow(next) {
      if (closed) return;
      moment = next;
      fit();
      tickSoon();
    },
    setTrim(next) {
      trimMs = next;
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
      if (timer !== null) clearTimeout(timer);
      stopWatching();
      context.removeEventListener('statechange', tickSoon);
      silence();
      tracks.close();
      meter.close();
      level.close();
      output.disconnect();
      listeners.clear();
    },
  };
}

function same(a: Placed | undefined, b: Placed | null): boolean {
  return (
    a !== undefined &&
    b !== null &&
    a.item.itemId === b.item.itemId &&
    Math.abs(a.startedAtMs - b.startedAtMs) <= SAME_START_MS
  );
}
