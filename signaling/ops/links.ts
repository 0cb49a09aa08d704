/** Addresses that the node tells people, devices and speakers. Pure. */
import { urlHost } from './addresses.ts';
import type { Identity } from './certificate.ts';
import type { NodeConfig } from './config.ts';

export interface LinkFacts {
  config: Pick<NodeConfig, 'publicUrl' | 'streamUrl'>;
  identity: Pick<Identity, 'covers' | 'ownName'>;
  address: string;
  otherAddresses: readonly string[];
  /** `earshot.local`, while it is announced. */
  mdnsName: string | null;
  httpsPort: number;
  httpPort: number;
}

export interface Links {
  /** In the QR code. */
  joinUrl: string;
  appUrl: string;
  streamBaseUrl: string;
  otherUrls: string[];
}

const bare = (host: string): string => host.replace(/^\[|\]$/g, '');

/** The app's origin for somebody who came by `host` (a Host header without the port). */
export function appOrigin({ config, identity, address, httpsPort }: LinkFacts, host: string): string {
  if (config.publicUrl !== undefined) return config.publicUrl;
  if (identity.covers(bare(host))) return `https://${host}:${httpsPort}`;
  return `https://${identity.ownName ?? urlHost(address)}:${httpsPort}`;
}

/** What `--public-url` names is this node itself if its certificate speaks for it, on its port; otherwise a proxy, with a certificate of its own. */
function publicJoinUrl({ identity, httpsPort, httpPort }: LinkFacts, publicUrl: string): string {
  const url = new URL(publicUrl);
  const isHere = identity.covers(bare(url.hostname)) && Number(url.port || 443) === httpsPort;
  return isHere ? `http://${url.hostname}:${httpPort}/` : `${publicUrl}/`;
}

export function nodeLinks(facts: LinkFacts): Links {
  const { config, address, otherAddresses, mdnsName, httpPort } = facts;
  const landing = (host: string): string => `http://${host}:${httpPort}/`;
  const joinUrl =
    config.publicUrl === undefined ? landing(urlHost(address)) : publicJoinUrl(facts, config.publicUrl);
  const others = [
    ...(config.publicUrl === undefined ? [] : [landing(urlHost(address))]),
    ...(mdnsName === null ? [] : [landing(mdnsName)]),
    ...otherAddresses.map((other) => landing(urlHost(other))),
  ];
  return {
    joinUrl,
    appUrl: `${appOrigin(facts, urlHost(address))}/`,
    streamBaseUrl: config.streamUrl ?? `http://${urlHost(address)}:${httpPort}`,
    otherUrls: [...new Set(others)].filter((url) => url !== joinUrl),
  };
}
