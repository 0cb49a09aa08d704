/** LAME as compiled by wasm-media-encoders, behind the encoder port. Holds 84 ms; its bit reservoir is always on. */
import { createEncoder } from 'wasm-media-encoders/esnext';
import { createFrameSplitter } from './frames.ts';
import type { BitrateKbps, Mp3Encoder } from './shared.ts';

const SAMPLE_RATE_HZ = 48_000;

/** `wasm`: the module's bytes. The package's own way of loading them is a `data:` fetch, which our policy forbids. */
export async function createWasmMp3Encoder(wasm: ArrayBuffer, bitrateKbps: BitrateKbps): Promise<Mp3Encoder> {
  const encoder = await createEncoder('audio/mpeg', wasm);
  const configure = (): void =>
    encoder.configure({
      channels: 2,
      sampleRate: SAMPLE_RATE_HZ,
      outputSampleRate: SAMPLE_RATE_HZ,
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
