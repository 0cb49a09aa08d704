/** The LAN node, put together: what `main.ts` starts and the tests start in their own process. */
import type { IncomingMessage } from 'node:http';
import { networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { createLanName } from './join/lan-name.ts';
import { createJoinRoutes, hostOf } from './join/routes.ts';
import { boundInterfaces, type Interfaces } from './ops/addresses.ts';
import type { NodeConfig } from './ops/config.ts';
import { createCounters } from './ops/counters.ts';
import { prepareDataDir } from './ops/data-dir.ts';
import { createKeeper } from './ops/keeper.ts';
import { appOrigin } from './ops/links.ts';
import type { Log } from './ops/log.ts';
import { onFreePort } from './ops/ports.ts';
import { defaultRoom } from './ops/room.ts';
import { createWebServer } from './ops/server.ts';
import type { SocketPath } from './ops/sockets.ts';
import { createStatic } from './ops/static.ts';
import { createSurroundings } from './ops/surroundings.ts';
import { createVisitors, type VisitorLimits } from './ops/visitors.ts';
import { createWhereabouts } from './ops/whereabouts.ts';
import { CREDENTIALS_PATH } from './protocol/credentials.ts';
import { BROKER_PATH, type NodeInfo, SIGNALING_PATH } from './protocol/node-info.ts';
import { SAY_PATH } from './protocol/say.ts';
import { TURN_PATH } from './protocol/turn.ts';
import { SPEAKERS_PATH } from './protocol/speakers.ts';
import { UPLINK_PATH } from './protocol/uplink.ts';
import { createBroker } from './rendezvous/broker.ts';
import { createIntroductions } from './rendezvous/introductions.ts';
import { createReach } from './rendezvous/reach.ts';
import { createTopics } from './rendezvous/topics.ts';
import { createTurnCredentials, turnKey } from './rendezvous/turn-credentials.ts';
import { createTurnRoute } from './rendezvous/turn-route.ts';
import { createCredentialStore } from './speakers/credentials.ts';
import { createCredentialsRoute } from './speakers/credentials-route.ts';
import type { CreateDriver } from './speakers/port.ts';
import { allDrivers, createSpeakers } from './speakers/speakers.ts';
import { createAudience } from './stream/audience.ts';
import { createRelays } from './stream/relays.ts';
import { createStreamRoutes } from './stream/routes.ts';
import { createStations } from './stream/stations.ts';
import { createUplink } from './stream/uplink.ts';

export interface NodeOptions {
  config: NodeConfig;
  version: string;
  log: Log;
  /** One plain line for whoever starts the node, e.g. that a port has moved. */
  notice: (text: string) => void;
  /** Tests are one address for everybody. */
  limits?: Partial<VisitorLimits>;
  /** The machine around the node; tests move its clock and its cables. */
  machine?: Partial<Machine>;
  /** Other loudspeakers than those of the LAN; tests bring their own. */
  drivers?: readonly CreateDriver[];
}

export interface Machine {
  interfaces(): Interfaces;
  /** Wall-clock milliseconds. */
  nowMs(): number;
  /** Monotonic milliseconds. */
  now(): number;
  /** How often the addresses and the certificate are looked at. */
  lookMs: number;
}

const THIS_MACHINE: Machine = {
  interfaces: networkInterfaces,
  nowMs: Date.now,
  now: () => performance.now(),
  lookMs: 10_000,
};

export interface EarshotNode {
  /** As it is now: the addresses follow the machine's. */
  readonly info: NodeInfo;
  /** What the QR code says: the landing page with the room's secret in the fragment. Never to be logged. */
  readonly joinLink: string;
  readonly streamUrl: string;
  readonly ports: { https: number; http: number; stun: number };
  /** Called when `info` and the links have changed. */
  onMoved(callback: () => void): void;
  /** Ends streams and sockets; resolves within about two seconds. Closing twice is harmless. */
  close(): Promise<void>;
}

/** What people, devices and speakers were told: as text, to see whether it has changed. */
const linksOf = ({ joinUrl, appUrl, streamBaseUrl, otherUrls }: NodeInfo): string =>
  [joinUrl, appUrl, streamBaseUrl, ...otherUrls].join(' ');

/** Starts everything. @throws ConfigError for what the person who starts it has to change */
export async function createNode({
  config,
  version,
  log,
  notice,
  machine,
  limits,
  drivers,
}: NodeOptions): Promise<EarshotNode> {
  const { interfaces, nowMs, now, lookMs } = { ...THIS_MACHINE, ...machine };
  prepareDataDir(config.dataDir);
  const surroundings = createSurroundings(interfaces, config.bind);
  const room = await defaultRoom(config.dataDir, config.roomSecret);
  const where = createWhereabouts({
    ...{ config, version, surroundings, now, defaultRoomId: room.roomId },
    identity: () => keeper.identity(),
  });
  const { ports, names, describe, fallbackHost } = where;
  const keeper = createKeeper({ config, names, nowMs, log });
  const credentials = createTurnCredentials(turnKey(config.dataDir), nowMs);

  const counters = createCounters();
  const visitors = createVisitors(now, limits);
  const stations = createStations(room.roomId, now);
  const { isExempt } = visitors;
  const topics = createTopics(counters, now, isExempt);
  const broker = createBroker(counters, now, isExempt);
  const uplink = createUplink({ stations, counters, log, now, isExempt });
  const relays = createRelays({ config, stations, log, now });
  const audience = createAudience();
  const opened: { close(): Promise<void> | void }[] = [topics, broker, uplink, relays, stations];

  const speakerCredentials = createCredentialStore(config.dataDir, log);
  const credentialsRoute = createCredentialsRoute({
    store: speakerCredentials,
    defaultRoomId: room.roomId,
    counters,
  });

  const streamRoutes = createStreamRoutes({
    stations,
    relays,
    audience,
    counters,
    log,
    now,
    isExempt,
    streamBaseUrl: () => describe().streamBaseUrl,
  });
  const speakers = createSpeakers({
    drivers:
      drivers ??
      (config.speakers
        ? allDrivers(speakerCredentials, config.snapcast, () => `${describe().streamBaseUrl}/stream.mp3`)
        : []),
    interfaces: () => boundInterfaces(interfaces(), config.bind),
    stream: {
      defaultRoomId: room.roomId,
      baseUrl: () => describe().streamBaseUrl,
      isFixed: config.streamUrl !== undefined || config.bind !== undefined,
      httpPort: () => ports.http,
      hosts: names,
      formerHosts: surroundings.formerAddresses,
      publicUrl: () => speakerCredentials.of('alexa').read()?.streamUrl ?? null,
    },
    audience,
    hostOf: (roomId) => stations.status().find((one) => one.roomId === roomId)?.host ?? null,
    now,
    wallNow: nowMs,
    counters,
    log,
    isExempt,
  });
  opened.push(speakers);

  const socketPaths: readonly [string, SocketPath][] = [
    [SIGNALING_PATH, topics],
    [UPLINK_PATH, uplink],
    [SPEAKERS_PATH, speakers],
    [`${BROKER_PATH}/peerjs`, broker],
  ];
  function upgrade(path: string, request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const found = socketPaths.find(([known]) => known === path);
    found?.[1].upgrade(request, socket, head);
    return found !== undefined;
  }

  const join = createJoinRoutes({
    identity: keeper.identity,
    fallbackHost,
    otherUrls: () => {
      const { joinUrl, otherUrls } = describe();
      return [joinUrl, ...otherUrls];
    },
    appOrigin: (host) => appOrigin(where.links(), host),
  });
  const turnRoute = createTurnRoute({
    credentials,
    counters,
    // Behind a proxy the Host header names the proxy, which relays no UDP.
    urls: (host) => [
      `turn:${config.publicUrl === undefined ? hostOf(host, fallbackHost()) : fallbackHost()}:${ports.stun}?transport=udp`,
    ],
  });

  async function close(): Promise<void> {
    await Promise.all(opened.map(async (part) => part.close()));
  }

  try {
    const shared = { bind: config.bind, strict: config.strictPorts, notice };
    const { cert, key } = keeper.identity();
    const https = await createWebServer({
      wish: { what: 'the app', port: config.port, ...shared },
      tls: { cert, key },
      routes: [
        where.route,
        turnRoute,
        credentialsRoute,
        speakers.sayRoute,
        streamRoutes,
        join.certificate,
        broker.route,
        createStatic(config.distDir),
      ],
      postPaths: [TURN_PATH, CREDENTIALS_PATH, SAY_PATH],
      upgrade,
      visitors,
      counters,
      log,
    });
    opened.push(https);
    ports.https = https.port;
    const http = await createWebServer({
      wish: { what: 'the landing page and the stream', port: config.httpPort, ...shared },
      tls: null,
      routes: [where.route, streamRoutes, speakers.clipRoute, join.certificate, join.landing],
      upgrade: null,
      visitors,
      counters,
      log,
    });
    opened.push(http);
    ports.http = http.port;
    let reach = createReach(surroundings.interfaces(), config.bind);
    const introductions = await onFreePort({ what: 'STUN', port: config.stunPort, ...shared }, (port) =>
      createIntroductions({
        port,
        bind: config.bind,
        credentials,
        reach: () => reach,
        relayPorts: config.relayPorts,
        counters,
        visitors,
        now,
      }),
    );
    opened.push(introductions);
    ports.stun = introductions.port;

    const lanName = createLanName({
      isOn: config.mdns,
      httpsPort: https.port,
      counters,
      log,
      now,
      onChange: () => {
        where.called(lanName.current());
        if (isStarted) look();
      },
    });
    opened.push(lanName);

    let isStarted = false;
    let info = describe();
    const watchers = new Set<() => void>();
    function look(): void {
      if (surroundings.look()) {
        reach = createReach(surroundings.interfaces(), config.bind);
        introductions.readdressed();
        void lanName.follow(surroundings.address());
      }
      if (keeper.check()) https.setCertificate(keeper.identity());
      const before = linksOf(info);
      info = describe();
      if (linksOf(info) === before || !isStarted) return;
      log.info({ event: 'moved', appUrl: info.appUrl, joinUrl: info.joinUrl });
      for (const watcher of watchers) watcher();
    }

    await lanName.follow(surroundings.address());
    look();
    isStarted = true;
    const looking = setInterval(look, lookMs);
    opened.push({ close: () => clearInterval(looking) });

    if (
      config.publicUrl === undefined &&
      !keeper.identity().covers(new URL(info.appUrl).hostname.replace(/^\[|\]$/g, ''))
    ) {
      notice(
        `No certificate here speaks for ${info.appUrl}: give --public-url, --bind or --cert and --key that fit.`,
      );
    }
    log.info({
      event: 'started',
      version,
      appUrl: info.appUrl,
      joinUrl: info.joinUrl,
      stunPort: ports.stun,
    });
    return {
      get info() {
        return info;
      },
      get joinLink() {
        return `${info.joinUrl}#${room.secret}`;
      },
      get streamUrl() {
        return `${info.streamBaseUrl}/stream.mp3`;
      },
      ports,
      onMoved: (callback) => void watchers.add(callback),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
