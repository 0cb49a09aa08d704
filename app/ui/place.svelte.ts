/**
 * Which of the five places is shown, and what lies over it. Both live in `history.state`, so that the back button goes
 * to the place before, or first closes what is open; and never in the URL: the fragment carries the room's secret.
 */
export const PLACES = ['now', 'queue', 'music', 'people', 'speakers'] as const;
export type PlaceName = (typeof PLACES)[number];

interface Cover {
  onclose(): void;
  isOpen: boolean;
  /** Where the page was when it opened. */
  href: string;
}

function field(state: unknown, name: 'place' | 'covers'): unknown {
  return typeof state === 'object' && state !== null ? (state as Record<string, unknown>)[name] : null;
}

function placeOf(state: unknown): PlaceName {
  const found = field(state, 'place');
  return PLACES.find((name) => name === found) ?? 'now';
}

function coversOf(state: unknown): number {
  const found = field(state, 'covers');
  return typeof found === 'number' ? found : 0;
}

export class Place {
  #name = $state<PlaceName>('now');
  /** What is open over the place, the lowest first: one entry of the history each. */
  readonly #covers: Cover[] = [];
  /** How many of them the history's current entry knows. */
  #depth = 0;
  /** How many sheets the entry knows that it is on its way back to, which browsers do in their own time. */
  #returningTo: number | null = null;
  #wanted: PlaceName | null = null;
  /** The room changed below a sheet: the entry that is returned to takes the new address over. */
  #newHref: string | null = null;

  readonly #onPop = (event: PopStateEvent): void => {
    this.#depth = coversOf(event.state);
    // What has opened since this return began has no entry yet: it was not gone back from.
    const kept = this.#depth === this.#returningTo ? this.#covers.length : this.#depth;
    this.#returningTo = null;
    // Before the browser says that the fragment changed: whoever listens finds the new one.
    if (this.#newHref !== null) history.replaceState(event.state, '', this.#newHref);
    if (this.#depth <= this.#covers.length) this.#newHref = null;
    this.#name = this.#wanted ?? placeOf(event.state);
    for (const cover of this.#covers.splice(kept).reverse()) if (cover.isOpen) cover.onclose();
    this.#settle();
  };

  constructor() {
    this.#name = placeOf(history.state);
    // Nothing is open after a reload.
    if (coversOf(history.state) > 0) this.#write('replaceState');
    addEventListener('popstate', this.#onPop);
  }

  get current(): PlaceName {
    return this.#name;
  }

  go(name: PlaceName): void {
    if (name === this.#name) return;
    this.#wanted = name;
    this.#name = name;
    this.#settle();
  }

  /**
   * Something opened over the place: Back closes it, by `onclose`. What is returned is called when it is gone, however
   * it was closed.
   */
  cover(onclose: () => void): () => void {
    const cover: Cover = { onclose, isOpen: true, href: location.href };
    this.#covers.push(cover);
    this.#settle();
    return () => {
      cover.isOpen = false;
      // Below one that is still open it waits: its entry is not the last.
      while (this.#covers.at(-1)?.isOpen === false) {
        if (this.#covers.pop()?.href !== location.href) this.#newHref = location.href;
      }
      this.#settle();
    };
  }

  close(): void {
    removeEventListener('popstate', this.#onPop);
  }

  /** Brings the history to what is shown. An entry whose sheet is gone is passed over. */
  #settle(): void {
    if (this.#returningTo !== null) return;
    if (this.#depth > this.#covers.length) {
      this.#returningTo = this.#covers.length;
      history.go(this.#covers.length - this.#depth);
      return;
    }
    if (this.#wanted !== null && this.#depth === 0) {
      this.#wanted = null;
      this.#write('pushState');
    }
    while (this.#depth < this.#covers.length) {
      this.#depth++;
      this.#write('pushState');
    }
  }

  #write(how: 'pushState' | 'replaceState'): void {
    history[how]({ ...(history.state as object | null), place: this.#name, covers: this.#depth }, '');
  }
}
