import { randomUUID } from 'node:crypto';
import type { BrowserContext, Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Harness, randomRoom, startHarness } from './browser-peers.ts';
import type { Driver } from './driver.ts';
import { eventually, runTransportContract } from './transport.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness('mesh');
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

/** RTCPeerConnections with open data channels that this page has seen end. */
function droppedConnections(page: Page): Promise<number> {
  return page.evaluate(() => window.droppedConnections);
}

type Keys = ReturnType<typeof randomRoom>;

/** A page that joins with these keys; what its console calls an error ends up in `errors`. */
async function joinPage(keys: Keys, errors: string[]) {
  const selfId = randomUUID();
  const context = await harness.newContext();
  const page = await harness.newPage(context, errors);
  await page.evaluate((options) => window.joinRoom(options), { ...harness.node, selfId, ...keys });
  const call = (name: keyof Driver, args: unknown[]) =>
    page.evaluate(
      ([method, values]) => (window.driver[method] as (...all: unknown[]) => unknown)(...values),
      [name, args] as const,
    );
  const driver = Object.fromEntries(METHODS.map((name) => [name, (...args: unknown[]) => call(name, args)]));
  return { page, context, peer: { selfId, ...(driver as unknown as Driver) } };
}

describe('browser mesh', () => {
  runTransportContract({
    test: (name, body) => test(name, body, 60_000),
    expect,
    hasSound: true,
    async setup() {
      const room = randomRoom();
      const contexts: BrowserContext[] = [];
      const errors: string[] = [];
      let strangers = 0;
      return {
        async join(secret = 'right') {
          if (secret === 'wrong') strangers++;
          const keys = secret === 'right' ? room : { ...randomRoom(), roomId: room.roomId };
          const { context, peer } = await joinPage(keys, errors);
          contexts.push(context);
          return peer;
        },
        async close() {
          await Promise.all(contexts.map((context) => context.close()));
          // y-webrtc leaves the rejection of a message that it cannot decrypt to the console.
          expect(errors.filter((error) => strangers === 0 || error !== 'OperationError')).toEqual([]);
        },
      };
    },
  });

  test('who has the signaling key but not the mesh key never becomes a peer', async () => {
    const room = randomRoom();
    const errors: string[] = [];
    const members = [await joinPage(room, errors), await joinPage(room, errors)];
    const stranger = await joinPage({ ...randomRoom(), ...room, meshKey: randomRoom().meshKey }, errors);
    const [a, b] = [members[0]!.peer, members[1]!.peer];
    // Presence reaches everybody who has the signaling key, so that they all dial each other.
    await eventually('presence', stranger.peer.presences, (all) => a.selfId in all && b.selfId in all);
    await eventually('the members meet', a.peers, (peers) => peers.includes(b.selfId));
    // A dialed connection either proves itself or is dropped: wait for the dialer to have seen it dropped.
    await eventually(
      'the stranger was dropped',
      () => droppedConnections(stranger.page),
      (count) => count > 0,
    );
    expect(await stranger.peer.everPeers()).toEqual([]);
    expect([await a.everPeers(), await b.everPeers()]).toEqual([[b.selfId], [a.selfId]]);
    await Promise.all([...members, stranger].map(({ context }) => context.close()));
    expect(errors).toEqual([]);
  }, 60_000);
});
