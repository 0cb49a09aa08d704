/** An output as Chromium has it: what is rendered comes in gulps, and what is heard is what the sound server makes of it. */
import { describe, expect, test } from 'vitest';
import { createOutputClock, type OutputClock } from '../../../app/playback/output-clock.ts';

const DELAY_MS = 44;

interface Output {
  /** Its clock is so much too fast. */
  ppm?: number;
  /** What it gulps at once, in ms. */
  gulpMs?: number;
  /** From `atMs` on everything is heard so much later. */
  gap?: { atMs: number; ms: number };
  delayMs?: (atMs: number) => number;
  /** By how much the system errs about what is heard. */
  errs?: (atMs: number) => number;
  everyMs?: number;
  /** What is told scatters by ±6 ms, and one reading in forty is 18 ms off: as by default. */
  jitters?: boolean;
}

/** Reads the output from `fromMs` to `toMs`, and calls back after each reading with the truth. */
function listen(
  clock: OutputClock,
  fromMs: number,
  toMs: number,
  output: Output,
  look: (atMs: number, errorMs: number | null, said: 'step' | 'steady') => void = () => undefined,
): void {
  const {
    ppm = 0,
    gulpMs = 20,
    gap,
    delayMs = () => DELAY_MS,
    errs = () => 0,
    everyMs = 100,
    jitters = true,
  } = output;
  for (let n = Math.ceil(fromMs / everyMs); n * everyMs < toMs; n++) {
    const atMs = n * everyMs;
    const late = gap !== undefined && atMs >= gap.atMs ? gap.ms : 0;
    const base = 1_000 - (atMs * ppm) / 1e6 + late;
    // Evenly spread, and never the same twice in a row.
    const phase = (n * 0.618_034) % 1;
    const renderedOffsetMs = base + gulpMs * (phase - 0.5);
    const jitterMs = jitters ? ((n * 8.3) % 12) - 6 + (n % 40 === 7 ? 18 : 0) : 0;
    const heardOffsetMs = base + delayMs(atMs) + jitterMs + errs(atMs);
    const said = clock.add({ localMs: atMs, renderedOffsetMs, heardOffsetMs });
    const offsetMs = clock.offsetMs(atMs);
    look(atMs, offsetMs === null ? null : offsetMs - base - delayMs(atMs), said);
  }
}

/** The largest error from `sinceMs` on, and when a step was said. */
function hear(output: Output, toMs: number, sinceMs: number): { worstMs: number; stepsMs: number[] } {
  let worstMs = 0;
  const stepsMs: number[] = [];
  listen(createOutputClock(), 0, toMs, output, (atMs, errorMs, said) => {
    if (said === 'step') stepsMs.push(atMs);
    if (atMs >= sinceMs) worstMs = Math.max(worstMs, Math.abs(errorMs ?? Infinity));
  });
  return { worstMs, stepsMs };
}

describe('the clock of an output', () => {
  test('is unknown before the fifth reading', () => {
    const clock = createOutputClock();
    for (let n = 1; n <= 5; n++) {
      expect(clock.offsetMs(n * 100)).toBeNull();
      clock.add({ localMs: n * 100, renderedOffsetMs: 1_000, heardOffsetMs: 1_040 });
    }
    expect(clock.offsetMs(500)).toBe(1_040);
  });

  test('is known to 6 ms half a second after it began, and to 2 ms later, however what is read scatters', () => {
    expect(hear({}, 60_000, 500)).toMatchObject({ stepsMs: [expect.any(Number)] });
    expect(hear({}, 60_000, 500).worstMs).toBeLessThan(6);
    expect(hear({}, 60_000, 15_000).worstMs).toBeLessThan(2);
  });

  test.each([
    [100, 2],
    [-100, 2],
    [430, 3],
    [-430, 3],
  ])('of a card that is %i ppm off is followed to %i ms', (ppm, mostMs) => {
    expect(hear({ ppm }, 120_000, 15_000).worstMs).toBeLessThan(mostMs);
    expect(hear({ ppm, gulpMs: 10 }, 120_000, 60_000).worstMs).toBeLessThan(1);
  });

  test('with gulps of 40 ms and timers of a second is no worse than 5 ms', () => {
    expect(hear({ gulpMs: 40 }, 60_000, 20_000)).toMatchObject({ stepsMs: [expect.any(Number)] });
    expect(hear({ gulpMs: 40 }, 60_000, 20_000).worstMs).toBeLessThan(5);
    expect(hear({ gulpMs: 40, everyMs: 1_000 }, 240_000, 60_000).worstMs).toBeLessThan(5);
  });
});

describe('a system that tells to the ms', () => {
  const exact: Output = { jitters: false, gulpMs: 40 };

  test('is believed at once, however large its gulps', () => {
    const { worstMs, stepsMs } = hear({ ...exact, ppm: 100 }, 60_000, 500);
    expect(worstMs).toBeLessThan(1);
    expect(stepsMs).toEqual([]);
  });

  test('is believed when it tells of another delay, half a second later', () => {
    const delayMs = (atMs: number): number => DELAY_MS + (atMs < 20_000 ? 0 : 150);
    const { worstMs, stepsMs } = hear({ ...exact, delayMs }, 60_000, 20_500);
    expect(worstMs).toBeLessThan(1);
    expect(stepsMs).toEqual([20_200]);
  });

  test('is believed although one reading in forty is 18 ms off, early or late', () => {
    for (const offMs of [18, -18]) {
      const errs = (atMs: number): number => (Math.round(atMs / 100) % 40 === 7 ? offMs : 0);
      expect(hear({ ...exact, gulpMs: 20, errs }, 120_000, 1_000)).toMatchObject({ stepsMs: [] });
      expect(hear({ ...exact, gulpMs: 20, errs }, 120_000, 1_000).worstMs).toBeLessThan(1);
    }
  });
});

describe('what the delay is learnt from', () => {
  test('is replaced once the output is calm', () => {
    const errs = (atMs: number): number => (atMs < 10_000 ? 30 : 0);
    expect(hear({ errs }, 60_000, 15_000).worstMs).toBeLessThan(6);
  });

  test('is at last what is told, where the output never is calm', () => {
    const clock = createOutputClock();
    let worstMs = 0;
    for (let round = 0; round < 18; round++) {
      const gap = { atMs: 0, ms: 15 * round };
      const errs = (atMs: number): number => (atMs < 1_000 ? 30 : 0);
      listen(clock, round * 10_000, (round + 1) * 10_000, { gap, errs, gulpMs: 10 }, (atMs, errorMs) => {
        if (atMs > 60_000 && atMs % 10_000 > 1_000)
          worstMs = Math.max(worstMs, Math.abs(errorMs ?? Infinity));
      });
    }
    expect(worstMs).toBeLessThan(6);
  });
});

describe('an output that stumbled', () => {
  test.each([20, 55, 300])('by %i ms is known again after half a second', (ms) => {
    const { worstMs, stepsMs } = hear({ gap: { atMs: 20_000, ms }, gulpMs: 12 }, 40_000, 20_500);
    expect(stepsMs.some((atMs) => atMs >= 20_000 && atMs < 20_500)).toBe(true);
    expect(worstMs).toBeLessThan(6);
  });

  test('by 10 ms is known two seconds later', () => {
    expect(hear({ gap: { atMs: 20_000, ms: 10 }, gulpMs: 12 }, 40_000, 22_000).worstMs).toBeLessThan(4);
  });

  /** As PulseAudio was seen to do after a page's first second, in which it stalled. */
  test.each([
    ['climbs by 80 ms and falls again', (s: number) => (s < 4 ? 20 * s : Math.max(0, 80 - 8 * (s - 4)))],
    ['falls by 25 ms and climbs again', (s: number) => (s < 3 ? -8 * s : Math.min(0, -25 + 3 * (s - 3)))],
    ['swings', (s: number) => 40 * Math.exp(-s / 4) * Math.sin(s)],
  ])('and whose delay then %s as the system tells is heard steadily', (_, wander) => {
    const errs = (atMs: number): number => (atMs < 1_000 ? 0 : wander((atMs - 1_000) / 1_000));
    const { worstMs, stepsMs } = hear({ gap: { atMs: 1_000, ms: 170 }, errs }, 60_000, 1_600);
    expect(worstMs).toBeLessThan(10);
    expect(stepsMs.every((atMs) => atMs < 3_000)).toBe(true);
  });
});

describe('another output, of which nothing told', () => {
  test.each([150, -40])('with %i ms more delay is taken for what it is within five seconds', (ms) => {
    const delayMs = (atMs: number): number => DELAY_MS + (atMs < 30_000 ? 0 : ms);
    const { worstMs, stepsMs } = hear({ delayMs }, 60_000, 35_000);
    expect(stepsMs.filter((atMs) => atMs > 30_000 && atMs < 35_000)).toHaveLength(1);
    expect(worstMs).toBeLessThan(4);
  });
});

test('after a pause in reading the delay is known, whatever the system says then', () => {
  const clock = createOutputClock();
  listen(clock, 0, 20_000, {});
  clock.pause();
  expect(clock.offsetMs(20_000)).toBeNull();
  listen(clock, 60_000, 63_000, { errs: () => 60, gap: { atMs: 0, ms: 500 } }, (atMs, errorMs) => {
    if (atMs >= 60_500) expect(Math.abs(errorMs ?? Infinity)).toBeLessThan(6);
  });
});

test('begun anew it goes by what it reads from then on', () => {
  const clock = createOutputClock();
  listen(clock, 0, 20_000, {});
  clock.reset();
  listen(clock, 60_000, 61_000, { delayMs: () => 250 }, (atMs, errorMs) => {
    if (atMs >= 60_500) expect(Math.abs(errorMs ?? Infinity)).toBeLessThan(8);
  });
});
