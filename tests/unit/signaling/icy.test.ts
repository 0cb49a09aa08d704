import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createIcyWriter, icyBlock, ICY_METAINT } from '../../../signaling/stream/icy.ts';

/** What a radio does: sound, then a length byte, then the block. */
function split(stream: Buffer): { sound: Buffer; titles: string[] } {
  const sound: Buffer[] = [];
  const titles: string[] = [];
  let at = 0;
  while (at < stream.length) {
    sound.push(stream.subarray(at, at + ICY_METAINT));
    at += ICY_METAINT;
    if (at >= stream.length) break;
    const length = (stream[at] ?? 0) * 16;
    const text = stream
      .subarray(at + 1, at + 1 + length)
      .toString()
      .replace(/\0+$/, '');
    if (length > 0) titles.push(/^StreamTitle='(.*)';$/.exec(text)?.[1] ?? `broken: ${text}`);
    at += 1 + length;
  }
  return { sound: Buffer.concat(sound), titles };
}

describe('ICY metadata', () => {
  it('leaves the sound as it was, whatever pieces it came in, and tells each title once', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 20_000 }), fc.constantFrom('A', 'B'))),
        (pieces) => {
          const writer = createIcyWriter();
          const sound = pieces.map(([length]) => Buffer.alloc(length, length % 251));
          const out = pieces.map(([, title], at) => writer.interleave(sound[at] ?? Buffer.alloc(0), title));
          const heard = split(Buffer.concat(out));
          expect(heard.sound.equals(Buffer.concat(sound))).toBe(true);
          for (const [at, title] of heard.titles.entries()) {
            expect(['A', 'B']).toContain(title);
            expect(title).not.toBe(heard.titles[at - 1]);
          }
          const total = Buffer.concat(sound).length;
          expect(heard.titles.length > 0).toBe(total >= ICY_METAINT);
        },
      ),
      { numRuns: 50 },
    );
  });

  it('pads blocks to 16 bytes and takes the sting out of quotes and control characters', () => {
    const block = icyBlock("It's\u0000 a 'title';\n");
    expect(block.length).toBe(1 + (block[0] ?? 0) * 16);
    expect(Buffer.from(block.subarray(1)).toString().replace(/\0+$/, '')).toBe(
      "StreamTitle='It’s  a ’title’; ';",
    );
  });

  it('cuts a title that is too long between two characters', () => {
    const block = icyBlock('é'.repeat(4000));
    expect(block.length).toBeLessThanOrEqual(1 + 255 * 16);
    const text = Buffer.from(block.subarray(1)).toString().replace(/\0+$/, '');
    expect(text).toMatch(/^StreamTitle='é+';$/);
  });
});
