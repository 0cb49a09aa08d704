/**
 * Takes the mix on the audio thread: limits it, and ships it in small batches over a port straight to the encoder's
 * worker. The sound card's clock drives it, whatever the main thread does.
 */
import { createLimiter, type Limiter } from './limiter.ts';

// The audio thread's globals (Web Audio API, section 1.32), which TypeScript's libraries lack.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & { process(inputs: Float32Array[][]): boolean },
): void;

/** Three render quanta, a third of an MP3 frame: 8 ms. */
const BATCH_FRAMES = 384;

/** From the engine: where the samples go; how loud is it?; the end. */
export type CaptureMessage = MessagePort | 'read' | 'end';
/** The answer to `read`. */
export type CaptureReading = ReturnType<Limiter['reading']>;

class Capture extends AudioWorkletProcessor {
  #sink: MessagePort | null = null;
  #ended = false;
  #limiter = createLimiter(sampleRate);
  #batch = new Float32Array(2 * BATCH_FRAMES);
  #filled = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<CaptureMessage>) => {
      if (data === 'read') this.port.postMessage(this.#limiter.reading() satisfies CaptureReading);
      else if (data === 'end') this.#ended = true;
      else this.#sink = data;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    if (this.#ended) return false;
    const [left, right] = inputs[0] ?? [];
    const room = this.#batch.subarray(this.#filled, BATCH_FRAMES);
    const quantum = left?.length ?? 128;
    const mixLeft = room.subarray(0, quantum);
    const mixRight = this.#batch.subarray(BATCH_FRAMES + this.#filled, BATCH_FRAMES + this.#filled + quantum);
    // An input that nothing is connected to, or that is silent, has no channels: the batch is silence already.
    if (left) {
      mixLeft.set(left);
      mixRight.set(right ?? left);
    }
    this.#limiter.process(mixLeft, mixRight);
    this.#filled += quantum;
    if (this.#filled < BATCH_FRAMES) return true;
    this.#sink?.postMessage(this.#batch, [this.#batch.buffer]);
    this.#batch = new Float32Array(2 * BATCH_FRAMES);
    this.#filled = 0;
    return true;
  }
}

registerProcessor('capture', Capture);
