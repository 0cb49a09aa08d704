import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, encode, type Packet } from 'dns-packet';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createCounters } from '../../../signaling/ops/counters.ts';
import type { Interfaces } from '../../../signaling/ops/addresses.ts';
import { createMdnsBrowser, type MdnsBrowser } from '../../../signaling/speakers/mdns-browse.ts';
import { announce } from '../../counterparts/mdns-announce.ts';
import { LOOPBACK_LAN } from '../../fixtures/driver-options.ts';
import { until } from '../../fixtures/until.ts';

/** Nobody else's on this machine. */
const SERVICE = `_t${randomBytes(4).toString('hex')}._tcp.local`;
const device = (more = {}) => ({
  ...{ service: SERVICE, instance: 'Kitchen', host: 'kitchen.local', address: '127.0.1.20', port: 7_000 },
  ...{ text: ['Id=a=b', 'id=other', 'flag'], ...more },
});

let interfaces: Interfaces;
let aheadMs: number;
let changes: number;
let looks: number;
let browser: MdnsBrowser;
let counters: ReturnType<typeof createCounters>;
let mouth: Socket;
const closing: (() => Promise<void>)[] = [];

beforeEach(async () => {
  [interfaces, aheadMs, changes, looks, counters] = [LOOPBACK_LAN, 0, 0, 0, createCounters()];
  browser = createMdnsBrowser({
    service: SERVICE,
    interfaces() {
      looks++;
      return interfaces;
    },
    now: () => performance.now() + aheadMs,
    counters,
    onChange: () => changes++,
  });
  // Of its own address: what one says too often is not heard, and other tests share the loopback.
  mouth = createSocket('udp4').bind(0, '127.0.9.9');
  await once(mouth, 'listening');
  mouth.setMulticastInterface('127.0.0.1');
});
afterEach(async () => {
  browser.close();
  browser.close();
  for (const close of closing.splice(0)) await close();
  await new Promise<void>((resolve) => mouth.close(() => resolve()));
});

async function present(more = {}): Promise<{ goodbye(): void; close(): Promise<void> }> {
  const announced = await announce('127.0.0.1', device(more));
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => (closed ??= announced.close());
  closing.push(close);
  return { ...announced, close };
}
const found = () => browser.services().map(({ instance }) => instance.split('.')[0]);
const say = (packet: Packet | Buffer): void =>
  mouth.send(Buffer.isBuffer(packet) ? packet : encode({ type: 'response', ...packet }), 5353, '224.0.0.251');

it('finds who is there and who comes, and hears a goodbye', async () => {
  await present();
  await until('the first', () => found().length === 1);
  const [service] = browser.services();
  expect(service).toMatchObject({ instance: `Kitchen.${SERVICE}`, address: '127.0.1.20', port: 7_000 });
  expect([...service!.text]).toEqual([
    ['id', 'a=b'],
    ['flag', ''],
  ]);
  const bath = await present({ instance: 'Bath', host: 'bath.local' });
  await until('the second', () => found().length === 2);
  bath.goodbye();
  await until('its goodbye', () => found().join() === 'Kitchen');
  expect(changes).toBe(3);
});

it('forgets who is not heard of again', async () => {
  const { close } = await present();
  await until('it', () => found().length === 1);
  await close();
  aheadMs = 121_000;
  expect(found()).toEqual([]);
  await until('that to be told', () => changes === 2);
});

it('follows the links of the machine', async () => {
  await present();
  await until('it', () => found().length === 1);
  interfaces = {};
  const before = looks;
  await until('the link to be left', () => looks > before);
  // Announced where nobody listens any longer; what was known stays for its lifetime.
  await present({ instance: 'Bath', host: 'bath.local' });
  browser.ask();
  interfaces = LOOPBACK_LAN;
  expect(found()).toEqual(['Kitchen']);
  await until('both', () => found().length === 2);
});

it('takes neither nonsense, nor more than a house has, nor an address of the internet', async () => {
  await present();
  await until('it', () => found().length === 1);
  for (let at = 0; at < 20; at++) say(randomBytes(at * 20));
  say({ answers: [{ type: 'SRV', name: `x.${SERVICE}`, ttl: 9, data: { port: 1, target: 'far.local' } }] });
  say({
    answers: [
      { type: 'PTR', name: SERVICE, ttl: 9, data: `x.${SERVICE}` },
      { type: 'A', name: 'far.local', ttl: 9, data: '8.8.8.8' },
    ],
  });
  for (let packet = 0; packet < 4; packet++) {
    const names = Array.from({ length: 50 }, (_, at) => `n${packet}-${at}.${SERVICE}`);
    say({ answers: names.map((data) => ({ type: 'PTR', name: SERVICE, ttl: 120, data })) });
  }
  await until('too many', () => counters.report()['mdns-browse too-many'] !== undefined);
  expect(counters.report()['mdns-browse bad-packet']).toBeGreaterThan(0);
  say(Buffer.alloc(9_001));
  expect(found()).toEqual(['Kitchen']);
  // What one machine invents leaves a place for others, and its hosts are not remembered.
  const invented = Array.from({ length: 300 }, (_, at) => `h${at}.local`);
  for (let at = 0; at < 300; at += 100)
    say({
      answers: [
        { type: 'PTR', name: SERVICE, ttl: 120, data: `n0-0.${SERVICE}` },
        ...invented
          .slice(at, at + 100)
          .map((name): Answer => ({ type: 'A', name, ttl: 120, data: '127.0.0.1' })),
      ],
    });
  await present({ instance: 'Bath', host: 'bath.local' });
  await until('the other', () => found().includes('Bath'));
  for (let at = 0; at < 300; at++) say(randomBytes(12));
  await until('too fast', () => (counters.report()['mdns-browse too-fast'] ?? 0) > 0);
});
