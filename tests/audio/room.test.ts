/** From the document to the loudspeaker: what the room says is computed by the timeline, led by the conductor, and heard. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openHarness, type Harness } from './harness.ts';
import { RATE_HZ, longestSilence, playing, steepest, wav } from './playing.ts';
import { noise, toneAmplitude } from './signals.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
  await page().evaluate(() => window.sound.setRuler('context'));
});
afterAll(() => harness.close());

const page = () => harness.page;
const { untilKind, soundAt, expectInStep } = playing(() => harness);

const CROSSFADE_MS = 3_000;
const AMPLITUDE = 0.4;
const tone = (hz: number, seconds: number): Float32Array =>
  Float32Array.from(
    { length: seconds * RATE_HZ },
    (_, n) => AMPLITUDE * Math.sin((2 * Math.PI * hz * n) / RATE_HZ),
  );

test('a room with a crossfade is heard as one: both songs at equal power, without a click, the next where it belongs', async () => {
  const first = tone(440, 22);
  // A tone to measure by, then noise that tells where it stands.
  const second = new Float32Array(20 * RATE_HZ);
  second.set(tone(1_000, 8));
  second.set(noise(RATE_HZ, 12), 8 * RATE_HZ);
  const urls = [harness.put('a.wav', await wav(first)), harness.put('b.wav', await wav(second))];
  const gainsDb = await page().evaluate(([u, ms]) => window.sound.openRoom(u, ms), [
    urls,
    CROSSFADE_MS,
  ] as const);
  await untilKind('playing');
  const before = await page().evaluate(() => window.sound.roomMoment());
  const seamMs = before!.startedAtMs + 22_000 - CROSSFADE_MS;
  expect(before!.next).toMatchObject({ index: 1, overlapMs: CROSSFADE_MS });
  expect(before!.next!.startsAtMs).toBeCloseTo(seamMs, 1);

  await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + CROSSFADE_MS / 2);
  const during = await page().evaluate(() => window.sound.roomMoment());
  expect(during).toMatchObject({ index: 1, fading: { overlapMs: CROSSFADE_MS } });
  expect(during!.startedAtMs).toBeCloseTo(seamMs, 1);
  await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + CROSSFADE_MS * 1.2);

  const [a = 0, b = 0] = gainsDb.map((db) => AMPLITUDE * 10 ** (db / 20));
  const powers: number[] = [];
  for (const share of [-0.1, 0.25, 0.5, 0.75, 1.1]) {
    const samples = await soundAt(seamMs + share * CROSSFADE_MS - 25, 50);
    const angle = (Math.PI / 2) * Math.min(1, Math.max(0, share));
    const heard = { a: toneAmplitude(samples, 440, RATE_HZ), b: toneAmplitude(samples, 1_000, RATE_HZ) };
    expect(heard.a, `the first song at ${share}`).toBeCloseTo(a * Math.cos(angle), 1.5);
    expect(heard.b, `the second song at ${share}`).toBeCloseTo(b * Math.sin(angle), 1.5);
    powers.push((heard.a / a) ** 2 + (heard.b / b) ** 2);
  }
  for (const power of powers) expect(power).toBeCloseTo(1, 0.9);
  const around = await soundAt(seamMs - 200, CROSSFADE_MS + 400);
  // Two tones at their steepest at once: nothing in it is steeper.
  expect(steepest(around)).toBeLessThan((2 * Math.PI * (440 * a + 1_000 * b)) / RATE_HZ);
  expect(longestSilence(around)).toBeLessThan(20);

  await page().waitForFunction((at) => window.sound.roomNowMs() > at, seamMs + 8_100);
  await expectInStep(second, seamMs);
  expect(await page().evaluate(() => window.sound.playerStates())).toEqual(['waiting', 'playing']);
  await page().evaluate(() => window.sound.closeRoom());
});

test('no policy was violated and no error logged', () => {
  expect(harness.errors).toEqual([]);
});
