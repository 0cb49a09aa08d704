/**
 * When what enters the audio graph is heard. Pure: readings come in as arguments.
 *
 * Two things are read. What is *heard* (`getOutputTimestamp`) is what the system makes of its own readings. Most systems tell it
 * to the ms, and are believed. Some scatter by ±6 ms (PulseAudio), and for some ten seconds after a start or a stumble say
 * anything between 30 ms too little and 80 ms too much.
 *
 * There what the graph has *rendered* (`currentTime`) tells more. It advances with the sound card, in gulps of a few ms, and falls
 * behind local time when the card was not fed, by just so much as everything is heard later from then on. Heard is
 * behind rendered by the output's delay, which stays as it is. So the delay is learnt while the output is calm, and what
 * happens to the output is taken from what it renders.
 */

import { medianOf } from './median.ts';

/** One look at the output. */
export interface OutputReading {
  localMs: number;
  /** Local ms minus context ms of what is rendered. */
  renderedOffsetMs: number;
  /** Local ms minus context ms of what is heard, as the system has it. */
  heardOffsetMs: number;
}

export interface OutputClock {
  /** `step`: everything is heard by so much later or earlier that it may be jumped to. */
  add(reading: OutputReading): 'step' | 'steady';
  /** Local ms minus context ms of what is heard at `localMs`; null until there are enough readings to trust. */
  offsetMs(localMs: number): number | null;
  /** Reading stood still: what is rendered has to be read anew. */
  pause(): void;
  /** Another output, or it began anew. */
  reset(): void;
}

const ENOUGH_READINGS = 5;
/** Of what is heard: so many, and so old ones, unless they are few. */
const TOLD_READINGS = 15;
const TOLD_MS = 5_000;
const TOLD_OF_FEW_MS = 20_000;
/** What scatters by no more is believed; what scattered by more is not for so many readings. */
const PRECISE_MS = 2;
const DOUBTED_READINGS = 150;
/** One reading in forty is 18 ms off in a system that tells to the ms (FACTS.md, "Sound"). */
const SCATTERED_READINGS = 3;
/** Nor is what steps again so soon. */
const STEADY_READINGS = 50;
/** Of the five in which a step shows, so many are past it. */
const LEAST_READINGS = 3;
const STEPPED_MS = 12;
/** Closer ones say the same. */
const APART_MS = 50;
const LINE_MS = 60_000;
const LEVEL_MS = 10_000;
/** Sooner the scatter of readings looks like a slope. Until it is known the last few seconds tell the level. */
const SLOPE_FROM_MS = 30_000;
const LEVEL_WITHOUT_SLOPE_MS = 5_000;
/** The clocks of a sound card and of a processor differ by 100 ppm at most; those of PulseAudio's null sink by 430. */
const MAX_SLOPE = 1e-3;
const KEPT_DELAYS = 200;
/** After a start or a stumble. What was learnt until then counts little from there on. */
const CALM_AFTER_MS = 12_000;
const PROVISIONAL_DELAYS = 20;
/** An output that stumbles again and again is never calm. */
const LEARNS_AGAIN_MS = 24_000;
/** An output that was changed without a word: its delay is another for so long, and steady. */
const CHANGED_MS = 35;
const CHANGED_FOR_MS = 3_500;
const CHANGED_READINGS = 40;
const CHANGED_PARTS = 4;
const STEADY_MS = 10;
/**
 * A stumble is told from the scatter of readings by their last few, at once if it is large; `aboveMs` and `scatters` (of
 * the middle 80 % of the readings before) are five standard deviations of what chance would make of evenly spread readings.
 */
const STUMBLES = [
  { last: 5, aboveMs: 12, scatters: 1 },
  { last: 15, aboveMs: 8, scatters: 0.5 },
] as const;
const BEFORE_READINGS = 50;

export function createOutputClock(): OutputClock {
  let told: OutputReading[] = [];
  let line: OutputReading[] = [];
  let recent: OutputReading[] = [];
  let delays: number[] = [];
  let slope: number | null = null;
  let startedAtMs: number | null = null;
  let stumbledAtMs: number | null = null;
  /** Since when stumbles have kept the delay from being learnt. */
  let frozenSinceMs: number | null = null;
  let isCalm = false;
  /** For how many readings more what is told is not believed. */
  let doubtedReadings = 0;
  let sinceStepReadings = Infinity;
  let level: { atMs: number; offsetMs: number } | null = null;

  /** Takes what is heard, as the system tells. True: it is later from now on, and what was told before says nothing. */
  function hear(reading: OutputReading): boolean {
    told = [...told, reading].slice(-TOLD_READINGS).filter(({ localMs }, at, all) => {
      const isOfFew = at >= all.length - ENOUGH_READINGS;
      return localMs > reading.localMs - (isOfFew ? TOLD_OF_FEW_MS : TOLD_MS);
    });
    doubtedReadings = Math.max(0, doubtedReadings - 1);
    sinceStepReadings++;
    const before = told.slice(0, -ENOUGH_READINGS).map(heardOf);
    const after = told.slice(-ENOUGH_READINGS);
    if (before.length < ENOUGH_READINGS) return false;
    if (isScattered(before)) doubtedReadings = DOUBTED_READINGS;
    const laterMs = medianOf(after.map(heardOf));
    if (Math.abs(laterMs - medianOf(before)) <= STEPPED_MS) return false;
    told = after.filter((each) => Math.abs(heardOf(each) - laterMs) <= STEPPED_MS);
    if (sinceStepReadings < STEADY_READINGS) doubtedReadings = DOUBTED_READINGS;
    sinceStepReadings = 0;
    return true;
  }

  /** Takes what is rendered. True: everything is heard later from now on. */
  function render(reading: OutputReading): boolean {
    const before = line.at(-1);
    const isClose = before !== undefined && reading.localMs - before.localMs < APART_MS;
    if (isClose && line.length >= 2 * ENOUGH_READINGS) return false;
    line = [...line.filter(({ localMs }) => localMs > reading.localMs - LINE_MS), reading];
    const stumbled = hasStumbled();
    if (stumbled) {
      stumbledAtMs = reading.localMs;
      frozenSinceMs ??= reading.localMs;
    }
    const changed = learnDelay(reading);
    lookAtLine(reading.localMs);
    return stumbled || changed;
  }

  function hasStumbled(): boolean {
    for (const { last, aboveMs, scatters } of STUMBLES) {
      const before = line.slice(0, -last).slice(-BEFORE_READINGS).map(renderedOf);
      if (before.length < last) continue;
      const after = line.slice(-last);
      const limitMs = Math.max(aboveMs, scatters * scatterOf(before));
      if (Math.abs(medianOf(after.map(renderedOf)) - medianOf(before)) <= limitMs) continue;
      line = after;
      return true;
    }
    return false;
  }

  function isLearning(nowMs: number): boolean {
    startedAtMs ??= nowMs;
    const wasCalm = isCalm;
    isCalm = nowMs - (stumbledAtMs ?? startedAtMs) >= CALM_AFTER_MS;
    if (isCalm) frozenSinceMs = null;
    if (isCalm && !wasCalm) delays = delays.slice(-PROVISIONAL_DELAYS);
    return frozenSinceMs === null || nowMs - frozenSinceMs > LEARNS_AGAIN_MS;
  }

  /** True: it is another delay than it was. */
  function learnDelay(reading: OutputReading): boolean {
    recent = [...recent, reading].slice(-CHANGED_READINGS);
    if (isLearning(reading.localMs) || delays.length < ENOUGH_READINGS)
      delays = [...delays, delayOf(reading)].slice(-KEPT_DELAYS);
    const changed = changedDelays();
    if (changed === null) return false;
    delays = changed;
    return true;
  }

  function changedDelays(): number[] | null {
    const [first] = recent;
    const last = recent.at(-1);
    if (!first || !last || recent.length < CHANGED_READINGS) return null;
    if (last.localMs - first.localMs < CHANGED_FOR_MS) return null;
    const now = recent.map(delayOf);
    if (Math.abs(medianOf(now) - medianOf(delays)) <= CHANGED_MS) return null;
    const size = Math.floor(now.length / CHANGED_PARTS);
    const parts = Array.from({ length: CHANGED_PARTS }, (_, at) =>
      medianOf(now.slice(at * size, (at + 1) * size)),
    );
    return Math.max(...parts) - Math.min(...parts) <= STEADY_MS ? now : null;
  }

  function lookAtLine(nowMs: number): void {
    const [first] = line;
    if (first && nowMs - first.localMs >= SLOPE_FROM_MS) slope = slopeOf(line);
    const fromMs = nowMs - (slope === null ? LEVEL_WITHOUT_SLOPE_MS : LEVEL_MS);
    const latest = line.filter(({ localMs }, at) => localMs > fromMs || at >= line.length - ENOUGH_READINGS);
    level = {
      atMs: nowMs,
      offsetMs: medianOf(
        latest.map(({ localMs, renderedOffsetMs }) => renderedOffsetMs + (slope ?? 0) * (nowMs - localMs)),
      ),
    };
  }

  return {
    add(reading) {
      const wasBelieved = doubtedReadings === 0;
      const isTold = hear(reading);
      const isSeen = render(reading);
      // Where the one is believed from now on instead of the other, they may differ.
      const isStep = doubtedReadings === 0 ? isTold : wasBelieved || isSeen;
      return isStep ? 'step' : 'steady';
    },
    offsetMs(localMs) {
      if (level === null || line.length < ENOUGH_READINGS) return null;
      if (doubtedReadings === 0) return told.length < LEAST_READINGS ? null : medianOf(told.map(heardOf));
      if (delays.length < ENOUGH_READINGS) return null;
      return level.offsetMs + (slope ?? 0) * (localMs - level.atMs) + medianOf(delays);
    },
    pause() {
      told = [];
      line = [];
      recent = [];
      level = null;
    },
    reset() {
      this.pause();
      delays = [];
      slope = null;
      startedAtMs = null;
      stumbledAtMs = null;
      frozenSinceMs = null;
      isCalm = false;
      doubtedReadings = 0;
      sinceStepReadings = Infinity;
    },
  };
}

const heardOf = ({ heardOffsetMs }: OutputReading): number => heardOffsetMs;
const renderedOf = ({ renderedOffsetMs }: OutputReading): number => renderedOffsetMs;
const delayOf = ({ heardOffsetMs, renderedOffsetMs }: OutputReading): number =>
  heardOffsetMs - renderedOffsetMs;

/** More than a few are beside what most agree on. */
function isScattered(values: readonly number[]): boolean {
  const middle = medianOf(values);
  return values.filter((value) => Math.abs(value - middle) > PRECISE_MS).length >= SCATTERED_READINGS;
}

/** How far apart the middle 80 % are. */
function scatterOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  return at(0.9) - at(0.1);
}

/** Least squares; ms a ms. */
function slopeOf(line: readonly OutputReading[]): number {
  const meanMs = line.reduce((sum, { localMs }) => sum + localMs, 0) / line.length;
  const mean = line.reduce((sum, each) => sum + renderedOf(each), 0) / line.length;
  let both = 0;
  let squares = 0;
  for (const each of line) {
    const fromMeanMs = each.localMs - meanMs;
    both += fromMeanMs * (renderedOf(each) - mean);
    squares += fromMeanMs ** 2;
  }
  return squares === 0 ? 0 : Math.max(-MAX_SLOPE, Math.min(MAX_SLOPE, both / squares));
}
