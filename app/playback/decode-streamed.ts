/** Decoding a block at a time: mediabunny takes the container apart, WebCodecs decodes. */
import type * as Media from 'mediabunny';
import { enterFlac, enterFrames, readFlacFile, type Entry } from '../library/enter.ts';
import type { ByteSource } from '../library/library.ts';
import {
  NotLoadedError,
  UndecodableError,
  type DecodedTrack,
  type PcmBlock,
  type Placement,
} from './decoded-track.ts';
import type { Mp3Trim } from './gapless.ts';

/**
 * A decoder that starts in mid-file needs this much in front: an MP3's frames borrow from up to 511 bytes before them,
 * which at low rates is a dozen frames (measured: 0.15 s is too little); Opus wants 80 ms (RFC 7845 section 4.6).
 */
const PREROLL_SECONDS = 0.4;
/** Timestamps that disagree with the count of samples by more than this are believed (a hole in the file). */
const RESYNC_SECONDS = 0.02;
const CACHE_BYTES = 4 * 1024 * 1024;
/** Nearer to the start than this, walking there is as quick as any other way. */
const WALKED_SECONDS = 10;

/** The demuxer's view of a file; with an `entry`, of one that begins in the middle. */
function openInput(media: typeof Media, source: ByteSource, signal: AbortSignal, entry?: Entry): Media.Input {
  const head = entry?.headBytes ?? 0;
  const skipped = entry ? entry.fromByte - head : 0;
  async function read(start: number, end: number): Promise<Uint8Array> {
    if (start >= head) return source.read(start + skipped, end + skipped, signal);
    if (end <= head) return source.read(start, end, signal);
    const parts = await Promise.all([
      source.read(start, head, signal),
      source.read(head + skipped, end + skipped, signal),
    ]);
    const joined = new Uint8Array(end - start);
    joined.set(parts[0]);
    joined.set(parts[1], head - start);
    return joined;
  }
  return new media.Input({
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
      getSize: () => source.bytes - skipped,
      read,
      maxCacheSize: CACHE_BYTES,
      prefetchProfile: 'fileSystem',
      handleUnhandledError: () => undefined,
    }),
  });
}

/** @param file.musicByte where the music begins, after ID3v2 tags. Null: not this way. */
export async function openStreamed(
  file: { source: ByteSource; musicByte: number; trim: Mp3Trim | null; seekIndex: string | undefined },
  signal: AbortSignal,
): Promise<DecodedTrack | null> {
  const { source, musicByte, trim, seekIndex } = file;
  const media = await import('mediabunny').catch((cause: unknown) => {
    throw new NotLoadedError('the decoder could not be loaded', { cause });
  });
  const input = openInput(media, source, signal);
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
    const placement = { sampleRateHz, startFrames, lengthFrames };
    const flac = codec === 'flac' ? await readFlacFile(source, musicByte, signal) : null;

    /** Where to enter for this place, when the demuxer would walk there; null when it finds it by itself. */
    async function entryFor(fromFrames: number, blocksSignal: AbortSignal): Promise<Entry | null> {
      const sample = fromFrames + startFrames - Math.round(PREROLL_SECONDS * sampleRateHz);
      if (sample < WALKED_SECONDS * sampleRateHz) return null;
      const both = AbortSignal.any([signal, blocksSignal]);
      if (flac) return enterFlac(source, flac, sample, both);
      return seekIndex === undefined ? null : enterFrames(source, seekIndex, sample, both);
    }

    return {
      sampleRateHz,
      channelCount,
      method: 'streamed',
      async *blocks(fromFrames, blocksSignal) {
        const entry = await entryFor(fromFrames, blocksSignal);
        if (!entry) {
          yield* streamedBlocks({ sink, packets, codec }, placement, fromFrames, blocksSignal);
          return;
        }
        const entered = openInput(media, source, signal, entry);
        try {
          const music = await entered.getPrimaryAudioTrack();
          if (!music) throw new UndecodableError('no frame where one was found');
          yield* enteredBlocks(new media.AudioBufferSink(music), entry, placement, fromFrames, blocksSignal);
        } finally {
          entered.dispose();
        }
      },
      close: () => input.dispose(),
    };
  } catch (error) {
    input.dispose();
    signal.throwIfAborted();
    if (isAbort(error)) throw error;
    return null;
  }
}

interface Decoder {
  sink: Media.AudioBufferSink;
  packets: Media.EncodedPacketSink;
  codec: Media.AudioCodec | null;
}

async function* streamedBlocks(
  decoder: Decoder,
  placement: Placement,
  fromFrames: number,
  signal: AbortSignal,
): AsyncGenerator<PcmBlock, void, undefined> {
  const { sampleRateHz, startFrames } = placement;
  const fromSeconds = (fromFrames + startFrames) / sampleRateHz - PREROLL_SECONDS;
  const midway = fromSeconds > 0 ? await decoder.packets.getPacket(fromSeconds) : null;
  const buffers = decoder.sink.buffers(midway ? fromSeconds : undefined);
  const lost = (firstBlock: AudioBuffer): number =>
    midway
      ? framesLostMidway(decoder.codec, Math.round(midway.duration * sampleRateHz), firstBlock.length)
      : 0;
  yield* placed(buffers, lost, placement, fromFrames, signal);
}

/** MP3, AAC and FLAC decoders lose nothing where they start. */
function enteredBlocks(
  sink: Media.AudioBufferSink,
  { samplesBefore }: Entry,
  placement: Placement,
  fromFrames: number,
  signal: AbortSignal,
): AsyncGenerator<PcmBlock, void, undefined> {
  return placed(sink.buffers(), () => samplesBefore, placement, fromFrames, signal);
}

/** Decoded buffers at their places. `shift`: what is to be added to their timestamps, in samples. */
async function* placed(
  buffers: AsyncIterable<Media.WrappedAudioBuffer>,
  shift: (firstBlock: AudioBuffer) => number,
  { sampleRateHz, startFrames, lengthFrames }: Placement,
  fromFrames: number,
  signal: AbortSignal,
): AsyncGenerator<PcmBlock, void, undefined> {
  const resyncFrames = RESYNC_SECONDS * sampleRateHz;
  let next: number | null = null;
  let shiftFrames = 0;
  for await (const { buffer, timestamp } of buffers) {
    if (signal.aborted) return;
    if (next === null) shiftFrames = shift(buffer);
    const stamped = Math.round(timestamp * sampleRateHz) - startFrames + shiftFrames;
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
  codec: Media.AudioCodec | null,
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

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}
