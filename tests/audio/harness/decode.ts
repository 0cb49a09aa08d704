import { openTrack } from '../../../app/playback/decode.ts';
import { base64 } from './base64.ts';
import { bytesOf, fileSource, memorySource } from './source.ts';

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

  /** Opens a file as a newcomer would who joins at `fromSeconds`: how long until the first block, and what it read. */
  async join(url: string, seekIndex: string | undefined, fromSeconds: number, frames: number) {
    const context = new OfflineAudioContext(2, 1, 48_000);
    const { signal } = new AbortController();
    const source = await fileSource(url);
    const startMs = performance.now();
    const track = await openTrack({ source, context, signal, seekIndex });
    const fromFrames = Math.round(fromSeconds * track.sampleRateHz);
    const out = new Float32Array(frames);
    let firstFrames: number | null = null;
    let firstMs = 0;
    let readBytes = 0;
    for await (const block of track.blocks(fromFrames, signal)) {
      if (firstFrames === null) {
        firstFrames = block.positionFrames - fromFrames;
        firstMs = performance.now() - startMs;
        readBytes = source.readBytes();
      }
      const at = block.positionFrames - fromFrames;
      if (at >= frames) break;
      out.set(block.channels[0]!.subarray(0, frames - at), at);
    }
    track.close();
    return {
      method: track.method,
      sampleRateHz: track.sampleRateHz,
      fromFrames,
      firstFrames,
      firstMs,
      readBytes,
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
