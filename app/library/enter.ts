/**
 * Enters a long file in the middle. The demuxer reads bare frames (MP3, ADTS) and FLAC from the first byte on, an hour of
 * them for the last minute; here the frame is found by the track's seek index, or by the numbers in FLAC's own frames, and the
 * demuxer is shown the file as if it began there. Its timestamps then count from that frame.
 */
import { HEADER_BYTES, parseAdtsHeader, parseMp3Header, type ParseHeader } from './analyse/frames.ts';
import { parseFlacHeader } from './analyse/flac.ts';
import type { ByteSource } from './library.ts';
import { decodeSeekIndex, pointBefore } from './seek-index.ts';

/** The file as the demuxer shall see it: its first `headBytes`, and then all from `fromByte` on. */
export interface Entry {
  headBytes: number;
  fromByte: number;
  /** Samples of the file that stand before `fromByte`. */
  samplesBefore: number;
}

const WALK_BYTES = 128 * 1024;
const FLAC_HEADER_BYTES = 16;
const STREAMINFO_BYTES = 34;
/** Near enough in front of the place: decoding goes a hundred times as fast. */
const FLAC_NEAR_SECONDS = 3;
const FLAC_ATTEMPTS = 12;

/** The frame that holds `sample`; null when the index does not fit the file. Rejects like `source.read`. */
export async function enterFrames(
  source: ByteSource,
  seekIndex: string,
  sample: number,
  signal: AbortSignal,
): Promise<Entry | null> {
  const index = decodeSeekIndex(seekIndex, source.bytes);
  if (!index) return null;
  let { byte, frame } = pointBefore(index, sample);
  const wanted = Math.floor(sample / index.samplesPerFrame);
  let window = new Uint8Array(0);
  let windowAt = 0;
  let parse: ParseHeader | null = null;
  for (; ; frame++) {
    if (byte + HEADER_BYTES > windowAt + window.length) {
      windowAt = byte;
      window = await source.read(byte, Math.min(source.bytes, byte + WALK_BYTES), signal);
    }
    const head = window.subarray(byte - windowAt, byte - windowAt + HEADER_BYTES);
    parse ??= parseMp3Header(head) ? parseMp3Header : parseAdtsHeader;
    const header = parse(head);
    // Another file's index, or damage: then the demuxer walks there from the start.
    if (header?.samples !== index.samplesPerFrame) return null;
    if (frame >= wanted) return { headBytes: 0, fromByte: byte, samplesBefore: frame * header.samples };
    byte += header.bytes;
  }
}

interface FlacFile {
  firstByte: number;
  fixedBlock: number;
  sampleRateHz: number;
  totalSamples: number;
}

/** What a FLAC file's metadata blocks say (RFC 9639 section 8); null for other files. `start`: after ID3v2. */
export async function readFlacFile(
  source: ByteSource,
  start: number,
  signal: AbortSignal,
): Promise<FlacFile | null> {
  const head = await source.read(start, Math.min(source.bytes, start + 8 + STREAMINFO_BYTES), signal);
  if (head.length < 8 + STREAMINFO_BYTES || String.fromCharCode(...head.subarray(0, 4)) !== 'fLaC')
    return null;
  const info = new DataView(head.buffer, head.byteOffset + 8, STREAMINFO_BYTES);
  let firstByte = start + 4;
  for (let isLast = false; !isLast;) {
    if (firstByte + 4 > source.bytes) return null;
    const [type = 0, a = 0, b = 0, c = 0] = await source.read(firstByte, firstByte + 4, signal);
    isLast = (type & 0x80) !== 0;
    firstByte += 4 + ((a << 16) | (b << 8) | c);
  }
  const totalSamples = (info.getUint8(13) & 15) * 2 ** 32 + info.getUint32(14);
  if (totalSamples === 0) return null;
  return {
    firstByte,
    fixedBlock: info.getUint16(2),
    sampleRateHz: info.getUint32(10) >>> 12,
    totalSamples,
  };
}

/** A frame at most a few seconds before `sample`: each frame says which one it is, so it is guessed where it lies. */
export async function enterFlac(
  source: ByteSource,
  file: FlacFile,
  sample: number,
  signal: AbortSignal,
): Promise<Entry | null> {
  let low = { byte: file.firstByte, sample: 0 };
  let high = { byte: source.bytes, sample: file.totalSamples };
  const near = FLAC_NEAR_SECONDS * file.sampleRateHz;
  let halve = false;
  for (let attempt = 0; attempt < FLAC_ATTEMPTS && sample - low.sample > near; attempt++) {
    const aim = sample - near / 2;
    const share = halve ? 0.5 : (aim - low.sample) / (high.sample - low.sample);
    const guess = Math.floor(low.byte + share * (high.byte - low.byte));
    const found = await flacFrameAfter(source, file, Math.max(low.byte + 1, guess), signal);
    // No frame begins between the guess and what is known: the samples say nothing about where there is one before.
    halve = !found || found.byte >= high.byte;
    if (!found || found.byte >= high.byte) high = { ...high, byte: Math.max(low.byte + 2, guess) };
    else if (found.sample > sample) high = found;
    else low = found;
  }
  if (low.sample === 0) return null;
  return { headBytes: file.firstByte, fromByte: low.byte, samplesBefore: low.sample };
}

/** The first frame that begins at or after `from` and is followed by the one whose number comes next. */
async function flacFrameAfter(
  source: ByteSource,
  file: FlacFile,
  from: number,
  signal: AbortSignal,
): Promise<{ byte: number; sample: number } | null> {
  const bytes = await source.read(from, Math.min(source.bytes, from + WALK_BYTES), signal);
  const candidates: { byte: number; sample: number; next: number }[] = [];
  for (let at = 0; at + FLAC_HEADER_BYTES <= bytes.length; at++) {
    if (bytes[at] !== 0xff) continue;
    const header = parseFlacHeader(bytes.subarray(at, at + FLAC_HEADER_BYTES), file.fixedBlock);
    if (!header) continue;
    const before = candidates.find(({ next }) => next === header.first);
    if (before) return before;
    candidates.push({ byte: from + at, sample: header.first, next: header.first + header.samples });
  }
  return null;
}
