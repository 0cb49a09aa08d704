/** WAV: RIFF chunks (IBM and Microsoft, Multimedia Programming Interface 1.0), and RF64 (EBU Tech 3306). */
import { cutShort } from './mp4.ts';
import { type Reader, type Verdict, ascii, u32le } from './reader.ts';

/** Written by programs that stream and cannot know. */
const UNKNOWN_BYTES = 0xffff_ffff;
const MAX_CHUNKS = 10_000;

export async function checkWav(reader: Reader): Promise<Verdict> {
  let data64: number | null = null;
  let at = 12;
  for (let chunks = 0; at + 8 <= reader.bytes && chunks < MAX_CHUNKS; chunks++) {
    const head = await reader.at(at, 24);
    const type = ascii(head, 0, 4);
    let bytes = u32le(head, 4);
    if (type === 'ds64') data64 = u32le(head, 16) + u32le(head, 20) * 2 ** 32;
    if (type === 'data') {
      if (bytes === UNKNOWN_BYTES && data64 !== null) bytes = data64;
      const streamed = bytes === 0 || bytes === UNKNOWN_BYTES;
      if (!streamed && at + 8 + bytes > reader.bytes) return cutShort(at + 8 + bytes - reader.bytes);
      if (at + 8 >= reader.bytes) return { state: 'not-audio', why: 'holds no music.' };
      return { state: 'whole' };
    }
    at += 8 + bytes + (bytes & 1);
  }
  return { state: 'truncated', why: 'ends before its music begins: the file is cut off.' };
}
