/** Who is here: what peers tell about themselves through awareness, parsed. Pure. */
import * as v from 'valibot';
import { Presence } from './schema.ts';

/**
 * Parses what `Transport.presences()` holds. A peer whose state doesn't parse, or that speaks for another peerId, is
 * left out. First who came first.
 */
export function parsePresences(states: ReadonlyMap<string, unknown>): ReadonlyMap<string, Presence> {
  const parsed: Presence[] = [];
  for (const [peerId, state] of states) {
    const result = v.safeParse(Presence, state);
    if (result.success && result.output.peerId === peerId) parsed.push(result.output);
  }
  parsed.sort((a, b) => a.joinedAtMs - b.joinedAtMs || (a.peerId < b.peerId ? -1 : 1));
  return new Map(parsed.map((presence) => [presence.peerId, presence]));
}

/** The member that a peer says it is, by what it tells; null when that is no presence. */
export function personOf(state: unknown): string | null {
  const result = v.safeParse(Presence, state);
  return result.success ? result.output.memberId : null;
}
