import { describe, expect, test } from 'vitest';
import { createFrameSplitter } from '../../../app/host/mp3/frames.ts';

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
