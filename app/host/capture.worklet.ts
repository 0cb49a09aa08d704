/**
 * Takes the mix on the audio thread: limits it, and ships it in small batches over a port straight to the encoder's
 * worker. The sound card's clock drives it, whatever the main thread does.
 */
import { createLimiter, type Limiter } from './limiter.ts';
import { BATCH_SAMPLES, FIRST_BATCH_SAMPLES, type PcmBatch } from './mp3/shared.ts';

// The audio thread's globals (Web Audio API, section 1.32), which TypeScript's libraries lack.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & { process(inputs: Float32Array[][]): boolean },
): void;

/** From the engine: where the samples go; how loud is it?; the end. */
export type CaptureMessage = MessagePort | 'read' | 'end';
/** The answer to `read`. */
export type CaptureReading = ReturnType<Limiter['reading']>;

class Capture extends AudioWorkletProcessor {
  #sink: MessagePort | null = null;
  #ended = false;
  #limiter = createLimiter(sampleRate);
  #size = FIRST_BATCH_SAMPLES;
  #batch: PcmBatch = new Float32Array(2 * FIRST_BATCH_SAMPLES);
  #filled = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<CaptureMessage>) => {
      if (data === 'read') this.port.postMessage(this.#limiter.reading() satisfies CaptureReading);
      else if (data === 'end') this.#ended = true;
      else {
        this.#sink = data;
        this.#begin(FIRST_BATCH_SAMPLES);
      }
    };
  }

  #begin(size: number): void {
    this.#size = size;
    this.#batch = new Float32Array(2 * size);
    this.#filled = 0;
  }

  process(inputs: Float32Array[][]): boolean {
    if (this.#ended) return false;
    const [left, right] = inputs[0] ?? [];
    const quantum = left?.length ?? 128;
    const at = this.#filled;
    const mixLeft = this.#batch.subarray(at, at + quantum);
    const mixRight = this.#batch.subarray(this.#size + at, this.#size + at + quantum);
    // An input that nothing is connected to, or that is silent, has no channels: the batch is silence already.
    if (left) {
      mixLeft.set(left);
      mixRight.set(right ?? left);
    }
    this.#limiter.process(mixLeft, mixRight);
    this.#filled += quantum;
    if (this.#filled < this.#size) return true;
    this.#sink?.postMessage(this.#batch, [this.#batch.buffer]);
    this.#begin(BATCH_SAMPLES);
    return true;
  }
}

registerProcessor('capture', Capture);
