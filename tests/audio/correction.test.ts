/**
 * How the player comes back to the room's time, asserted on the waveform of a tone: no step from one sample to the next is
 * above the tone's own slope, whichever way it is corrected, and whatever happens to the page.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { STEP_EXPECTED_MS } from '../../app/playback/certainty.ts';
import { floats, openHarness, type Harness } from './harness.ts';
import { RATE_HZ, expectNoClick, item, longestSilence, moment, playing, wav } from './playing.ts';
import { noise } from './signals.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
  await page().evaluate(() => window.sound.setRuler('context'));
});
afterAll(() => harness.close());

const page = () => harness.page;
const { make, roomNow, follow, untilKind, untilError, expectInStep } = playing(() => harness);

const HZ = 300;
const SLOPE = 0.5 * 2 * Math.PI * (HZ / RATE_HZ);
const contextFrame = (): Promise<number> => page().evaluate(() => window.sound.contextFrame());
const recorded = async (from: number, frames: number): Promise<Float32Array> =>
  floats(await page().evaluate(([f, n]) => window.sound.recorded(f, n), [from, frames] as const));

/** Plays a tone, or noise that tells where it stands, since a second ago. */
async function start(track: Float32Array): Promise<number> {
  await make({ a: await wav(track) });
  const startedAtMs = (await roomNow()) - 1_000;
  await follow(moment(item('a', 60_000), startedAtMs));
  await untilKind('playing');
  await page().waitForFunction(() => {
    const state = window.sound.playerState();
    return state.kind === 'playing' && state.bufferedMs > 5_000;
  });
  return startedAtMs;
}

/** What just began to sound is put right at once, by a jump: past that, a small error is bent away. */
async function untilSettled(): Promise<void> {
  const settledAtMs = (await roomNow()) + STEP_EXPECTED_MS + 500;
  await page().waitForFunction((at) => window.sound.roomNowMs() > at, settledAtMs);
}

const tone = (): Float32Array =>
  Float32Array.from({ length: 60 * RATE_HZ }, (_, n) => 0.5 * Math.sin((2 * Math.PI * HZ * n) / RATE_HZ));

async function errorMs(): Promise<number> {
  const state = await page().evaluate(() => window.sound.playerState());
  if (state.kind !== 'playing') throw new Error(state.kind);
  return state.errorMs;
}

describe('without a click', () => {
  test.each([
    ['bent', 15],
    ['bent', -33],
    ['jumped', 150],
    ['jumped', -60],
    ['jumped', 300],
    ['jumped', -450],
  ] as const)('a room time that moved is %s to: %i ms', async (how, shiftMs) => {
    await start(tone());
    if (how === 'bent') await untilSettled();
    const from = await contextFrame();
    await page().evaluate((ms) => window.sound.shiftRoom(ms), shiftMs);
    const samples = await recorded(from, 4 * RATE_HZ);
    expectNoClick(samples, SLOPE * (how === 'bent' ? 1.01 : 1.1));
    expect(longestSilence(samples)).toBeLessThan(how === 'bent' ? 4 : 100);
    const left = Math.abs(await errorMs());
    if (how === 'jumped') expect(left).toBeLessThan(3);
    else {
      // Half a percent: five ms a second.
      expect(left).toBeGreaterThan(Math.abs(shiftMs) - 30);
      expect(left).toBeLessThan(Math.max(5, Math.abs(shiftMs) - 6));
    }
  });

  test('a trim by hand is jumped to when it is more than a nudge, and bent to when it is not', async () => {
    await start(tone());
    const from = await contextFrame();
    await page().evaluate(() => window.sound.setTrim(60));
    await untilError(4, 3_000);
    await page().evaluate(() => window.sound.setTrim(70));
    const samples = await recorded(from, 4 * RATE_HZ);
    expectNoClick(samples, SLOPE * 1.1);
  });
});

describe('comes back by itself', () => {
  test('a page that hung for longer than was laid out ends softly, and is in step again', async () => {
    const track = tone();
    await start(track);
    const from = await contextFrame();
    await page().evaluate(() => window.sound.block(8_000));
    await untilError(3);
    const until = await contextFrame();
    const samples = await recorded(from, until - from);
    expectNoClick(samples, SLOPE * 1.1);
    // It did fall silent, so this was the case that is meant.
    expect(longestSilence(samples)).toBeGreaterThan(RATE_HZ);
  });

  test('a tab whose timers fire once in two seconds is heard without a break, in step', async () => {
    const track = noise(RATE_HZ, 60);
    const startedAtMs = await start(track);
    await page().evaluate(() => window.sound.throttleTimers(2_000));
    try {
      const from = await contextFrame();
      const samples = await recorded(from, 7 * RATE_HZ);
      expect(longestSilence(samples)).toBeLessThan(200);
      await expectInStep(track, startedAtMs);
    } finally {
      await page().evaluate(() => window.sound.throttleTimers(0));
    }
  });

  test('a tab that the system froze is in step again once it is thawed', async () => {
    const track = noise(RATE_HZ, 60);
    const startedAtMs = await start(track);
    const session = await page().context().newCDPSession(page());
    const beganMs = performance.now();
    await session.send('Page.setWebLifecycleState', { state: 'frozen' });
    await expect.poll(() => performance.now() - beganMs, { timeout: 9_000 }).toBeGreaterThan(7_000);
    await session.send('Page.setWebLifecycleState', { state: 'active' });
    await session.detach();
    await untilError(3);
    await expectInStep(track, startedAtMs);
  });

  test('on a machine that has a tenth of its speed left it stays in step, and is heard without a break', async () => {
    const track = noise(RATE_HZ, 60);
    const startedAtMs = await start(track);
    const session = await page().context().newCDPSession(page());
    await session.send('Emulation.setCPUThrottlingRate', { rate: 10 });
    try {
      const from = await contextFrame();
      const samples = await recorded(from, 7 * RATE_HZ);
      expect(longestSilence(samples)).toBeLessThan(200);
    } finally {
      await session.send('Emulation.setCPUThrottlingRate', { rate: 1 });
      await session.detach();
    }
    await untilError(2);
    await expectInStep(track, startedAtMs);
  });
});

/** By the readings of the output, which the machine disturbs; everywhere else by the samples (harness/ruler.ts). */
describe('follows its output', () => {
  beforeAll(() => page().evaluate(() => window.sound.setRuler('output')));
  afterAll(() => page().evaluate(() => window.sound.setRuler('context')));

  test('another output device is followed to its latency, and back', async () => {
    const track = noise(RATE_HZ, 60);
    const startedAtMs = await start(track);
    for (const sink of ['none', 'loudspeaker'] as const) {
      await page().evaluate((to) => window.sound.setSink(to), sink);
      await page().evaluate(() => window.sound.tellDevices());
      const changedAtMs = await roomNow();
      await page().waitForFunction((at) => window.sound.roomNowMs() > at + 3_000, changedAtMs);
      await untilError(2);
      await expectInStep(track, startedAtMs);
    }
  });

  test.each([
    ['another output device says its latency a second after it came', true],
    ['a latency that changes without a word is jumped to once that is certain', false],
  ])('%s', async (_, isTold) => {
    const track = noise(RATE_HZ, 60);
    const startedAtMs = await start(track);
    if (isTold) await page().evaluate(() => window.sound.tellDevices());
    const toldAtMs = await roomNow();
    await page().waitForFunction((at) => window.sound.roomNowMs() > at + 1_000, toldAtMs);
    // While the output is measured anew, what sounds goes on, and is said to.
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
    await page().evaluate(() => window.sound.addLatency(150));
    await page().waitForFunction(() => {
      const state = window.sound.playerState();
      return state.kind === 'playing' && Math.abs(state.errorMs) > 100;
    });
    // Bending would take half a minute.
    await untilError(3, isTold ? 3_000 : 6_000);
    await expectInStep(track, startedAtMs);
  });

  test('a context that was suspended goes on where the room is by then', async () => {
    const track = noise(RATE_HZ, 60);
    const startedAtMs = await start(track);
    await page().evaluate(() => window.sound.suspend());
    const suspendedAtMs = await roomNow();
    await page().waitForFunction((at) => window.sound.roomNowMs() > at + 1_500, suspendedAtMs);
    await page().evaluate(() => window.sound.resume());
    await untilError(3);
    await expectInStep(track, startedAtMs);
  });
});

test('an output that the system suspended is resumed by itself', async () => {
  expect(await page().evaluate(() => window.sound.outputComesBack())).toEqual([true, false, true]);
});

test('what is too loud for this device’s output is bent below full scale; all else leaves as it came, at the same moment', async () => {
  const through = async (amplitude: number): Promise<Float32Array> =>
    floats(await page().evaluate((a) => window.sound.softClip(441, a, 4_800), amplitude));
  const quiet = await through(0.25);
  const louder = await through(0.75);
  const tooLoud = await through(2.8);
  expect(Math.max(...louder.map((value, n) => Math.abs(value - 3 * quiet[n]!)))).toBeLessThan(2e-6);
  for (let n = 0; n < quiet.length; n++) {
    expect(quiet[n]).toBeCloseTo(0.25 * Math.sin((2 * Math.PI * 441 * n) / 48_000), 4);
  }
  const peak = Math.max(...tooLoud.map(Math.abs));
  expect(peak).toBeLessThan(1.000001);
  expect(peak).toBeGreaterThan(0.98);
});

test('no policy was violated and no error logged', () => {
  expect(harness.errors).toEqual([]);
});
