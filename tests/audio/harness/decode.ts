import { openTrack } from '../../../app/playback/decode.ts';
import { base64 } from './base64.ts';
import { bytesOf, memorySource } from './source.ts';

export const decodeBench = {
  /** Decodes [fromFrames, fromFrames + frames) of a file; channel 0 as base64 of Float32. */
  async decode(url: string, fromFrames: number, frames: number, method: 'auto' | 'whole') {
    const context = new OfflineAudioContext(2, 1, 48_000);
    const abort = new AbortController();
    const source = memorySource(await bytesOf(url));
    const track = await openTrack({ source, context, signal: abort.signal, method });
    const out = new Float32Array(frames);
    let first: number | null = null;
    let end = fromFrames;
    let contiguous = true;
    for await (const block of track.blocks(fromFrames, abort.signal)) {
      if (first !== null && block.positionFrames !== end) contiguous = false;
      first ??= block.positionFrames;
      const at = block.positionFrames - fromFrames;
      end = block.positionFrames + block.frames;
      if (at < frames) out.set(block.channels[0]!.subarray(0, frames - at), at);
    }
    track.close();
    return {
      method: track.method,
      sampleRateHz: track.sampleRateHz,
      channelCount: track.channelCount,
      firstFrames: first,
      endFrames: end,
      contiguous,
      samples: base64(out),
    };
  },

  /** How opening a file ends: the error's name, or null. */
  async decodeFailure(url: string): Promise<string | null> {
    const context = new OfflineAudioContext(2, 1, 48_000);
    const { signal } = new AbortController();
    try {
      const track = await openTrack({ source: memorySource(await bytesOf(url)), context, signal });
      for await (const block of track.blocks(0, signal)) if (block.frames > 0) break;
      track.close();
      return null;
    } catch (error) {
      return error instanceof Error || error instanceof DOMException ? error.name : String(error);
    }
  },

  /** Bytes that had to be here before the first block came out, and of how many. */
  async bytesToFirstBlock(url: string) {
    const context = new OfflineAudioContext(2, 1, 48_000);
    const { signal } = new AbortController();
    const data = await bytesOf(url);
    const source = memorySource(data);
    let reached = 0;
    const counting = {
      bytes: source.bytes,
      read: (start: number, end: number, readSignal?: AbortSignal) => {
        reached = Math.max(reached, end);
        return source.read(start, end, readSignal);
      },
      close: () => source.close(),
    };
    const track = await openTrack({ source: counting, context, signal });
    for await (const block of track.blocks(0, signal)) if (block.frames > 0) break;
    track.close();
    return { reached, total: data.length };
  },
};
