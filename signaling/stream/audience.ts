/** Who listens to which room's stream, by the two ends of each connection. As many as there may be listeners, and no more. */
export interface Listening {
  /** IP address of who listens. */
  from: string;
  /** This machine's own end. */
  to: string;
}

export interface Audience {
  /** @returns takes it out again; harmless when called twice */
  join(roomId: string, listening: Listening): () => void;
  of(roomId: string): readonly Listening[];
}

export function createAudience(): Audience {
  const rooms = new Map<string, Set<Listening>>();
  return {
    join(roomId, listening) {
      const room = rooms.get(roomId) ?? new Set();
      rooms.set(roomId, room.add(listening));
      return () => {
        room.delete(listening);
        if (room.size === 0 && rooms.get(roomId) === room) rooms.delete(roomId);
      };
    },
    of: (roomId) => [...(rooms.get(roomId) ?? [])],
  };
}
