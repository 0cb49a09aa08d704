import type { HostLevels } from '../host/mix.ts';
import type { Commands } from '../session/commands.ts';
import { type Mix, MOST_DUCK_DB } from '../session/schema.ts';
import type { KeptStore } from './kept.ts';
import type { DeskModel } from './model.ts';
import type { Reads } from './reads.svelte.ts';

export interface DeskOptions {
  kept: KeptStore;
  reads: Reads;
  commands: Pick<Commands, 'setMix'>;
  maySet: () => boolean;
  levels: () => HostLevels;
  onMix: (mix: Mix) => void;
  chime: () => void;
}

/**
 * The mix that goes to the loudspeakers: the room's, so that they are as loud whoever hosts. Where nobody has set it, this
 * device's own stands for it: as it was set here last, in whatever room.
 */
export class Desk implements DeskModel {
  #options: DeskOptions;
  #own = $state.raw<Mix>({ music: 1, voice: 1, duckDb: 0 });
  #preview = $state.raw<Partial<Mix>>({});
  #stop: () => void;
  readonly mostDuckDb = MOST_DUCK_DB;

  constructor(options: DeskOptions) {
    this.#options = options;
    this.#own = options.kept.read().mix;
    options.onMix(this.mix);
    this.#stop = options.reads.queries.onChange((changed) => {
      if (changed.has('settings')) options.onMix(this.mix);
    });
  }

  get mix(): Mix {
    return within({ ...this.#own, ...this.#options.reads.settings.mix, ...this.#preview });
  }
  get maySet(): boolean {
    return this.#options.maySet();
  }
  levels(): HostLevels {
    return this.#options.levels();
  }
  previewMix(change: Partial<Mix>): void {
    this.#preview = { ...this.#preview, ...change };
    this.#options.onMix(this.mix);
  }
  setMix(change: Partial<Mix>): void {
    // All of it, not only what was turned: the next host's own may be another.
    const mix = within({ ...this.mix, ...change });
    this.#preview = {};
    if (this.#options.commands.setMix(mix).ok) {
      this.#own = mix;
      this.#options.kept.update({ mix });
    }
    this.#options.onMix(this.mix);
  }
  chime(): void {
    this.#options.chime();
  }
  close(): void {
    this.#stop();
  }
}

function within({ music, voice, duckDb }: Mix): Mix {
  return {
    music: clamped(music, 1),
    voice: clamped(voice, 1),
    duckDb: clamped(Math.round(duckDb), MOST_DUCK_DB),
  };
}

function clamped(value: number, most: number): number {
  return Math.min(most, Math.max(0, value));
}
