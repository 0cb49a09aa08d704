import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Harness, randomRoom, startHarness } from './browser-peers.ts';
import type { Driver } from './driver.ts';
import { runTransportContract } from './transport.ts';

let harness: Harness;
const node = { origin: 'http://127.0.0.1:4777', stunPort: 4777 };

beforeAll(async () => {
  harness = await startHarness();
}, 60_000);

afterAll(async () => {
  await harness?.close();
});

const METHODS: readonly (keyof Driver)[] = [
  'status',
  'setPresence',
  'presences',
  'peers',
  'everPeers',
  'sendSeries',
  'received',
  'docSet',
  'docJson',
  'offerTone',
  'voice',
  'reconnect',
  'close',
];

describe('browser mesh', () => {
  runTransportContract({
    test: (name, body) => test(name, body, 60_000),
    expect,
    hasSound: true,
    async setup() {
      const room = randomRoom();
      const contexts: { close(): Promise<void> }[] = [];
      return {
        async join(secret = 'right') {
          const selfId = randomUUID();
          // The hardest stranger: knows the room's name and the signaling's password, but not the mesh's key.
          const keys = secret === 'right' ? room : { ...randomRoom(), roomId: room.roomId };
          const context = await harness.browser.newContext();
          contexts.push(context);
          const page = await context.newPage();
          page.on('pageerror', (error) => harness.errors.push(error.message));
          page.on('console', (m) => m.type() === 'error' && harness.errors.push(m.text()));
          await page.goto(harness.origin);
          await page.waitForFunction(() => 'joinRoom' in window);
          await page.evaluate((options) => window.joinRoom(options), { ...node, selfId, ...keys });
          const driver = Object.fromEntries(
            METHODS.map((method) => [
              method,
              (...args: unknown[]) =>
                page.evaluate(
                  ([name, values]) => (window.driver[name] as (...all: unknown[]) => unknown)(...values),
                  [method, args] as const,
                ),
            ]),
          );
          return { selfId, ...(driver as unknown as Driver) };
        },
        async close() {
          await Promise.all(contexts.map((context) => context.close()));
          expect(harness.errors).toEqual([]);
        },
      };
    },
  });
});
