/** Lays out what is decoded, as much faster or slower as brings it to the room's time, some seconds ahead. */
import { correctionFor, JUMP_MS, MAX_RATE_CHANGE, positionAt, type Offsets } from './schedule.ts';
import type { Strand } from './strand.ts';

export const LOOKAHEAD_SECONDS = 5;
const DRY_SECONDS = 0.25;
/** Nearer to its end than this, what is laid out cannot be gone on with. */
const LATE_SECONDS = 0.05;
/** An error that is worth laying out again what is laid out already, and how often at most. */
const TAKE_BACK_MS = 4;
const TAKE_BACK_PAUSE_SECONDS = 2;
const TAKE_BACK_MARGIN_SECONDS = 0.3;
/** So near to the most that it is the most: rates are computed. */
const FULL_SPEED = 0.99 * MAX_RATE_CHANGE;

export interface Bender {
  /** Lays out what is due. `lost`: too far from the room to be bent back. */
  extend(strand: Strand, offsets: Offsets): 'lost' | 'kept';
  /** A strand began anew: what was known of the one before does not count. */
  reset(): void;
}

/** @param roomMsOf the room time to which an input frame belongs; null while that is not known */
export function createBender(
  context: BaseAudioContext,
  roomMsOf: (strand: Strand, inputFrame: number) => number | null,
): Bender {
  const rateHz = context.sampleRate;
  let correcting = false;
  /** Since which context time everything is laid out at the fastest or slowest, and which of them. */
  let fullSpeed: { fromSeconds: number; rate: number } | null = null;
  let takenBackAt = 0;

  const tailSeconds = (strand: Strand): number => strand.tailFrame / rateHz;

  /** By how much an input frame that is heard at a context time is ahead of the room. */
  function errorMs(
    strand: Strand,
    inputFrame: number | null,
    contextSeconds: number,
    offsets: Offsets,
  ): number | null {
    const contentMs = inputFrame === null ? null : roomMsOf(strand, inputFrame);
    return contentMs === null ? null : contentMs - positionAt(contextSeconds, 0, offsets);
  }

  /** What is laid out ahead would be heard uncorrected for seconds. */
  function takeBack(strand: Strand, offsets: Offsets): void {
    const now = context.currentTime;
    const fromSeconds = now + TAKE_BACK_MARGIN_SECONDS;
    const aheadMs = errorMs(strand, strand.inputAt(fromSeconds), fromSeconds, offsets) ?? 0;
    if (Math.abs(aheadMs) <= TAKE_BACK_MS || Math.abs(aheadMs) > JUMP_MS) return;
    const isAtFullSpeed =
      fullSpeed !== null && fullSpeed.fromSeconds <= fromSeconds && fullSpeed.rate > 1 === aheadMs < 0;
    if (isAtFullSpeed || now <= takenBackAt + TAKE_BACK_PAUSE_SECONDS) return;
    takenBackAt = now;
    strand.takeBack(fromSeconds);
    fullSpeed = null;
  }

  return {
    extend(strand, offsets) {
      const now = context.currentTime;
      if (!strand.done && tailSeconds(strand) < now + LATE_SECONDS) {
        // The page hung for longer than was laid out: what would be laid out now is over already.
        strand.runDry();
        return 'kept';
      }
      takeBack(strand, offsets);
      while (tailSeconds(strand) < now + LOOKAHEAD_SECONDS) {
        const tailMs = errorMs(strand, strand.tailInput, tailSeconds(strand), offsets);
        if (tailMs === null) return 'kept';
        const correction = correctionFor(tailMs, correcting);
        correcting = correction.kind === 'nudge';
        if (correction.kind === 'jump') return 'lost';
        const rate = correction.kind === 'nudge' ? correction.rate : 1;
        if (Math.abs(rate - 1) < FULL_SPEED) fullSpeed = null;
        else if (fullSpeed?.rate !== rate) fullSpeed = { fromSeconds: tailSeconds(strand), rate };
        if (!strand.extend(rate)) break;
      }
      if (!strand.done && tailSeconds(strand) < now + DRY_SECONDS) strand.runDry();
      return 'kept';
    },
    reset() {
      correcting = false;
      fullSpeed = null;
    },
  };
}
