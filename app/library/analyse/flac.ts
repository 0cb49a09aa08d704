/**
 * FLAC (RFC 9639): a frame does not say how long it is, but the file says how many samples it has, and each frame ends
 * with a CRC-16. So the last frame is looked for from the end: it must reach the last sample, and its CRC must hold.
 */
import { type Reader, type Verdict, MID_FRAME, ascii, u32 } from './reader.ts';

const STREAMINFO_OFFSET = 8;
/** Frames without a stated largest size. */
const TAIL_BYTES = 256 * 1024;
const ID3V1_BYTES = 128;

const table = (bits: 8 | 16, polynomial: number) =>
  Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) crc = crc & (1 << (bits - 1)) ? (crc << 1) ^ polynomial : crc << 1;
    return crc & (2 ** bits - 1);
  });
const CRC8 = table(8, 0x07);
const CRC16 = table(16, 0x8005);

function crc8(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = CRC8[crc ^ byte] ?? 0;
  return crc;
}

/** 0 over a frame with its own CRC behind it. */
function crc16(bytes: Uint8Array): number {
  let crc = 0;
  for (const byte of bytes) crc = ((crc << 8) & 0xffff) ^ (CRC16[(crc >> 8) ^ byte] ?? 0);
  return crc;
}

const BLOCK_SAMPLES: Record<number, number> = { 1: 192, 2: 576, 3: 1152, 4: 2304, 5: 4608 };

/** First sample and length of the frame whose header (section 9.1) stands here, or null. */
export function parseFlacHeader(
  b: Uint8Array,
  fixedBlock: number,
): { first: number; samples: number } | null {
  if (b[0] !== 0xff || ((b[1] ?? 0) & 0xfe) !== 0xf8) return null;
  const variable = ((b[1] ?? 0) & 1) === 1;
  const blockCode = (b[2] ?? 0) >> 4;
  const rateCode = (b[2] ?? 0) & 15;
  if (blockCode === 0 || rateCode === 15 || ((b[3] ?? 0) & 1) !== 0 || (b[3] ?? 0) >> 4 > 10) return null;
  const lead = b[4] ?? 0xff;
  const extra = lead < 0x80 ? 0 : lead < 0xc0 ? -1 : Math.clz32(~(lead << 24)) - 1;
  if (extra < 0 || extra > 6) return null;
  let number = extra === 0 ? lead : lead & ((1 << (6 - extra)) - 1);
  for (let i = 1; i <= extra; i++) {
    if (((b[4 + i] ?? 0) & 0xc0) !== 0x80) return null;
    number = number * 64 + ((b[4 + i] ?? 0) & 0x3f);
  }
  let at = 5 + extra;
  let samples = BLOCK_SAMPLES[blockCode] ?? (blockCode >= 8 ? 256 << (blockCode - 8) : 0);
  if (blockCode === 6) samples = (b[at++] ?? 0) + 1;
  if (blockCode === 7) samples = (b[at++] ?? 0) * 256 + (b[at++] ?? 0) + 1;
  if (rateCode === 12) at++;
  if (rateCode === 13 || rateCode === 14) at += 2;
  if (at >= b.length || crc8(b.subarray(0, at)) !== b[at]) return null;
  return { first: variable ? number : number * fixedBlock, samples };
}

export async function checkFlac(reader: Reader, start: number): Promise<Verdict> {
  const info = (await reader.at(start + STREAMINFO_OFFSET, 34)).slice();
  if (info.length < 34) return MID_FRAME;
  const fixedBlock = ((info[2] ?? 0) << 8) | (info[3] ?? 0);
  const largestFrame = u32(info, 6) & 0xff_ffff;
  const total = ((info[13] ?? 0) & 15) * 2 ** 32 + u32(info, 14);
  const tailBytes = Math.min(reader.bytes - start, Math.max(2 * largestFrame + ID3V1_BYTES, TAIL_BYTES));
  let tail = (await reader.at(reader.bytes - tailBytes, tailBytes)).slice();
  if (ascii(tail, tail.length - ID3V1_BYTES, 3) === 'TAG') tail = tail.slice(0, -ID3V1_BYTES);

  for (let at = tail.length - 10; at >= 0; at--) {
    if (tail[at] !== 0xff) continue;
    const header = parseFlacHeader(tail.subarray(at, at + 16), fixedBlock);
    if (!header) continue;
    if (total > 0 && header.first + header.samples !== total) continue;
    if (crc16(tail.subarray(at)) === 0) return { state: 'whole' };
  }
  return MID_FRAME;
}
