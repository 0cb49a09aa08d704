/** Ogg (RFC 3533 section 6): pages one after the other, each with its own length. */
import { type Reader, type Verdict, MID_FRAME, ascii } from './reader.ts';

const HEADER_BYTES = 27;
const SEGMENTS_OFFSET = 26;
const MAX_JUNK_BYTES = 64 * 1024;

export async function checkOgg(reader: Reader): Promise<Verdict> {
  let pages = 0;
  let junk = 0;
  for (let at = 0; at < reader.bytes;) {
    const found = reader.at(at, HEADER_BYTES + 255);
    const head = found instanceof Promise ? await found : found;
    if (ascii(head, 0, Math.min(4, head.length)) !== 'OggS'.slice(0, head.length) || (head[4] ?? 0) !== 0) {
      if (++junk > MAX_JUNK_BYTES) break;
      at++;
      continue;
    }
    const segments = head[SEGMENTS_OFFSET] ?? 0;
    if (head.length < HEADER_BYTES + segments) return MID_FRAME;
    const bytes = head.subarray(HEADER_BYTES, HEADER_BYTES + segments).reduce((sum, lace) => sum + lace, 0);
    if (at + HEADER_BYTES + segments + bytes > reader.bytes) return MID_FRAME;
    at += HEADER_BYTES + segments + bytes;
    pages++;
  }
  return pages > 2 ? { state: 'whole' } : { state: 'not-audio', why: 'holds no music.' };
}
