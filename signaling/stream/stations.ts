/** Every room's stream on this node, within bounds. The default room's is always there. */
import type { StreamStatus } from '../protocol/status.ts';
import type { StreamVariant } from '../protocol/uplink.ts';
import { createStation, type Station } from './station.ts';

export const MAX_STATIONS = 32;
export const MAX_LISTENERS = 2000;
/** To bare samples: what waits for all of them, should all be slow, stays below 25 MB. */
export const MAX_PCM_LISTENERS = 64;
/** The next host is there within seconds: a room without one for this long has none, whoever listens. */
const HOSTLESS_MS = 60_000;

export interface Stations {
  readonly defaultRoomId: string;
  /** The room's stream, made when needed; null when there are too many rooms already. */
  station(roomId: string): Station | null;
  /** The same for a host that has proved its right to the room: it takes the place of one that nobody has, if need be. */
  stationForHost(roomId: string): Station | null;
  /** Of all variants, or of one. */
  listenerCount(variant?: StreamVariant): number;
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

  /** Makes room by dropping one that never had a host, or has had none for long; who listens there hears that it is over. */
  function evictHostless(): boolean {
    const nowMs = now();
    const candidates = [...stations.values()]
      .map((station) => ({ station, atMs: station.hostedAtMs() ?? -Infinity }))
      .filter(({ station, atMs }) => station.roomId !== defaultRoomId && nowMs - atMs >= HOSTLESS_MS)
      .sort((a, b) => a.atMs - b.atMs);
    const longest = candidates[0]?.station;
    if (longest === undefined) return false;
    longest.close();
    stations.delete(longest.roomId);
    return true;
  }

  const find = (roomId: string, makePlace: () => boolean): Station | null =>
    stations.get(roomId) ?? (stations.size < MAX_STATIONS || makePlace() ? open(roomId) : null);

  return {
    defaultRoomId,
    station: (roomId) => find(roomId, evictIdle),
    stationForHost: (roomId) => find(roomId, () => evictIdle() || evictHostless()),
    listenerCount: (variant) =>
      [...stations.values()].reduce((sum, station) => sum + station.listenerCount(variant), 0),
    status: () => [...stations.values()].map((station) => station.status()),
    close() {
      for (const station of stations.values()) station.close();
      stations.clear();
    },
  };
}
