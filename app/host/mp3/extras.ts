/** What is sent beside the MP3 that always flows, each only while the node says that somebody listens to it. */
import type { ExtraVariant } from '../../../signaling/protocol/uplink.ts';
import type { Mp3Encoder } from './shared.ts';

export interface Extras {
  /** These and no others from now on. */
  want(variants: readonly ExtraVariant[]): void;
  /** Samples of the mix, left and right of one length. */
  take(left: Float32Array, right: Float32Array): void;
}

/** Gives the bytes to send now, or none. */
type Encode = (left: Float32Array, right: Float32Array) => Uint8Array<ArrayBuffer>;

/**
 * @param options.createMp3 an encoder at 320 kbit/s; when it cannot be had, that variant stays silent until it is wanted anew
 */
export function createExtras(options: {
  createMp3: () => Promise<Mp3Encoder>;
  send: (variant: ExtraVariant, bytes: Uint8Array<ArrayBuffer>) => void;
}): Extras {
  const running = new Map<ExtraVariant, { encode: Encode | null }>();
  /** Kept once it is there: somebody may come and go many times a second, and to load it takes a processor's time. */
  let mp3: Promise<Mp3Encoder> | null = null;

  async function freshMp3(): Promise<Mp3Encoder> {
    if (mp3 === null) return (mp3 = options.createMp3());
    const encoder = await mp3;
    // What it held back of an earlier time is no part of what begins now.
    encoder.flush();
    return encoder;
  }

  function begin(variant: ExtraVariant): void {
    const entry: { encode: Encode | null } = { encode: variant === 'wav' ? toPcm : null };
    running.set(variant, entry);
    if (variant === 'wav') return;
    freshMp3().then(
      (encoder) => {
        entry.encode = (left, right) => encoder.encode(left, right);
      },
      () => {
        mp3 = null;
      },
    );
  }

  return {
    want(variants) {
      for (const variant of running.keys()) if (!variants.includes(variant)) running.delete(variant);
      for (const variant of variants) if (!running.has(variant)) begin(variant);
    },
    take(left, right) {
      for (const [variant, { encode }] of running) {
        const bytes = encode?.(left, right);
        if (bytes && bytes.length > 0) options.send(variant, bytes);
      }
    },
  };
}

/** Interleaved, 16 bit, little-endian: so every machine that runs a browser keeps them. */
function toPcm(left: Float32Array, right: Float32Array): Uint8Array<ArrayBuffer> {
  const samples = new Int16Array(2 * left.length);
  for (let n = 0; n < left.length; n++) {
    samples[2 * n] = toInt16(left[n] ?? 0);
    samples[2 * n + 1] = toInt16(right[n] ?? 0);
  }
  return new Uint8Array(samples.buffer);
}

function toInt16(sample: number): number {
  return Math.round(Math.max(-1, Math.min(1, sample)) * 32_767);
}
