/**
 * Everything a browser asked of the network, its own business and its workers' included, read from Chromium's NetLog
 * (`--log-net-log`): addresses that bytes or connections went to, names that were looked up, URLs that were requested.
 */
import { readFileSync } from 'node:fs';
import { BlockList, isIP } from 'node:net';
import { networkInterfaces } from 'node:os';

interface NetEvent {
  type: number;
  params?: { url?: unknown; host?: unknown; address?: unknown };
}

/**
 * Where a connection, a datagram or a look-up begins. `UDP_CONNECT` is not among them: Chromium connects datagram sockets
 * to public addresses only to learn which of its own it would use, and sends nothing (the lab has no route at all).
 */
const EVENTS = [
  'URL_REQUEST_START_JOB',
  'HOST_RESOLVER_MANAGER_REQUEST',
  'TCP_CONNECT_ATTEMPT',
  'UDP_BYTES_SENT',
] as const;

const local = new BlockList();
for (const [address, prefix] of [
  ['10.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 4],
  ['0.0.0.0', 32],
] as const) {
  local.addSubnet(address, prefix, 'ipv4');
}
for (const [address, prefix] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
  ['ff00::', 8],
] as const) {
  local.addSubnet(address, prefix, 'ipv6');
}
for (const own of Object.values(networkInterfaces()).flat()) {
  if (own !== undefined) local.addAddress(own.address, own.family === 'IPv6' ? 'ipv6' : 'ipv4');
}

/** `host`, `host:port`, `[v6]:port` or a URL → the bare host. */
function hostOf(text: string): string {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return hostOf(new URL(text).host);
  const bracketed = /^\[([^\]]+)\]/.exec(text)?.[1];
  if (bracketed !== undefined) return bracketed.split('%')[0] ?? bracketed;
  return isIP(text) === 6 ? text : text.replace(/:\d+$/, '');
}

/** True for this machine, its LAN, multicast, and names that only mDNS knows. */
export function isOnLan(text: string): boolean {
  const host = hostOf(text);
  const version = isIP(host);
  if (version === 0) return host === 'localhost' || host.endsWith('.localhost') || host.endsWith('.local');
  return local.check(host, version === 6 ? 'ipv6' : 'ipv4');
}

export interface NetUse {
  /** Everything that was reached or tried, e.g. `TCP_CONNECT_ATTEMPT 10.0.0.1:443`. */
  all: string[];
  /** The part that was not on the LAN. */
  offLan: string[];
}

/** Reads a log that may lack its end, as a killed browser leaves it. */
export function readNetLog(path: string): NetUse {
  const text = readFileSync(path, 'utf8');
  const [head = '', ...lines] = text.split(/\n/);
  const { constants } = JSON.parse(`${head.replace(/,\s*$/, '')}}`) as {
    constants: { logEventTypes: Record<string, number> };
  };
  const names = new Map(EVENTS.map((name) => [constants.logEventTypes[name], name]));
  for (const name of EVENTS) {
    if (constants.logEventTypes[name] === undefined) throw new Error(`this Chromium logs no ${name}`);
  }
  const all = new Set<string>();
  const offLan = new Set<string>();
  for (const line of lines) {
    if (!line.startsWith('{"')) continue;
    let event: NetEvent;
    try {
      event = JSON.parse(line.replace(/[,\]}]*$/, (end) => end.replace(/(\]\})?,?$/, ''))) as NetEvent;
    } catch {
      continue;
    }
    const name = names.get(event.type);
    const target = event.params?.address ?? event.params?.host ?? event.params?.url;
    if (name === undefined || typeof target !== 'string' || /^(data|blob|chrome|about|file):/.test(target)) {
      continue;
    }
    const entry = `${name} ${target}`;
    all.add(entry);
    if (!isOnLan(target)) offLan.add(entry);
  }
  return { all: [...all], offLan: [...offLan] };
}
