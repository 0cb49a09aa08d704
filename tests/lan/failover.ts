/** Loses the host that feeds the stream, and tells from what the loudspeakers heard how the next one took over. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { PIECE_MS } from '../fixtures/song-follower.ts';
import { until } from '../fixtures/until.ts';
import { type HostsLab, type Loss, someHost } from './hosts-lab.ts';
import { heardSince, type Piece, type StreamEar } from './stream-ear.ts';

/** Pieces from which the song's place is taken: a second of them. */
const PLACE_PIECES = 1_000 / PIECE_MS;
/** So much of the song is heard before a host is lost, and after the next took over. */
const STEADY_MS = 2_000;
/** In which the next host's first frame must have come, if silence took no place. */
const SEAMLESS_MS = 1_000;

export interface EarReport {
  /**
   * From the loss until the first sound of the next host came. Where no silence was between the two, until the longest pause
   * of the bytes in the first second was over.
   */
  soundMs: number;
  /** Silence in between, as a player plays it. */
  silentMs: number;
  /** What is neither song nor silence, from the loss until the song. */
  strangeMs: number;
  /** How much less was delivered between the songs than time passed. */
  holeMs: number;
  /** How much further the song is than before, by what a player hears. */
  shiftMs: number;
  worstGapMs: number;
  /** Silence and strange sound after the song was back, until the report. */
  brokenAfterMs: number;
}

export interface Failover {
  how: Loss;
  from: string;
  to: string;
  /** Of each listener. */
  heard: EarReport[];
  /** How late this process was at most: no gap that is shorter was measured. */
  ownDelayMs: number;
}

const forMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const isSong = (piece: Piece | undefined): boolean => piece?.heard === 'song';
const lengthMs = (pieces: readonly Piece[]): number => pieces.length * PIECE_MS;

/** The latest pieces of the song, for its place in the stream. */
function lastSongs(ear: StreamEar): Piece[] {
  return ear.pieces
    .slice(-3 * PLACE_PIECES)
    .filter(isSong)
    .slice(-PLACE_PIECES);
}

function report(ear: StreamEar, atMs: number, before: readonly Piece[], steady: Piece): EarReport {
  const { pieces } = ear;
  const lost = pieces.findIndex((piece) => piece.atMs >= atMs);
  const steadyAt = pieces.indexOf(steady);
  // Frames that were on their way when their host was lost come after that too: what follows the last silence is the next's.
  const silence = pieces.slice(lost, steadyAt).findLastIndex(({ heard }) => heard === 'silence');
  const first = silence < 0 ? lost : lost + silence + 1;
  const back = pieces[first] ?? steady;
  const song = pieces.slice(first).find(isSong) ?? steady;
  const songBefore = pieces.slice(0, first).findLast(isSong) ?? song;
  const between = pieces.slice(lost, steadyAt);
  const after = pieces.slice(steadyAt);
  return {
    soundMs: (silence < 0 ? ear.log.longestGap(atMs, atMs + SEAMLESS_MS).endedAtMs : back.atMs) - atMs,
    silentMs: lengthMs(between.filter(({ heard }) => heard === 'silence')),
    strangeMs: lengthMs(between.filter(({ heard }) => heard === 'other')),
    holeMs: song.atMs - songBefore.atMs - (song.streamMs - songBefore.streamMs),
    shiftMs: ear.songStartMs(after.slice(0, PLACE_PIECES)) - ear.songStartMs(before),
    worstGapMs: ear.log.longestGap(atMs, performance.now()).ms,
    brokenAfterMs: lengthMs(after.filter((piece) => !isSong(piece))),
  };
}

/**
 * Loses whoever hosts and brings it back as soon as every listener hears the song for good again. Rejects when nobody
 * takes over within the deadline.
 */
export async function failOver(lab: HostsLab, how: Loss, deadlineMs: number): Promise<Failover> {
  const from = await someHost(lab);
  const steadySinceMs = performance.now();
  await Promise.all(lab.ears.map((ear) => heardSince(ear, steadySinceMs, deadlineMs)));
  await forMs(STEADY_MS);
  const before = lab.ears.map(lastSongs);
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  const atMs = await lab.lose(from, how);
  const to = await until(
    'another host',
    async () => {
      const name = await lab.hosting();
      return name === from ? null : name;
    },
    { deadlineMs, everyMs: 100 },
  );
  const takenOverMs = performance.now();
  const steady = await Promise.all(lab.ears.map((ear) => heardSince(ear, takenOverMs, deadlineMs)));
  await forMs(STEADY_MS);
  await lab.restore(from, how);
  delay.disable();
  return {
    how,
    from,
    to,
    heard: lab.ears.map((ear, n) => report(ear, atMs, before[n] ?? [], steady[n]!)),
    ownDelayMs: delay.max / 1e6,
  };
}
