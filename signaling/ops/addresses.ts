/** Which of this machine's addresses a phone on the same LAN can reach. Pure: the interfaces are an argument. */
import { BlockList, isIP } from 'node:net';

/** The part of `os.networkInterfaces()` that matters here. */
export type Interfaces = Readonly<
  Record<
    string,
    | readonly { address: string; family: string; internal: boolean; mac?: string; cidr?: string | null }[]
    | undefined
  >
>;

/**
 * Ranges that nobody can be reached at over the internet: private (RFC 1918, 4193), carrier and VPN (RFC 6598), link-local,
 * loopback, documentation and test networks (RFC 5737, 2544). The local CA may sign for these only, so that a stolen CA
 * key is of no use against any public site.
 */
export const PRIVATE_RANGES: readonly { address: string; prefix: number; family: 'ipv4' | 'ipv6' }[] = [
  { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '172.16.0.0', prefix: 12, family: 'ipv4' },
  { address: '192.168.0.0', prefix: 16, family: 'ipv4' },
  { address: '127.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '169.254.0.0', prefix: 16, family: 'ipv4' },
  { address: '100.64.0.0', prefix: 10, family: 'ipv4' },
  { address: '192.0.2.0', prefix: 24, family: 'ipv4' },
  { address: '198.51.100.0', prefix: 24, family: 'ipv4' },
  { address: '203.0.113.0', prefix: 24, family: 'ipv4' },
  { address: '198.18.0.0', prefix: 15, family: 'ipv4' },
  { address: 'fc00::', prefix: 7, family: 'ipv6' },
  { address: 'fe80::', prefix: 10, family: 'ipv6' },
  { address: '::1', prefix: 128, family: 'ipv6' },
];

const privateRanges = new BlockList();
for (const range of PRIVATE_RANGES) privateRanges.addSubnet(range.address, range.prefix, range.family);

/** True for an address of `PRIVATE_RANGES`; false for anything else, names included. */
export function isPrivateAddress(address: string): boolean {
  const version = isIP(address);
  return version !== 0 && privateRanges.check(address, version === 6 ? 'ipv6' : 'ipv4');
}

/** Interfaces that containers, virtual machines and VPNs make: their addresses mean nothing to a phone on the Wi-Fi. */
const VIRTUAL =
  /^(docker|br-|veth|virbr|vmnet|vboxnet|vethernet|tun|tap|utun|wg|tailscale|zt|ppp|ipsec|cni|flannel|cali|cilium|kube|lxc|lxd|podman|incus|awdl|llw|anpi|bridge|dummy|ham|nordlynx|proton)|virtual|hyper-v|wsl|vpn/i;
const PHYSICAL = /^(en|eth|wl|wifi|wi-fi|ethernet|wlan|ra|usb)/i;

/** 0: a network card, 2: virtual, 1: the name says nothing. Docker's network cards have MACs that begin with 02:42. */
function kindOf(name: string, mac: string): 0 | 1 | 2 {
  if (VIRTUAL.test(name) || mac.startsWith('02:42:')) return 2;
  return PHYSICAL.test(name) ? 0 : 1;
}

/** Lower is better. The family outweighs the kind of interface only where the kind says nothing. */
function rank(name: string, address: string, family: string, mac: string): number {
  const kind = kindOf(name, mac);
  const v4 = family === 'IPv4';
  const linkLocal = v4 ? address.startsWith('169.254.') : /^fe[89ab]/i.test(address);
  const reach = linkLocal ? 3 : v4 ? (isPrivateAddress(address) ? 0 : 1) : 2;
  return (linkLocal ? 100 : 0) + kind * 10 + reach;
}

/** Every address other machines may use, best first; loopback left out. Equal ranks keep the system's order. */
export function lanAddresses(interfaces: Interfaces): string[] {
  const found: { address: string; rank: number }[] = [];
  for (const [name, entries] of Object.entries(interfaces)) {
    for (const entry of entries ?? []) {
      if (entry.internal || isIP(entry.address) === 0) continue;
      found.push({ address: entry.address, rank: rank(name, entry.address, entry.family, entry.mac ?? '') });
    }
  }
  return found.sort((a, b) => a.rank - b.rank).map((entry) => entry.address);
}

/** The links that the LAN is on, as this machine's address and prefix there: virtual ones only where there are no others. */
export function lanLinks(interfaces: Interfaces): { address: string; prefix: number }[] {
  const links: { address: string; prefix: number; isVirtual: boolean }[] = [];
  for (const [name, entries] of Object.entries(interfaces)) {
    for (const { address, cidr, internal, mac } of entries ?? []) {
      const prefix = Number(/\/(\d+)$/.exec(cidr ?? '')?.[1] ?? Number.NaN);
      if (internal || isIP(address) === 0 || Number.isNaN(prefix)) continue;
      links.push({ address, prefix, isVirtual: kindOf(name, mac ?? '') === 2 });
    }
  }
  const real = links.filter((link) => !link.isVirtual);
  return (real.length > 0 ? real : links).map(({ address, prefix }) => ({ address, prefix }));
}

/** Those on which somebody who may only use this address may be active; all of them when it is every address, or none is given. */
export function boundInterfaces(interfaces: Interfaces, bind: string | undefined): Interfaces {
  if (bind === undefined || bind === '0.0.0.0' || bind === '::') return interfaces;
  return Object.fromEntries(
    Object.entries(interfaces).map(([name, entries]) => [
      name,
      entries?.filter((entry) => entry.address === bind),
    ]),
  );
}

/** The address that goes into links and the QR code: an explicit bind address wins; without any network, loopback. */
export function reachableAddress(interfaces: Interfaces, bind: string | undefined): string {
  if (bind !== undefined && bind !== '0.0.0.0' && bind !== '::') return bind;
  return lanAddresses(interfaces)[0] ?? '127.0.0.1';
}

/** A host for a URL: IPv6 literals get their brackets (RFC 3986, section 3.2.2). */
export function urlHost(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}

/** Four bytes for IPv4, sixteen for IPv6, in network order. */
export function addressBytes(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  // The URL parser writes an IPv6 address in one form, whatever it was given (an embedded IPv4 part included).
  const [head = '', tail] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const groups = (text: string | undefined): string[] =>
    text === undefined || text === '' ? [] : text.split(':');
  const left = groups(head);
  const right = groups(tail);
  const fill = Array<string>(8 - left.length - right.length).fill('0');
  const out = Buffer.alloc(16);
  [...left, ...fill, ...right].forEach((group, at) => out.writeUInt16BE(Number.parseInt(group, 16), at * 2));
  return out;
}
