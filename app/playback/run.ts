/**
 * One unbroken run through the timeline: decodes from some position of an item on, into the items that follow, and keeps
 * what is laid out in step with the room. It ends when the music does, when it is stopped, or when it is too far from
 * the room to be bent back (`lost`): then the player begins another.
 */
import type { DecodedTrack } from './decoded-track.ts';
import { createBender, LOOKAHEAD_SECONDS } from './bend.ts';
import { amplitudeOf, shaped } from './fade.ts';
import { SAME_START_MS, type Placed } from './placed.ts';
import { positionAt, type Offsets } from './schedule.ts';
import { createStrand, type Strand } from './strand.ts';
import type { OpenedTrack, OpenTracks } from './tracks.ts';

export interface Run {
  /** What this run has decoded or begun to, in order. */
  readonly placed: readonly Placed[];
  /** Starts, extends and bends what is laid out. */
  advance(offsets: Offsets): void;
  /** Room ms by which what is heard now is ahead of the room; null while nothing is heard. */
  errorMs(offsets: Offsets, localMs: number): number | null;
  /** The same, of what is heard first when nothing is heard yet; null while nothing is laid out. */
  laidOutErrorMs(offsets: Offsets, localMs: number): number | null;
  /** Ms of sound that are laid out ahead, and decoded behind them. */
  bufferedMs(): number;
  readonly sounding: boolean;
  /** Whether sound is laid out at this context time. */
  coversAt(contextSeconds: number): boolean;
  /** Too far off to be bent back: only another run helps. */
  readonly lost: boolean;
  /** Reading or decoding the track failed on the way; what was decoded until then still sounds. */
  readonly failed: boolean;
  readonly problem: Exclude<OpenedTrack['kind'], 'open'> | null;
  /** Context time at which this run begins to sound, once that is known. */
  readonly startsAtSeconds: number | null;
  /** The timeline changed: what follows may be known now. */
  look(): void;
  /** How `placed[index]` is to end, from what is not decoded yet on. False: it is too late for that. */
  setFadeOut(index: number, fadeOutMs: number): boolean;
  stop(atSeconds: number): void;
}

/** Decoded beyond what is laid out. */
const QUEUE_SECONDS = 1.5;
const START_STOCK_SECONDS = 0.2;
/** Further behind than this, decoding what has gone by takes longer than decoding from the right place. */
const HOPELESS_SECONDS = 3;
const SILENCE_FRAMES = 9_600;

type OpenTrack = Extract<OpenedTrack, { kind: 'open' }>;

interface Mark extends Placed {
  strand: Strand;
  /** Input frame of the strand that holds `positionFrames` of the item. */
  inputFrame: number;
  positionFrames: number;
}

export function createRun(options: {
  context: AudioContext;
  destination: AudioNode;
  tracks: OpenTracks;
  first: Placed;
  fromMs: number;
  /** What follows an item; `undefined`: not known yet, ask again after `look`. */
  nextOf: (current: Placed) => Placed | null | undefined;
  gainDb: (trackId: string) => number;
  /** Something arrived: `advance` would get further now. */
  onProgress: () => void;
  /** From deciding to sounding: what begins later than it was to begin is heard as a click. */
  startMarginSeconds: () => number;
  /** What does not decode is left silent to the item's end, instead of `failed`: this was tried before. */
  patient: boolean;
}): Run {
  const { context, destination, tracks, first, nextOf, onProgress, startMarginSeconds, patient } = options;
  const abort = new AbortController();
  const strands: Strand[] = [];
  const marks: Mark[] = [];
  const placed: Placed[] = [{ ...first }];
  const waiting = new Set<() => void>();
  let active = 0;
  let lost = false;
  let problem: Run['problem'] = null;
  let fed = false;
  let failed = false;
  let startsAtSeconds: number | null = null;
  /** Up to where the last of `placed` is decoded. */
  let fedMs = 0;

  const wake = (): void => {
    for (const resolve of [...waiting]) resolve();
    waiting.clear();
  };
  const woken = (): Promise<void> => new Promise((resolve) => waiting.add(resolve));

  async function feed(): Promise<void> {
    let current: Placed | null = placed[0] ?? null;
    let fromMs = options.fromMs;
    while (current && !abort.signal.aborted) {
      // A track that cannot be opened ends the run; the player begins a new one where the timeline goes on.
      const opened: OpenedTrack = await tracks.get(current.item).catch(() => ({ kind: 'missing' }));
      if (abort.signal.aborted) return;
      if (opened.kind !== 'open') {
        if (current === placed[0]) problem = opened.kind;
        else placed.pop();
        break;
      }
      await feedItem(current, opened, fromMs);
      fromMs = 0;
      let next = nextOf(current);
      while (next === undefined && !abort.signal.aborted) {
        await woken();
        next = nextOf(current);
      }
      current = next ? { ...next } : null;
      fedMs = 0;
      if (current) placed.push(current);
    }
    strands.at(-1)?.end();
    fed = true;
    onProgress();
  }

  async function feedItem(current: Placed, { track, giveUp }: OpenTrack, fromMs: number): Promise<void> {
    const rateHz = track.sampleRateHz;
    const endFrames = Math.round((current.item.durationMs * rateHz) / 1_000);
    let position = Math.max(0, Math.floor((fromMs * rateHz) / 1_000));
    const gain = amplitudeOf(options.gainDb(current.item.trackId));
    const strand = strandFor(track);
    marks.push({ ...current, strand, inputFrame: strand.pushedFrames, positionFrames: position });

    const room = async (): Promise<void> => {
      onProgress();
      while (strand.queuedFrames > QUEUE_SECONDS * rateHz && !abort.signal.aborted) await woken();
    };
    const silence = async (until: number): Promise<void> => {
      while (position < until && !abort.signal.aborted) {
        const frames = Math.min(SILENCE_FRAMES, until - position);
        strand.pushSilence(frames);
        position += frames;
        await room();
      }
    };
    try {
      for await (const block of track.blocks(position, abort.signal)) {
        await silence(Math.min(block.positionFrames, endFrames));
        const frames = Math.min(block.frames, endFrames - position);
        if (frames <= 0 || abort.signal.aborted) break;
        const { item, fadeInMs, fadeOutMs } = current;
        const at = { fromFrame: position, rateHz, gain, item, fadeInMs, fadeOutMs };
        strand.push(block.channels.map((channel) => shaped(channel.subarray(0, frames), at)));
        position += frames;
        fedMs = (position * 1_000) / rateHz;
        await room();
      }
    } catch (error) {
      if (abort.signal.aborted) return;
      if (!patient) {
        giveUp();
        failed = true;
        throw error;
      }
      // Damaged in the middle: silent to its end, because the room's time goes on and the next item is due.
    }
    await silence(endFrames);
  }

  function strandFor(track: DecodedTrack): Strand {
    const last = strands.at(-1);
    if (last?.inputRateHz === track.sampleRateHz && last.channelCount === track.channelCount) return last;
    last?.end();
    const strand = createStrand({
      context,
      destination,
      inputRateHz: track.sampleRateHz,
      channelCount: track.channelCount,
    });
    strands.push(strand);
    return strand;
  }

  /** Room time to which an input frame belongs. */
  function roomMsOf(strand: Strand, inputFrame: number): number | null {
    const own = marks.filter((mark) => mark.strand === strand);
    const mark = own.findLast((candidate) => candidate.inputFrame <= inputFrame) ?? own[0];
    if (!mark) return null;
    const frames = inputFrame - mark.inputFrame + mark.positionFrames;
    return mark.startedAtMs + (frames * 1_000) / strand.inputRateHz;
  }

  const roomMsAt = (contextFrame: number, offsets: Offsets): number =>
    positionAt(contextFrame / context.sampleRate, 0, offsets);
  const bender = createBender(context, roomMsOf);

  const heardSeconds = (offsets: Offsets, localMs: number): number =>
    (localMs - offsets.outputOffsetMs) / 1_000;

  function errorMsAt(contextSeconds: number, offsets: Offsets): number | null {
    for (const strand of strands) {
      const input = strand.inputAt(contextSeconds);
      const contentMs = input === null ? null : roomMsOf(strand, input);
      if (contentMs !== null) return contentMs - positionAt(contextSeconds, 0, offsets);
    }
    return null;
  }

  function begin(strand: Strand, offsets: Offsets): void {
    const rateHz = context.sampleRate;
    const inputPerMs = strand.inputRateHz / 1_000;
    let frame = Math.ceil((context.currentTime + startMarginSeconds()) * rateHz);
    const headMs = roomMsOf(strand, strand.tailInput);
    if (headMs === null) return;
    // Not due for a while: until then the clocks are known better.
    if (headMs - roomMsAt(frame, offsets) > LOOKAHEAD_SECONDS * 1_000) return;
    let ahead = (roomMsAt(frame, offsets) - headMs) * inputPerMs;
    if (ahead < 0) {
      // What comes first belongs to later: begin then.
      frame += Math.ceil((-ahead / inputPerMs / 1_000) * rateHz);
      ahead = Math.max(0, (roomMsAt(frame, offsets) - headMs) * inputPerMs);
    }
    const place = strand.tailInput + ahead;
    const stock = strand.pushedFrames - place;
    if (stock < -HOPELESS_SECONDS * strand.inputRateHz && !fed) lost = true;
    if (stock < START_STOCK_SECONDS * strand.inputRateHz && !fed) {
      // Room for what is still to come: what has gone by is not needed any more.
      strand.skip(Math.min(place, strand.pushedFrames));
      wake();
      return;
    }
    if (stock <= 0) return;
    strand.start(frame, strand.inputRateHz === rateHz ? Math.round(place) : place, true);
    startsAtSeconds = frame / rateHz;
    bender.reset();
  }

  feed().catch(() => {
    if (abort.signal.aborted) return;
    failed = true;
    onProgress();
  });

  return {
    placed,
    advance(offsets) {
      const strand = strands[active];
      if (!strand || abort.signal.aborted) return;
      if (!strand.started) begin(strand, offsets);
      if (strand.started && !lost) lost = bender.extend(strand, offsets) === 'lost';
      const following = strands[active + 1];
      if (strand.done && following) {
        // A fraction of a frame, where it is resampled anyway.
        const overshoot = (strand.overshoot / strand.inputRateHz) * following.inputRateHz;
        following.start(
          strand.tailFrame,
          following.inputRateHz === context.sampleRate ? 0 : overshoot,
          false,
        );
        active++;
      }
      wake();
    },
    errorMs: (offsets, localMs) => errorMsAt(heardSeconds(offsets, localMs), offsets),
    laidOutErrorMs(offsets, localMs) {
      if (startsAtSeconds === null) return null;
      return errorMsAt(Math.max(startsAtSeconds, heardSeconds(offsets, localMs)), offsets);
    },
    bufferedMs() {
      return strands.reduce((sum, strand) => {
        const laidOut = strand.started ? strand.tailFrame / context.sampleRate - context.currentTime : 0;
        return sum + Math.max(0, laidOut) * 1_000 + (strand.queuedFrames * 1_000) / strand.inputRateHz;
      }, 0);
    },
    coversAt: (contextSeconds) => strands.some((strand) => strand.inputAt(contextSeconds) !== null),
    get sounding() {
      const strand = strands[active];
      if (!strand?.started) return false;
      return strand.tailFrame / context.sampleRate > context.currentTime;
    },
    get lost() {
      return lost;
    },
    get failed() {
      return failed;
    },
    get problem() {
      return problem;
    },
    get startsAtSeconds() {
      return startsAtSeconds;
    },
    look: wake,
    setFadeOut(index, fadeOutMs) {
      const at = placed[index];
      if (!at || Math.abs(at.fadeOutMs - fadeOutMs) < SAME_START_MS) return true;
      const fromMs = at.item.durationMs - Math.max(at.fadeOutMs, fadeOutMs);
      if (index < placed.length - 1 || fedMs > fromMs) return false;
      at.fadeOutMs = fadeOutMs;
      return true;
    },
    stop(atSeconds) {
      abort.abort();
      wake();
      for (const strand of strands) strand.stop(atSeconds);
    },
  };
}
