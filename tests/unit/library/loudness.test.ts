/** The first cases of EBU Tech 3341's compliance test (a 1 kHz sine, stereo), and what becomes of the numbers. */
import { describe, expect, test } from 'vitest';
import { gainFor, gainFromTags } from '../../../app/library/analyse/gain.ts';
import { createLoudnessMeter } from '../../../app/library/analyse/loudness.ts';

function stereoSine(rateHz: number, parts: readonly { dbfs: number; seconds: number }[]): Float32Array {
  const lengths = parts.map(({ seconds }) => Math.round(seconds * rateHz));
  const out = new Float32Array(lengths.reduce((a, b) => a + b, 0));
  let at = 0;
  parts.forEach(({ dbfs }, part) => {
    for (const end = at + lengths[part]!; at < end; at++)
      out[at] = 10 ** (dbfs / 20) * Math.sin((2 * Math.PI * 1_000 * at) / rateHz);
  });
  return out;
}

function loudnessOf(rateHz: number, parts: readonly { dbfs: number; seconds: number }[]): number | null {
  const samples = stereoSine(rateHz, parts);
  const meter = createLoudnessMeter(rateHz, 2);
  for (let at = 0; at < samples.length; at += 1_000) {
    const part = samples.subarray(at, at + 1_000);
    meter.add([part, part]);
  }
  return meter.integrated();
}

describe('integrated loudness (EBU Tech 3341, ±0.1 LU)', () => {
  test.each([44_100, 48_000, 96_000])('cases 1 and 2 at %i Hz', (rateHz) => {
    expect(loudnessOf(rateHz, [{ dbfs: -23, seconds: 20 }])).toBeCloseTo(-23, 1);
    expect(loudnessOf(rateHz, [{ dbfs: -33, seconds: 20 }])).toBeCloseTo(-33, 1);
  });

  test('case 3: what is much softer than the rest does not count', () => {
    const parts = [
      { dbfs: -36, seconds: 10 },
      { dbfs: -23, seconds: 60 },
      { dbfs: -36, seconds: 10 },
    ];
    expect(Math.abs(loudnessOf(48_000, parts)! + 23)).toBeLessThan(0.1);
  });

  test('case 4: nor does what is below the absolute gate', () => {
    const parts = [
      { dbfs: -72, seconds: 10 },
      { dbfs: -36, seconds: 10 },
      { dbfs: -23, seconds: 60 },
      { dbfs: -36, seconds: 10 },
      { dbfs: -72, seconds: 10 },
    ];
    expect(Math.abs(loudnessOf(48_000, parts)! + 23)).toBeLessThan(0.1);
  });

  test('silence has none', () => {
    expect(loudnessOf(48_000, [{ dbfs: -120, seconds: 2 }])).toBeNull();
  });
});

describe('gain', () => {
  test('loud music comes down to -18 LUFS; soft music goes up as far as its peak lets it, 12 dB at most', () => {
    expect(gainFor(-8, 1)).toBe(-10);
    expect(gainFor(-24, 0.25)).toBe(6);
    expect(gainFor(-24, 0.708)).toBeCloseTo(3, 1);
    expect(gainFor(-24, 1)).toBe(0);
    expect(gainFor(-50, 0.01)).toBe(12);
    expect(gainFor(20, 1)).toBe(-24);
  });

  test('tags are believed: ReplayGain, R128, and ReplayGain in ID3', () => {
    expect(gainFromTags({ REPLAYGAIN_TRACK_GAIN: '-7.30 dB' })).toBe(-7.3);
    expect(gainFromTags({ replaygain_track_gain: '+4.00 dB', replaygain_track_peak: '0.5' })).toBe(4);
    expect(gainFromTags({ replaygain_track_gain: '+4.00 dB' })).toBe(0);
    expect(gainFromTags({ R128_TRACK_GAIN: '-2560' })).toBe(-5);
    expect(gainFromTags({ TXXX: { REPLAYGAIN_TRACK_GAIN: '-3 dB' } })).toBe(-3);
  });

  test('tags that say nothing are none', () => {
    expect(gainFromTags(undefined)).toBeNull();
    expect(gainFromTags({ REPLAYGAIN_TRACK_GAIN: 'loud', R128_TRACK_GAIN: '1e3' })).toBeNull();
    expect(gainFromTags({ TXXX: null, picture: new Uint8Array(4) })).toBeNull();
  });
});
