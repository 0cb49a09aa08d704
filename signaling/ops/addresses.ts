/** Which of this machine's addresses a phone on the same LAN can reach. Pure: the interfaces are an argument. */
import { BlockList, isIP } from 'node:net';

/** The part of `os.networkInterfaces()` that matters here. */
export type Interfaces = Readonly<
  Record<string, readonly { address: string; family: string; internal: boolean; mac?: string }[] | undefined>
>;

/**
 * Ranges that never leave a LAN (RFC 1918, RFC 4193, link-local, loopback). The local CA may sign for these only, so
 * that a stolen CA key is of no use against any public site.
 */
export const PRIVATE_RANGES: readonly { address: string; prefix: number; family: 'ipv4' | 'ipv6' }[] = [
  { address: '10.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '172.16.0.0', prefix: 12, family: 'ipv4' },
  { address: '192.168.0.0', prefix: 16, family: 'ipv4' },
  { address: '127.0.0.0', prefix: 8, family: 'ipv4' },
  { address: '169.254.0.0', prefix: 16, family: 'ipv4' },
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

/** Lower is better. The family outweighs the kind of interface only where the kind says nothing. */
function rank(name: string, address: string, family: string, mac: string): number {
  const kind = VIRTUAL.test(name) || mac.startsWith('02:42:') ? 2 : PHYSICAL.test(name) ? 0 : 1;
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

/** The address that goes into links and the QR code: an explicit bind address wins; without any network, loopback. */
export function reachableAddress(interfaces: Interfaces, bind: string | undefined): string {
  if (bind !== undefined && bind !== '0.0.0.0' && bind !== '::') return bind;
  return lanAddresses(interfaces)[0] ?? '127.0.0.1';
}

/** A host for a URL: IPv6 literals get their brackets (RFC 3986, section 3.2.2). */
export function urlHost(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}
