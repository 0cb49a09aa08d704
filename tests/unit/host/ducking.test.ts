import { describe, expect, test } from 'vitest';
import { createDucker, DUCKING } from '../../../app/host/ducking.ts';

const RATE_HZ = 48_000;
const db = (gain: number): number => 20 * Math.log10(gain);

/** The music's gain while the voices do what `voice` says, sample by sample. */
function gains(seconds: number, voice: (t: number) => number): Float32Array {
  const ducker = createDucker(RATE_HZ);
  const out = new Float32Array(seconds * RATE_HZ);
  for (let at = 0; at < out.length; at += 128) {
    const block = out.subarray(at, at + 128);
    ducker.process([block.map((_, n) => voice((at + n) / RATE_HZ))], block);
  }
  return out;
}
const speech = (t: number): number => 0.1 * Math.sin(2 * Math.PI * 220 * t);

describe('ducking', () => {
  test('leaves the music alone while nobody speaks, noise in the room included', () => {
    expect(gains(1, () => 0).every((gain) => gain === 1)).toBe(true);
    expect(Math.min(...gains(1, (t) => 0.003 * Math.sin(2 * Math.PI * 900 * t)))).toBe(1);
  });

  test('is 10 dB down a tenth of a second after the first word and settles at 12', () => {
    const gain = gains(1, speech);
    expect(db(gain[RATE_HZ / 10]!)).toBeLessThan(-10);
    expect(db(gain[RATE_HZ - 1]!)).toBeCloseTo(DUCKING.depthDb, 1);
  });

  test('stays down between words and comes back within a second and a half of the last', () => {
    const gain = gains(4, (t) => (t < 1 || (t > 1.3 && t < 2) ? speech(t) : 0));
    expect(db(gain[Math.round(1.25 * RATE_HZ)]!)).toBeLessThan(-11);
    expect(db(gain[Math.round(2.3 * RATE_HZ)]!)).toBeLessThan(-11);
    expect(db(gain[Math.round(3.5 * RATE_HZ)]!)).toBeGreaterThan(-0.5);
  });

  test('moves without a step that could be heard', () => {
    const gain = gains(3, (t) => (t > 0.5 && t < 1.5 ? speech(t) : 0));
    let most = 0;
    for (let n = 1; n < gain.length; n++) most = Math.max(most, Math.abs(gain[n]! - gain[n - 1]!));
    expect(most).toBeLessThan(0.002);
  });

  test('treats a bus without input as silence', () => {
    const gain = new Float32Array(128);
    createDucker(RATE_HZ).process(null, gain);
    expect(gain.every((value) => value === 1)).toBe(true);
  });
});
