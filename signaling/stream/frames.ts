/** MPEG-1 Layer III at 48 kHz in stereo, frame by frame (ISO/IEC 11172-3, section 2.4.2.3). Pure. */

/** 1152 samples at 48 kHz. */
export const FRAME_MS = 24;

const BITRATES_KBPS = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
const MONO = 3;

/** Size of the frame whose header stands at `at`, or 0 when none of the wanted kind does. */
export function frameBytesAt(bytes: Uint8Array, at: number): number {
  if (at + 4 > bytes.length) return 0;
  const [sync = 0, kind = 0, rates = 0, modes = 0] = bytes.subarray(at, at + 4);
  // Eleven sync bits, version 1 (11), layer III (01); the protection bit may be either.
  if (sync !== 0xff || (kind & 0xfe) !== 0xfa) return 0;
  const kbps = BITRATES_KBPS[rates >> 4] ?? 0;
  const at48kHz = ((rates >> 2) & 3) === 1;
  const reservedEmphasis = (modes & 3) === 2;
  if (kbps === 0 || !at48kHz || modes >> 6 === MONO || reservedEmphasis) return 0;
  return kbps * 3 + ((rates >> 1) & 1);
}

export interface ParsedFrames {
  /** Views into the input, each exactly one frame. */
  frames: Uint8Array[];
  /** What belonged to no whole frame. */
  badBytes: number;
}

/** Splits one message into whole frames. After garbage it goes on where a header is followed by another, or by the end. */
export function parseFrames(bytes: Uint8Array): ParsedFrames {
  const frames: Uint8Array[] = [];
  let badBytes = 0;
  let at = 0;
  let lost = false;
  while (at < bytes.length) {
    const size = frameBytesAt(bytes, at);
    const end = at + size;
    const whole = size > 0 && end <= bytes.length;
    if (whole && (!lost || end === bytes.length || frameBytesAt(bytes, end) > 0)) {
      frames.push(bytes.subarray(at, end));
      at = end;
      lost = false;
    } else {
      badBytes++;
      at++;
      lost = true;
    }
  }
  return { frames, badBytes };
}

/**
 * A frame that every decoder turns into digital silence: its side information is all zero, so no granule has main data
 * and none is borrowed from the frames before it.
 */
export function silentFrame(bitrateKbps: number): Uint8Array {
  const frame = new Uint8Array(bitrateKbps * 3);
  frame.set([0xff, 0xfb, (BITRATES_KBPS.indexOf(bitrateKbps) << 4) | 0b0100]);
  return frame;
}
