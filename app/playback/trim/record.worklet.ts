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
  /** Of the sample that comes next: counted here, as `currentFrame` is not to be trusted. */
  #nextFrame = 0;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.#ended = true;
    };
  }

  process(inputs: Float32Array[][]): boolean {
    if (this.#ended) return false;
    // Ahead of the count: turns were left out. Behind it: Chromium leaves it as it was for a turn when the main thread holds the
    // graph's lock (BaseAudioContext::UpdateWorkletGlobalScopeOnRenderingThread only tries it).
    if (currentFrame > this.#nextFrame) {
      if (this.#filled > 0) this.#post();
      this.#nextFrame = currentFrame;
    }
    const heard = inputs[0]?.[0];
    const quantum = heard?.length ?? 128;
    if (heard) this.#samples.set(heard, this.#filled);
    this.#filled += quantum;
    this.#nextFrame += quantum;
    if (this.#filled === BATCH_FRAMES) this.#post();
    return true;
  }

  #post(): void {
    const samples = this.#samples.subarray(0, this.#filled);
    this.port.postMessage({ frame: this.#nextFrame - this.#filled, samples }, [this.#samples.buffer]);
    this.#samples = new Float32Array(BATCH_FRAMES);
    this.#filled = 0;
  }
}

registerProcessor('record', RecordProcessor);
