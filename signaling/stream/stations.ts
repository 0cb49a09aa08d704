/** Every room's stream on this node, within bounds. The default room's is always there. */
import type { StreamStatus } from '../protocol/status.ts';
import { createStation, type Station } from './station.ts';

export const MAX_STATIONS = 32;
export const MAX_LISTENERS = 2000;

export interface Stations {
  readonly defaultRoomId: string;
  /** The room's stream, made when needed; null when there are too many rooms already. */
  station(roomId: string): Station | null;
  listenerCount(): number;
  /** The default room first. */
  status(): StreamStatus[];
  close(): void;
}

/** `/stream.mp3` for the default room, `/stream/<room>.mp3` for the others. */
function pathOf(roomId: string, defaultRoomId: string): string {
  return roomId === defaultRoomId ? '/stream.mp3' : `/stream/${roomId}.mp3`;
}

/** @param now monotonic milliseconds */
export function createStations(defaultRoomId: string, now: () => number): Stations {
  const stations = new Map<string, Station>();

  function open(roomId: string): Station {
    const station = createStation({ roomId, path: pathOf(roomId, defaultRoomId), now });
    stations.set(roomId, station);
    return station;
  }
  open(defaultRoomId);

  /** Makes room by dropping one that nobody feeds and nobody hears. */
  function evictIdle(): boolean {
    for (const [roomId, station] of stations) {
      if (roomId === defaultRoomId || station.hasHost() || station.listenerCount() > 0) continue;
      station.close();
      stations.delete(roomId);
      return true;
    }
    return false;
  }

  return {
    defaultRoomId,
    station(roomId) {
      const known = stations.get(roomId);
      if (known !== undefined) return known;
      return stations.size < MAX_STATIONS || evictIdle() ? open(roomId) : null;
    },
    listenerCount: () => [...stations.values()].reduce((sum, station) => sum + station.listenerCount(), 0),
    status: () => [...stations.values()].map((station) => station.status()),
    close() {
      for (const station of stations.values()) station.close();
      stations.clear();
    },
  };
}
