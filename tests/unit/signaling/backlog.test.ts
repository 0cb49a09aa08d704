import { describe, expect, it } from 'vitest';
import { createBacklog, LASTING_MS, MAX_BEHIND_MS, REPORT_MS } from '../../../signaling/stream/backlog.ts';

const FRAME_MS = 24;

/**
 * Feeds frame by frame in real time; each report says what `cameMs` makes of the time.
 * @returns when it was too much, or null
 */
function play(seconds: number, cameMs: (nowMs: number) => number | null): number | null {
  const backlog = createBacklog();
  for (let nowMs = 0; nowMs < seconds * 1000; nowMs += FRAME_MS) {
    if (nowMs % REPORT_MS < FRAME_MS) {
      const came = cameMs(nowMs);
      if (came !== null) backlog.came(came, nowMs);
    }
    backlog.went(FRAME_MS, nowMs);
    if (backlog.isLasting(nowMs)) return nowMs;
  }
  return null;
}

describe('a backlog', () => {
  it('is none where all comes out that went in, a little later', () => {
    for (const lateMs of [0, 48, MAX_BEHIND_MS - FRAME_MS])
      expect(play(60, (nowMs) => Math.max(0, nowMs - lateMs))).toBeNull();
  });

  it('lasts where something has got stuck on the way, and where nothing comes any more', () => {
    const stuck = play(60, (nowMs) => Math.min(nowMs, 10_000) + Math.max(0, nowMs - 11_000));
    expect(stuck).toBeGreaterThan(10_000 + LASTING_MS);
    expect(stuck).toBeLessThan(11_000 + REPORT_MS + LASTING_MS);
    const silent = play(60, (nowMs) => (nowMs > 10_000 ? null : nowMs));
    expect(silent).toBeLessThan(10_000 + 2 * REPORT_MS + MAX_BEHIND_MS + LASTING_MS);
  });

  it('gathers where what takes it has a slower clock', () => {
    const seconds = MAX_BEHIND_MS / 1000 / 0.0002;
    const atMs = play(seconds * 1.01, (nowMs) => nowMs * 0.9998);
    expect(atMs).toBeGreaterThan(seconds * 990);
  });

  it('is forgiven when it is gone soon, as after a hiccup of the decoder', () => {
    expect(play(60, (nowMs) => (Math.floor(nowMs / REPORT_MS) % 4 === 3 ? nowMs - 1_000 : nowMs))).toBeNull();
  });
});
