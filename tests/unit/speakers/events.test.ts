/** Subscriptions at a UPnP device that grants what it likes, from a machine whose address changes (GENA). */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createEvents, type Events } from '../../../signaling/speakers/dlna/events.ts';
import { driverOptions, LOOPBACK_LAN } from '../../fixtures/driver-options.ts';
import { until } from '../../fixtures/until.ts';

let device: Server;
let events: Events;
let eventUrl: string;
let granted: string;
let interfaces: typeof LOOPBACK_LAN;
let asked: { method: string; sid: string | null; callback: string | null }[];

const text = (headers: IncomingHttpHeaders, name: string): string | null =>
  typeof headers[name] === 'string' ? headers[name] : null;

beforeEach(async () => {
  asked = [];
  granted = 'Second-300';
  interfaces = LOOPBACK_LAN;
  device = createServer(({ method = '', headers }, response) => {
    asked.push({ method, sid: text(headers, 'sid'), callback: text(headers, 'callback') });
    const sid = text(headers, 'sid') ?? `uuid:${asked.length}`;
    response.writeHead(200, { SID: sid, TIMEOUT: granted, Connection: 'close' }).end();
  });
  await new Promise<void>((resolve) => device.listen(0, '127.0.0.1', resolve));
  eventUrl = `http://127.0.0.1:${(device.address() as AddressInfo).port}/event`;
  events = createEvents({ ...driverOptions(() => {}), interfaces: () => interfaces });
});

afterEach(async () => {
  await events.close();
  await new Promise((resolve) => device.close(resolve));
});

const subscribe = (localAddress: string) =>
  events.subscribe({ eventUrl, host: '127.0.0.1', localAddress, onEvent: () => {} });

test('what is granted for seconds is renewed before they are over', async () => {
  granted = 'Second-4';
  const subscription = subscribe('127.0.0.1');
  await until('the renewal', () => asked.length === 2);
  expect(asked[1]).toEqual({ method: 'SUBSCRIBE', sid: 'uuid:1', callback: null });
  subscription.close(false);
});

test('a device that would call where this machine no longer is, is told anew', async () => {
  const subscription = subscribe('127.0.0.9');
  await until('the other address', () =>
    asked.some(({ callback }) => callback?.startsWith('<http://127.0.0.1:')),
  );
  expect(asked.map(({ method, sid }) => ({ method, sid }))).toEqual([
    { method: 'SUBSCRIBE', sid: null },
    { method: 'UNSUBSCRIBE', sid: 'uuid:1' },
    { method: 'SUBSCRIBE', sid: null },
  ]);
  expect(subscription.works).toBe(false);
  subscription.close(false);
});

test('when this machine’s addresses change, devices are asked at once', async () => {
  const subscription = subscribe('127.0.0.1');
  await until('the first', () => asked.length === 1);
  interfaces = { lo: [{ ...LOOPBACK_LAN.lo[0]!, address: '127.0.0.7' }] };
  await until('the renewal', () => asked.length === 2);
  expect(asked[1]).toEqual({ method: 'SUBSCRIBE', sid: 'uuid:1', callback: null });
  subscription.close(false);
});
