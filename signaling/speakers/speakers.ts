/** Loudspeakers, put together: drivers below, the members' socket above. */
import type { NodeConfig } from '../ops/config.ts';
import type { Route } from '../ops/http.ts';
import type { SocketPath } from '../ops/sockets.ts';
import type { Audience } from '../stream/audience.ts';
import { createAlexaDriver } from './alexa/driver.ts';
import { createCastDriver } from './cast/driver.ts';
import { createClips } from './clips.ts';
import type { CredentialStore } from './credentials.ts';
import { createDlnaDriver } from './dlna/driver.ts';
import { createHomeAssistantDriver } from './home-assistant/driver.ts';
import { forRooms } from './own-room.ts';
import type { CreateDriver, DriverOptions } from './port.ts';
import { createSnapcastDriver } from './snapcast/driver.ts';
import { createSayRoute } from './say-route.ts';
import { createSpeakerSocket, type SpeakerSocketOptions } from './socket.ts';
import { createSonosDriver } from './sonos/driver.ts';
import { createStreamNames, type StreamNamesOptions } from './stream-names.ts';
import { createSpeakerWatch, type SpeakerWatchOptions } from './watch.ts';

/**
 * Every driver there is. Those that need credentials wait for them.
 * @param fed the Snapserver that the node feeds, by the port of its source, and what it feeds it
 */
export function allDrivers(
  store: CredentialStore,
  fed: NodeConfig['snapcast'],
  streamUrl: () => string,
): readonly CreateDriver[] {
  return [
    // A Sonos player is a DLNA renderer as well, of which its groups know nothing.
    (options) => createDlnaDriver({ ...options, isPassedOver: ({ maker }) => maker.startsWith('Sonos') }),
    createSonosDriver,
    createCastDriver,
    (options) => createHomeAssistantDriver(options, store.of('home-assistant')),
    (options) => createAlexaDriver(options, store.of('alexa')),
    ...(fed === undefined
      ? []
      : [
          (options: DriverOptions) =>
            createSnapcastDriver(options, { host: fed.host, sourcePort: fed.port, streamUrl }),
        ]),
  ];
}

export interface SpeakersOptions
  extends
    Omit<DriverOptions, 'onChange'>,
    Pick<SpeakerSocketOptions, 'hostOf' | 'isExempt'>,
    Pick<SpeakerWatchOptions, 'wallNow'> {
  drivers: readonly CreateDriver[];
  stream: StreamNamesOptions;
  audience: Audience;
}

export interface Speakers extends SocketPath {
  /** `POST /speakers/say`. */
  readonly sayRoute: Route;
  /** What is to be said, for the loudspeakers: on plain HTTP. */
  readonly clipRoute: Route;
}

/** Looks from now on. Closing leaves every loudspeaker as it is. */
export function createSpeakers({
  drivers,
  stream,
  audience,
  hostOf,
  isExempt,
  ...options
}: SpeakersOptions): Speakers {
  const { counters, now } = options;
  // A connection to an address that has gone carries nothing, though it takes a minute to notice.
  function listeners(roomId: string): ReadonlySet<string> {
    const former = stream.formerHosts();
    return new Set(audience.of(roomId).flatMap(({ from, to }) => (former.has(to) ? [] : from)));
  }
  const streams = createStreamNames(stream);
  const watch = createSpeakerWatch({ ...options, drivers, streams, listeners });
  const roomsWatch = forRooms(watch, stream.defaultRoomId);
  const clips = createClips();
  const socket = createSpeakerSocket({ watch: roomsWatch, hostOf, isExempt, counters, now });
  return {
    ...socket,
    sayRoute: createSayRoute({
      clips,
      announce: roomsWatch.announce,
      baseUrl: streams.base,
      counters,
      now,
      isExempt,
    }),
    clipRoute: clips.route,
    async close() {
      clips.close();
      await Promise.all([socket.close(), watch.close()]);
    },
  };
}
