import type { Changed, Queries, QueueView } from '../session/queries.ts';
import type { RoomClock } from '../clock/clock.ts';
import { nextChangeMs } from '../playback/timeline.ts';

/** How often positions move on screen. */
const TICK_MS = 250;

/**
 * The bridge from the document to runes: reading through it inside a component subscribes to just that part of the
 * document. `nowMs` moves four times a second while something plays; `view` changes only when the document does or when
 * an item ends by itself.
 */
export class Reads {
  readonly queries: Queries;
  #clock: RoomClock;
  #stops: (() => void)[] = [];
  #ticking: ReturnType<typeof setInterval>;
  #changeAtMs: number | null = null;

  #queue = $state(0);
  #tracks = $state(0);
  #settings = $state(0);
  #members = $state(0);
  #votes = $state(0);
  #host = $state(0);
  #room = $state(0);
  #speakers = $state(0);
  #nowMs = $state(0);
  #view = $state.raw<QueueView>({ order: [], moment: null, played: [], upNext: [] });

  constructor(queries: Queries, clock: RoomClock) {
    this.queries = queries;
    this.#clock = clock;
    this.#refresh();
    this.#stops.push(
      queries.onChange((changed) => this.#onChange(changed)),
      clock.onChange(() => this.#refresh()),
    );
    this.#ticking = setInterval(() => this.#tick(), TICK_MS);
  }

  /** Room time of the last tick. */
  get nowMs(): number {
    return this.#nowMs;
  }
  get view(): QueueView {
    return this.#view;
  }
  get tracks(): ReturnType<Queries['tracks']> {
    void this.#tracks;
    return this.queries.tracks();
  }
  get settings(): ReturnType<Queries['settings']> {
    void this.#settings;
    return this.queries.settings();
  }
  get keeps(): ReturnType<Queries['keeps']> {
    void this.#settings;
    return this.queries.keeps();
  }
  get members(): ReturnType<Queries['members']> {
    void this.#members;
    return this.queries.members();
  }
  get room(): ReturnType<Queries['room']> {
    void this.#room;
    return this.queries.room();
  }
  get queue(): ReturnType<Queries['queue']> {
    void this.#queue;
    return this.queries.queue();
  }
  votes(itemId: string): ReturnType<Queries['votes']> {
    void this.#votes;
    return this.queries.votes(itemId);
  }
  voteSum(itemId: string): number {
    void this.#votes;
    return this.queries.voteSum(itemId);
  }
  get hostClaim(): ReturnType<Queries['hostClaim']> {
    void this.#host;
    return this.queries.hostClaim();
  }
  get speakers(): ReturnType<Queries['speakers']> {
    void this.#speakers;
    return this.queries.speakers();
  }
  roleOf(memberId: string): ReturnType<Queries['roleOf']> {
    void this.#room;
    void this.#settings;
    return this.queries.roleOf(memberId);
  }

  close(): void {
    clearInterval(this.#ticking);
    for (const stop of this.#stops.splice(0)) stop();
  }

  #onChange(changed: ReadonlySet<Changed>): void {
    if (changed.has('queue')) this.#queue++;
    if (changed.has('tracks')) this.#tracks++;
    if (changed.has('settings')) this.#settings++;
    if (changed.has('members')) this.#members++;
    if (changed.has('votes')) this.#votes++;
    if (changed.has('host')) this.#host++;
    if (changed.has('room')) this.#room++;
    if (changed.has('speakers')) this.#speakers++;
    if (['queue', 'tracks', 'settings', 'votes', 'playback'].some((kind) => changed.has(kind as Changed)))
      this.#refresh();
  }

  #tick(): void {
    const { moment } = this.#view;
    const nowMs = this.#clock.nowMs();
    if (this.#changeAtMs !== null && nowMs >= this.#changeAtMs) this.#refresh();
    else if (moment?.playing) this.#nowMs = nowMs;
  }

  #refresh(): void {
    this.#nowMs = this.#clock.nowMs();
    this.#view = this.queries.view(this.#nowMs);
    this.#changeAtMs = nextChangeMs(this.#view.moment);
  }
}
