import { describe, expect, it } from 'vitest';
import {
  addressBytes,
  boundInterfaces,
  type Interfaces,
  isPrivateAddress,
  lanAddresses,
  reachableAddress,
  urlHost,
} from '../../../signaling/ops/addresses.ts';

const v4 = (address: string, mac = '3c:22:fb:00:00:01') => ({
  address,
  family: 'IPv4',
  internal: false,
  mac,
});
const v6 = (address: string) => ({ address, family: 'IPv6', internal: false, mac: '3c:22:fb:00:00:01' });
const loopback = { lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true }] };

describe('the address that phones can reach', () => {
  it.each<[string, Interfaces, string]>([
    ['Wi-Fi beside Docker', { docker0: [v4('172.17.0.1')], wlp3s0: [v4('192.168.1.20')] }, '192.168.1.20'],
    [
      'Ethernet beside a VPN',
      { tun0: [v4('10.8.0.2')], wg0: [v4('10.9.0.2')], eth0: [v4('10.0.0.5')] },
      '10.0.0.5',
    ],
    [
      'a Mac with a VPN',
      { utun3: [v4('10.2.0.2')], bridge100: [v4('192.168.64.1')], en0: [v4('192.168.0.9')] },
      '192.168.0.9',
    ],
    [
      'Windows names',
      { 'vEthernet (WSL)': [v4('172.28.0.1')], 'Wi-Fi': [v4('192.168.178.3')] },
      '192.168.178.3',
    ],
    [
      'Docker by its MAC',
      { net7: [v4('172.18.0.1', '02:42:ac:12:00:01')], net8: [v4('192.168.5.1')] },
      '192.168.5.1',
    ],
    ['private before public', { eth0: [v4('8.8.4.4')], eth1: [v4('10.1.1.1')] }, '10.1.1.1'],
    ['IPv4 before IPv6', { eth0: [v6('fd00::5'), v4('192.168.1.2')] }, '192.168.1.2'],
    ['link-local last', { eth0: [v4('169.254.3.4'), v6('fe80::1')], tun0: [v4('10.8.0.2')] }, '10.8.0.2'],
    ['only a virtual one', { veth1: [v4('10.77.0.3')] }, '10.77.0.3'],
  ])('%s', (_, interfaces, expected) => {
    expect(reachableAddress({ ...loopback, ...interfaces }, undefined)).toBe(expected);
  });

  it('is the bound one when it is bound, and loopback without any network', () => {
    const interfaces = { ...loopback, eth0: [v4('192.168.1.2')] };
    expect(reachableAddress(interfaces, '10.0.0.1')).toBe('10.0.0.1');
    expect(reachableAddress(interfaces, '0.0.0.0')).toBe('192.168.1.2');
    expect(reachableAddress(interfaces, '::')).toBe('192.168.1.2');
    expect(reachableAddress(loopback, undefined)).toBe('127.0.0.1');
    expect(lanAddresses(loopback)).toEqual([]);
  });

  it('who is bound to one address is active on its link alone', () => {
    const interfaces = { eth0: [v4('192.168.1.2')], eth1: [v4('10.0.0.1')] };
    const bound = boundInterfaces(interfaces, '10.0.0.1');
    const addresses = Object.values(bound).flatMap((entries) => entries?.map(({ address }) => address));
    expect(addresses).toEqual(['10.0.0.1']);
    for (const bind of [undefined, '0.0.0.0', '::'])
      expect(boundInterfaces(interfaces, bind)).toBe(interfaces);
  });

  it('knows private ranges to their edges', () => {
    for (const address of [
      '10.255.255.255',
      '172.16.0.0',
      '172.31.255.255',
      '192.168.0.1',
      'fd12::1',
      'fe80::1',
      '::1',
    ]) {
      expect([address, isPrivateAddress(address)]).toEqual([address, true]);
    }
    for (const address of [
      '9.255.255.255',
      '172.32.0.0',
      '192.169.0.1',
      '2001:db8::1',
      'fec0::1',
      'localhost',
      '',
    ]) {
      expect([address, isPrivateAddress(address)]).toEqual([address, false]);
    }
  });

  it('writes addresses as bytes and into URLs', () => {
    expect([...addressBytes('192.168.1.2')]).toEqual([192, 168, 1, 2]);
    expect(addressBytes('fd00::1:2').toString('hex')).toBe('fd000000000000000000000000010002');
    expect(addressBytes('::').toString('hex')).toBe('0'.repeat(32));
    expect(addressBytes('1:2:3:4:5:6:7:8').toString('hex')).toBe('00010002000300040005000600070008');
    expect(addressBytes('::ffff:1.2.3.4').toString('hex')).toBe('00000000000000000000ffff01020304');
    expect([urlHost('::1'), urlHost('10.0.0.1')]).toEqual(['[::1]', '10.0.0.1']);
  });
});
