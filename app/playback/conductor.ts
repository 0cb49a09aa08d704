/**
 * Keeps a player at what the document says: recomputes the moment when the document or the clock changes and when an
 * item ends by itself, and fetches what comes next before it is needed.
 */
import type { RoomClock } from '../clock/clock.ts';
import { type Library, type TrackRef, trackRef } from '../library/library.ts';
import type { Queries, QueueView } from '../session/queries.ts';
import type { Loop } from '../session/schema.ts';
import type { Player } from './player.ts';
import { setPageTimer, type SetTimer } from './steady-timers.ts';
import { nextChangeMs, type Moment } from './timeline.ts';

/** Items after the current one whose bytes are wanted here while this device sounds. */
const AHEAD = 2;
/** Longest wait before looking again: a timer may fire late, and a clock may have drifted meanwhile. */
const LOOK_AGAIN_MS = 5_000;

export interface ConductorOptions {
  queries: Queries;
  clock: RoomClock;
  library: Library;
  player: Player;
  /** What plays changed, or may have. */
  onMoment: (moment: Moment | null) => void;
  /** The page's by default. */
  setTimer?: SetTimer;
}

export interface Conductor {
  /** Sound wanted on this device (listening or hosting): false follows nothing and fetches nothing. */
  setActive(active: boolean): void;
  close(): void;
}

type Coming = Pick<QueueView, 'moment' | 'played' | 'upNext'>;

/** What plays and what comes after it, in order: with `loop` all, what was played already comes again. */
export function comingTracks({ moment, played, upNext }: Coming, loop: Loop): readonly string[] {
  const again = moment !== null && loop === 'all' ? played : [];
  return [...(moment ? [moment.item] : []), ...upNext, ...again].map((item) => item.trackId);
}

/** What a device that sounds must have: the current track and those right after it. */
function neededTracks(view: Coming, loop: Loop): readonly string[] {
  return comingTracks(view, loop).slice(0, (view.moment ? 1 : 0) + AHEAD);
}

/** Whether a device that sounds would fetch this track again at once if it were removed. */
export function isNeeded(view: Coming, loop: Loop, trackId: string): boolean {
  return neededTracks(view, loop).includes(trackId);
}

export function createConductor(options: ConductorOptions): Conductor {
  const { queries, clock, library, player, onMoment, setTimer = setPageTimer } = options;
  let active = false;
  let stopTimer: (() => void) | null = null;
  let closed = false;

  function refsOf(trackId: string): TrackRef[] {
    const track = queries.tracks().get(trackId);
    return track ? [trackRef(trackId, track)] : [];
  }

  function look(): void {
    stopTimer?.();
    stopTimer = null;
    if (closed) return;
    const moment: Moment | null = active ? queries.moment(clock.nowMs()) : null;
    const ahead = active ? neededTracks(queries.view(clock.nowMs()), queries.settings().loop) : [];
    player.follow(moment, ahead.slice(moment ? 1 : 0));
    onMoment(moment);
    library.fetchAhead(ahead.flatMap(refsOf));
    if (!active) return;
    const changeMs = nextChangeMs(moment);
    const waitMs = changeMs === null ? LOOK_AGAIN_MS : changeMs - clock.nowMs();
    stopTimer = setTimer(look, Math.min(LOOK_AGAIN_MS, Math.max(10, waitMs)));
  }

  const stops = [queries.onChange(look), clock.onChange(look)];
  return {
    setActive(next) {
      if (next === active) return;
      active = next;
      look();
    },
    close() {
      if (closed) return;
      closed = true;
      stopTimer?.();
      for (const stop of stops) stop();
      library.fetchAhead([]);
      player.follow(null);
    },
  };
}
