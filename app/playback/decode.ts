/**
 * Turns a track's bytes into samples, a block at a time, starting as soon as the bytes for the first block are here.
 * mediabunny takes the container apart and WebCodecs decodes; where WebCodecs lacks the codec, or the file defeats the
 * demuxer, the whole file goes through `decodeAudioData`. Either way position 0 is the first sample of the music, not
 * of the encoder's padding, so that a position means the same sample on every device.
 */
import type { AudioBufferSink, AudioCodec, EncodedPacketSink } from 'mediabunny';
import type { ByteSource } from '../library/library.ts';
import { FIRST_FRAME_BYTES, id3Bytes, mp3Trim, type Mp3Trim } from './gapless.ts';

/** Samples in a row: `positionFrames` counts from the start of the music, at the track's own sample rate. */
export interface PcmBlock {
  positionFrames: number;
  frames: number;
  /** One array a channel, each `frames` long. */
  channels: readonly Float32Array[];
}

export interface DecodedTrack {
  readonly sampleRateHz: number;
  readonly channelCount: number;
  /** Which way it is decoded: a block at a time, or the whole at once. */
  readonly method: 'streamed' | 'whole';
  /**
   * Contiguous blocks from `fromFrames` on, to the end of the music. One reader at a time. Ends early when `signal`
   * fires. Rejects when the bytes cannot be had or decoded.
   */
  blocks(fromFrames: number, signal: AbortSignal): AsyncGenerator<PcmBlock, void, undefined>;
  close(): void;
}

/** The bytes are here, but they are not audio that this browser can decode. */
export class UndecodableError extends Error {
  override readonly name = 'UndecodableError';
}

/**
 * A decoder that starts in mid-file needs this much in front: an MP3's frames borrow from up to 511 bytes before them,
 * which at low rates is a dozen frames (measured: 0.15 s is too little); Opus wants 80 ms (RFC 7845 section 4.6).
 */
const PREROLL_SECONDS = 0.4;
/** Timestamps that disagree with the count of samples by more than this are believed (a hole in the file). */
const RESYNC_SECONDS = 0.02;
const CACHE_BYTES = 4 * 1024 * 1024;

export interface OpenTrackOptions {
  source: ByteSource;
  /** For `decodeAudioData`, and its sample rate is what that resamples to. */
  context: BaseAudioContext;
  signal: AbortSignal;
  /** `whole` skips WebCodecs. Default: what the browser can do. */
  method?: 'auto' | 'whole';
}

/**
 * Opens a track for decoding. Rejects with AbortError (source closed, or `signal`), or UndecodableError. The source
 * stays the caller's to close, after the track.
 */
export async function openTrack(options: OpenTrackOptions): Promise<DecodedTrack> {
  const { source, context, signal } = options;
  const trim = await readTrim(source, signal);
  if (options.method !== 'whole' && typeof AudioDecoder !== 'undefined') {
    const streamed = await openStreamed(source, trim, signal);
    if (streamed) return streamed;
  }
  return openWhole(source, trim, context, signal);
}

async function readTrim(source: ByteSource, signal: AbortSignal): Promise<Mp3Trim | null> {
  const head = await source.read(0, Math.min(10, source.bytes), signal);
  const start = id3Bytes(head);
  if (start >= source.bytes) return null;
  return mp3Trim(await source.read(start, Math.min(start + FIRST_FRAME_BYTES, source.bytes), signal));
}

async function openStreamed(
  source: ByteSource,
  trim: Mp3Trim | null,
  signal: AbortSignal,
): Promise<DecodedTrack | null> {
  const media = await import('mediabunny');
  const input = new media.Input({
    formats: [
      media.MP3,
      media.MP4,
      media.QTFF,
      media.OGG,
      media.FLAC,
      media.WAVE,
      media.ADTS,
      media.WEBM,
      media.MATROSKA,
    ],
    source: new media.CustomSource({
      getSize: () => source.bytes,
      read: (start, end) => source.read(start, end, signal),
      maxCacheSize: CACHE_BYTES,
      prefetchProfile: 'fileSystem',
      handleUnhandledError: () => undefined,
    }),
  });
  try {
    const track = await input.getPrimaryAudioTrack();
    if (!track || !(await track.canDecode())) {
      input.dispose();
      return null;
    }
    const sampleRateHz = await track.getSampleRate();
    const channelCount = await track.getNumberOfChannels();
    const startFrames = trim && trim.sampleRateHz === sampleRateHz ? trim.startSamples : 0;
    const lengthFrames = trim && trim.sampleRateHz === sampleRateHz ? trim.lengthSamples : null;
    const sink = new media.AudioBufferSink(track);
    // Some decoders accept a configuration and then fail on the first packet: find that out while there is a way back.
    const trial = sink.buffers();
    const first = await trial.next();
    await trial.return();
    if (first.done) throw new UndecodableError('no first block');
    const packets = new media.EncodedPacketSink(track);
    const codec = await track.getCodec();
    return {
      sampleRateHz,
      channelCount,
      method: 'streamed',
      blocks: (fromFrames, blocksSignal) =>
        streamedBlocks(
          { sink, packets, codec },
          { sampleRateHz, startFrames, lengthFrames },
          fromFrames,
          blocksSignal,
        ),
      close: () => input.dispose(),
    };
  } catch (error) {
    input.dispose();
    signal.throwIfAborted();
    if (isAbort(error)) throw error;
    return null;
  }
}

interface Placement {
  sampleRateHz: number;
  /** Where the music begins in what the decoder gives, in samples. */
  startFrames: number;
  lengthFrames: number | null;
}

interface Decoder {
  sink: AudioBufferSink;
  packets: EncodedPacketSink;
  codec: AudioCodec | null;
}

async function* streamedBlocks(
  decoder: Decoder,
  { sampleRateHz, startFrames, lengthFrames }: Placement,
  fromFrames: number,
  signal: AbortSignal,
): AsyncGenerator<PcmBlock, void, undefined> {
  const fromSeconds = (fromFrames + startFrames) / sampleRateHz - PREROLL_SECONDS;
  const resyncFrames = RESYNC_SECONDS * sampleRateHz;
  const midway = fromSeconds > 0 ? await decoder.packets.getPacket(fromSeconds) : null;
  let next: number | null = null;
  let lostFrames = 0;
  for await (const { buffer, timestamp } of decoder.sink.buffers(midway ? fromSeconds : undefined)) {
    if (signal.aborted) return;
    if (next === null && midway) {
      lostFrames = framesLostMidway(decoder.codec, Math.round(midway.duration * sampleRateHz), buffer.length);
    }
    const stamped = Math.round(timestamp * sampleRateHz) - startFrames + lostFrames;
    const position: number = next === null || Math.abs(stamped - next) > resyncFrames ? stamped : next;
    next = position + buffer.length;
    const block = cut(buffer, position, fromFrames, lengthFrames);
    if (block) yield block;
    if (lengthFrames !== null && next >= lengthFrames) return;
  }
}

/**
 * What a decoder that starts in mid-stream swallows, which the timestamps do not show. Vorbis gives nothing for its first
 * packet (Vorbis I, section 4.3.8); Opus decoders drop the pre-skip of the stream's head wherever they start.
 */
function framesLostMidway(
  codec: AudioCodec | null,
  firstPacketFrames: number,
  firstBlockFrames: number,
): number {
  if (codec === 'vorbis') return firstPacketFrames;
  if (codec === 'opus') return Math.max(0, firstPacketFrames - firstBlockFrames);
  return 0;
}

/** The part of a decoded buffer that lies in [fromFrames, lengthFrames); null when there is none. */
function cut(
  buffer: AudioBuffer,
  position: number,
  fromFrames: number,
  lengthFrames: number | null,
): PcmBlock | null {
  const begin = Math.max(0, fromFrames - position);
  const end = Math.min(buffer.length, lengthFrames === null ? Infinity : lengthFrames - position);
  if (end <= begin) return null;
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) =>
    buffer.getChannelData(channel).subarray(begin, end),
  );
  return { positionFrames: position + begin, frames: end - begin, channels };
}

const WHOLE_BLOCK_FRAMES = 16_384;

async function openWhole(
  source: ByteSource,
  trim: Mp3Trim | null,
  context: BaseAudioContext,
  signal: AbortSignal,
): Promise<DecodedTrack> {
  const bytes = await source.read(0, source.bytes, signal);
  let buffer: AudioBuffer;
  try {
    // A copy: decodeAudioData takes the buffer away, and a source may hand out the same one again.
    buffer = await context.decodeAudioData(bytes.slice().buffer);
  } catch (cause) {
    throw new UndecodableError('this browser cannot decode the file', { cause });
  }
  signal.throwIfAborted();
  const placement = wholePlacement(buffer, trim);
  return {
    sampleRateHz: buffer.sampleRate,
    channelCount: buffer.numberOfChannels,
    method: 'whole',
    async *blocks(fromFrames, blocksSignal) {
      const length = placement.lengthFrames ?? buffer.length - placement.startFrames;
      for (let position = Math.max(0, fromFrames); position < length; position += WHOLE_BLOCK_FRAMES) {
        if (blocksSignal.aborted) return;
        const start = position + placement.startFrames;
        const frames = Math.min(WHOLE_BLOCK_FRAMES, length - position, buffer.length - start);
        if (frames <= 0) return;
        const channels = Array.from({ length: buffer.numberOfChannels }, (_, channel) =>
          buffer.getChannelData(channel).subarray(start, start + frames),
        );
        yield { positionFrames: position, frames, channels };
      }
    },
    close: () => undefined,
  };
}

/**
 * Browsers differ in whether `decodeAudioData` drops an MP3's padding itself; the length of the result tells: it is
 * nearer either to that of the music or to that of all frames.
 */
function wholePlacement(buffer: AudioBuffer, trim: Mp3Trim | null): Placement {
  const untouched = { sampleRateHz: buffer.sampleRate, startFrames: 0, lengthFrames: null };
  if (!trim || trim.framesSamples === null || trim.lengthSamples === null) return untouched;
  const scale = buffer.sampleRate / trim.sampleRateHz;
  const music = trim.lengthSamples * scale;
  const all = trim.framesSamples * scale;
  if (Math.abs(buffer.length - music) <= Math.abs(buffer.length - all)) return untouched;
  return {
    sampleRateHz: buffer.sampleRate,
    startFrames: Math.round(trim.startSamples * scale),
    lengthFrames: Math.round(music),
  };
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
