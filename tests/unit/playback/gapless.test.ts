import { describe, expect, test } from 'vitest';
import { id3Bytes, mp3Trim } from '../../../app/playback/gapless.ts';

/** The first frame of a LAME file: MPEG-1 layer III, 44.1 kHz, stereo, with 576 samples of delay and 1 000 of padding. */
function infoFrame(change: (bytes: Uint8Array) => void = () => undefined): Uint8Array {
  const bytes = new Uint8Array(417);
  bytes.set([0xff, 0xfb, 0x90, 0x00]);
  const at = 4 + 32;
  bytes.set(
    [...'Info'].map((letter) => letter.charCodeAt(0)),
    at,
  );
  const view = new DataView(bytes.buffer);
  view.setUint32(at + 4, 0x0f);
  view.setUint32(at + 8, 100);
  const lame = at + 8 + 4 + 4 + 100 + 4;
  bytes.set(
    [...'LAME3.100'].map((letter) => letter.charCodeAt(0)),
    lame,
  );
  const packed = (576 << 12) | 1_000;
  bytes.set([packed >> 16, (packed >> 8) & 0xff, packed & 0xff], lame + 21);
  change(bytes);
  return bytes;
}

describe('an MP3’s padding', () => {
  test('is LAME’s delay and the decoder’s in front; the length leaves both ends out', () => {
    expect(mp3Trim(infoFrame())).toEqual({
      startSamples: 576 + 529,
      lengthSamples: 100 * 1_152 - 576 - 1_000,
      framesSamples: 100 * 1_152,
      sampleRateHz: 44_100,
    });
  });

  test('is found behind junk', () => {
    const bytes = new Uint8Array(500);
    bytes.set(infoFrame(), 60);
    expect(mp3Trim(bytes)?.startSamples).toBe(1_105);
  });

  test('is unknown without an info frame, with one of another encoder, cut off, or absurd', () => {
    expect(mp3Trim(infoFrame((bytes) => bytes.fill(0, 36, 40)))).toBeNull();
    expect(mp3Trim(infoFrame((bytes) => bytes.set([0x47, 0x4f, 0x47, 0x4f], 156)))).toBeNull();
    for (const length of [0, 3, 4, 36, 40, 100, 160, 179])
      expect(mp3Trim(infoFrame().subarray(0, length))).toBeNull();
    // More padding than samples.
    expect(mp3Trim(infoFrame((bytes) => new DataView(bytes.buffer).setUint32(44, 1)))).toBeNull();
  });

  test('never throws, whatever the bytes', () => {
    let random = 7;
    for (let round = 0; round < 500; round++) {
      const bytes = infoFrame((own) => {
        for (let n = 0; n < 20; n++) {
          random = (Math.imul(random, 1_664_525) + 1_013_904_223) >>> 0;
          own[random % own.length] = random >> 24;
        }
      });
      expect(() => mp3Trim(bytes.subarray(0, random % bytes.length))).not.toThrow();
    }
  });
});

describe('an ID3 tag', () => {
  test('is as long as its header says, header and footer included', () => {
    const header = [0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 2, 1];
    expect(id3Bytes(Uint8Array.from(header))).toBe(10 + 257);
    header[5] = 0x10;
    expect(id3Bytes(Uint8Array.from(header))).toBe(20 + 257);
  });

  test('is absent otherwise', () => {
    expect(id3Bytes(new Uint8Array(10))).toBe(0);
    expect(id3Bytes(Uint8Array.from([0x49, 0x44, 0x33]))).toBe(0);
    expect(id3Bytes(Uint8Array.from([0x49, 0x44, 0x33, 4, 0, 0, 0xff, 0, 0, 0]))).toBe(0);
  });
});
