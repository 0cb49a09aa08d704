import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FRAME_MS } from '../../../signaling/stream/frames.ts';
import { createPace, GAP_MS, MAX_LEAD_MS } from '../../../signaling/stream/pace.ts';

/** Plays a timeline of frame arrivals; the clock of the node asks for silence every 24 ms. */
function play(
  arrivalsMs: readonly number[],
  untilMs: number,
): { taken: number; silence: number; sentAtMs: number[] } {
  const pace = createPace(0, FRAME_MS);
  const arrivals = [...arrivalsMs].sort((a, b) => a - b);
  const sentAtMs: number[] = [];
  let taken = 0;
  let silence = 0;
  let next = 0;
  for (let now = 0; now <= untilMs; now++) {
    for (; (arrivals[next] ?? Infinity) <= now; next++) {
      if (!pace.takeHostFrame(now)) continue;
      taken++;
      sentAtMs.push(now);
    }
    if (now % FRAME_MS !== 0) continue;
    const due = pace.takeSilence(now);
    silence += due;
    for (let i = 0; i < due; i++) sentAtMs.push(now);
  }
  return { taken, silence, sentAtMs };
}

const steady = (fromMs: number, untilMs: number, everyMs = FRAME_MS): number[] =>
  Array.from({ length: Math.floor((untilMs - fromMs) / everyMs) }, (_, at) => fromMs + at * everyMs);

describe('pacing', () => {
  it('sends silence at real time while no host is there', () => {
    const { silence } = play([], 24_000);
    expect(silence).toBeGreaterThanOrEqual(1000);
    expect(silence).toBeLessThanOrEqual(1002);
  });

  it('passes a steady host untouched, also one whose clock is 0.5 % fast or slow', () => {
    for (const everyMs of [FRAME_MS * 0.995, FRAME_MS, FRAME_MS * 1.005]) {
      const arrivals = steady(0, 48_000, everyMs);
      expect(play(arrivals, 48_000)).toMatchObject({ taken: arrivals.length, silence: 0 });
    }
  });

  it('makes up for a host that delivers less than real time, and drops nothing of it', () => {
    for (const share of [0.5, 0.9, 0.98, 0.995]) {
      const arrivals = steady(0, 300_000, FRAME_MS / share);
      const { taken, sentAtMs } = play(arrivals, 300_000);
      expect(taken, `${share}`).toBe(arrivals.length);
      const leadsMs = [...sentAtMs, 300_000].map((ms, at) => at * FRAME_MS - ms);
      // What a frame may be late, and a look at it.
      expect(Math.min(...leadsMs), `${share}`).toBeGreaterThanOrEqual(-GAP_MS - 2 * FRAME_MS);
      expect(Math.max(...leadsMs), `${share}`).toBeLessThan(2 * FRAME_MS);
    }
  });

  it('passes a host untouched whose frames are late by anything below the gap', () => {
    const late = fc.integer({ min: 0, max: GAP_MS - FRAME_MS - 1 });
    fc.assert(
      fc.property(fc.array(late, { minLength: 400, maxLength: 400 }), (lateMs) => {
        let last = 0;
        const arrivals = lateMs.map((ms, at) => (last = Math.max(last, at * FRAME_MS + (at === 0 ? 0 : ms))));
        expect(play(arrivals, 400 * FRAME_MS)).toMatchObject({ silence: 0 });
        expect(play(arrivals, last).taken).toBe(400);
      }),
    );
  });

  it('drops no more of a host that was late than the silence that took its place', () => {
    // A cushion of 192 ms, gathered by a burst; then half of the frames come late, and all of them at once.
    const cushion = Array.from({ length: 8 }, () => 5_000);
    const held = steady(10_000, 12_000).map((ms, at) => (at % 2 === 0 ? ms : 12_000));
    const arrivals = [...steady(0, 10_000), ...cushion, ...held, ...steady(12_000, 20_000)];
    const { taken, silence } = play(arrivals, 20_000);
    expect(silence).toBeGreaterThan(10);
    expect(arrivals.length - taken).toBeLessThanOrEqual(silence);
    expect(arrivals.length - taken).toBeGreaterThan(silence - 3);
  });

  it('gathers no latency from a host that hesitates again and again', () => {
    const arrivals = steady(0, 300_000).map((ms, at) => {
      const intoMs = ms % 10_000;
      return intoMs < 1_000 && at % 2 === 0 ? ms - intoMs + 1_000 : ms;
    });
    const { sentAtMs } = play(arrivals, 300_000);
    expect(sentAtMs.length * FRAME_MS - 300_000).toBeLessThan(31 * FRAME_MS);
  });

  it('gathers no latency from one host after another', () => {
    const livesMs = 10_000;
    const arrivals = Array.from({ length: 30 }, (_, at) => {
      const fromMs = at * livesMs;
      // Its packets bring two frames, and now and then what a busy device has held back.
      return steady(fromMs + 700, fromMs + livesMs, 2 * FRAME_MS)
        .map((ms, packet) => ms + (packet % 20 < 10 ? 40 : 0))
        .flatMap((ms) => [ms, ms]);
    }).flat();
    const { sentAtMs } = play(arrivals, 300_000);
    const leadsMs = sentAtMs.map((ms, at) => (at + 1) * FRAME_MS - ms);
    expect(Math.max(...leadsMs)).toBeLessThan(150);
  });

  it('passes frames that come in groups and late by less than the gap', () => {
    const grouped = steady(0, 30_000).map(
      (ms) => Math.ceil(ms / 96) * 96 + (Math.floor(ms / 5000) % 2) * 120,
    );
    expect(play(grouped, 30_240)).toMatchObject({ taken: grouped.length, silence: 0 });
  });

  it('fills a gap with silence and drops what comes late in its place', () => {
    const before = steady(0, 5_000);
    const stalled = steady(5_000, 7_000).map(() => 7_000);
    const after = steady(7_000, 12_000);
    const { taken, silence, sentAtMs } = play([...before, ...stalled, ...after], 12_000);
    expect(silence * FRAME_MS).toBeGreaterThanOrEqual(1_900);
    const lost = before.length + stalled.length + after.length - taken;
    expect(lost).toBeGreaterThan(70);
    expect(Math.abs(sentAtMs.length * FRAME_MS - 12_000)).toBeLessThanOrEqual(3 * FRAME_MS);
  });

  it('gathers no latency from a host that stalls again and again', () => {
    const arrivals = steady(0, 300_000).map((ms) => (ms % 10_000 < 600 ? ms - (ms % 10_000) + 600 : ms));
    const { sentAtMs } = play(arrivals, 300_000);
    // Thirty stalls, of each of which up to a frame may be forgiven.
    expect(sentAtMs.length * FRAME_MS - 300_000).toBeLessThan(31 * FRAME_MS);
  });

  it('begins without a hole where pieces of samples come in threes', () => {
    const pieceMs = 8;
    for (let startMs = 0; startMs < 3 * pieceMs; startMs++) {
      const pace = createPace(0, pieceMs);
      for (let now = 0; now < 600; now += 24) pace.takeSilence(now);
      for (let at = 0; at < 120; at++) {
        const nowMs = 590 + startMs + Math.floor(at / 3) * 3 * pieceMs;
        expect(pace.takeHostFrame(nowMs), `piece ${at} from ${startMs}`).toBe(true);
      }
    }
  });

  it('makes up for a slept machine with a bounded burst', () => {
    const pace = createPace(0, FRAME_MS);
    pace.takeSilence(0);
    expect(pace.takeSilence(3_600_000)).toBeLessThanOrEqual(13);
  });

  it.each([500, 1_800])(
    'loses nothing of a steady host when the node itself stands still for %i ms',
    (pauseMs) => {
      const pace = createPace(0, FRAME_MS);
      let sent = 0;
      let arrived = 0;
      const isAway = (now: number): boolean => now > 5_000 && now < 5_000 + pauseMs;
      for (let now = 0; now <= 20_000; now++) {
        if (isAway(now)) continue;
        for (; arrived * FRAME_MS <= now; arrived++) if (pace.takeHostFrame(now)) sent++;
        expect(pace.takeSilence(now)).toBe(0);
      }
      expect(sent).toBe(arrived);
    },
  );

  it('makes up with silence for all that it stood still while no host was there', () => {
    const pace = createPace(0, FRAME_MS);
    let sent = pace.takeSilence(1_000);
    sent += pace.takeSilence(2_900);
    expect(Math.abs(sent * FRAME_MS - 2_900)).toBeLessThan(2 * FRAME_MS);
  });

  it('puts no silence before what a host sent while the node stood still and is read piece by piece', () => {
    const pauseMs = 1_500;
    const pace = createPace(0, FRAME_MS);
    let sent = 0;
    let silence = 0;
    for (let now = 0; now <= 5_000; now += FRAME_MS) {
      if (pace.takeHostFrame(now)) sent++;
      silence += pace.takeSilence(now);
    }
    const wokeMs = 5_000 + pauseMs;
    pace.stoodStill(pauseMs, wokeMs);
    // Each 5 ms another piece, until all is here.
    let now = wokeMs;
    while (sent * FRAME_MS < now) {
      if (pace.takeHostFrame(now)) sent++;
      silence += pace.takeSilence(now);
      now += 5;
    }
    expect(now - wokeMs).toBeLessThan(500);
    expect(silence).toBe(0);
  });

  it('fills in what a node that stood still has not got by half a second later', () => {
    const pace = createPace(1_000, FRAME_MS);
    pace.takeHostFrame(1_000);
    pace.takeSilence(1_000);
    pace.stoodStill(1_000, 2_000);
    pace.takeHostFrame(2_490);
    expect(pace.takeSilence(2_490)).toBeLessThan(12);
    pace.takeHostFrame(2_500);
    expect(pace.takeSilence(2_500)).toBeGreaterThan(35);
  });

  it('has missed nothing while nobody listened', () => {
    const pace = createPace(0, FRAME_MS);
    for (let now = 1_500; now < 10_000; now += FRAME_MS) pace.takeHostFrame(now);
    pace.begin(10_000);
    expect(pace.takeSilence(10_000)).toBe(0);
  });

  it('does not wait when the host has gone', () => {
    const pace = createPace(0, FRAME_MS);
    pace.takeHostFrame(0);
    expect(pace.takeSilence(100)).toBe(0);
    pace.hostGone();
    expect(pace.takeSilence(100)).toBe(4);
  });

  it('never runs ahead of real time, nor falls silent, whatever a host sends', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5_000 }), { maxLength: 600 }), (arrivals) => {
        const { sentAtMs } = play(arrivals, 5_000);
        let last = 0;
        for (const [at, ms] of [...sentAtMs, 5_000].entries()) {
          expect(at * FRAME_MS).toBeLessThanOrEqual(ms * 1.02 + MAX_LEAD_MS + 2 * FRAME_MS);
          expect(ms - last).toBeLessThanOrEqual(GAP_MS + 2 * FRAME_MS);
          last = ms;
        }
      }),
      { numRuns: 200 },
    );
  });
});
