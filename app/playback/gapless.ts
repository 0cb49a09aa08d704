/**
 * Where the music begins and ends inside an MP3 file's decoded samples. An MP3 encoder adds silence in front (its own
 * delay plus the decoder's 529 samples) and pads the last frame; LAME writes both numbers into the first frame
 * ("Mp3 Info Tag rev 1", http://gabriel.mp3-tech.org/mp3infotag.html, delay and padding at offset 0x15 of the LAME part).
 * Players that ignore them disagree by 20-50 ms about where position 0 is. Other containers carry this in their own
 * timestamps. Pure.
 */

/** Samples of decoder delay that every Layer III decoder has; LAME's numbers are given without it. */
export const MP3_DECODER_DELAY = 529;
/** Bytes after the ID3v2 tag that are enough to hold the first frame. */
export const FIRST_FRAME_BYTES = 2_000;

export interface Mp3Trim {
  /** Decoded samples (of the frames after the info frame) to drop in front. */
  startSamples: number;
  /** Length of the music in samples, or null where the file does not say. */
  lengthSamples: number | null;
  /** Length of all decoded frames in samples, or null where the file does not say. */
  framesSamples: number | null;
  sampleRateHz: number;
}

const ID3_HEADER_BYTES = 10;
const SAMPLE_RATES_HZ = [44_100, 48_000, 32_000] as const;
const FLAG_FRAMES = 1;
const FLAG_BYTES = 2;
const FLAG_TOC = 4;
const FLAG_QUALITY = 8;

/** Bytes that an ID3v2 tag takes at the start of a file; 0 without one. `head` needs 10 bytes (ID3v2.4 section 3.1). */
export function id3Bytes(head: Uint8Array): number {
  if (head.length < ID3_HEADER_BYTES) return 0;
  if (ascii(head, 0, 3) !== 'ID3') return 0;
  const [a = 0, b = 0, c = 0, d = 0] = head.subarray(6, 10);
  if ((a | b | c | d) & 0x80) return 0;
  const footer = ((head[5] ?? 0) & 0x10) !== 0 ? ID3_HEADER_BYTES : 0;
  return ID3_HEADER_BYTES + ((a << 21) | (b << 14) | (c << 7) | d) + footer;
}

/**
 * Reads the info frame at the start of `bytes` (which begin right after the ID3v2 tag). Null when there is none or it
 * makes no sense: then nothing is trimmed.
 */
export function mp3Trim(bytes: Uint8Array): Mp3Trim | null {
  const at = frameStart(bytes);
  if (at === null) return null;
  const version = ((bytes[at + 1] ?? 0) >> 3) & 3;
  const layer = ((bytes[at + 1] ?? 0) >> 1) & 3;
  const rateIndex = ((bytes[at + 2] ?? 0) >> 2) & 3;
  const mono = (bytes[at + 3] ?? 0) >> 6 === 3;
  const baseRate = SAMPLE_RATES_HZ[rateIndex];
  if (layer !== 1 || version === 1 || baseRate === undefined) return null;
  const mpeg1 = version === 3;
  const sampleRateHz = mpeg1 ? baseRate : version === 2 ? baseRate / 2 : baseRate / 4;
  const samplesPerFrame = mpeg1 ? 1_152 : 576;

  const xing = at + 4 + (mpeg1 ? (mono ? 17 : 32) : mono ? 9 : 17);
  const mark = ascii(bytes, xing, 4);
  if (mark !== 'Xing' && mark !== 'Info') return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (xing + 8 > bytes.length) return null;
  const flags = view.getUint32(xing + 4);
  let cursor = xing + 8;
  let frames: number | null = null;
  if (flags & FLAG_FRAMES) {
    if (cursor + 4 > bytes.length) return null;
    frames = view.getUint32(cursor);
    cursor += 4;
  }
  if (flags & FLAG_BYTES) cursor += 4;
  if (flags & FLAG_TOC) cursor += 100;
  if (flags & FLAG_QUALITY) cursor += 4;
  if (cursor + 24 > bytes.length) return null;
  const encoder = ascii(bytes, cursor, 4);
  if (encoder !== 'LAME' && encoder !== 'Lavf' && encoder !== 'Lavc') return null;

  const packed =
    ((bytes[cursor + 21] ?? 0) << 16) | ((bytes[cursor + 22] ?? 0) << 8) | (bytes[cursor + 23] ?? 0);
  const delay = packed >> 12;
  const padding = packed & 0xfff;
  const framesSamples = frames === null || frames === 0 ? null : frames * samplesPerFrame;
  const lengthSamples = framesSamples === null ? null : framesSamples - delay - padding;
  if (lengthSamples !== null && lengthSamples <= 0) return null;
  return { startSamples: delay + MP3_DECODER_DELAY, lengthSamples, framesSamples, sampleRateHz };
}

function frameStart(bytes: Uint8Array): number | null {
  for (let at = 0; at + 4 <= bytes.length; at++) {
    if (bytes[at] === 0xff && ((bytes[at + 1] ?? 0) & 0xe0) === 0xe0) return at;
  }
  return null;
}

function ascii(bytes: Uint8Array, start: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(start, start + length));
}
