/** Every format's samples stand where the file says, to the sample, from the start and from the middle. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { floats, openHarness, type Harness } from './harness.ts';
import { chirp, encodeFile, findLag } from './signals.ts';

const SECONDS = 4;
const FORMATS = {
  mp3: { args: ['-c:a', 'libmp3lame', '-b:a', '160k'], extension: 'mp3' },
  'mp3 vbr': { args: ['-c:a', 'libmp3lame', '-q:a', '2'], extension: 'mp3' },
  m4a: { args: ['-c:a', 'aac', '-b:a', '160k'], extension: 'm4a' },
  'ogg vorbis': { args: ['-c:a', 'libvorbis', '-q:a', '5'], extension: 'ogg' },
  opus: { args: ['-c:a', 'libopus', '-b:a', '128k'], extension: 'opus' },
  flac: { args: ['-c:a', 'flac'], extension: 'flac' },
  wav: { args: ['-c:a', 'pcm_s16le'], extension: 'wav' },
} as const;

let harness: Harness;
beforeAll(async () => {
  harness = await openHarness();
});
afterAll(() => harness.close());

const reference = (sampleRateHz: number): Float32Array =>
  chirp({ sampleRateHz, seconds: SECONDS, leadSeconds: 0.25, fromHz: 200, toHz: 6_000 });

async function decode(url: string, fromFrames: number, frames: number, method: 'auto' | 'whole') {
  return harness.page.evaluate(([u, from, count, how]) => window.sound.decode(u, from, count, how), [
    url,
    fromFrames,
    frames,
    method,
  ] as const);
}

describe.each([44_100, 48_000])('%i Hz', (rateHz) => {
  describe.each(Object.entries(FORMATS))('%s', (name, { args, extension }) => {
    let url: string;
    beforeAll(async () => {
      url = harness.put(
        `${name} ${rateHz}.${extension}`,
        await encodeFile(reference(rateHz), rateHz, args, extension),
      );
    });

    test.each(['auto', 'whole'] as const)('%s: the sweep begins at its sample', async (method) => {
      const result = await decode(url, 0, rateHz * SECONDS, method);
      expect(result.method).toBe(method === 'auto' ? 'streamed' : 'whole');
      expect(result.channelCount).toBe(2);
      expect(result.firstFrames).toBe(0);
      expect(result.contiguous).toBe(true);
      const expected = reference(result.sampleRateHz);
      const match = findLag(
        floats(result.samples),
        expected,
        Math.round(result.sampleRateHz * 0.3),
        8_000,
        1_500,
      );
      expect(Math.abs(match.lagSamples)).toBeLessThan(0.6);
      expect(match.similarity).toBeGreaterThan(0.99);
      // Silent before the onset, at full level after it.
      const samples = floats(result.samples);
      const onset = Math.round(result.sampleRateHz * 0.25);
      expect(peak(samples.subarray(0, onset - 1_200))).toBeLessThan(0.02);
      expect(peak(samples.subarray(onset, onset + 4_800))).toBeGreaterThan(0.4);
      // All of it, and not a tenth of a second more.
      expect(result.endFrames / result.sampleRateHz).toBeGreaterThanOrEqual(SECONDS - 0.001);
      expect(result.endFrames / result.sampleRateHz).toBeLessThan(SECONDS + 0.1);
    });

    test.each(['auto', 'whole'] as const)(
      '%s: decoding from the middle meets the same samples',
      async (method) => {
        const probe = await decode(url, 0, 1, method);
        const from = Math.round(probe.sampleRateHz * 2.005) + 7;
        const result = await decode(url, from, 24_000, method);
        expect(result.firstFrames).toBe(from);
        const expected = reference(result.sampleRateHz).subarray(from);
        const match = findLag(floats(result.samples), expected, 0, 4_000, 1_500);
        expect(Math.abs(match.lagSamples)).toBeLessThan(0.6);
        expect(match.similarity).toBeGreaterThan(0.99);
      },
    );
  });
});

test('an MP3 ends where the music ends, without the encoder’s padding', async () => {
  const bytes = await encodeFile(reference(44_100), 44_100, FORMATS.mp3.args, 'mp3');
  const result = await decode(harness.put('end.mp3', bytes), 0, 1, 'auto');
  expect(result.endFrames).toBe(44_100 * SECONDS);
});

test('sound comes out long before all of a large file is here', async () => {
  const bytes = await encodeFile(
    chirp({ sampleRateHz: 48_000, seconds: 60, leadSeconds: 0, fromHz: 200, toHz: 2_000 }),
    48_000,
    FORMATS.flac.args,
    'flac',
  );
  const { reached, total } = await harness.page.evaluate(
    (url) => window.sound.bytesToFirstBlock(url),
    harness.put('long.flac', bytes),
  );
  expect(total).toBeGreaterThan(1_000_000);
  expect(reached).toBeLessThan(total / 4);
});

test('what is no audio is said to be undecodable', async () => {
  const noise = new Uint8Array(50_000).map((_, index) => (index * 7_919) & 0xff);
  const failure = await harness.page.evaluate(
    (url) => window.sound.decodeFailure(url),
    harness.put('noise', noise),
  );
  expect(failure).toBe('UndecodableError');
});

test('no policy was violated and no error logged', () => {
  expect(harness.errors).toEqual([]);
});

function peak(samples: Float32Array): number {
  return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
