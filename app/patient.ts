/** What the room's doctor may look at in an open room. */
import type { ClockSync } from './clock/sync.ts';
import type { Library } from './library/library.ts';
import type { Transport } from './mesh/transport.ts';
import type { PatientRoom } from './state/doctor.svelte.ts';
import type { People } from './state/people.svelte.ts';

/** From its announcement to an open link a device takes some tenths of a second; who takes longer has no connection. */
const LINK_PATIENCE_MS = 3_000;

export interface PatientOptions {
  keys: Pick<PatientRoom, 'roomId' | 'uplinkKey'>;
  mesh: Transport;
  people: Pick<People, 'here'>;
  clock: Pick<ClockSync, 'estimate'>;
  library: Pick<Library, 'storage'>;
  leader: () => string | null;
}

export function createPatient({ keys, mesh, people, clock, library, leader }: PatientOptions): PatientRoom {
  const others = () => people.here.filter((person) => !person.isMe && !person.isAsleep);
  /** Peers that announce themselves to the node and that nobody here can reach, so that their names are not known. */
  function strangers(): string[] {
    const known = new Set(others().map(({ peerId }) => peerId));
    return mesh.unreached(LINK_PATIENCE_MS).filter((peerId) => !known.has(peerId));
  }

  return {
    ...keys,
    links() {
      const connections = new Map(mesh.connections().map((one) => [one.peerId, one]));
      const named = others().map(({ peerId, name, hue }) => {
        const { path, roundTripMs } = connections.get(peerId) ?? { path: 'none' as const, roundTripMs: null };
        return { peerId, name, hue, path, roundTripMs };
      });
      const nameless = strangers().map((peerId, at, all) => ({
        peerId,
        name: all.length === 1 ? 'Another device' : `Another device (${at + 1})`,
        hue: 0,
        path: 'none' as const,
        roundTripMs: null,
      }));
      return [...named, ...nameless];
    },
    clock() {
      if (others().length === 0) return { state: 'alone' };
      if (leader() === mesh.selfId) return { state: 'leads' };
      return clock.estimate === null
        ? { state: 'searching' }
        : { state: 'follows', roundTripMs: clock.estimate.roundTripMs };
    },
    storage: () => library.storage(),
  };
}
