/** What this peer tells the others about itself: collected here, told once when it changed. */
import type { Presence } from '../session/schema.ts';

export interface PresencePublisher {
  current(): Presence;
  update(change: Partial<Presence>): void;
}

export function createPresencePublisher(
  initial: Presence,
  tell: (presence: Presence) => void,
): PresencePublisher {
  let current = initial;
  let told = '';
  const publish = (): void => {
    const text = JSON.stringify(current);
    if (text === told) return;
    told = text;
    tell(current);
  };
  publish();
  return {
    current: () => current,
    update(change) {
      current = { ...current, ...change };
      publish();
    },
  };
}
