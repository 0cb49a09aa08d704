/** Whom this device's voice goes to. Pure, but for who hosted since it began. */

export interface Hearers {
  now(room: {
    talking: boolean;
    here: Iterable<{ peerId: string; listening: boolean }>;
    hostId: string | null;
  }): string[];
}

export function createHearers(selfId: string): Hearers {
  const hosts = new Set<string>();
  return {
    now({ talking, here, hostId }) {
      // A host that is replaced feeds on until the next one is on the air; who talks on meanwhile is heard through both.
      if (!talking) hosts.clear();
      if (hostId !== null) hosts.add(hostId);
      return [...here]
        .filter(({ peerId, listening }) => peerId !== selfId && (listening || hosts.has(peerId)))
        .map(({ peerId }) => peerId);
    },
  };
}
