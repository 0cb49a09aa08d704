import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createReader } from '../../../app/library/analyse/reader.ts';
import { sniff } from '../../../app/library/analyse/sniff.ts';
import { parseMp3Header } from '../../../app/library/analyse/frames.ts';
import { parseFlacHeader } from '../../../app/library/analyse/flac.ts';
import { enterFlac, enterFrames, readFlacFile } from '../../../app/library/enter.ts';
import type { ByteSource } from '../../../app/library/library.ts';
import {
  SEEK_INDEX_CHARS,
  createSeekIndexer,
  decodeSeekIndex,
  encodeSeekIndex,
  pointBefore,
} from '../../../app/library/seek-index.ts';
import { media } from './media.ts';

describe('seek index', () => {
  test('what is written is read again, for any rising bytes', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 4_000_000 }), { minLength: 1, maxLength: 200 }),
        fc.integer({ min: 1, max: 5_000 }),
        (steps, framesPerStep) => {
          let byte = 0;
          const points = steps.map((step) => (byte += step));
          const index = { framesPerStep, samplesPerFrame: 1_152, points };
          expect(decodeSeekIndex(encodeSeekIndex(index), byte + 1)).toEqual(index);
          // Of a shorter file it is not.
          expect(decodeSeekIndex(encodeSeekIndex(index), byte)).toBeNull();
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });

  test('any text gives an index or null, and nothing throws', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 60 }), (text) => {
        const index = decodeSeekIndex(text, 1e6);
        return index === null || index.points.every((point, at) => point > (index.points[at - 1] ?? -1));
      }),
      { numRuns: 2_000, seed: 5 },
    );
    expect(decodeSeekIndex('A'.repeat(SEEK_INDEX_CHARS + 1), 1e6)).toBeNull();
    expect(decodeSeekIndex('ggggggggggA', 1e6)).toBeNull();
  });

  test('the points stay few however long the file is, and an hour is entered within 16 s of any place', () => {
    const indexer = createSeekIndexer(1_152, 44_100);
    const frames = Math.round((3_600 * 44_100) / 1_152);
    for (let frame = 0; frame < frames; frame++) indexer.add(100 + frame * 1_000 + (frame % 7) * 50);
    const index = indexer.index();
    expect(index.points.length).toBeLessThanOrEqual(256);
    const { frame, byte } = pointBefore(index, 2_700 * 44_100);
    expect(2_700 - (frame * 1_152) / 44_100).toBeLessThan(16.1);
    expect(byte).toBe(100 + frame * 1_000 + (frame % 7) * 50);
    expect(encodeSeekIndex(index).length).toBeLessThanOrEqual(SEEK_INDEX_CHARS);
    expect(pointBefore(index, 1e12).frame).toBe((index.points.length - 1) * index.framesPerStep);
    expect(pointBefore(index, -5)).toEqual({ frame: 0, byte: 100 });
  });

  test.each(['vbr.mp3', 'cbr.mp3', 'no-index.mp3', 'cover.mp3', 'raw.aac'])(
    '%s is entered at the very frame that holds a sample',
    async (name) => {
      const bytes = await media(name);
      const verdict = await (await sniff(createReader(new Blob([bytes]))))!.check();
      if (verdict.state !== 'whole') throw new Error(verdict.why);
      const source: ByteSource = {
        bytes: bytes.length,
        read: async (start, end) => bytes.slice(start, end),
        close: () => undefined,
      };
      const { signal } = new AbortController();
      const samplesPerFrame = name === 'raw.aac' ? 1_024 : 1_152;
      const start = await enterFrames(source, verdict.seekIndex!, 0, signal);
      const entry = await enterFrames(source, verdict.seekIndex!, samplesPerFrame * 100 + 5, signal);
      expect(entry).toMatchObject({ headBytes: 0, samplesBefore: samplesPerFrame * 100 });
      // Walked by hand.
      let byte = start!.fromByte;
      for (let frame = 0; frame < 100; frame++) {
        const at = bytes.subarray(byte);
        byte +=
          name === 'raw.aac'
            ? ((at[3]! & 3) << 11) | (at[4]! << 3) | (at[5]! >> 5)
            : parseMp3Header(at)!.bytes;
      }
      expect(entry?.fromByte).toBe(byte);
      // Another file's index leads nowhere.
      const other = encodeSeekIndex({
        framesPerStep: 1,
        samplesPerFrame: 1_152,
        points: [bytes.length >> 1],
      });
      expect(await enterFrames(source, other, 10_000, signal)).toBeNull();
    },
  );

  test('a FLAC with a megabyte of nothing behind its music is entered near the place all the same', async () => {
    const music = await media('plain.flac');
    const bytes = new Uint8Array(music.length + 1_048_576);
    bytes.set(music);
    const readFrom: number[] = [];
    const source: ByteSource = {
      bytes: bytes.length,
      read: async (start, end) => (readFrom.push(start), bytes.slice(start, end)),
      close: () => undefined,
    };
    const { signal } = new AbortController();
    const file = (await readFlacFile(source, 0, signal))!;
    const sample = 6 * file.sampleRateHz;
    readFrom.length = 0;
    const entry = (await enterFlac(source, file, sample, signal))!;
    expect(new Set(readFrom).size).toBe(readFrom.length);
    const seconds = (sample - entry.samplesBefore) / file.sampleRateHz;
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan(3.1);
    const header = parseFlacHeader(bytes.subarray(entry.fromByte, entry.fromByte + 16), file.fixedBlock);
    expect(header?.first).toBe(entry.samplesBefore);
  });
});
