/** The LAN node, put together: what `main.ts` starts and the tests start in their own process. */
import { accessSync, constants, mkdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { hostname, networkInterfaces } from 'node:os';
import type { Duplex } from 'node:stream';
import { createJoinRoutes } from './join/routes.ts';
import { lanAddresses, reachableAddress, urlHost } from './ops/addresses.ts';
import { type Identity, localIdentity, ownIdentity } from './ops/certificate.ts';
import { ConfigError, type NodeConfig } from './ops/config.ts';
import { createCounters } from './ops/counters.ts';
import { type Route, sendJson } from './ops/http.ts';
import type { Log } from './ops/log.ts';
import { onFreePort } from './ops/ports.ts';
import { defaultRoom } from './ops/room.ts';
import { createWebServer } from './ops/server.ts';
import type { SocketPath } from './ops/sockets.ts';
import { createStatic } from './ops/static.ts';
import { BROKER_PATH, NODE_INFO_PATH, type NodeInfo, SIGNALING_PATH } from './protocol/node-info.ts';
import { PROTOCOL_VERSION, UPLINK_PATH } from './protocol/uplink.ts';
import { createBroker } from './rendezvous/broker.ts';
import { createStun } from './rendezvous/stun.ts';
import { createTopics } from './rendezvous/topics.ts';
import { createStreamRoutes } from './stream/routes.ts';
import { createStations } from './stream/stations.ts';
import { createUplink } from './stream/uplink.ts';

export interface NodeOptions {
  config: NodeConfig;
  version: string;
  log: Log;
  /** One plain line for whoever starts the node, e.g. that a port has moved. */
  notice: (text: string) => void;
}

export interface EarshotNode {
  readonly info: NodeInfo;
  /** What the QR code says: the landing page with the room's secret in the fragment. Never to be logged. */
  readonly joinLink: string;
  readonly streamUrl: string;
  readonly ports: { https: number; http: number; stun: number };
  /** Ends streams and sockets; resolves within about two seconds. Closing twice is harmless. */
  close(): Promise<void>;
}

function prepareDataDir(dataDir: string): void {
  try {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw new ConfigError(
      `the data folder ${dataDir} cannot be written (${(error as NodeJS.ErrnoException).code ?? 'unknown'})`,
    );
  }
}

function identityFor(config: NodeConfig, address: string): Identity {
  if (config.ownCertificate !== undefined) {
    return ownIdentity(config.ownCertificate.certPath, config.ownCertificate.keyPath);
  }
  const machine = hostname().toLowerCase().split('.')[0] ?? '';
  const names = ['localhost', 'earshot.local', `${machine}.local`, '127.0.0.1', '::1', address];
  return localIdentity(config.dataDir, [...names, ...lanAddresses(networkInterfaces())], Date.now());
}

const now = (): number => performance.now();

/** Starts everything. @throws ConfigError for what the person who starts it has to change */
export async function createNode({ config, version, log, notice }: NodeOptions): Promise<EarshotNode> {
  prepareDataDir(config.dataDir);
  const address = reachableAddress(networkInterfaces(), config.bind);
  const identity = identityFor(config, address);
  const room = await defaultRoom(config.dataDir);
  log.info({
    event: 'certificate',
    made: identity.made,
    validUntil: new Date(identity.validUntilMs).toISOString(),
  });

  const counters = createCounters();
  const stations = createStations(room.roomId, now);
  const topics = createTopics(counters);
  const broker = createBroker(counters, now);
  const uplink = createUplink({ stations, counters, log });
  const opened: { close(): Promise<void> | void }[] = [topics, broker, uplink, stations];

  const socketPaths: readonly [string, SocketPath][] = [
    [SIGNALING_PATH, topics],
    [UPLINK_PATH, uplink],
    [`${BROKER_PATH}/peerjs`, broker],
  ];
  function upgrade(path: string, request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
    const found = socketPaths.find(([known]) => known === path);
    found?.[1].upgrade(request, socket, head);
    return found !== undefined;
  }

  // Routes are asked only once every port is known, so they may read what is filled in below.
  let info: NodeInfo | null = null;
  const startedAtMs = now();
  const common: Route = (request, response) => {
    if (request.path === '/health') {
      return sendJson(request, response, {
        status: 'ok',
        version,
        uptimeSeconds: Math.floor((now() - startedAtMs) / 1000),
      });
    }
    return request.path === NODE_INFO_PATH && sendJson(request, response, info);
  };
  const streamRoutes = createStreamRoutes({
    stations,
    counters,
    log,
    now,
    streamBaseUrl: () => info?.streamBaseUrl ?? '',
  });
  const join = createJoinRoutes({ identity, fallbackHost: urlHost(address), appOrigin });

  function appOrigin(host: string): string {
    if (config.publicUrl !== undefined) return config.publicUrl;
    const bare = host.replace(/^\[|\]$/g, '');
    const port = https?.port ?? config.port;
    if (identity.covers(bare)) return `https://${host}:${port}`;
    return `https://${identity.ownName ?? urlHost(address)}:${port}`;
  }

  async function close(): Promise<void> {
    await Promise.all(opened.map(async (part) => part.close()));
  }

  let https: Awaited<ReturnType<typeof createWebServer>> | null = null;
  try {
    const shared = { bind: config.bind, strict: config.strictPorts, notice };
    const secure = await createWebServer({
      wish: { what: 'the app', port: config.port, ...shared },
      tls: { cert: identity.cert, key: identity.key },
      routes: [common, streamRoutes, join.certificate, broker.route, createStatic(config.distDir)],
      upgrade,
      counters,
      log,
    });
    https = secure;
    opened.push(secure);
    const http = await createWebServer({
      wish: { what: 'the landing page and the stream', port: config.httpPort, ...shared },
      tls: null,
      routes: [common, streamRoutes, join.certificate, join.landing],
      upgrade: null,
      counters,
      log,
    });
    opened.push(http);
    const stun = await onFreePort({ what: 'STUN', port: config.stunPort, ...shared }, (port) =>
      createStun(port, config.bind, () => counters.count('stun', 'bad-datagram')),
    );
    opened.push(stun);

    const httpOrigin = `http://${urlHost(address)}:${http.port}`;
    info = {
      name: 'earshot',
      version,
      protocol: PROTOCOL_VERSION,
      joinUrl: `${httpOrigin}/`,
      appUrl: `${appOrigin(urlHost(address))}/`,
      streamBaseUrl: config.streamUrl ?? httpOrigin,
      defaultRoomId: room.roomId,
      stunPort: stun.port,
    };
    if (
      config.publicUrl === undefined &&
      !identity.covers(new URL(info.appUrl).hostname.replace(/^\[|\]$/g, ''))
    ) {
      notice(
        `No certificate here speaks for ${info.appUrl}: give --public-url, --bind or --cert and --key that fit.`,
      );
    }
    log.info({ event: 'started', version, appUrl: info.appUrl, joinUrl: info.joinUrl, stunPort: stun.port });
    return {
      info,
      joinLink: `${info.joinUrl}#${room.secret}`,
      streamUrl: `${info.streamBaseUrl}/stream.mp3`,
      ports: { https: secure.port, http: http.port, stun: stun.port },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
