import { describe, expect, test } from 'vitest';
import { createResampler } from '../../../app/playback/resample.ts';

function sine(hz: number, rateHz: number, frames: number): Float32Array {
  return new Float32Array(frames).map((_, n) => Math.sin((2 * Math.PI * hz * n) / rateHz));
}

/** Everything that comes out of `input`, pushed and pulled in uneven pieces. */
function convert(input: Float32Array, step: number, pieces: readonly number[]): Float32Array {
  const resampler = createResampler(1, step);
  const out: number[] = [];
  let pushed = 0;
  for (let turn = 0; pushed < input.length || resampler.available(step) > 0; turn++) {
    const size = pieces[turn % pieces.length]!;
    resampler.push([input.subarray(pushed, pushed + size)]);
    pushed += size;
    const block = new Float32Array(Math.min(resampler.available(step), size));
    resampler.pull([block], step);
    out.push(...block);
  }
  return Float32Array.from(out);
}

describe('the resampler', () => {
  test('at the same rate gives the very samples back', () => {
    const input = sine(997, 48_000, 10_000);
    const output = convert(input, 1, [1, 700, 33]);
    expect(output.length).toBeGreaterThan(9_900);
    expect(output).toEqual(input.subarray(0, output.length));
  });

  test.each([
    [44_100, 48_000, 1_000],
    [44_100, 48_000, 15_000],
    [96_000, 48_000, 5_000],
    [22_050, 48_000, 5_000],
  ])('%i → %i Hz keeps a tone of %i Hz to −60 dB, in its place', (fromHz, toHz, hz) => {
    const output = convert(sine(hz, fromHz, fromHz), fromHz / toHz, [441, 3_000, 17]);
    expect(output.length / toHz).toBeGreaterThan(0.99);
    let worst = 0;
    for (let n = 200; n < output.length; n++) {
      worst = Math.max(worst, Math.abs(output[n]! - Math.sin((2 * Math.PI * hz * n) / toHz)));
    }
    expect(20 * Math.log10(worst)).toBeLessThan(-60);
  });

  test('96 → 48 kHz removes what would fold back', () => {
    const output = convert(sine(40_000, 96_000, 48_000), 2, [1_000]);
    expect(Math.max(...output.subarray(100).map(Math.abs))).toBeLessThan(0.001);
  });

  test('half a percent faster is a tone half a percent higher, without a seam where the speed changes', () => {
    const resampler = createResampler(1, 1);
    resampler.push([sine(1_000, 48_000, 48_000)]);
    const out: number[] = [];
    const places: number[] = [];
    for (let piece = 0; piece < 40; piece++) {
      const step = piece % 2 === 0 ? 1 : 1.005;
      const block = new Float32Array(1_000);
      const from = resampler.at;
      resampler.pull([block], step);
      out.push(...block);
      places.push(...block.map((_, n) => from + n * step));
      expect(resampler.at).toBeCloseTo(from + 1_000 * step, 6);
    }
    const exact = out.map((_, n) => Math.sin((2 * Math.PI * 1_000 * places[n]!) / 48_000));
    const worst = out.reduce((most, value, n) => Math.max(most, n > 64 ? Math.abs(value - exact[n]!) : 0), 0);
    // `places` went through float32: 48 000 is known to 0.004 of a frame.
    expect(worst).toBeLessThan(2e-3);
  });

  test('goes back and gives the same again, as far as it keeps history', () => {
    const resampler = createResampler(1, 1, 20_000);
    const input = sine(500, 48_000, 100_000);
    const block = new Float32Array(10_000);
    for (let at = 0; at < 60_000; at += 10_000) {
      resampler.push([input.subarray(at, at + 10_000)]);
      if (at > 0) resampler.pull([block], 1);
    }
    expect(resampler.at).toBe(50_000);
    resampler.rewind(35_000);
    expect(resampler.at).toBe(35_000);
    resampler.pull([block], 1);
    expect(block).toEqual(input.subarray(35_000, 45_000));
    resampler.rewind(0);
    expect(resampler.at).toBe(30_000);
  });

  test('keeps no more than it must: an hour through it leaves a buffer of seconds', () => {
    const resampler = createResampler(1, 1, 48_000);
    const input = new Float32Array(4_800);
    const out = new Float32Array(4_800);
    for (let n = 0; n < 36_000; n++) {
      resampler.push([input]);
      if (resampler.available(1) >= out.length) resampler.pull([out], 1);
    }
    expect(resampler.pushedFrames).toBe(36_000 * 4_800);
    expect(resampler.heldFrames).toBeLessThan(200_000);
  });
});

test('a tone keeps its shape up to its first and last sample: the filter does not reach into silence there', () => {
  const rateHz = 44_100;
  const frames = 4_000;
  const at = (n: number): number => 0.5 * Math.sin((2 * Math.PI * 441 * n) / rateHz + 0.9);
  const resampler = createResampler(1, rateHz / 48_000);
  resampler.push([Float32Array.from({ length: frames }, (_, n) => at(n))]);
  resampler.pushEnding(64);
  const step = rateHz / 48_000;
  const out = new Float32Array(Math.floor(frames / step));
  resampler.pull([out], step);
  out.forEach((value, n) => expect(Math.abs(value - at(n * step)), `frame ${n}`).toBeLessThan(0.02));
});
