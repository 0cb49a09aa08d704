/**
 * What the player plays, recorded sample by sample on the audio thread:
 *   sample at context time T  =  track(T · 1000 + room time of context zero − startedAtMs)
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floats, openHarness, type Harness } from './harness.ts';
import {
  RATE_HZ,
  item,
  longestSilence,
  moment,
  phaseStep,
  playing,
  steepest,
  unsteadiness,
  wav,
} from './playing.ts';
import { encodeFile, noise } from './signals.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
  await page().evaluate(() => window.sound.setRuler('context'));
});
afterAll(() => harness.close());

const page = () => harness.page;

const { make, roomNow, follow, untilKind, expectInStep } = playing(() => harness);

/** By the readings of the output, which the machine disturbs; everywhere else by the samples (harness/ruler.ts). */
describe('in step', () => {
  beforeAll(() => page().evaluate(() => window.sound.setRuler('output')));
  afterAll(() => page().evaluate(() => window.sound.setRuler('context')));

  test('a late joiner plays from where the room is, within 3 ms, and says so', async () => {
    const track = noise(RATE_HZ, 30);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) - 7_000;
    await follow(moment(item('a', 30_000), startedAtMs));
    await untilKind('playing');
    await expectInStep(track, startedAtMs);
    const state = await page().evaluate(() => window.sound.playerState());
    expect(state.kind === 'playing' && Math.abs(state.errorMs)).toBeLessThan(3);
    expect(await page().evaluate(() => window.sound.playerLevel())).toBeGreaterThan(0.5);
  });

  test('a start in the future sounds at its moment', async () => {
    const track = noise(RATE_HZ, 10);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) + 1_000;
    await follow(moment(item('a', 10_000), startedAtMs));
    await page().waitForFunction((at) => window.sound.roomNowMs() > at + 200, startedAtMs);
    await expectInStep(track, startedAtMs);
  });

  test('a track at 44.1 kHz is resampled, not shifted', async () => {
    const track = noise(RATE_HZ, 20);
    await make({ a: await encodeFile(track, RATE_HZ, ['-ar', '44100', '-c:a', 'pcm_f32le'], 'wav') });
    const startedAtMs = (await roomNow()) - 3_000;
    await follow(moment(item('a', 20_000), startedAtMs));
    await untilKind('playing');
    await expectInStep(track, startedAtMs);
  });

  test('a room time that moved 15 ms is caught up with without an interruption', async () => {
    const track = noise(RATE_HZ, 60);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 60_000), startedAtMs));
    await untilKind('playing');
    await page().evaluate(() => window.sound.shiftRoom(15));
    await page().waitForFunction(
      () => {
        const state = window.sound.playerState();
        return state.kind === 'playing' && state.errorMs < -10;
      },
      null,
      { timeout: 10_000 },
    );
    await page().waitForFunction(
      () => {
        const state = window.sound.playerState();
        return state.kind === 'playing' && Math.abs(state.errorMs) < 1.5;
      },
      null,
      { timeout: 30_000 },
    );
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
    const recorded = await expectInStep(track, startedAtMs, 4);
    expect(recorded.every((value) => Math.abs(value) <= 0.55)).toBe(true);
  });

  test('a room time that moved 300 ms is jumped to', async () => {
    const track = noise(RATE_HZ, 60);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 60_000), startedAtMs));
    await untilKind('playing');
    await page().evaluate(() => window.sound.shiftRoom(300));
    await page().waitForFunction(
      () => {
        const state = window.sound.playerState();
        return state.kind === 'playing' && Math.abs(state.errorMs) < 3;
      },
      null,
      { timeout: 10_000 },
    );
    await expectInStep(track, startedAtMs);
  });

  test('a trim makes it play that much earlier', async () => {
    const track = noise(RATE_HZ, 60);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 60_000), startedAtMs));
    await untilKind('playing');
    await page().evaluate(() => window.sound.setTrim(120));
    await page().waitForFunction(
      () => {
        const state = window.sound.playerState();
        return state.kind === 'playing' && Math.abs(state.errorMs) < 3;
      },
      null,
      { timeout: 10_000 },
    );
    await expectInStep(track, startedAtMs - 120);
  });

  test('a main thread that hangs for two seconds is not heard', async () => {
    const track = noise(RATE_HZ, 40);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 40_000), startedAtMs));
    await page().waitForFunction(() => {
      const state = window.sound.playerState();
      return state.kind === 'playing' && state.bufferedMs > 4_000;
    });
    const from = await page().evaluate(() => window.sound.contextFrame());
    await page().evaluate(() => window.sound.block(2_000));
    const recorded = floats(await page().evaluate((f) => window.sound.recorded(f, 96_000), from));
    expect(longestSilence(recorded)).toBeLessThan(200);
  });
});

/** `bound`: of unsteadiness; null for codecs that ring at the ends of their files, where the phase must tell. */
describe.each([
  ['wav', 48_000, ['-c:a', 'pcm_f32le'], 1e-3],
  ['wav', 44_100, ['-c:a', 'pcm_f32le'], 2e-3],
  ['flac', 44_100, ['-c:a', 'flac'], 2e-3],
  ['mp3', 44_100, ['-c:a', 'libmp3lame', '-b:a', '256k'], null],
  ['opus', 48_000, ['-c:a', 'libopus', '-b:a', '192k'], null],
] as const)('%s at %i Hz', (extension, rateHz, args, bound) => {
  test('a tone split into two tracks goes on over the seam', async () => {
    const length = rateHz * 8;
    const tone = new Float32Array(length).map((_, n) => 0.5 * Math.sin((2 * Math.PI * 441 * n) / rateHz));
    // Not at a zero crossing, where a wrong seam would hide.
    const seam = rateHz * 4 + 27;
    const first = await encodeFile(tone.subarray(0, seam), rateHz, args, extension);
    const second = await encodeFile(tone.subarray(seam), rateHz, args, extension);
    await make({ a: first, b: second });
    const a = item('a', (seam / rateHz) * 1_000);
    const b = item('b', ((length - seam) / rateHz) * 1_000);
    const startedAtMs = (await roomNow()) - 1_500;
    await follow(moment(a, startedAtMs, b));
    await untilKind('playing');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + a.durationMs + 20);
    // What the timeline says once the second one is on.
    await follow(moment(b, startedAtMs + a.durationMs));
    const zeroMs = await page().evaluate(() => window.sound.roomOfContextZero());
    const seamFrame = Math.round(((startedAtMs + a.durationMs - zeroMs) / 1_000) * RATE_HZ);
    const around = floats(
      await page().evaluate((from) => window.sound.recorded(from, 9_600), seamFrame - 4_800),
    );
    expect(around.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeGreaterThan(0.45);
    if (bound !== null) expect(unsteadiness(around, 441)).toBeLessThan(bound);
    expect(Math.abs(phaseStep(around, 441, 4_800))).toBeLessThan(0.2);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  });
});

describe('changes', () => {
  test('pausing is silence, and playing again goes on in step; neither clicks', async () => {
    const track = noise(RATE_HZ, 40);
    await make({ a: await wav(track) });
    const startedAtMs = (await roomNow()) - 1_000;
    const on = moment(item('a', 40_000), startedAtMs);
    await follow(on);
    await untilKind('playing');
    const before = await page().evaluate(() => window.sound.contextFrame());
    await follow({ ...on, playing: false });
    await untilKind('silent');
    const paused = floats(await page().evaluate((f) => window.sound.recorded(f, 24_000), before));
    expect(paused.subarray(12_000).every((value) => value === 0)).toBe(true);
    expect(steepest(paused)).toBeLessThan(steepest(track.subarray(0, 5 * RATE_HZ)) * 1.5);
    const resumedAtMs = startedAtMs + 500;
    await follow(moment(item('a', 40_000), resumedAtMs));
    await untilKind('playing');
    await expectInStep(track, resumedAtMs);
  });

  test('saying the same again changes nothing; another item takes over at its place', async () => {
    const one = noise(RATE_HZ, 20);
    const two = noise(RATE_HZ, 20, 2);
    await make({ a: await wav(one), b: await wav(two) });
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 20_000), startedAtMs));
    await untilKind('playing');
    const from = await page().evaluate(() => window.sound.contextFrame());
    for (let n = 0; n < 20; n++) await follow(moment(item('a', 20_000), startedAtMs + (n % 2) * 0.4));
    const steady = floats(await page().evaluate((f) => window.sound.recorded(f, 24_000), from));
    expect(steepest(steady)).toBeLessThan(steepest(one.subarray(0, 5 * RATE_HZ)) * 1.2);
    expect(longestSilence(steady)).toBeLessThan(200);
    const skippedAtMs = (await roomNow()) - 100;
    await follow(moment(item('b', 20_000), skippedAtMs));
    await page().waitForFunction(() => {
      const state = window.sound.playerState();
      return state.kind === 'playing' && state.trackId === 'b';
    });
    await expectInStep(two, skippedAtMs);
  });

  test('an item that is queued as next in the last seconds still follows without a gap in the one that plays', async () => {
    const track = noise(RATE_HZ, 6);
    const other = noise(RATE_HZ, 10, 2);
    await make({ a: await wav(track), b: await wav(noise(RATE_HZ, 10)), c: await wav(other) });
    const startedAtMs = (await roomNow()) - 3_000;
    await follow(moment(item('a', 6_000), startedAtMs, item('b', 10_000)));
    await untilKind('playing');
    await follow(moment(item('a', 6_000), startedAtMs, item('c', 10_000)));
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + 6_050);
    await follow(moment(item('c', 10_000), startedAtMs + 6_000));
    await expectInStep(other, startedAtMs + 6_000);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  });
});

describe('bytes that come late', () => {
  test('it waits, then joins where the room is by then', async () => {
    const track = noise(RATE_HZ, 20);
    const bytes = await encodeFile(track, RATE_HZ, ['-c:a', 'libmp3lame', '-b:a', '192k'], 'mp3');
    await make({ a: bytes }, { a: 8_000 });
    const startedAtMs = (await roomNow()) - 500;
    await follow(moment(item('a', 20_000), startedAtMs));
    await untilKind('waiting');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + 2_000);
    expect(await page().evaluate(() => window.sound.playerState().kind)).toBe('waiting');
    await page().evaluate((n) => window.sound.release('a', n), bytes.length);
    await untilKind('playing');
    await expectInStep(track, startedAtMs);
  });

  test('when they run out in the middle it falls silent softly, and comes back in step', async () => {
    const track = noise(RATE_HZ, 30);
    const bytes = await encodeFile(track, RATE_HZ, ['-c:a', 'libmp3lame', '-b:a', '320k'], 'mp3');
    await make({ a: bytes }, { a: Math.round(bytes.length * 0.2) });
    const startedAtMs = await roomNow();
    await follow(moment(item('a', 30_000), startedAtMs));
    await untilKind('playing');
    await untilKind('waiting');
    await page().evaluate((n) => window.sound.release('a', n), bytes.length);
    await untilKind('playing');
    await expectInStep(track, startedAtMs);
  });

  test('a track whose reading breaks off is opened again and goes on in step, unheard', async () => {
    const track = noise(RATE_HZ, 20);
    const bytes = await wav(track);
    await make({ a: bytes }, {}, { a: { atByte: Math.round(bytes.length * 0.4), times: 1 } });
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 20_000), startedAtMs));
    await untilKind('playing');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at + 9_000, startedAtMs);
    await expectInStep(track, startedAtMs);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
    expect(await page().evaluate(() => window.sound.opened())).toEqual(['a', 'a']);
  });

  test('a track that breaks off for good is silent to its end, asked for no more, and the next one follows', async () => {
    const bytes = await wav(noise(RATE_HZ, 6));
    const other = noise(RATE_HZ, 10, 2);
    await make(
      { a: bytes, b: await wav(other) },
      {},
      { a: { atByte: Math.round(bytes.length * 0.5), times: 99 } },
    );
    const startedAtMs = (await roomNow()) - 1_000;
    await follow(moment(item('a', 6_000), startedAtMs, item('b', 10_000)));
    await untilKind('playing');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + 6_100);
    await follow(moment(item('b', 10_000), startedAtMs + 6_000));
    await expectInStep(other, startedAtMs + 6_000);
    expect(
      (await page().evaluate(() => window.sound.opened())).filter((id) => id === 'a').length,
    ).toBeLessThan(4);
  });

  test('a track that nobody has is missing; one that is no audio is undecodable', async () => {
    await make({ noise: new Uint8Array(30_000).fill(7) });
    await follow(moment(item('nobody', 5_000), await roomNow()));
    await untilKind('missing');
    // Asked again each second, without a flicker of the state.
    await page().waitForFunction(() => window.sound.opened().length >= 3);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'missing']);
    expect(await page().evaluate(() => window.sound.playerState())).toMatchObject({ why: 'absent' });
    await follow(moment(item('noise', 5_000), await roomNow()));
    await page().waitForFunction(() => {
      const state = window.sound.playerState();
      return state.kind === 'missing' && state.trackId === 'noise' && state.why === 'undecodable';
    });
  });

  test('a decoder that cannot be loaded is said to be that, and the track plays once it can', async () => {
    const fresh = await harness.browser.newPage();
    const there = playing(() => ({ ...harness, page: fresh }));
    await fresh.goto(page().url());
    await fresh.waitForFunction(() => 'sound' in window);
    await there.make({ a: await wav(noise(RATE_HZ, 60)) });
    const scripts = '**/*.js';
    await fresh.route(scripts, (route) => route.abort());
    await there.follow(moment(item('a', 60_000), await there.roomNow()));
    await there.untilKind('missing');
    expect(await fresh.evaluate(() => window.sound.playerState())).toMatchObject({ why: 'not-loaded' });
    await fresh.unroute(scripts);
    await there.untilKind('playing');
    await fresh.close();
  });
});

test('closed twice, it is silent; and nothing was logged as an error', async () => {
  await page().evaluate(() => window.sound.closePlayer());
  expect(harness.errors).toEqual([]);
});
