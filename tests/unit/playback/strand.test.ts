import { expect, test } from 'vitest';
import { inputIn } from '../../../app/playback/strand.ts';

const RATE_HZ = 48_000;

test('what lies at the first frame is found by the time of that frame, whichever frame it is', () => {
  for (let frame = 0; frame < 600_000; frame += 7) {
    const spans = [{ frame, frames: 2_400, input: 1_000, step: 0.5 }];
    expect(inputIn(spans, frame / RATE_HZ, RATE_HZ)).toBeCloseTo(1_000, 4);
  }
});

test('spans follow one another; before, between and behind them is nothing', () => {
  const spans = [
    { frame: 480, frames: 480, input: 0, step: 1 },
    { frame: 960, frames: 480, input: 480, step: 2 },
    { frame: 2_400, frames: 480, input: 1_440, step: 1 },
  ];
  const at = (frame: number): number | null => inputIn(spans, frame / RATE_HZ, RATE_HZ);
  expect([at(479), at(1_440), at(2_399), at(2_880)]).toEqual([null, null, null, null]);
  expect(at(959)).toBeCloseTo(479, 4);
  expect(at(960)).toBeCloseTo(480, 4);
  expect(at(961)).toBeCloseTo(482, 4);
  expect(at(2_400)).toBeCloseTo(1_440, 4);
});
