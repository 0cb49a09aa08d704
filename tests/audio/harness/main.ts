/** What the sound tests may do in the page: thin handles on the real modules, and results as plain numbers. */
import { openTrack } from '../../../app/playback/decode.ts';
import { bytesOf, memorySource } from './source.ts';

const api = {
  async raw(url: string, from: number) {
    const media = await import('mediabunny');
    const input = new media.Input({
      formats: media.ALL_FORMATS,
      source: new media.BufferSource(await bytesOf(url)),
    });
    const track = (await input.getPrimaryAudioTrack())!;
    const out: unknown[] = [
      await track.getFirstTimestamp(),
      await track.canDecode(),
      (await track.getDecoderConfig())!.codec,
    ];
    const ps = new media.EncodedPacketSink(track);
    let p = from > 0 ? await ps.getPacket(from) : await ps.getFirstPacket();
    for (let i = 0; i < 4 && p; i++) {
      out.push(['packet', p.timestamp * 48000, p.duration * 48000]);
      p = await ps.getNextPacket(p);
    }
    try {
      for await (const b of new media.AudioBufferSink(track).buffers(from > 0 ? from : undefined)) {
        out.push([b.timestamp * 48000, b.buffer.length]);
        if (out.length > 12) break;
      }
    } catch (e) {
      out.push(String(e));
    }
    return out;
  },
  /** Decodes [fromFrames, fromFrames + frames) of a file; channel 0 as base64 of Float32. */
  async decode(url: string, fromFrames: number, frames: number, method: 'auto' | 'whole') {
    const context = new OfflineAudioContext(2, 1, 48_000);
    const abort = new AbortController();
    const source = memorySource(await bytesOf(url));
    const track = await openTrack({ source, context, signal: abort.signal, method });
    const out = new Float32Array(frames);
    let first: number | null = null;
    let end = 0;
    for await (const block of track.blocks(fromFrames, abort.signal)) {
      first ??= block.positionFrames;
      const at = block.positionFrames - fromFrames;
      const room = frames - at;
      end = block.positionFrames + block.frames;
      if (room > 0) out.set(block.channels[0]!.subarray(0, room), at);
      else if (frames !== Infinity && at > frames + 48_000 * 100) break;
    }
    track.close();
    return {
      method: track.method,
      sampleRateHz: track.sampleRateHz,
      channelCount: track.channelCount,
      firstFrames: first,
      endFrames: end,
      samples: base64(out),
    };
  },
};

function base64(samples: Float32Array): string {
  const bytes = new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength);
  let text = '';
  for (let at = 0; at < bytes.length; at += 32_768)
    text += String.fromCharCode(...bytes.subarray(at, at + 32_768));
  return btoa(text);
}

export type HarnessApi = typeof api;
declare global {
  interface Window {
    sound: HarnessApi;
  }
}
window.sound = api;
