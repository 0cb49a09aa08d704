import { type SeenSpeaker, soundDeeds, soundsRoom } from '../host/reconcile.ts';
import type { SpeakerLink } from '../host/speaker-link.ts';
import type { Commands } from '../session/commands.ts';
import type { SpeakerChange } from '../session/speaker-commands.ts';
import type { WantedSpeaker } from '../session/schema.ts';
import type { HostModel, SpeakerRow, SpeakersModel } from './model.ts';
import type { People } from './people.svelte.ts';
import type { Reads } from './reads.svelte.ts';
import { apart, groupOf, sharesDevice } from './speaker-groups.ts';

/** A node that has just been reached has asked its LAN, and may not have all answers yet. */
const LOOKING_MS = 5_000;
/** How long the steps of a switch-on stay after it plays. */
const STEPS_MS = 15_000;
/** What is asked later after it was switched on is a try of its own: it was refused before, or nobody hosted. */
const LATER_TRY_MS = 60_000;
/** By which the clocks of who switched it on and of this device may differ. */
const CLOCKS_MS = 500;
const TICK_MS = 1_000;

type Change = Omit<SpeakerChange, 'speakerId' | 'name'>;

export interface SpeakersOptions {
  reads: Pick<Reads, 'speakers'>;
  commands: Pick<Commands, 'wantSpeakers'>;
  people: { readonly me: Pick<People['me'], 'role'> };
  host: Pick<HostModel, 'host'>;
  link: SpeakerLink;
  /** Room time. */
  nowMs: () => number;
}

/** The room's loudspeakers: what is wanted, beside what the node observes. */
export class Speakers implements SpeakersModel {
  #options: SpeakersOptions;
  #seen = $state.raw<readonly SeenSpeaker[] | null>(null);
  #sinceMs: number | null = null;
  #nowMs = $state(0);
  #stop: () => void;
  #ticking: ReturnType<typeof setInterval>;

  constructor(options: SpeakersOptions) {
    this.#options = options;
    const look = (): void => {
      const seen = options.link.seen();
      this.#nowMs = options.nowMs();
      if (seen === null) this.#sinceMs = null;
      else this.#sinceMs ??= this.#nowMs;
      this.#seen = seen;
    };
    this.#stop = options.link.onChange(look);
    this.#ticking = setInterval(() => {
      if (this.state === 'looking' || this.list.some((row) => row.steps !== null))
        this.#nowMs = options.nowMs();
    }, TICK_MS);
    look();
  }

  readonly #list = $derived.by((): readonly SpeakerRow[] => {
    const wanted = this.#options.reads.speakers;
    const seen = this.#seen ?? [];
    const here = new Set(seen.map(({ id }) => id));
    const rows = seen.map((speaker) => rowOf(speaker, wanted.get(speaker.id) ?? null, this.#nowMs));
    for (const [id, wish] of wanted) if (wish.on && !here.has(id)) rows.push(awayRow(id, wish));
    return rows
      .map((row) => ({ ...row, within: groupOf(row, rows) }))
      .sort((a, b) => a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
  });

  get state(): SpeakersModel['state'] {
    if (this.#seen === null) return 'unreachable';
    const isFresh = this.#sinceMs !== null && this.#nowMs - this.#sinceMs < LOOKING_MS;
    return this.#seen.length === 0 && isFresh ? 'looking' : 'ready';
  }
  get list(): readonly SpeakerRow[] {
    return this.#list;
  }
  get canChange(): boolean {
    return this.#options.people.me.role !== 'guest';
  }
  get hasHost(): boolean {
    return this.#options.host.host !== null;
  }

  setOn(ids: readonly string[], on: boolean): void {
    const rows = this.#rows(ids);
    this.#switch(on ? apart(rows) : rows, on);
  }
  setAll(on: boolean): void {
    const rows = on ? apart(this.#list.filter(({ isHere }) => isHere)) : this.#list;
    this.#switch(
      rows.filter((row) => row.on !== on),
      on,
      rows,
    );
  }
  setVolumes(volumes: ReadonlyMap<string, number>): void {
    // Who turns a mute one wants to hear it.
    this.#want(this.#rows([...volumes.keys()]), ({ id, canMute, muted }) => ({
      volume: volumes.get(id) ?? 0,
      ...(canMute && muted ? { muted: false } : {}),
    }));
  }
  setMuted(ids: readonly string[], muted: boolean): void {
    this.#want(this.#rows(ids), { muted });
  }
  setDelay(id: string, delayMs: number): void {
    this.#want(this.#rows([id]), { delayMs });
  }

  #rows(ids: readonly string[]): SpeakerRow[] {
    return this.#list.filter((row) => ids.includes(row.id));
  }

  /**
   * Who switches one on wants to hear it: one that is mute from last time would seem to be broken. What else is wanted of the same
   * devices is over.
   * @param all that are on or off then, these among them
   */
  #switch(rows: readonly SpeakerRow[], on: boolean, all = rows): void {
    const over = this.#list.filter((row) => on && row.on && all.some((one) => sharesDevice(one, row)));
    this.#want([...rows, ...over], (row) => {
      if (over.includes(row)) return { on: false };
      return on && row.canMute && row.muted ? { on, muted: false } : { on };
    });
  }

  #want(rows: readonly SpeakerRow[], change: Change | ((row: SpeakerRow) => Change)): void {
    if (rows.length === 0) return;
    this.#options.commands.wantSpeakers(
      rows.map((row) => ({
        speakerId: row.id,
        name: row.name,
        ...(typeof change === 'function' ? change(row) : change),
      })),
    );
  }

  close(): void {
    clearInterval(this.#ticking);
    this.#stop();
  }
}

function rowOf(speaker: SeenSpeaker, wish: WantedSpeaker | null, nowMs: number): SpeakerRow {
  const on = wish?.on ?? false;
  // It cannot be told how loud, mute or late to be: then it is shown as it is.
  const isRefused =
    wish?.on === true &&
    speaker.error !== null &&
    speaker.state !== 'error' &&
    soundDeeds(speaker, wish).length > 0;
  // What it is tried again for.
  const isAgain =
    on && speaker.failures > 0 && (speaker.state === 'starting' || speaker.state === 'buffering');
  const isUnstopped = wish?.on === false && soundsRoom(speaker);
  const isTold = speaker.state === 'error' || isRefused || isAgain || isUnstopped;
  const wished = on && !isRefused ? wish : null;
  return {
    id: speaker.id,
    name: speaker.name,
    kind: speaker.kind,
    area: speaker.area,
    group: speaker.group,
    needsInternet: speaker.needsInternet,
    isHere: true,
    on,
    byHand: wish?.byHand === true,
    state: speaker.state,
    plays: speaker.plays,
    title: speaker.title,
    error: isTold ? speaker.error : null,
    failures: speaker.failures,
    volume: wished?.volume ?? speaker.volume,
    muted: wished?.muted ?? speaker.muted ?? false,
    canMute: speaker.can.mute && speaker.muted !== null,
    canSay: speaker.can.announce,
    ensemble: speaker.ensemble,
    members: speaker.members,
    within: null,
    delayMs: speaker.can.delay
      ? ((isRefused ? speaker.delayMs : wish?.delayMs) ?? speaker.delayMs ?? 0)
      : null,
    canVolume: speaker.can.volume,
    steps: wish === null ? null : stepsOf(speaker, wish, nowMs),
  };
}

/** What it did for an earlier wish is no step of this one. */
function stepsOf({ at, state, plays }: SeenSpeaker, wish: WantedSpeaker, nowMs: number): SpeakerRow['steps'] {
  const isPlaying = plays === 'room' && state === 'playing';
  const beganMs = Math.max(wish.onAt, at.found);
  const askedMs = at.asked !== null && at.asked >= beganMs - CLOCKS_MS ? at.asked : null;
  // Playing unasked it goes on, or was started at the device: nobody waits for it.
  const isOver = isPlaying && (askedMs === null || (at.playing !== null && nowMs - at.playing > STEPS_MS));
  if (!wish.on || isOver) return null;
  if (askedMs === null) return { askedMs, acceptedMs: null, playingMs: null };
  const startMs = askedMs - beganMs > LATER_TRY_MS ? askedMs : beganMs;
  const since = (ms: number | null): number | null => (ms === null ? null : Math.max(0, ms - startMs));
  return { askedMs: since(askedMs), acceptedMs: since(at.buffering), playingMs: since(at.playing) };
}

/** Wanted, and not seen: it is out of reach, or the node is. */
function awayRow(id: string, wish: WantedSpeaker): SpeakerRow {
  return {
    id,
    name: wish.name,
    kind: null,
    area: null,
    group: null,
    needsInternet: false,
    isHere: false,
    on: wish.on,
    byHand: false,
    state: 'idle',
    plays: null,
    title: null,
    error: null,
    failures: 0,
    volume: wish.volume,
    muted: false,
    canMute: false,
    canSay: false,
    ensemble: null,
    members: [],
    within: null,
    delayMs: null,
    canVolume: false,
    steps: null,
  };
}
