/** The microphone (Chromium's fake one beeps) and voices over a real peer connection. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floats, openHarness, type Harness } from './harness.ts';
import { toneAmplitude } from './signals.ts';

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
});
afterAll(() => harness.close());
const page = () => harness.page;

describe('the microphone', () => {
  test('opens, hears, and is muted when released but kept warm for the next word', async () => {
    const first = await page().evaluate(() => window.sound.openMicrophone());
    expect(first.kind).toBe('live');
    await page().waitForFunction(() => window.sound.microphoneLevel() > 0.2);
    await page().evaluate(() => window.sound.releaseMicrophone());
    expect(await page().evaluate(() => window.sound.microphoneTrack())).toEqual({
      enabled: false,
      state: 'live',
    });
    expect(await page().evaluate(() => window.sound.microphoneLevel())).toBe(0);
    expect(await page().evaluate(() => window.sound.openMicrophone())).toEqual(first);
    expect(await page().evaluate(() => window.sound.microphoneTrack())).toEqual({
      enabled: true,
      state: 'live',
    });
  });

  test('is closed half a minute after it was released, and opens anew', async () => {
    await page().evaluate(() => window.sound.releaseMicrophone());
    await page().evaluate(() => window.sound.coolDown());
    expect(await page().evaluate(() => window.sound.microphoneTrack())).toEqual({
      enabled: false,
      state: 'ended',
    });
    expect((await page().evaluate(() => window.sound.openMicrophone())).kind).toBe('live');
    await page().waitForFunction(() => window.sound.microphoneLevel() > 0.2);
  });

  test('closed twice, it is off', async () => {
    await page().evaluate(() => window.sound.closeMicrophone());
    expect(await page().evaluate(() => window.sound.microphoneTrack())).toMatchObject({ state: 'ended' });
  });

  test.each([
    [null, 'insecure', 'HTTPS'],
    ['NotAllowedError', 'refused', 'Allow'],
    ['NotFoundError', 'none', 'No microphone'],
    ['NotReadableError', 'busy', 'Another app'],
    ['InvalidStateError', 'playing', 'only play'],
    ['UnknownError', 'failed', 'could not be opened'],
  ])('%s is told as %s, in words of its own', async (name, problem, words) => {
    expect(await page().evaluate((n) => window.sound.microphoneFailure(n), name)).toMatchObject({
      kind: 'problem',
      problem,
      message: expect.stringContaining(words) as string,
    });
  });
});

test('after a hitch of the audio thread the microphone is heard late only until the next pause', async () => {
  const { plainly, our } = await page().evaluate(() => window.sound.afterHitch(3));
  const beeps = (base64: string): number[] => {
    const found: number[] = [];
    floats(base64).forEach((value, n) => {
      if (Math.abs(value) > 0.05 && n > (found.at(-1) ?? -Infinity) + 24_000) found.push(n);
    });
    return found;
  };
  const [late, fresh] = [beeps(plainly), beeps(our)];
  expect(fresh.length).toBeGreaterThanOrEqual(2);
  // Each of ours has its twin, later.
  const soonerMs = fresh.flatMap((at) => {
    const twin = late.find((n) => n >= at - 480 && n < at + 24_000);
    return twin === undefined ? [] : [(twin - at) / 48];
  });
  console.log(`sooner by ${soonerMs.map((ms) => ms.toFixed(1)).join(', ')} ms`);
  expect(soonerMs.length).toBeGreaterThan(0);
  expect(Math.min(...soonerMs)).toBeGreaterThan(30);
});

test('another peer’s voice is heard, with its level, until it ends', async () => {
  const { samples, level, levelAfter } = await page().evaluate(() => window.sound.receiveVoice(440));
  const heard = floats(samples);
  expect(toneAmplitude(heard, 440, 48_000)).toBeGreaterThan(0.1);
  expect(toneAmplitude(heard, 440, 48_000)).toBeGreaterThan(10 * toneAmplitude(heard, 700, 48_000));
  expect(level).toBeGreaterThan(0.5);
  expect(levelAfter).toBe(0);
});

test('nothing was logged as an error', () => {
  expect(harness.errors).toEqual([]);
});
