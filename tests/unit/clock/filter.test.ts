import { describe, expect, test } from 'vitest';
import {
  bestOf,
  doubted,
  latestOf,
  measure,
  offsetAt,
  update,
  type ClockState,
  type ProbeSample,
} from '../../../app/clock/filter.ts';
import { seeded } from '../../fixtures/seeded.ts';

interface Network {
  /** Room time of a local time. */
  roomMs: (localMs: number) => number;
  /** Delay of one way, in ms. */
  thereMs: () => number;
  backMs: () => number;
}

function probe({ roomMs, thereMs, backMs }: Network, t0: number): ProbeSample {
  const arrivedMs = t0 + thereMs();
  const answeredMs = arrivedMs + 0.2;
  return { t0, t1: roomMs(arrivedMs), t2: roomMs(answeredMs), t3: answeredMs + backMs() };
}

/** Bursts of 8 probes 25 ms apart, each `everyMs`; returns the largest error seen from burst `skip` on. */
function worstErrorMs(network: Network, { bursts = 30, everyMs = 10_000, skip = 10 } = {}): number {
  let state: ClockState | null = null;
  let worstMs = 0;
  for (let burst = 0; burst < bursts; burst++) {
    const beginMs = 5_000_000 + burst * everyMs;
    const samples = Array.from({ length: 8 }, (_, i) => probe(network, beginMs + i * 25));
    const best = bestOf(samples);
    if (best === null) throw new Error('no usable probe');
    state = update(state, best);
    if (burst < skip) continue;
    // Until just before the next burst: there the drift has had longest to show.
    for (const localMs of [beginMs + 200, beginMs + everyMs - 1]) {
      worstMs = Math.max(worstMs, Math.abs(localMs + offsetAt(state, localMs) - network.roomMs(localMs)));
    }
  }
  return worstMs;
}

/** What is left of a burst, or of all of them, on a network that loses probes. */
function lossyErrorMs(network: Network, random: () => number, loss: number): number {
  let state: ClockState | null = null;
  let worstMs = 0;
  for (let burst = 0; burst < 60; burst++) {
    const beginMs = 5_000_000 + burst * 10_000;
    const samples = Array.from({ length: 8 }, (_, i) => probe(network, beginMs + i * 25)).filter(
      () => random() > loss,
    );
    const best = bestOf(samples);
    if (best !== null) state = update(state, best);
    if (burst < 20 || state === null) continue;
    const localMs = beginMs + 9_999;
    worstMs = Math.max(worstMs, Math.abs(localMs + offsetAt(state, localMs) - network.roomMs(localMs)));
  }
  return worstMs;
}

/** Mostly near `baseMs`, now and then long: the tail of a busy Wi-Fi. */
function wifi(random: () => number, baseMs: number): () => number {
  return () => baseMs - Math.log(1 - random()) * 3 + (random() < 0.1 ? 40 * random() : 0);
}

describe('clock filter', () => {
  test('K1 offset and round trip of a probe', () => {
    expect(measure({ t0: 100, t1: 1105, t2: 1107, t3: 112 })).toEqual({
      offsetMs: 1000,
      roundTripMs: 10,
      atMs: 106,
    });
  });

  test('K1 probes whose times make no sense are dropped', () => {
    expect(measure({ t0: 100, t1: 1105, t2: 1104, t3: 112 })).toBeNull();
    expect(measure({ t0: 100, t1: 1100, t2: 1120, t3: 112 })).toBeNull();
    expect(measure({ t0: 100, t1: Number.NaN, t2: 1, t3: 112 })).toBeNull();
    expect(measure({ t0: 100, t1: -Infinity, t2: Infinity, t3: 112 })).toBeNull();
    expect(bestOf([{ t0: 100, t1: 1105, t2: 1104, t3: 112 }])).toBeNull();
    expect(bestOf([])).toBeNull();
  });

  test('K2 the shortest round trip of a burst counts', () => {
    const quick = { t0: 0, t1: 502, t2: 502, t3: 4 };
    const slow = { t0: 0, t1: 530, t2: 530, t3: 34 };
    expect(bestOf([slow, quick, slow])).toEqual(measure(quick));
  });

  test('K3 jitter of some milliseconds leaves less than 1 ms', () => {
    const random = seeded(42);
    const worstMs = worstErrorMs({
      roomMs: (localMs) => localMs + 123_456,
      thereMs: wifi(random, 2),
      backMs: wifi(random, 2),
    });
    console.log(`clock: ${worstMs.toFixed(3)} ms worst error with jitter`);
    expect(worstMs).toBeLessThan(1);
  });

  test('K4 a drift of ±100 ppm is learnt', () => {
    for (const ppm of [-100, 100]) {
      const random = seeded(7);
      const worstMs = worstErrorMs({
        roomMs: (localMs) => localMs * (1 + ppm * 1e-6) - 77_000,
        thereMs: wifi(random, 2),
        backMs: wifi(random, 2),
      });
      console.log(`clock: ${worstMs.toFixed(3)} ms worst error at ${ppm} ppm`);
      expect(worstMs).toBeLessThan(1);
    }
  });

  test('K5 a constant asymmetry shifts by half of it', () => {
    const network: Network = { roomMs: (localMs) => localMs + 50, thereMs: () => 2, backMs: () => 8 };
    const worstMs = worstErrorMs(network);
    expect(worstMs).toBeGreaterThan(2.9);
    expect(worstMs).toBeLessThan(3.1);
  });

  test('K5 asymmetry that comes and goes errs by no more than half of what is left in the quickest probe', () => {
    const random = seeded(11);
    const worstMs = worstErrorMs({
      roomMs: (localMs) => localMs - 4_000,
      thereMs: wifi(random, 2),
      backMs: () => 2 + (random() < 0.5 ? 12 * random() : 0),
    });
    expect(worstMs).toBeLessThan(1.5);
  });

  test('K7 with two probes of three lost, and whole bursts with them, 2 ms are kept at 100 ppm', () => {
    const random = seeded(5);
    const network: Network = {
      roomMs: (localMs) => localMs * (1 + 1e-4) - 9_000,
      thereMs: wifi(random, 2),
      backMs: wifi(random, 2),
    };
    expect(lossyErrorMs(network, random, 0.67)).toBeLessThan(2);
    expect(lossyErrorMs(network, random, 0.9)).toBeLessThan(4);
  });

  test('K8 after an hour without a burst the drift that was learnt keeps 30 ms, and one burst brings 2 ms back', () => {
    const random = seeded(3);
    const network: Network = {
      roomMs: (localMs) => localMs * (1 - 1e-4) + 1_234,
      thereMs: wifi(random, 2),
      backMs: wifi(random, 2),
    };
    const burstAt = (atMs: number) =>
      bestOf(Array.from({ length: 8 }, (_, i) => probe(network, atMs + i * 25)))!;
    let state: ClockState | null = null;
    for (let burst = 0; burst < 30; burst++) state = update(state, burstAt(burst * 10_000));
    const wokenMs = 300_000 + 3_600_000;
    const errorMs = (of: ClockState, localMs: number): number =>
      Math.abs(localMs + offsetAt(of, localMs) - network.roomMs(localMs));
    expect(errorMs(state!, wokenMs)).toBeLessThan(30);
    const back = update(state, burstAt(wokenMs));
    expect(errorMs(back, wokenMs + 250)).toBeLessThan(2);
  });

  test('K8 a clock that stood still in its sleep is right again after two bursts', () => {
    const random = seeded(9);
    let sleptMs = 0;
    const network: Network = {
      roomMs: (localMs) => localMs + sleptMs,
      thereMs: wifi(random, 2),
      backMs: wifi(random, 2),
    };
    const burstAt = (atMs: number) =>
      bestOf(Array.from({ length: 8 }, (_, i) => probe(network, atMs + i * 25)))!;
    let state: ClockState | null = null;
    for (let burst = 0; burst < 20; burst++) state = update(state, burstAt(burst * 10_000));
    sleptMs = 1_800_000;
    state = update(state, burstAt(200_000));
    expect(state.strays).toBe(1);
    state = update(state, burstAt(200_250));
    expect(Math.abs(offsetAt(state, 200_500) - sleptMs)).toBeLessThan(2);
  });

  test('K6 one stray moves nothing, two in a row are a step', () => {
    const at = (offsetMs: number, atMs: number) => ({ offsetMs, roundTripMs: 4, atMs });
    let state = update(null, at(1000, 0));
    state = update(state, at(1000, 10_000));
    const strayed = update(state, at(1400, 20_000));
    expect(offsetAt(strayed, 20_000)).toBeCloseTo(1000, 6);
    expect(offsetAt(update(strayed, at(1000.1, 30_000)), 30_000)).toBeCloseTo(1000, 0);
    const stepped = update(strayed, at(1400, 30_000));
    expect(offsetAt(stepped, 30_000)).toBe(1400);
  });

  test('K11 in doubt one measurement is a step; one that fits leaves what was learnt as it was', () => {
    const at = (offsetMs: number, atMs: number) => ({ offsetMs, roundTripMs: 4, atMs });
    let state = update(null, at(1000, 0));
    for (let atMs = 10_000; atMs <= 100_000; atMs += 10_000) state = update(state, at(1000, atMs));
    expect(offsetAt(update(doubted(state), at(1400, 110_000)), 110_000)).toBe(1400);
    expect(update(doubted(state), at(1000.1, 110_000))).toEqual(update(state, at(1000.1, 110_000)));
  });

  test('K13 of a burst the latest time can be had', () => {
    const probe = (aheadMs: number): ProbeSample => ({ t0: 0, t1: aheadMs + 2, t2: aheadMs + 2, t3: 4 });
    expect(latestOf([probe(70), probe(900), probe(Number.NaN), probe(300)])?.offsetMs).toBe(900);
    expect(latestOf([probe(Number.NaN)])).toBeNull();
  });

  test('K6 a local clock that went back starts anew', () => {
    const state = update(null, { offsetMs: 10, roundTripMs: 2, atMs: 5000 });
    expect(update(state, { offsetMs: 900, roundTripMs: 2, atMs: 100 })).toMatchObject({
      offsetMs: 900,
      drift: 0,
    });
  });
});
