/** Engines beyond this node that get the default room's stream: an Icecast for many, a Snapserver for rooms in step. */
import type { NodeConfig } from '../ops/config.ts';
import type { Log } from '../ops/log.ts';
import type { RelayStatus } from '../protocol/status.ts';
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
  status(): RelayStatus[];
  close(): void;
}

export function createRelays({ config, stations, log, now }: RelaysOptions): Relays {
  const { icecast, snapcast } = config;
  const station = stations.station(stations.defaultRoomId);
  if (station === null) throw new Error('the default room has no station');

  function keep(relay: RelayStatus['relay'], to: string, open: (events: AttemptEvents) => Attempt) {
    let state: RelayStatus['state'] = 'connecting';
    let sinceMs = now();
    let lastLoss: string | null = null;
    const become = (next: RelayStatus['state']): void => {
      if (next !== state) sinceMs = now();
      state = next;
    };
    const reconnect = createReconnect({
      open,
      onUp() {
        become('up');
        log.info({ event: 'relay-up', relay, to });
      },
      onLost(why) {
        become('lost');
        lastLoss = why;
        log.warn({ event: 'relay-lost', relay, to, why });
      },
    });
    return {
      status: (): RelayStatus => ({
        ...{ relay, to, state, why: lastLoss },
        seconds: Math.floor((now() - sinceMs) / 1000),
      }),
      close: () => reconnect.close(),
    };
  }

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
    status: () => kept.map((one) => one.status()),
    close() {
      for (const one of kept) one.close();
    },
  };
}
