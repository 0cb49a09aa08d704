/**
 * LAME 3.100, built from Debian's source (`app/host/lame`), behind the encoder port. Its bit reservoir is off: every frame
 * holds all of its own sound, so a listener may be joined at any frame, and frames of two hosts may stand side by side.
 */
import { createFrameSplitter } from './frames.ts';
import type { BitrateKbps, Mp3Encoder, SampleRateHz } from './shared.ts';

/** `app/host/lame/shim.c`. Counts below zero are errors. */
interface LameExports {
  memory: WebAssembly.Memory;
  _initialize(): void;
  block_samples(): number;
  left_at(): number;
  right_at(): number;
  out_at(): number;
  init(sampleRateHz: number, bitrateKbps: number): number;
  encode(samples: number): number;
  flush(): number;
}

/** WASI's errno for a file that is not open (preview 1, `badf`). */
const BAD_FILE = 8;
/** What the C library wants for printing. There are no files, so there is nothing to print to. */
const NO_FILES = {
  wasi_snapshot_preview1: {
    fd_close: () => BAD_FILE,
    fd_seek: () => BAD_FILE,
    fd_write: () => BAD_FILE,
    proc_exit(code: number) {
      throw new Error(`LAME gave up (${code})`);
    },
  },
};

/**
 * @param wasm the module's bytes; rejects when they are something else
 * @returns an encoder whose `encode` and `flush` throw when LAME fails, after which it cannot go on
 */
export async function createLameEncoder(
  wasm: BufferSource,
  bitrateKbps: BitrateKbps,
  sampleRateHz: SampleRateHz = 48_000,
): Promise<Mp3Encoder> {
  const { instance } = await WebAssembly.instantiate(wasm, NO_FILES);
  const lame = instance.exports as unknown as LameExports;
  lame._initialize();
  const blockSamples = lame.block_samples();
  let leftIn: Float32Array;
  let rightIn: Float32Array;
  let out: Uint8Array;
  function begin(): void {
    checked(lame.init(sampleRateHz, bitrateKbps));
    // The memory may grow while an encoder is set up, and never while it encodes: views stay valid until the next one.
    const { buffer } = lame.memory;
    leftIn = new Float32Array(buffer, lame.left_at(), blockSamples);
    rightIn = new Float32Array(buffer, lame.right_at(), blockSamples);
    out = new Uint8Array(buffer, lame.out_at());
  }
  begin();
  let splitter = createFrameSplitter();

  function block(left: Float32Array, right: Float32Array): Uint8Array<ArrayBuffer> {
    leftIn.set(left);
    rightIn.set(right);
    return splitter.push(out.subarray(0, checked(lame.encode(left.length))));
  }

  return {
    encode(left, right) {
      if (left.length <= blockSamples) return block(left, right);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < left.length; at += blockSamples) {
        parts.push(block(left.subarray(at, at + blockSamples), right.subarray(at, at + blockSamples)));
      }
      return joined(parts);
    },
    flush() {
      const rest = splitter.push(out.subarray(0, checked(lame.flush())));
      splitter = createFrameSplitter();
      begin();
      return rest;
    },
  };
}

function checked(result: number): number {
  if (result < 0) throw new Error(`LAME failed (${result})`);
  return result;
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
