/** Takes what the microphone hears on the audio thread, each batch with its place in the context's time. */

// The audio thread's globals (Web Audio API, section 1.32), which TypeScript's libraries lack.
declare const currentFrame: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & { process(inputs: Float32Array[][]): boolean },
): void;

const BATCH_FRAMES = 2_048;

class RecordProcessor extends AudioWorkletProcessor {
  #samples = new Float32Array(BATCH_FRAMES);
  #filled = 0;
  #ended = false;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.#ended = true;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    if (this.#ended) return false;
    const heard = inputs[0]?.[0];
    const quantum = heard?.length ?? 128;
    if (heard) this.#samples.set(heard, this.#filled);
    this.#filled += quantum;
    if (this.#filled < BATCH_FRAMES) return true;
    const frame = currentFrame + quantum - this.#filled;
    this.port.postMessage({ frame, samples: this.#samples }, [this.#samples.buffer]);
    this.#samples = new Float32Array(BATCH_FRAMES);
    this.#filled = 0;
    return true;
  }
}

registerProcessor('record', RecordProcessor);
