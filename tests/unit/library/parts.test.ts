import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countBits, emptyBitmap, hasBit, setBit } from '../../../app/library/bitmap.ts';
import {
  CHUNK_BYTES,
  chunkCount,
  chunkRange,
  chunksOf,
  isChunk,
  isManifest,
} from '../../../app/library/chunks.ts';
import { type Need, inOrderOfNeed } from '../../../app/library/need.ts';
import { type Message, decode, encode } from '../../../app/library/wire.ts';
import { testTrack } from './rig.ts';

const hex = (digits: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'), { minLength: digits, maxLength: digits })
    .map((all) => all.join(''));
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((all) => new Uint8Array(all));
const id = hex(64);
const index = fc.nat(4_000);

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    type: fc.constant('haves' as const),
    reset: fc.boolean(),
    entries: fc.array(fc.tuple(hex(16), fc.constantFrom('none' as const, 'some' as const, 'all' as const))),
  }),
  fc.record({ type: fc.constantFrom('wantBits' as const, 'wantManifest' as const, 'wantArt' as const), id }),
  fc.record({ type: fc.constantFrom('wantChunk' as const, 'cancelChunk' as const), id, index }),
  fc.record({ type: fc.constant('bits' as const), id, bitmap: bytes(500) }),
  fc.record({ type: fc.constant('manifest' as const), id, manifest: bytes(640) }),
  fc.record({ type: fc.constant('art' as const), id, data: bytes(1_000) }),
  fc.record({ type: fc.constant('chunk' as const), id, index, data: bytes(1_000) }),
  fc.record({
    type: fc.constant('denied' as const),
    id,
    index,
    wanted: fc.constantFrom('chunk' as const, 'manifest' as const, 'art' as const),
  }),
);

describe('wire', () => {
  test('W1 every message survives the way', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(decode(encode(sent))).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  test('W2 cut, lengthened and random messages are a message or null, never an error', () => {
    fc.assert(
      fc.property(message, fc.nat(60), bytes(60), (sent, cut, tail) => {
        const whole = encode(sent);
        decode(whole.slice(0, Math.max(0, whole.length - cut)));
        decode(new Uint8Array([...whole, ...tail]));
        decode(tail);
        decode(new Uint8Array([0x4c, ...tail]));
      }),
      { numRuns: 500 },
    );
  });

  test('W3 other parts’ messages are not ours', () => {
    fc.assert(fc.property(bytes(100), (noise) => noise[0] === 0x4c || decode(noise) === null));
  });

  test('W4 a chunk beyond the chunk size is refused', () => {
    const data = new Uint8Array(CHUNK_BYTES);
    expect(decode(encode({ type: 'chunk', id: 'a'.repeat(64), index: 0, data }))?.type).toBe('chunk');
    const more = new Uint8Array(CHUNK_BYTES + 1);
    expect(decode(encode({ type: 'chunk', id: 'a'.repeat(64), index: 0, data: more }))).toBe(null);
  });
});

describe('bitmap', () => {
  test('B1 holds exactly the bits that were set, within its length', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 300 }), fc.array(fc.nat(400)), (count, set) => {
        const bitmap = emptyBitmap(count);
        for (const i of set) setBit(bitmap, i);
        const expected = new Set(set.filter((i) => i < count));
        for (let i = 0; i < count; i++) expect(hasBit(bitmap, i)).toBe(expected.has(i));
        expect(countBits(bitmap, count)).toBe(expected.size);
      }),
    );
  });
});

describe('chunks', () => {
  test('C1 chunks tile a track without gap or overlap', () => {
    for (const total of [1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 5 * CHUNK_BYTES + 77]) {
      let at = 0;
      for (let i = 0; i < chunkCount(total); i++) {
        const { start, end } = chunkRange(i, total);
        expect(start).toBe(at);
        at = end;
      }
      expect(at).toBe(total);
    }
    expect(chunksOf(CHUNK_BYTES - 1, CHUNK_BYTES + 1)).toEqual({ first: 0, afterLast: 2 });
    expect(chunksOf(CHUNK_BYTES, CHUNK_BYTES)).toEqual({ first: 1, afterLast: 1 });
  });

  test('C2 a manifest stands for one track alone, and a chunk for one place', async () => {
    const { ref, data, manifest } = testTrack(3, 42);
    expect(await isManifest(manifest, ref.bytes, ref.chunksId)).toBe(true);
    expect(await isManifest(manifest, ref.bytes + CHUNK_BYTES, ref.chunksId)).toBe(false);
    expect(await isManifest(manifest.slice(0, 64), ref.bytes, ref.chunksId)).toBe(false);
    const flipped = manifest.slice();
    flipped[40] = (flipped[40] ?? 0) ^ 1;
    expect(await isManifest(flipped, ref.bytes, ref.chunksId)).toBe(false);
    const first = data.slice(0, CHUNK_BYTES);
    expect(await isChunk(first, 0, ref.bytes, manifest)).toBe(true);
    expect(await isChunk(first, 1, ref.bytes, manifest)).toBe(false);
    expect(await isChunk(first, 7, ref.bytes, manifest)).toBe(false);
    expect(await isChunk(first.slice(1), 0, ref.bytes, manifest)).toBe(false);
  });
});

describe('order of need', () => {
  const order = (need: Pick<Need, 'chunks' | 'reads' | 'cursorBytes' | 'isMp4'> & Partial<Need>) => {
    const all = inOrderOfNeed({ copies: () => 0, spread: 0, ...need });
    return [...new Set([...all].map((wanted) => wanted.index))];
  };

  test('N1 readers first, then what comes after the last read, then the rest; every chunk is named', () => {
    const need = { chunks: 10, reads: [{ start: 6.5 * CHUNK_BYTES, end: 7.5 * CHUNK_BYTES }], isMp4: false };
    expect(order({ ...need, cursorBytes: 7.5 * CHUNK_BYTES })).toEqual([6, 7, 0, 1, 8, 9, 2, 3, 4, 5]);
  });

  test('N2 an MP4’s last chunks come right after its first', () => {
    expect(order({ chunks: 20, reads: [], cursorBytes: 0, isMp4: true }).slice(0, 6)).toEqual([
      0, 1, 16, 17, 18, 19,
    ]);
  });

  test('N4 what nobody waits for comes rarest first, and each device begins elsewhere among equals', () => {
    const copies = (index: number) => (index >= 6 && index < 8 ? 0 : 1);
    const need = { chunks: 10, reads: [], cursorBytes: 0, isMp4: false, copies };
    expect(order({ ...need, spread: 0 })).toEqual([0, 1, 6, 7, 2, 3, 4, 5, 8, 9]);
    expect(order({ ...need, spread: 0.45 })).toEqual([0, 1, 6, 7, 4, 5, 8, 9, 2, 3]);
  });

  test('N5 what a reader comes to soon stays in its order, however common it is', () => {
    const need = { chunks: 40, reads: [], cursorBytes: 5 * CHUNK_BYTES, isMp4: false };
    const rare = order({ ...need, copies: (index) => (index === 39 ? 0 : 1), spread: 0.9 });
    expect(rare.slice(0, 19)).toEqual([0, 1, ...Array.from({ length: 16 }, (_, i) => i + 5), 39]);
  });

  test('N3 nothing outside of the track is ever named', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 50 }),
        fc.nat(60),
        fc.nat(60),
        fc.boolean(),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        fc.array(fc.nat(3), { minLength: 60, maxLength: 60 }),
        (chunks, a, b, isMp4, spread, held) => {
          const reads = [{ start: a * CHUNK_BYTES, end: (a + b) * CHUNK_BYTES }];
          const copies = (index: number) => held[index] ?? 0;
          const named = order({ chunks, reads, cursorBytes: b * CHUNK_BYTES, isMp4, spread, copies });
          expect(named.toSorted((x, y) => x - y)).toEqual(Array.from({ length: chunks }, (_, i) => i));
        },
      ),
    );
  });
});
