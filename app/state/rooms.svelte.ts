import type { KeptStore } from './kept.ts';
import type { Losses, RoomEntry, RoomsModel } from './model.ts';

export interface RoomsOptions {
  kept: KeptStore;
  /** The landing page's address, to which a room's secret is added. */
  joinUrl: () => string;
  canReplaceLink: () => boolean;
  onOpen: (secret: string) => void;
  onMake: (name: string) => void;
  lossesOf: (secret: string) => Promise<Losses>;
  onLeave: (secret: string) => Promise<void>;
  onReplaceLink: (peerIds: readonly string[]) => Promise<void>;
}

/** The rooms that this device remembers, as the screens see them. */
export class Rooms implements RoomsModel {
  #options: RoomsOptions;
  #current = $state<string | null>(null);
  #revision = $state(0);

  constructor(options: RoomsOptions) {
    this.#options = options;
  }

  readonly #list = $derived.by((): readonly RoomEntry[] => {
    void this.#revision;
    return this.#options.kept
      .read()
      .rooms.filter(({ replacedBy }) => replacedBy === null)
      .map(({ secret, name, lastSeenMs }) => ({
        id: secret,
        name: name || 'A room without a name',
        isCurrent: secret === this.#current,
        lastSeenMs,
        joinLink: `${this.#options.joinUrl()}#${secret}`,
      }))
      .sort((a, b) => Number(b.isCurrent) - Number(a.isCurrent) || b.lastSeenMs - a.lastSeenMs);
  });

  get list(): readonly RoomEntry[] {
    return this.#list;
  }
  get canReplaceLink(): boolean {
    return this.#current !== null && this.#options.canReplaceLink();
  }

  open(id: string): void {
    if (id !== this.#current) this.#options.onOpen(id);
  }
  make(name: string): void {
    const trimmed = name.trim().slice(0, 80);
    if (trimmed !== '') this.#options.onMake(trimmed);
  }
  lossesOf(id: string): Promise<Losses> {
    return this.#options.lossesOf(id);
  }
  leave(id: string): Promise<void> {
    return this.#options.onLeave(id);
  }
  replaceLink(peerIds: readonly string[]): Promise<void> {
    return this.#options.onReplaceLink(peerIds);
  }

  /** What is kept has changed, or another room is open now. */
  refresh(current: string | null): void {
    this.#current = current;
    this.#revision++;
  }
}
