import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { frameBytesAt, parseFrames, silentFrame } from '../../../signaling/stream/frames.ts';
import { decode, probe, toneFrames } from './support.ts';

let tone: Buffer[];
beforeAll(() => {
  tone = toneFrames(1, 440);
});

describe('MP3 frames', () => {
  it('splits what an encoder made, whole and in order', () => {
    const { frames, badBytes } = parseFrames(Buffer.concat(tone));
    expect(badBytes).toBe(0);
    expect(frames.length).toBe(tone.length);
    expect(Buffer.concat(frames).equals(Buffer.concat(tone))).toBe(true);
  });

  it('drops and counts what is no whole frame, and finds the next one', () => {
    const [a, b, c] = tone as [Buffer, Buffer, Buffer];
    expect(parseFrames(Buffer.concat([Buffer.from('junk'), a, b]))).toEqual({ frames: [a, b], badBytes: 4 });
    expect(parseFrames(Buffer.concat([a, b.subarray(0, 100)]))).toEqual({ frames: [a], badBytes: 100 });
    expect(parseFrames(Buffer.concat([a, b.subarray(50), c]))).toEqual({
      frames: [a, c],
      badBytes: b.length - 50,
    });
    expect(parseFrames(new Uint8Array(0))).toEqual({ frames: [], badBytes: 0 });
  });

  it.each([
    ['44.1 kHz', [0xff, 0xfb, 0x90, 0x00]],
    ['mono', [0xff, 0xfb, 0x94, 0xc0]],
    ['MPEG-2', [0xff, 0xf3, 0x94, 0x00]],
    ['layer II', [0xff, 0xfd, 0x94, 0x00]],
    ['free format', [0xff, 0xfb, 0x04, 0x00]],
    ['the forbidden bit rate', [0xff, 0xfb, 0xf4, 0x00]],
    ['reserved emphasis', [0xff, 0xfb, 0x94, 0x02]],
    ['half a header', [0xff, 0xfb, 0x94]],
  ])('takes no %s', (_, header) => {
    expect(frameBytesAt(Uint8Array.from(header), 0)).toBe(0);
  });

  it('accounts for every byte of anything', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.constantFrom(...tone.slice(0, 3)))),
        (parts) => {
          const input = Buffer.concat(parts);
          const { frames, badBytes } = parseFrames(input);
          expect(frames.reduce((sum, frame) => sum + frame.length, badBytes)).toBe(input.length);
          for (const frame of frames) expect(frameBytesAt(frame, 0)).toBe(frame.length);
        },
      ),
    );
  });

  it.each([128, 192, 256, 320])('makes silence that is silent at %i kbit/s', (kbps) => {
    const frame = silentFrame(kbps);
    expect(frameBytesAt(frame, 0)).toBe(frame.length);
    const mp3 = Buffer.concat(Array<Uint8Array>(50).fill(frame));
    expect(probe(mp3)).toBe('mp3,48000,2');
    const samples = decode(mp3);
    expect(samples.length).toBeGreaterThanOrEqual(49 * 1152 * 2);
    expect(samples.every((sample) => sample === 0)).toBe(true);
  });
});
