/**
 * LAME as compiled by wasm-media-encoders, behind the encoder port: what works where our own module (`lame.ts`) cannot be
 * loaded. Its bit reservoir is always on, so a frame's sound may lie in frames before it, and it comes out later.
 */
import { createEncoder } from 'wasm-media-encoders/esnext';
import { createFrameSplitter } from './frames.ts';
import type { BitrateKbps, Mp3Encoder, SampleRateHz } from './shared.ts';

/** `wasm`: the module's bytes. The package's own way of loading them is a `data:` fetch, which our policy forbids. */
export async function createWasmMp3Encoder(
  wasm: ArrayBuffer,
  bitrateKbps: BitrateKbps,
  sampleRateHz: SampleRateHz = 48_000,
): Promise<Mp3Encoder> {
  const encoder = await createEncoder('audio/mpeg', wasm);
  const configure = (): void =>
    encoder.configure({
      channels: 2,
      sampleRate: sampleRateHz,
      outputSampleRate: sampleRateHz,
      bitrate: bitrateKbps,
    });
  configure();
  let splitter = createFrameSplitter();
  return {
    // What comes back lies in the module's own memory, and is overwritten by the next call: the splitter copies.
    encode: (left, right) => splitter.push(encoder.encode([left, right])),
    flush() {
      const rest = splitter.push(encoder.finalize());
      splitter = createFrameSplitter();
      configure();
      return rest;
    },
  };
}
