/**
 * One voice of the player: an item and what follows it without a fade, kept sounding through everything that may happen to it.
 * When what it plays is too far off, or breaks, another run takes over where the room is, and what sounds goes on until then.
 */
import { createCertainty } from './certainty.ts';
import { samePlace, type Placed } from './placed.ts';
import { createRun, type Run } from './run.ts';
import { STEP_MS, type Offsets } from './schedule.ts';
import type { OpenTracks } from './tracks.ts';

export interface Lane {
  /** Whether this is among what it plays. */
  covers(placed: Placed): boolean;
  /** What is due in it now, and what follows there (null: nothing does). */
  hold(current: Placed, next: Placed | null): void;
  /** Goes on with its work. `isStepExpected`: what is known of the output may change by a step (see certainty.ts). */
  advance(offsets: Offsets, isStepExpected: boolean): void;
  /** Room ms by which what is heard is ahead, and what is laid out and decoded; null while nothing is heard. */
  heard(offsets: Offsets): { errorMs: number; bufferedMs: number } | null;
  /** Something of it leaves the context right now, whatever is known of when it is heard. */
  readonly sounds: boolean;
  readonly problem: Run['problem'];
  close(): void;
}

const RETRY_MS = 1_000;
/** A run takes less than this from its making to its first sample. */
const RESTART_SECONDS = 0.5;
/** While something sounds, what takes over has the time: a page that stalls in between would be heard as a click. */
const TAKE_OVER_SECONDS = 0.25;

export function createLane(options: {
  context: AudioContext;
  destination: AudioNode;
  tracks: OpenTracks;
  roomNowMs: () => number;
  localNowMs: () => number;
  gainDb: (trackId: string) => number;
  /** Of createRun. */
  startMarginSeconds: () => number;
  /** `advance` would get further now. */
  onProgress: () => void;
  current: Placed;
  next: Placed | null;
}): Lane {
  const { context, destination, tracks, roomNowMs, localNowMs, gainDb, startMarginSeconds, onProgress } =
    options;
  let { current, next } = options;
  let run: Run;
  /** Still heard until `run` begins. */
  let outgoing: Run | null = null;
  const certainty = createCertainty();
  let retryAtMs = 0;
  /** Where a track broke off before. */
  let failedItem: Placed | null = null;
  let closed = false;

  function started(takesOver: boolean): Run {
    return createRun({
      context,
      destination,
      tracks,
      first: current,
      fromMs: Math.max(0, roomNowMs() - current.startedAtMs),
      nextOf: (placed) => (samePlace(placed, current) ? next : undefined),
      gainDb,
      startMarginSeconds: () =>
        takesOver ? Math.max(TAKE_OVER_SECONDS, startMarginSeconds()) : startMarginSeconds(),
      onProgress,
      patient: failedItem !== null && samePlace(failedItem, current),
    });
  }

  /** Begins anew where the room is. What sounds goes on until then if it is right, and ends at once if it is not. */
  function begin(overlap: boolean): void {
    const now = context.currentTime;
    if (overlap && !run.sounding && outgoing?.sounding) run.stop(now);
    else {
      outgoing?.stop(now);
      outgoing = overlap && run.sounding ? run : null;
      if (!outgoing) run.stop(now);
    }
    run = started(outgoing !== null);
    certainty.reset();
  }

  /** Too far off to be bent back, or so far off that nobody should have to wait for it. What is not heard yet never will be. */
  function follow(known: Offsets, isStepExpected: boolean): void {
    if (run.lost) begin(true);
    // While another run takes over, what is heard is the one before.
    else if (!outgoing) {
      const errorMs = run.laidOutErrorMs(known, localNowMs());
      const startsInSeconds = (run.startsAtSeconds ?? Infinity) - context.currentTime;
      // Another run would come late for the beginning; a small error is put right while it sounds.
      const isAboutToStart = startsInSeconds > 0 && startsInSeconds < RESTART_SECONDS;
      const isSmall = errorMs !== null && Math.abs(errorMs) <= STEP_MS;
      if (isAboutToStart && isSmall) certainty.reset();
      else if (certainty.isSure(errorMs, localNowMs(), isStepExpected)) begin(startsInSeconds <= 0);
    }
  }

  /** Asks once more for a track that was missing, or for what decodes it. */
  function retry(): void {
    if (localNowMs() < retryAtMs) return;
    retryAtMs = localNowMs() + RETRY_MS;
    const asking = run;
    tracks.get(current.item).then(
      ({ kind }) => {
        if (!closed && run === asking && kind === 'open') begin(false);
      },
      () => undefined,
    );
  }

  /** The track broke off: opened anew it may go on; if it does not, it is left silent. */
  function recover(): void {
    failedItem = run.placed.at(-1) ?? current;
    begin(true);
  }

  /** Ends what sounded before once the new run begins; it counts as heard until the new one is. */
  function handOver(known: Offsets): void {
    if (!outgoing) return;
    const at = run.startsAtSeconds;
    if (at === null) outgoing.advance(known);
    else {
      outgoing.stop(at);
      if (run.errorMs(known, localNowMs()) !== null) outgoing = null;
    }
  }

  run = started(false);
  return {
    covers: (placed) => run.placed.some((own) => samePlace(own, placed)),
    hold(nextCurrent, nextNext) {
      current = nextCurrent;
      next = nextNext;
      const at = run.placed.findIndex((placed) => samePlace(placed, current));
      if (at < 0) return begin(false);
      const planned = run.placed[at + 1];
      const fits = (!planned || samePlace(planned, next)) && run.setFadeOut(at, current.fadeOutMs);
      if (fits) run.look();
      else begin(true);
    },
    advance(known, isStepExpected) {
      run.advance(known);
      if (run.failed) recover();
      else follow(known, isStepExpected);
      if (run.problem === 'missing' || run.problem === 'not-loaded') retry();
      handOver(known);
    },
    heard(known) {
      for (const each of [run, outgoing]) {
        const errorMs = each?.errorMs(known, localNowMs()) ?? null;
        if (each && errorMs !== null) return { errorMs, bufferedMs: each.bufferedMs() };
      }
      return null;
    },
    get sounds() {
      return [run, outgoing].some((each) => each?.coversAt(context.currentTime) === true);
    },
    get problem() {
      return run.problem;
    },
    close() {
      if (closed) return;
      closed = true;
      run.stop(context.currentTime);
      outgoing?.stop(context.currentTime);
    },
  };
}
