/** Decoding by `decodeAudioData`: everything at once, for what WebCodecs cannot do. */
import type { ByteSource } from '../library/library.ts';
import { TooLongError, UndecodableError, type DecodedTrack, type Placement } from './decoded-track.ts';
import type { Mp3Trim } from './gapless.ts';

const WHOLE_BLOCK_FRAMES = 16_384;
/** 20 minutes of stereo are 460 MB at 48 kHz. */
export const MOST_WHOLE_MS = 20 * 60_000;

/** Rejects with UndecodableError, TooLongError, or AbortError. */
export async function openWhole(
  file: { source: ByteSource; trim: Mp3Trim | null; durationMs: number | undefined },
  context: BaseAudioContext,
  signal: AbortSignal,
): Promise<DecodedTrack> {
  const { source, trim, durationMs = 0 } = file;
  const framesMs = ((trim?.framesSamples ?? 0) * 1_000) / (trim?.sampleRateHz ?? 1);
  if (Math.max(durationMs, framesMs) > MOST_WHOLE_MS)
    throw new TooLongError('too long to be decoded as a whole');
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
