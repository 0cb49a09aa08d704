/**
 * Turns a track's bytes into samples, a block at a time, starting as soon as the bytes for the first block are here.
 * mediabunny takes the container apart and WebCodecs decodes; where WebCodecs lacks the codec, or the file defeats the
 * demuxer, the whole file goes through `decodeAudioData`. Either way position 0 is the first sample of the music, not
 * of the encoder's padding, so that a position means the same sample on every device.
 */
import type { ByteSource } from '../library/library.ts';
import { openStreamed } from './decode-streamed.ts';
import { openWhole } from './decode-whole.ts';
import { NotStreamedError, type DecodedTrack } from './decoded-track.ts';
import { FIRST_FRAME_BYTES, id3Bytes, mp3Trim, type Mp3Trim } from './gapless.ts';

export interface OpenTrackOptions {
  source: ByteSource;
  /** For `decodeAudioData`, and its sample rate is what that resamples to. */
  context: BaseAudioContext;
  signal: AbortSignal;
  /** Of the track's record: without it, an MP3 or ADTS file is walked from its start to wherever decoding begins. */
  seekIndex?: string | undefined;
  /** Of the track's record. What has to be decoded as a whole may not be longer than `MOST_WHOLE_MS`. */
  durationMs?: number | undefined;
  /** `whole` skips WebCodecs, `streamed` takes nothing else. Default: what the browser can do. */
  method?: 'auto' | 'whole' | 'streamed';
}

/**
 * Opens a track for decoding. Rejects with AbortError (source closed, or `signal`), UndecodableError, TooLongError,
 * NotLoadedError, or NotStreamedError (`method: 'streamed'`). The source stays the caller's to close, after the track.
 */
export async function openTrack(options: OpenTrackOptions): Promise<DecodedTrack> {
  const { source, context, signal, seekIndex } = options;
  const musicByte = id3Bytes(await source.read(0, Math.min(10, source.bytes), signal));
  const trim = await readTrim(source, musicByte, signal);
  if (options.method !== 'whole' && canStream()) {
    const streamed = await openStreamed({ source, musicByte, trim, seekIndex }, signal);
    if (streamed) return streamed;
  }
  if (options.method === 'streamed') throw new NotStreamedError('not a block at a time');
  return openWhole({ source, trim, durationMs: options.durationMs }, context, signal);
}

/** Without WebCodecs (Safari before 26, Firefox for Android) every track is decoded as a whole. */
export function canStream(): boolean {
  return typeof AudioDecoder !== 'undefined';
}

async function readTrim(source: ByteSource, start: number, signal: AbortSignal): Promise<Mp3Trim | null> {
  if (start >= source.bytes) return null;
  return mp3Trim(await source.read(start, Math.min(start + FIRST_FRAME_BYTES, source.bytes), signal));
}
