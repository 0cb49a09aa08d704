import { describe, expect, it } from 'vitest';
import type { Interfaces } from '../../../signaling/ops/addresses.ts';
import { createReach } from '../../../signaling/rendezvous/reach.ts';

const entry = (cidr: string, mac = '3c:22:fb:00:00:01') => ({
  address: cidr.split('/')[0] ?? '',
  cidr,
  family: cidr.includes(':') ? 'IPv6' : 'IPv4',
  internal: cidr.startsWith('127.') || cidr.startsWith('::1'),
  mac,
});

const HOME: Interfaces = {
  lo: [entry('127.0.0.1/8'), entry('::1/128')],
  wlan0: [entry('192.168.1.20/24'), entry('fd00::20/64'), entry('fe80::20/64')],
  docker0: [entry('172.17.0.1/16', '02:42:00:00:00:01')],
  tun0: [entry('10.8.0.2/24')],
};

describe('what the relay may reach', () => {
  const reach = createReach(HOME, undefined);
  const refusal = (address: string, port = 50_000): string | null =>
    reach.refusal({ address, port }, (peer) => peer.address === '192.168.1.20' && peer.port === 61_000);

  it.each(['192.168.1.1', '192.168.1.254', 'fd00::1'])('reaches %s on the LAN', (address) => {
    expect(refusal(address)).toBeNull();
  });

  it.each([
    ['a public address', '8.8.8.8'],
    ['a public IPv6 address', '2001:4860:4860::8888'],
    ['loopback', '127.0.0.1'],
    ['all of loopback', '127.9.9.9'],
    ['IPv6 loopback', '::1'],
    ['link-local', '169.254.1.1'],
    ['IPv6 link-local', 'fe80::1'],
    ['multicast', '224.0.0.251'],
    ['IPv6 multicast', 'ff02::fb'],
    ['broadcast', '255.255.255.255'],
    ['the LAN’s own broadcast', '192.168.1.255'],
    ['the LAN’s name', '192.168.1.0'],
    ['nothing', '0.0.0.0'],
    ['a private address that is not on this LAN', '192.168.2.7'],
    ['a container', '172.17.0.2'],
    ['somebody in a VPN', '10.8.0.1'],
    ['IPv4 in IPv6 clothes', '::ffff:c0a8:101'],
  ])('refuses %s', (_, address) => {
    expect(refusal(address)).not.toBeNull();
  });

  it('refuses this machine on every address it has, but for addresses that are relayed here', () => {
    for (const address of ['192.168.1.20', '172.17.0.1', '10.8.0.2', 'fd00::20', '127.0.0.1', '::1']) {
      expect([address, refusal(address, 8443)]).toEqual([address, 'peer-own-address']);
    }
    expect(refusal('192.168.1.20', 61_000)).toBeNull();
    expect(refusal('192.168.1.20', 61_001)).toBe('peer-own-address');
  });

  it('refuses ports of services', () => {
    expect(refusal('192.168.1.1', 53)).toBe('peer-service-port');
    expect(refusal('192.168.1.1', 0)).toBe('peer-service-port');
    expect(refusal('192.168.1.1', 1024)).toBeNull();
  });

  it('relays from the address that is on the client’s own link', () => {
    const two = createReach({ eth0: [entry('10.0.0.5/24')], wlan0: [entry('192.168.1.20/24')] }, undefined);
    expect(two.relayAddress('192.168.1.44', 4)).toBe('192.168.1.20');
    expect(two.relayAddress('10.0.0.9', 4)).toBe('10.0.0.5');
    expect(two.relayAddress('10.0.0.9', 6)).toBeNull();
    expect(reach.relayAddress('fd00::9', 6)).toBe('fd00::20');
  });

  it('keeps to the address that the node is bound to', () => {
    const bound = createReach(HOME, '10.8.0.2');
    expect(bound.relayAddress('192.168.1.44', 4)).toBe('10.8.0.2');
    expect(bound.refusal({ address: '192.168.1.1', port: 50_000 }, () => false)).toBe('peer-not-on-lan');
  });

  it('counts a virtual link as the LAN only where there is no other', () => {
    const container = createReach({ eth0: [entry('172.17.0.2/16', '02:42:ac:11:00:02')] }, undefined);
    expect(container.refusal({ address: '172.17.0.9', port: 50_000 }, () => false)).toBeNull();
  });
});
