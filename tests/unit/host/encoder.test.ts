/** What every encoder behind the port has to do. */
import { beforeAll, describe, expect, test } from 'vitest';
import { BATCH_SAMPLES, type EncoderName, FIRST_BATCH_SAMPLES } from '../../../app/host/mp3/shared.ts';
import { toneAmplitude } from '../../audio/signals.ts';
import {
  decodeMp3,
  encodeAll,
  ENCODERS,
  framesOf,
  mainDataBegin,
  measureHold,
} from '../../fixtures/encoders.ts';

const RATE_HZ = 48_000;

const tone = (hz: number, amplitude: number, seconds: number, rateHz = RATE_HZ): Float32Array =>
  new Float32Array(seconds * rateHz).map((_, n) => amplitude * Math.sin((2 * Math.PI * hz * n) / rateHz));

/** LAME turns everything down by up to 0.45 dB (presets.c, `scale`), so that its own overshoot does not clip. */
function expectLevel(samples: Float32Array, hz: number, amplitude: number, rateHz = RATE_HZ): void {
  const offDb = 20 * Math.log10(toneAmplitude(samples, hz, rateHz) / amplitude);
  expect(offDb).toBeGreaterThan(-0.5);
  expect(offDb).toBeLessThan(0.1);
}

describe.each(Object.keys(ENCODERS) as EncoderName[])('%s', (name) => {
  const { create, standsAlone } = ENCODERS[name];
  const left = tone(1_000, 0.5, 3);
  const right = tone(2_500, 0.25, 3);
  let parts: Uint8Array[];
  let whole: Buffer;
  let decoded: { left: Float32Array; right: Float32Array };

  beforeAll(async () => {
    parts = encodeAll(await create(128), left, right, 384);
    whole = Buffer.concat(parts);
    decoded = await decodeMp3(whole);
  });

  test('gives whole frames of constant bit rate at 48 kHz in stereo, and nothing else', () => {
    const all = parts.flatMap(framesOf);
    expect(all.length).toBeGreaterThanOrEqual((3 * RATE_HZ) / 1_152);
    for (const frame of all) {
      expect(frame).toMatchObject({
        bytes: 384,
        samples: 1_152,
        sampleRateHz: RATE_HZ,
        bitrateKbps: 128,
        channels: 2,
      });
    }
  });

  test('no frame is a container’s info frame, which a live stream must not carry', () => {
    const text = whole.toString('latin1');
    expect(text.includes('Xing') || text.includes('Info')).toBe(false);
  });

  test('a decoder takes every frame: none is silent by mistake, none is missing', () => {
    expect(decoded.left.length).toBe(framesOf(whole).length * 1_152);
  });

  test('gives frames steadily: never more than three for one batch', () => {
    for (const part of parts.slice(0, -1)) expect(framesOf(part).length).toBeLessThanOrEqual(3);
    const firstSound = parts.findIndex((part) => part.length > 0);
    expect(firstSound * 384).toBeLessThan(0.15 * RATE_HZ);
  });

  test('the tones are in it, each on its side, at their levels', () => {
    const middle = (samples: Float32Array): Float32Array => samples.subarray(RATE_HZ, 2 * RATE_HZ);
    expectLevel(middle(decoded.left), 1_000, 0.5);
    expectLevel(middle(decoded.right), 2_500, 0.25);
    expect(toneAmplitude(middle(decoded.left), 2_500, RATE_HZ)).toBeLessThan(0.02);
    expect(toneAmplitude(middle(decoded.right), 1_000, RATE_HZ)).toBeLessThan(0.02);
  });

  test('a flush gives all that went in, to the last tenth of a second', () => {
    const { left: heard } = decoded;
    const end = 3 * RATE_HZ;
    expectLevel(heard.subarray(end - 3_800, end + 1_000), 1_000, 0.5);
  });

  test.each([128, 256, 1_000, 1_152, 5_000])('the same bytes in batches of %i samples', async (batch) => {
    const other = Buffer.concat(encodeAll(await create(128), left, right, batch));
    expect(other.equals(whole)).toBe(true);
  });

  test('starts afresh after a flush: the same sound gives the same bytes', async () => {
    const encoder = await create(128);
    for (let round = 0; round < 3; round++) {
      expect(Buffer.concat(encodeAll(encoder, left, right, 384)).equals(whole)).toBe(true);
    }
  });

  test.each([
    { bitrateKbps: 128, sampleRateHz: 44_100 },
    { bitrateKbps: 192, sampleRateHz: 48_000 },
    { bitrateKbps: 256, sampleRateHz: 48_000 },
    { bitrateKbps: 320, sampleRateHz: 44_100 },
    { bitrateKbps: 320, sampleRateHz: 48_000 },
  ] as const)('$bitrateKbps kbit/s at $sampleRateHz Hz', async ({ bitrateKbps, sampleRateHz }) => {
    const sound = tone(1_000, 0.5, 2, sampleRateHz);
    const bytes = Buffer.concat(encodeAll(await create(bitrateKbps, sampleRateHz), sound, sound, 1_152));
    for (const frame of framesOf(bytes)) expect(frame).toMatchObject({ bitrateKbps, sampleRateHz });
    const heard = (await decodeMp3(bytes)).left.subarray(sampleRateHz / 2, (3 * sampleRateHz) / 2);
    expectLevel(heard, 1_000, 0.5, sampleRateHz);
  });

  test('gives one second for one second, however long it runs', async () => {
    const encoder = await create(128);
    const batch = tone(440, 0.3, 1).subarray(0, 384);
    let bytes = 0;
    for (let fed = 0; fed < 120 * RATE_HZ; fed += 384) {
      bytes += encoder.encode(batch, batch).length;
      const behind = (fed + 384) / 1_152 - bytes / 384;
      expect(behind).toBeGreaterThan(0);
      expect(behind).toBeLessThan(5);
    }
  });

  test(standsAlone ? 'no frame’s sound begins in another' : 'frames’ sound begins in others', () => {
    const reaches = framesOf(whole).map(({ frame }) => mainDataBegin(frame));
    expect(Math.max(...reaches) === 0).toBe(standsAlone);
  });

  test.each([128, 384])('sound comes out soon, fed %i samples at a time', async (batch) => {
    const hold = await measureHold(await create(128), batch);
    const ms = (samples: number): string => `${((1_000 * samples) / RATE_HZ).toFixed(1)} ms`;
    console.log(
      `${name}, batches of ${batch}: first frame after ${ms(hold.firstFrameSamples)}; a click is held ` +
        `${ms(hold.meanSamples)} on average, ${ms(hold.maxSamples)} at most`,
    );
    expect(hold.codecDelaySamples).toBeGreaterThan(1_000);
    expect(hold.codecDelaySamples).toBeLessThan(1_200);
    expect(hold.maxSamples).toBeLessThan((standsAlone ? 0.07 : 0.13) * RATE_HZ);
  });
});

test('fed as the mix is, lame lets go of each frame with the last sample that it waits for', async () => {
  const asSoonAsCanBe = await measureHold(await ENCODERS.lame.create(128), 128);
  const asFed = await measureHold(await ENCODERS.lame.create(128), BATCH_SAMPLES, 60, FIRST_BATCH_SAMPLES);
  expect(asFed.meanSamples).toBe(asSoonAsCanBe.meanSamples);
  expect(asFed.maxSamples).toBe(asSoonAsCanBe.maxSamples);
});

test('a listener who joins at any frame of lame’s hears the next one whole', async () => {
  const sound = tone(700, 0.4, 3);
  const frames = framesOf(Buffer.concat(encodeAll(await ENCODERS.lame.create(128), sound, sound, 384)));
  const bytesFrom = (from: number): Buffer => Buffer.concat(frames.slice(from).map(({ frame }) => frame));
  const all = (await decodeMp3(bytesFrom(0))).left;
  for (const from of [7, 40, 81]) {
    const heard = (await decodeMp3(bytesFrom(from))).left.subarray(1_152, 21 * 1_152);
    const whole = all.subarray((from + 1) * 1_152, (from + 21) * 1_152);
    const worst = whole.reduce((most, value, n) => Math.max(most, Math.abs(value - heard[n]!)), 0);
    expect(worst).toBeLessThan(1e-6);
  }
});
