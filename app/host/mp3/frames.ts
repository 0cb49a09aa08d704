/**
 * Cuts a stream of MPEG audio bytes into whole frames (ISO/IEC 11172-3 section 2.4.2.3, layer III only). An encoder hands out
 * bytes as they fall; the stream's listeners may be joined at any frame, so only whole ones leave. Pure.
 */
const BITRATES_KBPS = {
  1: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  2: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;
const SAMPLE_RATES_HZ = [44_100, 48_000, 32_000] as const;
/** The longest possible: 320 kbit/s at 32 kHz, padded. */
export const MAX_FRAME_BYTES = 1_441;
const HEADER_BYTES = 4;

export interface FrameHeader {
  bytes: number;
  samples: number;
  sampleRateHz: number;
  bitrateKbps: number;
  channels: 1 | 2;
}

/** Reads the frame header at `at`; null when there is none, or fewer than four bytes. */
export function frameHeader(bytes: Uint8Array, at: number): FrameHeader | null {
  if (at + HEADER_BYTES > bytes.length) return null;
  const [sync = 0, first = 0, second = 0, third = 0] = bytes.subarray(at, at + HEADER_BYTES);
  if (sync !== 0xff || (first & 0xe0) !== 0xe0) return null;
  const version = (first >> 3) & 3;
  const layer = (first >> 1) & 3;
  if (version === 1 || layer !== 1) return null;
  const mpeg1 = version === 3;
  const bitrateKbps = BITRATES_KBPS[mpeg1 ? 1 : 2][second >> 4];
  const baseRate = SAMPLE_RATES_HZ[(second >> 2) & 3];
  if (!bitrateKbps || baseRate === undefined) return null;
  const sampleRateHz = mpeg1 ? baseRate : version === 2 ? baseRate / 2 : baseRate / 4;
  const samples = mpeg1 ? 1_152 : 576;
  const padding = (second >> 1) & 1;
  return {
    bytes: Math.floor((samples * 125 * bitrateKbps) / sampleRateHz) + padding,
    samples,
    sampleRateHz,
    bitrateKbps,
    channels: third >> 6 === 3 ? 1 : 2,
  };
}

export interface FrameSplitter {
  /** Takes bytes in, gives the whole frames that they complete: one array, frame after frame, possibly empty. */
  push(bytes: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Bytes that belonged to no frame so far. */
  readonly skippedBytes: number;
}

/** Bytes between frames are dropped; never holds more than one frame and what one `push` brought. */
export function createFrameSplitter(): FrameSplitter {
  let held = new Uint8Array(0);
  let skippedBytes = 0;
  return {
    push(bytes) {
      const all = new Uint8Array(held.length + bytes.length);
      all.set(held);
      all.set(bytes, held.length);
      const spans: [number, number][] = [];
      let at = 0;
      while (at + HEADER_BYTES <= all.length) {
        const header = frameHeader(all, at);
        if (!header) {
          at++;
          skippedBytes++;
          continue;
        }
        if (at + header.bytes > all.length) break;
        spans.push([at, at + header.bytes]);
        at += header.bytes;
      }
      held = all.slice(at);
      const out = new Uint8Array(spans.reduce((sum, [from, to]) => sum + to - from, 0));
      let end = 0;
      for (const [from, to] of spans) {
        out.set(all.subarray(from, to), end);
        end += to - from;
      }
      return out;
    },
    get skippedBytes() {
      return skippedBytes;
    },
  };
}
