/**
 * Which of the five places is shown. It lives in `history.state`, so that the back button works, and never in the URL:
 * the fragment carries the room's secret.
 */
export const PLACES = ['now', 'queue', 'music', 'people', 'speakers'] as const;
export type PlaceName = (typeof PLACES)[number];

function placeOf(state: unknown): PlaceName {
  const found: unknown = typeof state === 'object' && state !== null && 'place' in state ? state.place : null;
  return PLACES.find((name) => name === found) ?? 'now';
}

export class Place {
  #name = $state<PlaceName>('now');
  #onPop = (event: PopStateEvent): void => {
    this.#name = placeOf(event.state);
  };

  constructor() {
    this.#name = placeOf(history.state);
    addEventListener('popstate', this.#onPop);
  }

  get current(): PlaceName {
    return this.#name;
  }

  go(name: PlaceName): void {
    if (name === this.#name) return;
    history.pushState({ ...(history.state as object | null), place: name }, '');
    this.#name = name;
  }

  close(): void {
    removeEventListener('popstate', this.#onPop);
  }
}
