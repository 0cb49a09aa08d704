import { randomUUID } from 'node:crypto';
import type { BrowserContext, CDPSession, Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Harness, randomRoom, startHarness } from './browser-peers.ts';
import type { Driver } from './driver.ts';
import { type ContractPeer, eventually, runTransportContract } from './transport.ts';

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
  'asleep',
  'isWhole',
  'connections',
  'peers',
  'everPeers',
  'sendSeries',
  'received',
  'docSet',
  'docDelete',
  'docFill',
  'docSize',
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

type Keys = Awaited<ReturnType<typeof randomRoom>>;

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
      const room = await randomRoom();
      const contexts: BrowserContext[] = [];
      const pages = new Map<string, Page>();
      const errors: string[] = [];
      let strangers = 0;
      const sessions = new Map<string, CDPSession>();
      const devTools = async (peer: ContractPeer): Promise<CDPSession> => {
        const page = pages.get(peer.selfId);
        if (page === undefined) throw new RangeError(`no page of ${peer.selfId}`);
        const session = sessions.get(peer.selfId) ?? (await page.context().newCDPSession(page));
        sessions.set(peer.selfId, session);
        return session;
      };
      const look = (peer: ContractPeer, state: 'hidden' | 'visible') =>
        pages.get(peer.selfId)?.evaluate((value) => {
          Object.defineProperty(document, 'visibilityState', { value, configurable: true });
          document.dispatchEvent(new Event('visibilitychange'));
        }, state);
      return {
        async join(secret = 'right') {
          if (secret === 'wrong') strangers++;
          const keys = secret === 'right' ? room : { ...(await randomRoom()), roomId: room.roomId };
          const { page, context, peer } = await joinPage(keys, errors);
          contexts.push(context);
          pages.set(peer.selfId, page);
          return peer;
        },
        async kill(peer) {
          // The answer never comes: the page that would give it is no more.
          void (await devTools(peer)).send('Page.crash').catch(() => {});
        },
        async freeze(peer) {
          // A headless page is never hidden, and one with open connections is not frozen on a desktop: both by hand.
          await look(peer, 'hidden');
          const session = await devTools(peer);
          await session.send('Debugger.enable');
          const paused = new Promise((resolve) => session.once('Debugger.paused', resolve));
          await session.send('Debugger.pause');
          await paused;
        },
        async wake(peer) {
          const session = await devTools(peer);
          await session.send('Debugger.resume');
          await session.send('Debugger.disable');
          await look(peer, 'visible');
        },
        async close() {
          await Promise.all(contexts.map((context) => context.close()));
          // A stranger's key is not the room's: the node refuses it the relay, which Chromium logs.
          expect(errors.filter((error) => strangers === 0 || !/status of 403.*\/turn\)/.test(error))).toEqual(
            [],
          );
        },
      };
    },
  });

  test('who has the signaling key but not the mesh key never becomes a peer', async () => {
    const room = await randomRoom();
    const errors: string[] = [];
    const members = [await joinPage(room, errors), await joinPage(room, errors)];
    const stranger = await joinPage({ ...room, meshKey: (await randomRoom()).meshKey }, errors);
    const [a, b] = [members[0]!.peer, members[1]!.peer];
    await eventually('the members meet', a.peers, (peers) => peers.includes(b.selfId));
    // Announcements reach everybody who has the signaling key, so that they all dial each other; a connection either
    // proves itself or is dropped.
    await eventually(
      'the stranger was dropped',
      () => droppedConnections(stranger.page),
      (count) => count > 0,
    );
    expect(await stranger.peer.everPeers()).toEqual([]);
    expect(Object.keys(await stranger.peer.presences())).toEqual([stranger.peer.selfId]);
    expect([await a.everPeers(), await b.everPeers()]).toEqual([[b.selfId], [a.selfId]]);
    await Promise.all([...members, stranger].map(({ context }) => context.close()));
    expect(errors).toEqual([]);
  }, 60_000);
});
