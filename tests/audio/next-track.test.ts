/** From one track to the next: ready before its turn, without a gap between formats, and with both at once. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floats, openHarness, type Harness } from './harness.ts';
import { RATE_HZ, item, longestSilence, moment, phaseStep, playing, steepest, wav } from './playing.ts';
import { encodeFile, noise, toneAmplitude } from './signals.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
  await page().evaluate(() => window.sound.setRuler('context'));
});
afterAll(() => harness.close());

const page = () => harness.page;
const { make, roomNow, follow, untilKind, expectInStep } = playing(() => harness);

/** Bytes of the first two seconds as these tests encode them: 32-bit floats, stereo. */
const HEAD_BYTES = 2 * RATE_HZ * 8;

test('two tracks ahead sound at once when their turn comes, although nothing of them can be read any more', async () => {
  const last = noise(RATE_HZ, 20, 3);
  await make({ a: await wav(noise(RATE_HZ, 30)), b: await wav(noise(RATE_HZ, 20, 2)), c: await wav(last) });
  const startedAtMs = (await roomNow()) - 500;
  await follow(moment(item('a', 30_000), startedAtMs, item('b', 20_000)), ['b', 'c']);
  await untilKind('playing');
  await page().waitForFunction(
    (bytes) => ['b', 'c'].every((id) => window.sound.wasRead(id) >= bytes && !window.sound.isReading(id)),
    HEAD_BYTES,
  );
  expect(await page().evaluate(() => window.sound.opened())).toEqual(['a', 'b', 'c']);
  for (const id of ['b', 'c']) await page().evaluate((track) => window.sound.stall(track), id);
  const heardMs = await page().evaluate((next) => window.sound.followFrom(next, 0), item('c', 20_000));
  console.log(`a skip to a track that is ready is heard after ${heardMs.toFixed(0)} ms`);
  expect(heardMs).toBeLessThan(500);
  const skippedAtMs = await page().evaluate(() => window.sound.followedAtMs());
  await expectInStep(last, skippedAtMs);
});

describe('without WebCodecs', () => {
  beforeAll(() => page().evaluate(() => window.sound.setWebCodecs(false)));
  afterAll(() => page().evaluate(() => window.sound.setWebCodecs(true)));

  test('only what plays is in memory until the next one’s turn comes, which follows without a gap', async () => {
    const next = noise(RATE_HZ, 20, 2);
    await make({ a: await wav(noise(RATE_HZ, 14)), b: await wav(next), c: await wav(noise(RATE_HZ, 20, 3)) });
    const startedAtMs = (await roomNow()) - 500;
    await follow(moment(item('a', 14_000), startedAtMs, item('b', 20_000)), ['b', 'c']);
    await untilKind('playing');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + 4_000);
    expect(await page().evaluate(() => window.sound.opened())).toEqual(['a']);
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + 14_050);
    await follow(moment(item('b', 20_000), startedAtMs + 14_000), ['c']);
    await expectInStep(next, startedAtMs + 14_000);
    expect(await page().evaluate(() => window.sound.opened())).toEqual(['a', 'b']);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  });

  test('what would take too much memory as a whole is refused, and said', async () => {
    await make({ a: await wav(noise(RATE_HZ, 5)) });
    await follow(moment(item('a', 21 * 60_000), await roomNow()));
    await untilKind('missing');
    expect(await page().evaluate(() => window.sound.playerState())).toMatchObject({ why: 'too-long' });
  });
});

test.each([
  ['wav at 48 kHz, then flac at 44.1 kHz', 48_000, 'wav', 44_100, 'flac'],
  ['flac at 44.1 kHz, then wav at 48 kHz', 44_100, 'flac', 48_000, 'wav'],
  ['wav at 48 kHz, then wav at 22.05 kHz', 48_000, 'wav', 22_050, 'wav'],
] as const)('a tone goes on from %s', async (_, firstHz, first, secondHz, second) => {
  const seamMs = 4_000;
  /** 441 Hz from `fromMs` of the tone on. */
  const tone = (rateHz: number, fromMs: number): Float32Array =>
    Float32Array.from(
      { length: rateHz * 4 },
      (_, n) => 0.5 * Math.sin(2 * Math.PI * 441 * (n / rateHz + fromMs / 1_000) + 0.8),
    );
  const encode = (format: 'wav' | 'flac', rateHz: number, fromMs: number): Promise<Buffer> =>
    format === 'wav'
      ? wav(tone(rateHz, fromMs), rateHz)
      : encodeFile(tone(rateHz, fromMs), rateHz, ['-c:a', 'flac'], 'flac');
  await make({ a: await encode(first, firstHz, 0), b: await encode(second, secondHz, seamMs) });
  const [a, b] = [item('a', seamMs), item('b', 4_000)];
  const startedAtMs = (await roomNow()) - 1_500;
  await follow(moment(a, startedAtMs, b));
  await untilKind('playing');
  await page().waitForFunction((at) => window.sound.roomNowMs() > at, startedAtMs + seamMs + 20);
  await follow(moment(b, startedAtMs + seamMs));
  const zeroMs = await page().evaluate(() => window.sound.roomOfContextZero());
  const seamFrame = Math.round(((startedAtMs + seamMs - zeroMs) / 1_000) * RATE_HZ);
  const around = floats(
    await page().evaluate((from) => window.sound.recorded(from, 9_600), seamFrame - 4_800),
  );
  expect(Math.abs(phaseStep(around, 441, 4_800))).toBeLessThan(0.2);
  expect(longestSilence(around)).toBeLessThan(20);
  // At most a frame of the context is lost or doubled.
  expect(steepest(around)).toBeLessThan(0.5 * 2 * Math.PI * (441 / RATE_HZ) * 2.1);
  expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
});

describe('crossfade', () => {
  const OVERLAP_MS = 2_000;

  /** Amplitude of a tone over 50 ms around a place of the room's time. */
  async function levels(atMs: number): Promise<{ a: number; b: number; samples: Float32Array }> {
    const zeroMs = await page().evaluate(() => window.sound.roomOfContextZero());
    const frame = Math.round(((atMs - zeroMs) / 1_000) * RATE_HZ) - 1_200;
    const samples = floats(await page().evaluate((f) => window.sound.recorded(f, 2_400), frame));
    return { a: toneAmplitude(samples, 440, RATE_HZ), b: toneAmplitude(samples, 1_000, RATE_HZ), samples };
  }

  async function twoTones(): Promise<[ReturnType<typeof item>, ReturnType<typeof item>]> {
    const tone = (hz: number, rateHz: number): Float32Array =>
      Float32Array.from({ length: 8 * rateHz }, (_, n) => 0.4 * Math.sin((2 * Math.PI * hz * n) / rateHz));
    await make({
      a: await wav(tone(440, RATE_HZ)),
      // Another format at another rate.
      b: await encodeFile(tone(1_000, 44_100), 44_100, ['-c:a', 'flac'], 'flac'),
    });
    return [item('a', 8_000), item('b', 8_000)];
  }

  test('two songs of different formats share the overlap at equal power, on the room’s time', async () => {
    const [a, b] = await twoTones();
    const startedAtMs = (await roomNow()) - 3_500;
    const seamMs = startedAtMs + a.durationMs - OVERLAP_MS;
    const first = moment(a, startedAtMs, b);
    await follow({ ...first, next: { item: b, index: 1, startsAtMs: seamMs, overlapMs: OVERLAP_MS } });
    await untilKind('playing');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 20);
    await follow({ ...moment(b, seamMs), fading: { item: a, overlapMs: OVERLAP_MS } });
    const at = async (share: number) => levels(seamMs + share * OVERLAP_MS);
    for (const share of [-0.1, 0.25, 0.5, 0.75, 1.1]) {
      const heard = await at(share);
      const angle = (Math.PI / 2) * Math.min(1, Math.max(0, share));
      expect(heard.a, `the first song at ${share}`).toBeCloseTo(0.4 * Math.cos(angle), 1.5);
      expect(heard.b, `the second song at ${share}`).toBeCloseTo(0.4 * Math.sin(angle), 1.5);
    }
    const around = floats(
      await page().evaluate(([from, frames]) => window.sound.recorded(from, frames), [
        await frameOf(seamMs - 200),
        Math.round(RATE_HZ * 2.6),
      ] as const),
    );
    // Two tones at their steepest at once: nothing in it is steeper.
    expect(steepest(around)).toBeLessThan(0.4 * 2 * Math.PI * ((440 + 1_000) / RATE_HZ));
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  });

  test('the next song has a decoder of its own only in the last seconds before its turn', async () => {
    const next = noise(RATE_HZ, 20, 2);
    await make({
      a: await encodeFile(noise(RATE_HZ, 40), RATE_HZ, ['-c:a', 'flac'], 'flac'),
      b: await encodeFile(next, RATE_HZ, ['-c:a', 'flac'], 'flac'),
    });
    const [a, b] = [item('a', 40_000), item('b', 20_000)];
    const seamMs = (await roomNow()) + 19_000;
    const startedAtMs = seamMs + OVERLAP_MS - a.durationMs;
    const first = moment(a, startedAtMs, b);
    await follow({ ...first, next: { item: b, index: 1, startsAtMs: seamMs, overlapMs: OVERLAP_MS } });
    await untilKind('playing');
    const decoders = (): Promise<number> => page().evaluate(() => window.sound.openDecoders());
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs - 16_000);
    // It is ready all the same.
    expect(await page().evaluate(() => window.sound.opened())).toEqual(['a', 'b']);
    expect(await decoders()).toBe(1);
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs - 10_000);
    expect(await decoders()).toBe(2);
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 20);
    await follow({ ...moment(b, seamMs), fading: { item: a, overlapMs: OVERLAP_MS } });
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + OVERLAP_MS);
    await expectInStep(next, seamMs);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  });

  test('a trim that is set in the last seconds before a fade holds for the next song from its start', async () => {
    const next = noise(RATE_HZ, 20, 2);
    await make({ a: await wav(noise(RATE_HZ, 12)), b: await wav(next) });
    const [a, b] = [item('a', 12_000), item('b', 20_000)];
    const seamMs = (await roomNow()) + 4_000;
    const startedAtMs = seamMs + OVERLAP_MS - a.durationMs;
    const first = moment(a, startedAtMs, b);
    await follow({ ...first, next: { item: b, index: 1, startsAtMs: seamMs, overlapMs: OVERLAP_MS } });
    await untilKind('playing');
    // Laid out by then: it is due in less than five seconds.
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs - 1_500);
    await page().evaluate(() => window.sound.setTrim(120));
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 20);
    await follow({ ...moment(b, seamMs), fading: { item: a, overlapMs: OVERLAP_MS } });
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + OVERLAP_MS);
    await expectInStep(next, seamMs - 120);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  });

  test('a song that fades into itself again breaks off once, and goes on in both', async () => {
    const track = noise(RATE_HZ, 14);
    const bytes = await wav(track);
    await make({ a: bytes }, {}, { a: { atByte: Math.round(bytes.length * 0.6), times: 1 } });
    const a = item('a', 14_000);
    const startedAtMs = (await roomNow()) - 1_000;
    const lapMs = a.durationMs - 4_000;
    const next = (fromMs: number) => ({ item: a, index: 0, startsAtMs: fromMs + lapMs, overlapMs: 4_000 });
    await follow({ ...moment(a, startedAtMs), next: next(startedAtMs) });
    await untilKind('playing');
    // Behind the place where it broke off, before the other one is heard.
    await page().waitForFunction(
      (at) => window.sound.roomNowMs() > at,
      startedAtMs + 0.6 * a.durationMs + 200,
    );
    await expectInStep(track, startedAtMs);
    const seamMs = startedAtMs + lapMs;
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 20);
    await follow({ ...moment(a, seamMs), fading: { item: a, overlapMs: 4_000 }, next: next(seamMs) });
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 4_000);
    await expectInStep(track, seamMs);
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 0.6 * a.durationMs + 200);
    await expectInStep(track, seamMs);
    expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
    expect(await page().evaluate(() => window.sound.opened())).toEqual(['a', 'a']);
  });

  test('who joins in the middle of a fade hears both songs as loud as everybody else', async () => {
    const [a, b] = await twoTones();
    const seamMs = (await roomNow()) - 300;
    await follow({ ...moment(b, seamMs), fading: { item: a, overlapMs: OVERLAP_MS } });
    await untilKind('playing');
    await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 0.6 * OVERLAP_MS);
    const heard = await levels(seamMs + 0.6 * OVERLAP_MS);
    expect(heard.a).toBeCloseTo(0.4 * Math.cos(0.3 * Math.PI), 1.5);
    expect(heard.b).toBeCloseTo(0.4 * Math.sin(0.3 * Math.PI), 1.5);
    const after = await levels(seamMs + 1.2 * OVERLAP_MS);
    expect(after.a).toBeLessThan(0.01);
    expect(after.b).toBeCloseTo(0.4, 1.5);
  });

  test('a crossfade that is set in the middle of a song is heard at its end, and nothing before', async () => {
    const [a, b] = await twoTones();
    const startedAtMs = (await roomNow()) - 500;
    await follow(moment(a, startedAtMs, b));
    await untilKind('playing');
    const from = await page().evaluate(() => window.sound.contextFrame());
    const seamMs = startedAtMs + a.durationMs - OVERLAP_MS;
    const changed = moment(a, startedAtMs, b);
    await follow({ ...changed, next: { item: b, index: 1, startsAtMs: seamMs, overlapMs: OVERLAP_MS } });
    const until = await frameOf(seamMs - 100);
    const steady = floats(
      await page().evaluate(([f, n]) => window.sound.recorded(f, n), [from, until - from] as const),
    );
    expect(steepest(steady)).toBeLessThan(0.4 * 2 * Math.PI * (440 / RATE_HZ) * 1.1);
    expect(longestSilence(steady)).toBeLessThan(20);
    const middle = await levels(seamMs + 0.5 * OVERLAP_MS);
    expect(middle.a).toBeCloseTo(0.4 * Math.SQRT1_2, 1.5);
    expect(middle.b).toBeCloseTo(0.4 * Math.SQRT1_2, 1.5);
  });

  async function frameOf(roomMs: number): Promise<number> {
    const zeroMs = await page().evaluate(() => window.sound.roomOfContextZero());
    return Math.round(((roomMs - zeroMs) / 1_000) * RATE_HZ);
  }
});

test('no policy was violated and no error logged', () => {
  expect(harness.errors).toEqual([]);
});
