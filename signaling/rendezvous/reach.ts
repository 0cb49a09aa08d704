/**
 * Where the relay may send to: private addresses on the LAN's own links, and other relayed addresses of this node (two
 * isolated phones meet there). Not the internet, not this machine, not what other networks it has are for. Pure.
 */
import { BlockList, isIP } from 'node:net';
import { type Interfaces, isPrivateAddress, lanAddresses, lanLinks } from '../ops/addresses.ts';
import type { Endpoint } from './stun-message.ts';

/** Below this are services (DNS, SNMP, NetBIOS, …), never a browser's ICE port. */
const FIRST_PEER_PORT = 1024;

export interface Reach {
  /** Null: may be reached. Otherwise why not, for the counters. */
  refusal(peer: Endpoint, isRelayed: (peer: Endpoint) => boolean): Refusal | null;
  /** The address of this machine to relay from for a client, or null when there is none of this family. */
  relayAddress(client: string, family: 4 | 6): string | null;
  /** One of this machine's addresses. */
  isOwn(address: string): boolean;
}

export type Refusal = 'peer-own-address' | 'peer-not-on-lan' | 'peer-service-port';

const familyOf = (address: string): 'ipv4' | 'ipv6' => (isIP(address) === 6 ? 'ipv6' : 'ipv4');

/** @param bind the only address that this node listens on, if there is one */
export function createReach(interfaces: Interfaces, bind: string | undefined): Reach {
  const bound = bind === undefined || bind === '0.0.0.0' || bind === '::' ? undefined : bind;
  const own = new BlockList();
  for (const entries of Object.values(interfaces)) {
    for (const { address } of entries ?? []) {
      const plain = address.replace(/%.*$/, '');
      if (isIP(plain) !== 0) own.addAddress(plain, familyOf(plain));
    }
  }
  if (bound !== undefined) own.addAddress(bound, familyOf(bound));

  const links = lanLinks(interfaces).filter((link) => bound === undefined || link.address === bound);
  const onLink = new BlockList();
  /** Link-local, and what means everybody or nobody on a link: its first and last address. */
  const never = new BlockList();
  never.addSubnet('169.254.0.0', 16, 'ipv4');
  never.addSubnet('127.0.0.0', 8, 'ipv4');
  never.addSubnet('fe80::', 10, 'ipv6');
  for (const link of links) {
    onLink.addSubnet(link.address, link.prefix, familyOf(link.address));
    if (familyOf(link.address) === 'ipv4' && link.prefix < 31) {
      const bits = link.address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
      const size = 2 ** (32 - link.prefix);
      const first = Math.floor(bits / size) * size;
      for (const edge of [first, first + size - 1]) {
        never.addAddress(
          [24, 16, 8, 0].map((shift) => Math.floor(edge / 2 ** shift) % 256).join('.'),
          'ipv4',
        );
      }
    }
  }

  const candidates = bound === undefined ? lanAddresses(interfaces) : [bound];
  return {
    isOwn: (address) => own.check(address, familyOf(address)),
    refusal(peer, isRelayed) {
      const family = familyOf(peer.address);
      if (own.check(peer.address, family)) return isRelayed(peer) ? null : 'peer-own-address';
      // An IPv4 address in IPv6 clothes (RFC 4291, section 2.5.5.2) is nobody's real candidate.
      const reachable =
        !peer.address.startsWith('::ffff:') &&
        isPrivateAddress(peer.address) &&
        onLink.check(peer.address, family) &&
        !never.check(peer.address, family);
      if (!reachable) return 'peer-not-on-lan';
      return peer.port < FIRST_PEER_PORT ? 'peer-service-port' : null;
    },
    relayAddress(client, family) {
      const usable = candidates.filter((address) => isIP(address) === family && !/^fe[89ab]/i.test(address));
      const near = usable.find((address) => {
        const link = links.find((candidate) => candidate.address === address);
        if (link === undefined || isIP(client) !== family) return false;
        const subnet = new BlockList();
        subnet.addSubnet(link.address, link.prefix, familyOf(link.address));
        return subnet.check(client, familyOf(client));
      });
      return near ?? usable[0] ?? null;
    },
  };
}
