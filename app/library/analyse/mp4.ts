/** MP4 and M4A (ISO 14496-12): the boxes of the file's first level say how long each is. */
import { type Reader, type Verdict, ascii, u32 } from './reader.ts';

const MAX_BOXES = 100_000;

/** `12.3 MB`, or `640 KB`. */
function size(bytes: number): string {
  return bytes >= 1e6 ? `${(bytes / 1e6).toFixed(1)} MB` : `${Math.max(1, Math.round(bytes / 1e3))} KB`;
}

export function cutShort(missingBytes: number): Verdict {
  return { state: 'truncated', why: `lacks its last ${size(missingBytes)}: the file is cut off.` };
}

export async function checkMp4(reader: Reader): Promise<Verdict> {
  const seen = new Set<string>();
  let at = 0;
  for (let boxes = 0; at < reader.bytes && boxes < MAX_BOXES; boxes++) {
    const head = (await reader.at(at, 16)).slice();
    const type = ascii(head, 4, 4);
    if (head.length < 8) return seen.has('moov') ? { state: 'whole' } : cutShort(8 - head.length);
    // Zeros or notes behind the last box are harmless.
    if (!/^[ -~\xa9]{4}$/.test(type)) break;
    let bytes = u32(head, 0);
    if (bytes === 1) bytes = u32(head, 8) * 2 ** 32 + u32(head, 12);
    else if (bytes === 0) bytes = reader.bytes - at;
    if (bytes < 8) break;
    if (at + bytes > reader.bytes) return cutShort(at + bytes - reader.bytes);
    seen.add(type);
    at += bytes;
  }
  if (seen.has('moov')) return { state: 'whole' };
  if (seen.has('mdat'))
    return {
      state: 'truncated',
      why: 'has no index: the recording was never finished, or the file is cut off.',
    };
  return { state: 'not-audio', why: 'is no music that Earshot can read.' };
}
