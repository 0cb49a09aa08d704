/** What a stream can be had as: how each variant is cut into frames, and what silence is in it. Pure. */
import {
  type ExtraVariant,
  PCM_PIECE_BYTES,
  PCM_PIECE_MS,
  type StreamVariant,
  VARIANT_TAGS,
} from '../protocol/uplink.ts';
import { FRAME_MS, type ParsedFrames, parseFrames, silentFrame } from './frames.ts';

export interface Format {
  readonly variant: StreamVariant;
  readonly contentType: string;
  readonly frameMs: number;
  /** About this fast; what waits for a slow listener is bounded in seconds by it. */
  readonly kbps: number;
  /** At most this much of what was heard is remembered for those who come. */
  readonly maxBurstMs: number;
  /** One frame. */
  readonly silence: Uint8Array;
  parse(bytes: Uint8Array): ParsedFrames;
}

/** At most what `?burst=` gives. */
export const MAX_BURST_MS = 10_000;
/** Samples are twelve times as many bytes. */
const MAX_PCM_BURST_MS = 2_000;
const PCM_KBPS = 1_536;

export function mp3Format(variant: 'mp3' | 'mp3-320', kbps: number): Format {
  return {
    variant,
    contentType: 'audio/mpeg',
    frameMs: FRAME_MS,
    kbps,
    maxBurstMs: MAX_BURST_MS,
    silence: silentFrame(kbps),
    parse: parseFrames,
  };
}

export const EXTRA_FORMATS: Readonly<Record<ExtraVariant, Format>> = {
  'mp3-320': mp3Format('mp3-320', 320),
  wav: {
    variant: 'wav',
    contentType: 'audio/wav',
    frameMs: PCM_PIECE_MS,
    kbps: PCM_KBPS,
    maxBurstMs: MAX_PCM_BURST_MS,
    silence: new Uint8Array(PCM_PIECE_BYTES),
    parse: parsePieces,
  },
};

function parsePieces(bytes: Uint8Array): ParsedFrames {
  const frames: Uint8Array[] = [];
  const whole = bytes.length - (bytes.length % PCM_PIECE_BYTES);
  for (let at = 0; at < whole; at += PCM_PIECE_BYTES) frames.push(bytes.subarray(at, at + PCM_PIECE_BYTES));
  return { frames, badBytes: bytes.length - whole };
}

const BY_TAG = new Map<number | undefined, ExtraVariant>([
  [VARIANT_TAGS['mp3-320'], 'mp3-320'],
  [VARIANT_TAGS.wav, 'wav'],
]);

/** Splits a host's binary message into whole frames of the variant that it is tagged with. */
export function parseTagged(bytes: Uint8Array): ParsedFrames & { variant: StreamVariant } {
  const variant = BY_TAG.get(bytes[0]);
  if (variant === undefined) return { ...parseFrames(bytes), variant: 'mp3' };
  return { ...EXTRA_FORMATS[variant].parse(bytes.subarray(1)), variant };
}

/** A stream's path, and from it the path of a variant: `/stream.mp3`, `/stream-320.mp3`, `/stream.wav`. */
export function pathOfVariant(path: string, variant: StreamVariant): string {
  const stem = path.replace(/\.mp3$/, '');
  return variant === 'wav' ? `${stem}.wav` : variant === 'mp3-320' ? `${stem}-320.mp3` : path;
}

const WAV_HEAD_BYTES = 44;
/** "Not known yet", which decoders take for a stream that goes on (as ffmpeg and GStreamer write and read it). */
const ENDLESS = 0xffff_ffff;

/**
 * What stands before the first sample for whoever begins to read at byte `first`: the header (RIFF, WAVE_FORMAT_PCM), or, for
 * a device that comes back for more, what is left of the sample that it broke off in.
 */
export function wavHead(first: number): Uint8Array {
  if (first >= WAV_HEAD_BYTES) return new Uint8Array((4 - ((first - WAV_HEAD_BYTES) % 4)) % 4);
  const head = Buffer.alloc(WAV_HEAD_BYTES);
  head.write('RIFF', 0, 'latin1');
  head.writeUInt32LE(ENDLESS, 4);
  head.write('WAVEfmt ', 8, 'latin1');
  head.writeUInt32LE(16, 16);
  head.writeUInt16LE(1, 20);
  head.writeUInt16LE(2, 22);
  head.writeUInt32LE(48_000, 24);
  head.writeUInt32LE(192_000, 28);
  head.writeUInt16LE(4, 32);
  head.writeUInt16LE(16, 34);
  head.write('data', 36, 'latin1');
  head.writeUInt32LE(ENDLESS, 40);
  return head.subarray(first);
}
