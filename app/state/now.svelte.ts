import type { Commands } from '../session/commands.ts';
import type { Loop } from '../session/schema.ts';
import type { NowModel } from './model.ts';
import type { Notices } from './notices.svelte.ts';
import type { People } from './people.svelte.ts';
import type { Reads } from './reads.svelte.ts';
import type { Tracks } from './tracks.svelte.ts';

export interface NowOptions {
  reads: Reads;
  commands: Commands;
  people: People;
  tracks: Tracks;
  notices: Notices;
}

const NEXT_LOOP: Record<Loop, Loop> = { off: 'all', all: 'one', one: 'off' };

/** What plays now, and the controls of it. */
export class Now implements NowModel {
  #options: NowOptions;
  #sound = $state.raw<NowModel['sound']>({ state: 'remote' });
  #level = $state(0);

  constructor(options: NowOptions) {
    this.#options = options;
  }

  readonly #track = $derived.by(() => {
    const moment = this.#options.reads.view.moment;
    return moment ? this.#options.tracks.view(moment.item.trackId) : null;
  });

  get track(): NowModel['track'] {
    return this.#track;
  }
  get itemId(): string | null {
    return this.#options.reads.view.moment?.item.itemId ?? null;
  }
  get addedBy(): NowModel['addedBy'] {
    const { reads, people } = this.#options;
    const item = this.itemId === null ? undefined : reads.queue.get(this.itemId);
    return item ? { memberId: item.by, name: people.nameOf(item.by), hue: people.hueOf(item.by) } : null;
  }
  get playing(): boolean {
    return this.#options.reads.view.moment?.playing ?? false;
  }
  get positionMs(): number {
    const { reads } = this.#options;
    const moment = reads.view.moment;
    if (!moment) return 0;
    if (!moment.playing) return moment.positionMs;
    return Math.min(moment.item.durationMs, Math.max(0, reads.nowMs - moment.startedAtMs));
  }
  get loop(): Loop {
    return this.#options.reads.settings.loop;
  }
  get sound(): NowModel['sound'] {
    return this.#sound;
  }
  get level(): number {
    return this.#level;
  }
  get canControl(): boolean {
    return this.#options.people.me.role !== 'guest';
  }

  play(): void {
    this.#options.commands.play();
  }
  pause(): void {
    this.#options.commands.pause();
  }
  skip(): void {
    this.#options.commands.skip(this.itemId ?? undefined);
  }
  back(): void {
    this.#options.commands.back();
  }
  seek(positionMs: number): void {
    this.#options.commands.seek(positionMs);
  }
  cycleLoop(): void {
    this.#options.commands.setLoop(NEXT_LOOP[this.loop]);
  }
  shuffle(): void {
    const { commands, notices, reads } = this.#options;
    const songs = reads.view.upNext.length;
    const done = commands.shuffle();
    if (!done.ok) return;
    notices.info(
      songs === 1 ? 'One song comes next: nothing to shuffle' : `Shuffled the ${songs} songs that come next`,
      {
        label: 'Undo',
        run: () => commands.restore(done.undo),
      },
    );
  }

  setSound(sound: NowModel['sound']): void {
    const before = this.#sound;
    if (before.state === sound.state) {
      if (
        sound.state === 'waiting' &&
        before.state === 'waiting' &&
        before.fetchedShare === sound.fetchedShare
      )
        return;
      if (
        sound.state === 'in-step' &&
        before.state === 'in-step' &&
        Math.round(before.errorMs) === Math.round(sound.errorMs)
      )
        return;
      if (sound.state === 'missing' && before.state === 'missing' && before.why === sound.why) return;
      if (sound.state === 'remote' || sound.state === 'paused') return;
    }
    this.#sound = sound;
  }
  setLevel(level: number): void {
    this.#level = level;
  }
}
