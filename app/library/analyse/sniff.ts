/** Which container a file is, by its bytes: names and types that systems give to files are guesses. */
import { checkAdts, checkMp3, parseAdtsHeader, parseMp3Header } from './frames.ts';
import { checkFlac } from './flac.ts';
import { checkMp4 } from './mp4.ts';
import { checkOgg } from './ogg.ts';
import { type Reader, type Verdict, ascii } from './reader.ts';
import { checkWav } from './wav.ts';

export interface Container {
  mime: string;
  check(): Promise<Verdict>;
}

const HEAD_BYTES = 64;
const SEARCH_BYTES = 8 * 1024;
const ID3_HEADER_BYTES = 10;

/** Bytes of the ID3v2 tags in front (ID3v2.4 section 3.1); some files carry several. */
async function id3Bytes(reader: Reader): Promise<number> {
  let at = 0;
  for (let tags = 0; tags < 16; tags++) {
    const head = await reader.at(at, ID3_HEADER_BYTES);
    if (head.length < ID3_HEADER_BYTES || ascii(head, 0, 3) !== 'ID3') break;
    const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6);
    const footer = (head[5] ?? 0) & 0x10 ? ID3_HEADER_BYTES : 0;
    at += ID3_HEADER_BYTES + ((a & 127) << 21) + ((b & 127) << 14) + ((c & 127) << 7) + (d & 127) + footer;
  }
  return at;
}

/** Null: none of the kinds of music that Earshot takes. */
export async function sniff(reader: Reader): Promise<Container | null> {
  const start = await id3Bytes(reader);
  const head = (await reader.at(start, HEAD_BYTES)).slice();
  const mark = ascii(head, 0, 4);
  if (mark === 'fLaC') return { mime: 'audio/flac', check: () => checkFlac(reader, start) };
  if (mark === 'OggS') return { mime: 'audio/ogg', check: () => checkOgg(reader) };
  if ((mark === 'RIFF' || mark === 'RF64') && ascii(head, 8, 4) === 'WAVE') {
    return { mime: 'audio/wav', check: () => checkWav(reader) };
  }
  if (ascii(head, 4, 4) === 'ftyp') return { mime: 'audio/mp4', check: () => checkMp4(reader) };
  const mp3: Container = { mime: 'audio/mpeg', check: () => checkMp3(reader, start) };
  if (start > 0 && start >= reader.bytes) {
    const why = 'ends inside its tags: the file is cut off.';
    return { mime: 'audio/mpeg', check: async () => ({ state: 'truncated', why }) };
  }
  if (parseAdtsHeader(head)) return { mime: 'audio/aac', check: () => checkAdts(reader, start) };
  if (parseMp3Header(head)) return mp3;
  return (await hasMp3Frames(reader, start, start > 0)) ? mp3 : null;
}

/** Two frames in a row somewhere in the first kilobytes; behind an ID3 tag one is enough. */
async function hasMp3Frames(reader: Reader, start: number, isTagged: boolean): Promise<boolean> {
  const bytes = (await reader.at(start, SEARCH_BYTES)).slice();
  for (let at = 0; at + 4 <= bytes.length; at++) {
    const header = bytes[at] === 0xff ? parseMp3Header(bytes.subarray(at, at + 4)) : null;
    if (!header) continue;
    if (isTagged) return true;
    const next = at + header.bytes;
    if (parseMp3Header(bytes.subarray(next, next + 4))?.kin === header.kin) return true;
  }
  return false;
}
