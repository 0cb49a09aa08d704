/** Listens to the recorded outputs and says, once a second, how far apart they are. */
import { apart } from './correlate.ts';
import { CHANNELS, RATE_HZ } from './pulse.ts';

/** The noise ends at 3 kHz: a quarter of the samples holds it, and is compared in a quarter of the time. */
const DECIMATION = 4;
const HEARD_RATE_HZ = RATE_HZ / DECIMATION;
/** Farther apart than this is not found. */
export const REACH_MS = 500;
const SECOND = HEARD_RATE_HZ;
const REACH = (HEARD_RATE_HZ * REACH_MS) / 1_000;

/** Noise is never this long without a sound: then the output was not fed in time. */
const GAP_FRAMES = RATE_HZ / 1_000;

export interface Heard {
  /** The app: left channel of both outputs. Null: not heard from both, or not the same sound. */
  appMs: number | null;
  /** The naive method: right channel. */
  naiveMs: number | null;
  /** A gap in what the naive method plays, which is one buffer over and over: the machine did not feed the output. */
  torn: boolean;
}

export interface Ear {
  take(interleaved: Float32Array): void;
}

export function createEar(onSecond: (heard: Heard) => void): Ear {
  /** The second that is compared, and what is within reach of it before and behind. */
  const channels = Array.from({ length: CHANNELS }, () => new Float32Array(REACH + SECOND + REACH));
  const sums = new Float32Array(CHANNELS);
  const silences = new Int32Array(CHANNELS);
  let torn = false;
  let tornBefore = false;
  let summed = 0;
  let held = 0;

  function between(a: number, b: number): number | null {
    const found = apart(channels[a]!, channels[b]!, { from: REACH, length: SECOND, reach: REACH });
    return found && (found.lagSamples * 1_000) / HEARD_RATE_HZ;
  }

  return {
    take(interleaved) {
      for (let at = 0; at < interleaved.length; at += CHANNELS) {
        for (let c = 0; c < CHANNELS; c++) {
          const value = interleaved[at + c]!;
          sums[c]! += value;
          silences[c] = value === 0 ? silences[c]! + 1 : 0;
        }
        torn ||= Math.max(silences[1]!, silences[3]!) >= GAP_FRAMES;
        if (++summed < DECIMATION) continue;
        for (let c = 0; c < CHANNELS; c++) channels[c]![held] = sums[c]! / DECIMATION;
        sums.fill(0);
        summed = 0;
        if (++held < REACH + SECOND + REACH) continue;
        onSecond({ appMs: between(0, 2), naiveMs: between(1, 3), torn: torn || tornBefore });
        tornBefore = torn;
        torn = false;
        held -= SECOND;
        for (const channel of channels) channel.copyWithin(0, SECOND);
      }
    },
  };
}
