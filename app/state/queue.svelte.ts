import type { Commands } from '../session/commands.ts';
import type { QueueEntry } from '../session/order.ts';
import type { OrderMode } from '../session/schema.ts';
import type { QueueModel, QueueRow } from './model.ts';
import type { Notices } from './notices.svelte.ts';
import type { People } from './people.svelte.ts';
import type { Reads } from './reads.svelte.ts';
import type { Tracks } from './tracks.svelte.ts';

export interface QueueOptions {
  reads: Reads;
  commands: Commands;
  people: People;
  tracks: Tracks;
  notices: Notices;
}

/** What comes next and what has been played. */
export class Queue implements QueueModel {
  #options: QueueOptions;

  constructor(options: QueueOptions) {
    this.#options = options;
  }

  readonly #upNext = $derived.by(() =>
    this.#options.reads.view.upNext.map((entry) => this.#row(entry)).filter((row) => row !== null),
  );
  readonly #played = $derived.by(() =>
    this.#options.reads.view.played.map((entry) => this.#row(entry)).filter((row) => row !== null),
  );

  get upNext(): readonly QueueRow[] {
    return this.#upNext;
  }
  get played(): readonly QueueRow[] {
    return this.#played;
  }
  get upNextDurationMs(): number {
    return this.#options.reads.view.upNext.reduce((sum, entry) => sum + entry.durationMs, 0);
  }
  get order(): OrderMode {
    return this.#options.reads.settings.order;
  }
  get canOrder(): boolean {
    return this.#options.people.me.role !== 'guest';
  }

  setOrder(order: OrderMode): void {
    this.#options.commands.setOrder(order);
  }
  get crossfadeMs(): number {
    return this.#options.reads.settings.crossfadeMs;
  }
  setCrossfade(crossfadeMs: number): void {
    this.#options.commands.setCrossfade(crossfadeMs);
  }
  add(trackId: string): void {
    this.#tell(trackId, this.#options.commands.enqueue(trackId, 'end'), 'added to the queue');
  }
  playNext(trackId: string): void {
    this.#tell(trackId, this.#options.commands.enqueue(trackId, 'next'), 'comes next');
  }
  jumpTo(itemId: string): void {
    this.#options.commands.jumpTo(itemId);
  }
  remove(itemId: string): void {
    const { commands, notices, tracks, reads } = this.#options;
    const trackId = reads.queue.get(itemId)?.trackId;
    const title = (trackId === undefined ? null : tracks.view(trackId)?.title) ?? 'The song';
    const done = commands.remove(itemId);
    if (done.ok)
      notices.info(`Removed “${title}”`, { label: 'Undo', run: () => commands.restore(done.undo) });
  }
  move(itemId: string, index: number): void {
    this.#options.commands.move(itemId, index);
  }
  toggleVote(itemId: string): void {
    const { commands, reads, people } = this.#options;
    commands.vote(itemId, reads.votes(itemId).get(people.me.memberId) === 1 ? 0 : 1);
  }
  clearPlayed(): void {
    const { commands, notices } = this.#options;
    const songs = this.played.length;
    const done = commands.clearPlayed();
    if (!done.ok) return;
    const text = songs === 1 ? 'Cleared one played song' : `Cleared ${songs} played songs`;
    notices.info(text, { label: 'Undo', run: () => commands.restore(done.undo) });
  }

  #tell(trackId: string, done: { ok: boolean }, what: string): void {
    const title = this.#options.tracks.view(trackId)?.title;
    if (done.ok && title !== undefined) this.#options.notices.info(`“${title}” ${what}`);
  }

  #row(entry: QueueEntry): QueueRow | null {
    const { reads, people, tracks } = this.#options;
    const track = tracks.view(entry.trackId);
    if (!track) return null;
    const { memberId, role } = people.me;
    const share = tracks.fetchedShare(entry.trackId);
    return {
      itemId: entry.itemId,
      track,
      by: { memberId: entry.by, name: people.nameOf(entry.by), hue: people.hueOf(entry.by) },
      isMine: entry.by === memberId,
      votes: reads.voteSum(entry.itemId),
      myVote: reads.votes(entry.itemId).get(memberId) ?? 0,
      fetchedShare: share ?? null,
      unavailable: tracks.copies(entry.trackId) === 0,
      copies: tracks.copies(entry.trackId),
      canEdit: entry.by === memberId || role !== 'guest',
    };
  }
}
