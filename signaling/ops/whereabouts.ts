/** What the node is called and where it is reached: as it is now, since addresses, certificate and ports change while it runs. */
import { NODE_INFO_PATH, type NodeInfo } from '../protocol/node-info.ts';
import { MIN_PROTOCOL_VERSION, PROTOCOL_VERSION } from '../protocol/uplink.ts';
import { lanAddresses, urlHost } from './addresses.ts';
import type { Identity } from './certificate.ts';
import type { NodeConfig } from './config.ts';
import { type Route, sendJson } from './http.ts';
import { constantNames } from './keeper.ts';
import { type LinkFacts, nodeLinks } from './links.ts';
import type { Surroundings } from './surroundings.ts';

export interface Whereabouts {
  /** Filled in as ports open; nobody is told before all of them are known. */
  readonly ports: { https: number; http: number; stun: number };
  /** All names and addresses of this machine. */
  names(): string[];
  /** The name that the LAN knows; null: it knows none. */
  called(mdnsName: string | null): void;
  links(): LinkFacts;
  describe(): NodeInfo;
  /** For who came without saying by which name. */
  fallbackHost(): string;
  /** `/health` and `/node.json`. */
  readonly route: Route;
}

export interface WhereaboutsOptions {
  config: NodeConfig;
  version: string;
  defaultRoomId: string;
  surroundings: Surroundings;
  identity(): Identity;
  /** Monotonic milliseconds. */
  now: () => number;
}

export function createWhereabouts(options: WhereaboutsOptions): Whereabouts {
  const { config, version, defaultRoomId, surroundings, identity, now } = options;
  const startedAtMs = now();
  const ports = { https: config.port, http: config.httpPort, stun: config.stunPort };
  let mdnsName: string | null = null;

  const links = (): LinkFacts => ({
    config,
    identity: identity(),
    address: surroundings.address(),
    otherAddresses: surroundings.otherAddresses(),
    mdnsName,
    httpsPort: ports.https,
    httpPort: ports.http,
  });
  const describe = (): NodeInfo => ({
    name: 'earshot',
    version,
    protocol: PROTOCOL_VERSION,
    minProtocol: MIN_PROTOCOL_VERSION,
    ...nodeLinks(links()),
    defaultRoomId,
    stunPort: ports.stun,
    turnPort: ports.stun,
    certificate: {
      validUntilMs: identity().validUntilMs,
      issuedBy: identity().authority === null ? 'own' : 'local',
    },
  });

  return {
    ports,
    names: () => [
      ...constantNames(mdnsName ?? 'earshot.local'),
      surroundings.address(),
      ...lanAddresses(surroundings.interfaces()),
    ],
    called: (name) => void (mdnsName = name),
    links,
    describe,
    fallbackHost: () => urlHost(surroundings.address()),
    route(request, response) {
      const uptimeSeconds = Math.floor((now() - startedAtMs) / 1000);
      if (request.path === '/health')
        return sendJson(request, response, { status: 'ok', version, uptimeSeconds });
      return request.path === NODE_INFO_PATH && sendJson(request, response, describe());
    },
  };
}
