/** Engines beyond this node that get the default room's stream: an Icecast for many, a Snapserver for rooms in step. */
import type { NodeConfig } from '../ops/config.ts';
import type { Log } from '../ops/log.ts';
import { feedIcecast } from './icecast.ts';
import { type Attempt, type AttemptEvents, createReconnect } from './reconnect.ts';
import { feedSnapcast } from './snapcast.ts';
import type { Stations } from './stations.ts';

export interface RelaysOptions {
  config: Pick<NodeConfig, 'icecast' | 'snapcast'>;
  stations: Stations;
  log: Log;
  /** Monotonic milliseconds. */
  now: () => number;
}

export interface Relays {
  close(): void;
}

export function createRelays({ config, stations, log, now }: RelaysOptions): Relays {
  const { icecast, snapcast } = config;
  const station = stations.station(stations.defaultRoomId);
  if (station === null) throw new Error('the default room has no station');

  const keep = (relay: string, to: string, open: (events: AttemptEvents) => Attempt) =>
    createReconnect({
      open,
      onUp: () => log.info({ event: 'relay-up', relay, to }),
      onLost: (why) => log.warn({ event: 'relay-lost', relay, to, why }),
    });

  const kept = [
    ...(icecast === undefined
      ? []
      : [
          keep('icecast', `${icecast.host}:${icecast.port}${icecast.mount}`, (events) =>
            feedIcecast({ target: icecast, station, now }, events),
          ),
        ]),
    ...(snapcast === undefined
      ? []
      : [
          keep('snapcast', `${snapcast.host}:${snapcast.port}`, (events) =>
            feedSnapcast({ target: snapcast, station, now }, events),
          ),
        ]),
  ];

  return {
    close() {
      for (const one of kept) one.close();
    },
  };
}
