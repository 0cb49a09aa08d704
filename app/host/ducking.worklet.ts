/** Turns the voices' level into the music's gain on the audio thread, where no hidden tab's timers can delay it. */
import { createDucker } from './ducking.ts';

// The audio thread's globals (Web Audio API, section 1.32), which TypeScript's libraries lack.
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(
  name: string,
  processor: new () => AudioWorkletProcessor & {
    process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
  },
): void;

/** From the mixer. */
export type DuckingMessage = 'end' | { depthDb: number };

class Ducking extends AudioWorkletProcessor {
  #ducker = createDucker(sampleRate);
  #ended = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<DuckingMessage>) => {
      if (data === 'end') this.#ended = true;
      else this.#ducker.setDepth(data.depthDb);
    };
  }

  process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const gain = outputs[0]?.[0];
    const voices = inputs[0];
    if (gain) this.#ducker.process(voices && voices.length > 0 ? voices : null, gain);
    return !this.#ended;
  }
}

registerProcessor('ducking', Ducking);
