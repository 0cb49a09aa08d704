/** Test equipment: what passes, exactly as it is, with the context frame at which each part began. */
declare const currentFrame: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & { process(inputs: Float32Array[][]): boolean },
): void;

const BATCH_FRAMES = 2_048;

class Recorder extends AudioWorkletProcessor {
  #batch = new Float32Array(BATCH_FRAMES);
  #filled = 0;

  process(inputs: Float32Array[][]): boolean {
    const left = inputs[0]?.[0];
    if (left) this.#batch.set(left, this.#filled);
    this.#filled += 128;
    if (this.#filled === BATCH_FRAMES) {
      const frame = currentFrame + 128 - BATCH_FRAMES;
      this.port.postMessage({ frame, samples: this.#batch }, [this.#batch.buffer]);
      this.#batch = new Float32Array(BATCH_FRAMES);
      this.#filled = 0;
    }
    return true;
  }
}

registerProcessor('recorder', Recorder);

export {};
