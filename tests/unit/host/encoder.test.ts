/** What every encoder behind the port has to do. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { beforeAll, describe, expect, test } from 'vitest';
import { createFrameSplitter, frameHeader } from '../../../app/host/mp3/frames.ts';
import type { BitrateKbps, Mp3Encoder } from '../../../app/host/mp3/shared.ts';
import { createWasmMp3Encoder } from '../../../app/host/mp3/wasm.ts';
import { ffmpeg, toneAmplitude } from '../../audio/signals.ts';

const RATE_HZ = 48_000;
const ENCODERS: Record<string, (bitrateKbps: BitrateKbps) => Promise<Mp3Encoder>> = {
  async 'wasm-media-encoders'(bitrateKbps) {
    const bytes = await readFile(createRequire(import.meta.url).resolve('wasm-media-encoders/wasm/mp3'));
    return createWasmMp3Encoder(
      bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength),
      bitrateKbps,
    );
  },
};

const tone = (hz: number, amplitude: number, seconds: number): Float32Array =>
  new Float32Array(seconds * RATE_HZ).map((_, n) => amplitude * Math.sin((2 * Math.PI * hz * n) / RATE_HZ));

function encodeAll(
  encoder: Mp3Encoder,
  left: Float32Array,
  right: Float32Array,
  batch: number,
): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < left.length; at += batch) {
    parts.push(encoder.encode(left.subarray(at, at + batch), right.subarray(at, at + batch)));
  }
  parts.push(encoder.flush());
  return parts;
}

/** Headers of the frames that `bytes` consist of; throws unless they consist of whole frames only. */
function headers(bytes: Uint8Array) {
  const found = [];
  for (let at = 0; at < bytes.length;) {
    const header = frameHeader(bytes, at);
    if (!header || at + header.bytes > bytes.length)
      throw new Error(`no whole frame at ${at} of ${bytes.length}`);
    found.push(header);
    at += header.bytes;
  }
  return found;
}

describe.each(Object.keys(ENCODERS))('%s', (name) => {
  const create = ENCODERS[name]!;
  let parts: Uint8Array[];
  let decoded: { left: Float32Array; right: Float32Array };

  beforeAll(async () => {
    parts = encodeAll(await create(128), tone(1_000, 0.5, 3), tone(2_500, 0.25, 3), 384);
    const raw = await ffmpeg(['-f', 'mp3', '-i', '-', '-f', 'f32le', '-ac', '2', '-'], Buffer.concat(parts));
    const both = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
    decoded = {
      left: both.filter((_, n) => n % 2 === 0),
      right: both.filter((_, n) => n % 2 === 1),
    };
  });

  test('gives whole frames of constant bit rate at 48 kHz in stereo, and nothing else', () => {
    const all = parts.flatMap(headers);
    expect(all.length).toBeGreaterThanOrEqual((3 * RATE_HZ) / 1_152);
    for (const header of all) {
      expect(header).toMatchObject({
        bytes: 384,
        samples: 1_152,
        sampleRateHz: RATE_HZ,
        bitrateKbps: 128,
        channels: 2,
      });
    }
  });

  test('no frame is a container’s info frame, which a live stream must not carry', () => {
    const text = Buffer.concat(parts).toString('latin1');
    expect(text.includes('Xing') || text.includes('Info')).toBe(false);
  });

  test('gives frames steadily: never more than three for one batch', () => {
    for (const part of parts.slice(0, -1)) expect(headers(part).length).toBeLessThanOrEqual(3);
    const firstSound = parts.findIndex((part) => part.length > 0);
    expect(firstSound * 384).toBeLessThan(0.15 * RATE_HZ);
  });

  test('the tones are in it, each on its side, at their levels', () => {
    const { left, right } = decoded;
    expect(left.length / RATE_HZ).toBeGreaterThan(2.9);
    const middle = (samples: Float32Array): Float32Array => samples.subarray(RATE_HZ, 2 * RATE_HZ);
    expect(toneAmplitude(middle(left), 1_000, RATE_HZ)).toBeCloseTo(0.5, 1);
    expect(toneAmplitude(middle(right), 2_500, RATE_HZ)).toBeCloseTo(0.25, 1);
    expect(toneAmplitude(middle(left), 2_500, RATE_HZ)).toBeLessThan(0.02);
    expect(toneAmplitude(middle(right), 1_000, RATE_HZ)).toBeLessThan(0.02);
  });

  test('starts afresh after a flush', async () => {
    const encoder = await create(128);
    encodeAll(encoder, tone(1_000, 0.5, 1), tone(1_000, 0.5, 1), 384);
    const again = encodeAll(encoder, tone(1_000, 0.5, 1), tone(1_000, 0.5, 1), 384);
    expect(again.flatMap(headers).length).toBeGreaterThanOrEqual(RATE_HZ / 1_152);
  });

  test.each([192, 256, 320] as const)('%i kbit/s', async (bitrateKbps) => {
    const some = encodeAll(
      await create(bitrateKbps),
      tone(1_000, 0.5, 1),
      tone(1_000, 0.5, 1),
      1_152,
    ).flatMap(headers);
    expect(some.length).toBeGreaterThan(0);
    expect(some.every((header) => header.bitrateKbps === bitrateKbps)).toBe(true);
  });
});

describe('the frame splitter', () => {
  const frame = (fill: number): Uint8Array => {
    const bytes = new Uint8Array(384).fill(fill);
    bytes.set([0xff, 0xfb, 0x94, 0xc4]);
    return bytes;
  };
  const stream = Buffer.concat([frame(1), frame(2), frame(3), frame(4)]);

  test('gives the same frames however the bytes are cut', () => {
    for (const size of [1, 3, 100, 383, 384, 385, 1_000]) {
      const splitter = createFrameSplitter();
      const out: Uint8Array[] = [];
      for (let at = 0; at < stream.length; at += size)
        out.push(splitter.push(stream.subarray(at, at + size)));
      expect(Buffer.concat(out).equals(stream)).toBe(true);
      for (const part of out) expect(part.length % 384).toBe(0);
      expect(splitter.skippedBytes).toBe(0);
    }
  });

  test('drops what lies between frames', () => {
    const splitter = createFrameSplitter();
    const out = splitter.push(Buffer.concat([Buffer.from([1, 2, 3]), frame(1), Buffer.from([9]), frame(2)]));
    expect(out.length).toBe(768);
    expect(splitter.skippedBytes).toBe(4);
  });

  test('holds back what is not whole', () => {
    const splitter = createFrameSplitter();
    expect(splitter.push(stream.subarray(0, 500)).length).toBe(384);
    expect(splitter.push(new Uint8Array(0)).length).toBe(0);
    expect(splitter.push(stream.subarray(500, 768)).length).toBe(384);
  });
});
