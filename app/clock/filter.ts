/**
 * From probes to room time. Pure: time is an argument. Offsets are room − local, in ms; local time is the monotonic
 * clock of clock.ts. First the round trips of a burst are compared (NTP's clock filter, RFC 5905 §10: the shortest round
 * trip has waited least in queues), then a Kalman filter of two states, offset and drift, smooths over the bursts.
 * Rules K1… in tests/SPEC.md.
 */

/** One probe: sent `t0` and answered `t3` by the local clock, received `t1` and answered `t2` by room time; ms. */
export interface ProbeSample {
  t0: number;
  t1: number;
  t2: number;
  t3: number;
}

export interface Measurement {
  offsetMs: number;
  roundTripMs: number;
  /** Local time that the offset belongs to. */
  atMs: number;
}

export interface ClockState {
  /** At local time `atMs`. */
  offsetMs: number;
  /** Change of the offset a local millisecond; 1e-6 is one ppm. */
  drift: number;
  atMs: number;
  /** Standard deviation of `offsetMs` as the filter sees it. A constant asymmetry of the path is invisible to it. */
  errorMs: number;
  /** Of the last measurement. */
  roundTripMs: number;
  /** Covariance of (offset, drift): [offset, both, drift]. */
  variance: readonly [number, number, number];
  /** Measurements in a row that were too far off to be noise. */
  strays: number;
}

/** Quartz is good to ±100 ppm: two such clocks, two standard deviations. */
const DRIFT_DEVIATION = 1e-4;
/** How much the drift itself may change (temperature): about 3 ppm in a minute and a half. */
const DRIFT_NOISE = 1e-16;
const OFFSET_NOISE = 1e-8;
/** An error this many standard deviations from the expected one is a stray; the second in a row is a step. */
const STRAY_DEVIATIONS = 6;
const STRAY_FLOOR_MS = 5;

/** Offset and round trip of one probe (RFC 5905 §8); null when the times make no sense. */
export function measure({ t0, t1, t2, t3 }: ProbeSample): Measurement | null {
  const roundTripMs = t3 - t0 - (t2 - t1);
  const offsetMs = (t1 - t0 + (t2 - t3)) / 2;
  if (!Number.isFinite(offsetMs) || !(roundTripMs >= 0) || t2 < t1) return null;
  return { offsetMs, roundTripMs, atMs: (t0 + t3) / 2 };
}

/** The probe with the shortest round trip of a burst; null when none is usable. */
export function bestOf(burst: readonly ProbeSample[]): Measurement | null {
  let best: Measurement | null = null;
  for (const sample of burst) {
    const measured = measure(sample);
    if (measured !== null && (best === null || measured.roundTripMs < best.roundTripMs)) best = measured;
  }
  return best;
}

/** The probe that tells the latest time of a burst; null when none is usable. */
export function latestOf(burst: readonly ProbeSample[]): Measurement | null {
  let latest: Measurement | null = null;
  for (const sample of burst) {
    const measured = measure(sample);
    if (measured !== null && (latest === null || measured.offsetMs > latest.offsetMs)) latest = measured;
  }
  return latest;
}

/** Takes a burst's best probe in. `null` starts; a step (sleep, another leader's time) starts anew after two bursts. */
export function update(state: ClockState | null, measured: Measurement): ClockState {
  const deviationMs = deviationOf(measured);
  const elapsedMs = state === null ? 0 : measured.atMs - state.atMs;
  if (state === null || elapsedMs < 0) return started(measured);

  const [p00, p01, p11] = state.variance;
  const expectedMs = state.offsetMs + state.drift * elapsedMs;
  const q00 = p00 + elapsedMs * (2 * p01 + elapsedMs * p11) + OFFSET_NOISE * elapsedMs;
  const q01 = p01 + elapsedMs * p11;
  const q11 = p11 + DRIFT_NOISE * elapsedMs;

  const errorMs = measured.offsetMs - expectedMs;
  const total = q00 + deviationMs ** 2;
  if (Math.abs(errorMs) > Math.max(STRAY_FLOOR_MS, STRAY_DEVIATIONS * Math.sqrt(total))) {
    return state.strays > 0 ? started(measured) : { ...state, strays: 1 };
  }
  const gainOffset = q00 / total;
  const gainDrift = q01 / total;
  const offsetVariance = (1 - gainOffset) * q00;
  return {
    offsetMs: expectedMs + gainOffset * errorMs,
    drift: state.drift + gainDrift * errorMs,
    atMs: measured.atMs,
    errorMs: Math.sqrt(offsetVariance),
    roundTripMs: measured.roundTripMs,
    variance: [offsetVariance, (1 - gainOffset) * q01, q11 - gainDrift * q01],
    strays: 0,
  };
}

/** After local time may have stood still: one measurement decides, and what was learnt is kept if it did not. */
export function doubted(state: ClockState): ClockState {
  return { ...state, strays: 1 };
}

/** Offset at local time `localMs`, drift included. */
export function offsetAt(state: ClockState, localMs: number): number {
  return state.offsetMs + state.drift * (localMs - state.atMs);
}

/** The two ways of a round trip differ by at most all of it, which errs the offset by half; typically by half of that. */
function deviationOf({ roundTripMs }: Measurement): number {
  return 0.05 + roundTripMs / 4;
}

function started(measured: Measurement): ClockState {
  const deviationMs = deviationOf(measured);
  return {
    offsetMs: measured.offsetMs,
    drift: 0,
    atMs: measured.atMs,
    errorMs: deviationMs,
    roundTripMs: measured.roundTripMs,
    variance: [deviationMs ** 2, 0, DRIFT_DEVIATION ** 2],
    strays: 0,
  };
}
