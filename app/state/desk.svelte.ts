import { type HostLevels, type Mix, MOST_DUCK_DB } from '../host/mix.ts';
import type { KeptStore } from './kept.ts';
import type { DeskModel } from './model.ts';

export interface DeskOptions {
  kept: KeptStore;
  levels: () => HostLevels;
  onMix: (mix: Mix) => void;
  chime: () => void;
}

/** The mix that goes to the loudspeakers while this device hosts. Kept on the device: a house has the loudspeakers it has. */
export class Desk implements DeskModel {
  #options: DeskOptions;
  #mix = $state.raw<Mix>({ music: 1, voice: 1, duckDb: 0 });
  readonly mostDuckDb = MOST_DUCK_DB;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#mix = options.kept.read().mix;
  }

  get mix(): Mix {
    return this.#mix;
  }
  levels(): HostLevels {
    return this.#options.levels();
  }
  setMix(change: Partial<Mix>): void {
    const { music, voice, duckDb } = { ...this.#mix, ...change };
    this.#mix = {
      music: within(music, 1),
      voice: within(voice, 1),
      duckDb: within(Math.round(duckDb), MOST_DUCK_DB),
    };
    this.#options.kept.update({ mix: this.#mix });
    this.#options.onMix(this.#mix);
  }
  chime(): void {
    this.#options.chime();
  }
}

function within(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}
