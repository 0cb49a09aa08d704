/**
 * Containers that are nothing but frames one after the other: MP3 (ISO 11172-3 section 2.4.1.3) and AAC in ADTS
 * (ISO 13818-7 section 6.2). Every header is walked, which finds a cut file and counts the exact length, also of a VBR
 * file without an index.
 */
import { createSeekIndexer, encodeSeekIndex } from '../seek-index.ts';
import { type Reader, type Verdict, MID_FRAME, ascii, u32, u32le } from './reader.ts';

export interface FrameHeader {
  bytes: number;
  samples: number;
  sampleRateHz: number;
  /** The same in all frames of one file. */
  kin: number;
}

export type ParseHeader = (bytes: Uint8Array) => FrameHeader | null;

export const HEADER_BYTES = 7;
/** Cover pictures and junk before the first frame, and damage between frames. */
const MAX_JUNK_BYTES = 512 * 1024;
const ID3V1_BYTES = 128;
const APE_FOOTER_BYTES = 32;
const LYRICS3_FOOTER_BYTES = 15;
const TAIL_BYTES = 512;

const KBPS_V1 = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const KBPS_V2 = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
const MP3_RATES_HZ = [44_100, 48_000, 32_000];
const AAC_RATES_HZ = [
  96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];

/** Layer III only: browsers decode no other. */
export function parseMp3Header(b: Uint8Array): FrameHeader | null {
  if (b[0] !== 0xff || ((b[1] ?? 0) & 0xe0) !== 0xe0) return null;
  const version = ((b[1] ?? 0) >> 3) & 3;
  const layer = ((b[1] ?? 0) >> 1) & 3;
  const v1 = version === 3;
  const kbps = (v1 ? KBPS_V1 : KBPS_V2)[(b[2] ?? 0) >> 4];
  const baseRate = MP3_RATES_HZ[((b[2] ?? 0) >> 2) & 3];
  if (version === 1 || layer !== 1 || !kbps || !baseRate) return null;
  const sampleRateHz = v1 ? baseRate : version === 2 ? baseRate / 2 : baseRate / 4;
  const padding = ((b[2] ?? 0) >> 1) & 1;
  return {
    bytes: Math.floor(((v1 ? 144_000 : 72_000) * kbps) / sampleRateHz) + padding,
    samples: v1 ? 1_152 : 576,
    sampleRateHz,
    kin: version * 4 + (((b[2] ?? 0) >> 2) & 3),
  };
}

export function parseAdtsHeader(b: Uint8Array): FrameHeader | null {
  if (b[0] !== 0xff || ((b[1] ?? 0) & 0xf6) !== 0xf0) return null;
  const rateIndex = ((b[2] ?? 0) >> 2) & 15;
  const sampleRateHz = AAC_RATES_HZ[rateIndex];
  const bytes = (((b[3] ?? 0) & 3) << 11) | ((b[4] ?? 0) << 3) | ((b[5] ?? 0) >> 5);
  if (sampleRateHz === undefined || bytes < HEADER_BYTES) return null;
  return { bytes, samples: 1_024 * (((b[6] ?? 0) & 3) + 1), sampleRateHz, kin: rateIndex };
}

/** Where the frames end: before ID3v1, Lyrics3 and APEv2 tags. */
async function endOfFrames(reader: Reader): Promise<number> {
  let end = reader.bytes;
  for (let found = true; found;) {
    found = false;
    const from = Math.max(0, end - TAIL_BYTES);
    const tail = await reader.at(from, end - from);
    const last = tail.length;
    if (ascii(tail, last - ID3V1_BYTES, 3) === 'TAG' && last >= ID3V1_BYTES) {
      end -= ID3V1_BYTES;
      found = true;
    } else if (ascii(tail, last - APE_FOOTER_BYTES, 8) === 'APETAGEX') {
      const hasHeader = (u32le(tail, last - 12) & 0x8000_0000) !== 0;
      const bytes = u32le(tail, last - 20) + (hasHeader ? APE_FOOTER_BYTES : 0);
      if (bytes >= APE_FOOTER_BYTES && bytes <= end) {
        end -= bytes;
        found = true;
      }
    } else if (ascii(tail, last - 9, 9) === 'LYRICS200') {
      const bytes = Number.parseInt(ascii(tail, last - LYRICS3_FOOTER_BYTES, 6), 10) + LYRICS3_FOOTER_BYTES;
      if (bytes >= LYRICS3_FOOTER_BYTES && bytes <= end) {
        end -= bytes;
        found = true;
      }
    }
  }
  return end;
}

/** First frame at or after `from` that is followed by one of its kin (or by the end). */
async function nextFrame(
  reader: Reader,
  parse: ParseHeader,
  from: number,
  end: number,
): Promise<{ at: number; header: FrameHeader } | null> {
  for (let at = from; at < Math.min(end, from + MAX_JUNK_BYTES); at++) {
    const bytes = reader.at(at, HEADER_BYTES);
    const b = bytes instanceof Promise ? await bytes : bytes;
    if (b[0] !== 0xff) continue;
    const header = parse(b);
    if (!header) continue;
    if (at + header.bytes >= end - HEADER_BYTES) return { at, header };
    const follower = parse(await reader.at(at + header.bytes, HEADER_BYTES));
    if (follower?.kin === header.kin) return { at, header };
  }
  return null;
}

/** What an encoder wrote into the first frame: how many frames follow, and how much silence it added (LAME tag). */
function infoFrame(
  frame: Uint8Array,
): { frames: number | null; trimSamples: number; isSkipped: boolean } | null {
  const v1 = (((frame[1] ?? 0) >> 3) & 3) === 3;
  const mono = (frame[3] ?? 0) >> 6 === 3;
  const xing = 4 + (v1 ? (mono ? 17 : 32) : mono ? 9 : 17);
  const mark = ascii(frame, xing, 4);
  if (mark !== 'Xing' && mark !== 'Info')
    return ascii(frame, 36, 4) === 'VBRI' ? { frames: null, trimSamples: 0, isSkipped: false } : null;
  const flags = u32(frame, xing + 4);
  const frames = flags & 1 ? u32(frame, xing + 8) : null;
  const lame =
    xing + 8 + (flags & 1 ? 4 : 0) + (flags & 2 ? 4 : 0) + (flags & 4 ? 100 : 0) + (flags & 8 ? 4 : 0);
  const known = ['LAME', 'Lavf', 'Lavc'].includes(ascii(frame, lame, 4)) && lame + 24 <= frame.length;
  const packed = known ? u32(frame, lame + 20) & 0xff_ffff : 0;
  const trimSamples = (packed >> 12) + (packed & 0xfff);
  return { frames: frames === 0 ? null : frames, trimSamples, isSkipped: true };
}

async function walk(reader: Reader, start: number, parse: ParseHeader, isMp3: boolean): Promise<Verdict> {
  const end = await endOfFrames(reader);
  const first = await nextFrame(reader, parse, start, end);
  if (!first) return { state: 'not-audio', why: 'holds no frame of music.' };
  const info = isMp3 ? infoFrame(await reader.at(first.at, first.header.bytes)) : null;
  const { sampleRateHz, kin } = first.header;
  // What decoders count from: the first frame that gives sound. They skip Xing's, but not VBRI's.
  const soundsFrom = info?.isSkipped ? first.at + first.header.bytes : first.at;
  const indexer = createSeekIndexer(first.header.samples, sampleRateHz);
  let at = first.at;
  let frames = 0;
  let samples = 0;
  while (at + HEADER_BYTES <= end) {
    const bytes = reader.at(at, HEADER_BYTES);
    const header = parse(bytes instanceof Promise ? await bytes : bytes);
    if (header?.kin !== kin) {
      const next = await nextFrame(reader, parse, at + 1, end);
      if (next?.header.kin !== kin) break;
      at = next.at;
      continue;
    }
    if (at + header.bytes > end) return MID_FRAME;
    if (at >= soundsFrom) indexer.add(at);
    at += header.bytes;
    frames++;
    samples += header.samples;
  }
  // The info frame holds no sound.
  if (info) {
    samples -= first.header.samples;
    frames--;
  }
  // Too little left for a header, but it begins like one.
  if (at < end && end - at < HEADER_BYTES && (await reader.at(at, 1))[0] === 0xff) return MID_FRAME;
  if (info?.frames && frames < info.frames - 2) {
    const share = Math.floor((100 * frames) / info.frames);
    return {
      state: 'truncated',
      why: `holds only ${share} % of the music that its first frame announces: the file is cut off.`,
    };
  }
  const trimmed = info && samples > info.trimSamples ? samples - info.trimSamples : samples;
  if (trimmed <= 0) return { state: 'not-audio', why: 'holds no frame of music.' };
  return {
    state: 'whole',
    durationMs: (trimmed / sampleRateHz) * 1000,
    seekIndex: encodeSeekIndex(indexer.index()),
  };
}

/** `start`: after the ID3v2 tags. */
export function checkMp3(reader: Reader, start: number): Promise<Verdict> {
  return walk(reader, start, parseMp3Header, true);
}

export function checkAdts(reader: Reader, start: number): Promise<Verdict> {
  return walk(reader, start, parseAdtsHeader, false);
}
