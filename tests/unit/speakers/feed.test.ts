/** Speakers that say that they play: who fetches, and from where, decides whether they do. */
import { type IncomingMessage, request } from 'node:http';
import * as v from 'valibot';
import { afterEach, describe, expect, it } from 'vitest';
import { type Reconciliation, reconcile, seenSpeaker } from '../../../app/host/reconcile.ts';
import type { Interfaces } from '../../../signaling/ops/addresses.ts';
import { NodeSpeakersMessage, type ObservedSpeaker } from '../../../signaling/protocol/speakers.ts';
import { PROTOCOL_VERSION } from '../../../signaling/protocol/uplink.ts';
import { createDemoDriver, type DemoDriver } from '../../../signaling/speakers/demo.ts';
import { type FeedFacts, feedOf } from '../../../signaling/speakers/feed.ts';
import type { CreateDriver, DriverSpeaker } from '../../../signaling/speakers/port.ts';
import { createStreamNames } from '../../../signaling/speakers/stream-names.ts';
import { createSpeakerWatch } from '../../../signaling/speakers/watch.ts';
import { driverOptions } from '../../fixtures/driver-options.ts';
import { until } from '../../fixtures/until.ts';
import { openSocket, startNode, type TestNode } from '../signaling/support.ts';

type Told = Partial<Omit<FeedFacts, 'listeners' | 'others'>> & { listeners: string[]; others?: string[] };

describe('the feed of a speaker', () => {
  const kitchen = '10.0.0.7';
  const facts = { address: kitchen, others: new Set<string>(), isProven: false, isGone: false };
  it.each([
    ['who fetches is fed', { listeners: [kitchen] }, 'fed'],
    ['and is not touched, whatever became of the address', { listeners: [kitchen], isGone: true }, 'fed'],
    ['nobody fetches', { listeners: [] }, 'unfed'],
    ['somebody unknown may be it, at another address of its own', { listeners: ['10.0.0.9'] }, 'unknown'],
    ['unless that is another speaker', { listeners: ['10.0.0.9'], others: ['10.0.0.9'] }, 'unfed'],
    ['or it was seen to fetch from its own', { listeners: ['10.0.0.9'], isProven: true }, 'unfed'],
    ['of one that is fed by others nothing is known', { listeners: [], address: null }, 'unknown'],
    ['but that its address has gone', { listeners: [], address: null, isGone: true }, 'gone'],
  ] satisfies [string, Told, string][])('%s', (_, told: Told, feed) => {
    const { listeners, others = [], ...more } = told;
    const given = { ...facts, ...more, listeners: new Set(listeners), others: new Set(others) };
    expect(feedOf(given)).toBe(feed);
  });
});

const LOOPBACK = { lo: [{ address: '127.0.0.1', family: 'IPv4', internal: true, cidr: '127.0.0.1/8' }] };
const link = (name: string, address: string): Interfaces => ({
  [name]: [{ address, family: 'IPv4', internal: false, cidr: `${address}/24` }],
});
const KITCHEN = 'demo:Kitchen';
const ADDRESSES: Readonly<Record<string, string>> = { Kitchen: '127.0.0.7', Bath: '127.0.0.8' };

let demo: DemoDriver;
const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Demo speakers that have addresses, as if they fetched what they are told. */
const withAddresses: CreateDriver = (options) => {
  demo = createDemoDriver(['Kitchen', 'Bath'], options);
  const addressed = (speaker: DriverSpeaker): DriverSpeaker => ({
    ...speaker,
    address: ADDRESSES[speaker.name] ?? null,
  });
  return { ...demo, speakers: () => demo.speakers().map(addressed) };
};

/** What the host does about the kitchen, if that is wanted. */
function hostWould(seen: ObservedSpeaker): Reconciliation {
  const nowMs = 1e9;
  const volume = { volume: null, volumeAt: 0, muted: null, mutedAt: 0 };
  const wish = { on: true, onAt: nowMs - 1e6, ...volume, delayMs: null, name: '', by: '' };
  return reconcile(new Map([[KITCHEN, wish]]), [seenSpeaker(seen, nowMs)], nowMs, 'The room');
}

describe('a watch', () => {
  const ROOM = 'abcdefghijklmnopqrst';

  function watching() {
    let aheadMs = 0;
    let looks = 0;
    let here = '10.0.0.1';
    const heard = new Set<string>();
    const former = new Set<string>();
    const { interfaces, counters, log } = driverOptions(() => undefined);
    const streams = createStreamNames({
      ...{ defaultRoomId: ROOM, isFixed: false, httpPort: () => 8097 },
      baseUrl: () => `http://${here}:8097`,
      hosts: () => [here],
      formerHosts: () => former,
      publicUrl: () => null,
    });
    const watch = createSpeakerWatch({
      ...{ drivers: [withAddresses], streams, interfaces, counters, log },
      now: () => performance.now() + aheadMs,
      wallNow: Date.now,
      feedLookMs: 20,
      listeners() {
        looks++;
        return heard;
      },
    });
    closing.push(() => watch.close());
    const seen = (): ObservedSpeaker => watch.observed(ROOM).find(({ id }) => id === KITCHEN)!;
    /** It is looked twice: what is to be seen after that time has been seen. */
    async function later(ms: number): Promise<void> {
      const look = looks;
      await until('a look', () => looks > look);
      aheadMs += ms;
      const then = looks;
      await until('another', () => looks > then);
    }
    return {
      ...{ heard, seen, later },
      moveTo(address: string) {
        former.add(here);
        here = address;
      },
      play: () => watch.act(ROOM, KITCHEN, { do: 'play', title: 'The room' }),
    };
  }

  it('says of one that fetches nothing that it does not play, and the host asks it again', async () => {
    const { heard, seen, later, play } = watching();
    await play();
    heard.add('127.0.0.7');
    await later(20_000);
    heard.delete('127.0.0.7');
    heard.add('127.0.0.99');
    await later(5_000);
    expect(seen()).toMatchObject({ state: 'playing', error: null });
    await later(2_000);
    expect(seen()).toMatchObject({
      ...{ state: 'error', plays: 'room', failures: 1, byHand: { on: null } },
      error: 'It says that it plays, but it does not fetch the stream.',
    });
    demo.device('Kitchen').turn(0.9);
    expect(seen()).toMatchObject({ state: 'error', volume: 0.9 });
    expect(hostWould({ ...seen(), ages: { ...seen().ages, failed: 1_000 } })).toEqual({
      acts: [{ speakerId: KITCHEN, deed: { do: 'play', title: 'The room' } }],
      follows: [],
    });
    await play();
    expect(seen()).toMatchObject({ state: 'playing', error: null });
    await later(7_000);
    expect(seen()).toMatchObject({ state: 'error', failures: 2 });
    heard.add('127.0.0.7');
    await later(0);
    expect(seen()).toMatchObject({ state: 'playing', error: null });
    expect(demo.device('Kitchen').plays).toBe(2);
  });

  it('knows nothing of one that may fetch from elsewhere, and says nothing', async () => {
    const { heard, seen, later, play } = watching();
    heard.add('192.168.7.7');
    await play();
    await later(60_000);
    expect(seen()).toMatchObject({ state: 'playing', error: null, failures: 0 });
  });

  it('leaves one alone that is fed over an address that has gone, and blames none for it', async () => {
    const { heard, seen, later, play, moveTo } = watching();
    await play();
    heard.add('127.0.0.7');
    moveTo('10.0.0.2');
    await later(60_000);
    expect(seen()).toMatchObject({ state: 'playing', plays: 'room', error: null });
    heard.clear();
    await later(3_000);
    expect(seen()).toMatchObject({
      ...{ state: 'error', plays: 'room', failures: 0, byHand: { on: null } },
      error: 'The computer that runs Earshot has another address now: it has to be told.',
    });
    await play();
    expect(demo.device('Kitchen').url).toBe('http://10.0.0.2:8097/stream.mp3');
  });

  it('one that stays where it was is asked more and more slowly', async () => {
    const { seen, later, play, moveTo } = watching();
    await play();
    const stale = demo.device('Kitchen').url!;
    moveTo('10.0.0.2');
    for (const failures of [0, 1, 2, 3]) {
      await later(3_000);
      expect(seen()).toMatchObject({ state: 'error', failures });
      await play();
      demo.device('Kitchen').give(stale);
    }
  });
});

describe('a node', () => {
  let interfaces: Interfaces;
  let node: TestNode;

  async function start(): Promise<void> {
    interfaces = { ...LOOPBACK, ...link('wlan0', '192.168.1.20') };
    const machine = { lookMs: 20, interfaces: () => interfaces };
    node = await startNode({ bind: undefined }, machine, {}, [withAddresses]);
    closing.push(() => node.close());
  }

  /** As a loudspeaker at this address does. */
  async function fetchFrom(localAddress: string): Promise<() => void> {
    const asked = request(`${node.httpUrl}/stream.mp3`, { localAddress, agent: false });
    asked.on('error', () => undefined);
    asked.end();
    const response = await new Promise<IncomingMessage>((resolve) => asked.once('response', resolve));
    response.resume();
    const close = (): void => void asked.destroy();
    closing.push(close);
    return close;
  }

  /** The host: what it sees, and what it is told to do about that if the kitchen is wanted. */
  async function host() {
    const socket = await openSocket(node, '/speakers');
    closing.push(() => socket.close());
    const { roomId, uplinkKey } = node.keys;
    socket.send({ type: 'hello', protocol: PROTOCOL_VERSION, roomId, uplinkKey });
    const seen = (name = 'Kitchen'): ObservedSpeaker | undefined =>
      socket.messages
        .map((message) => v.parse(NodeSpeakersMessage, message))
        .flatMap((message) => (message.type === 'observed' ? message.speakers : []))
        .findLast((speaker) => speaker.name === name);
    let actId = 0;
    return {
      seen,
      play: () =>
        socket.send({
          ...{ type: 'act', actId: actId++, epoch: 1, peerId: 'a', speakerId: KITCHEN },
          deed: { do: 'play', title: 'The room' },
        }),
    };
  }

  it('that gets another address has those told that played from the old one, once, and no others', async () => {
    await start();
    const { seen, play } = await host();
    play();
    const { http } = node.ports;
    await until('it to play', () => seen()?.state === 'playing');
    expect(demo.device('Kitchen').url).toBe(`http://192.168.1.20:${http}/stream.mp3`);
    const close = await fetchFrom('127.0.0.7');

    // A cable is plugged in: the new address is the better one, and the old one is still there.
    interfaces = { ...LOOPBACK, ...link('eth0', '10.1.2.3'), ...link('wlan0', '192.168.1.20') };
    await until('the new address', () => node.info.streamBaseUrl === `http://10.1.2.3:${http}`);
    // And the old one goes; the device still gets its stream.
    interfaces = { ...LOOPBACK, ...link('eth0', '10.1.2.3') };
    await until(
      'the old one to be former',
      () => !node.info.otherUrls.some((url) => url.includes('192.168')),
    );
    expect(seen()).toMatchObject({ state: 'playing', plays: 'room', error: null });

    close();
    await until('that to be noticed', () => seen()?.state === 'error');
    expect(seen()).toMatchObject({
      ...{ plays: 'room', failures: 0, byHand: { on: null } },
      error: 'The computer that runs Earshot has another address now: it has to be told.',
    });
    expect(hostWould(seen()!)).toEqual({
      acts: [{ speakerId: KITCHEN, deed: { do: 'play', title: 'The room' } }],
      follows: [],
    });
    play();
    await fetchFrom('127.0.0.7');
    await until('it to play again', () => seen()?.state === 'playing');
    expect(demo.device('Kitchen').url).toBe(`http://10.1.2.3:${http}/stream.mp3`);
  });

  it('that is without a network for a moment takes nothing away from anybody', async () => {
    await start();
    const { seen, play } = await host();
    play();
    await until('it to play', () => seen()?.state === 'playing');
    await fetchFrom('127.0.0.7');
    interfaces = LOOPBACK;
    await until('the address to be kept', () => node.info.otherUrls.every((url) => !url.includes('192.168')));
    interfaces = { ...LOOPBACK, ...link('wlan0', '192.168.1.20') };
    demo.device('Kitchen').turn(0.9);
    await until('it to be seen', () => seen()?.volume === 0.9);
    expect(seen()).toMatchObject({ state: 'playing', plays: 'room', error: null });
    expect(hostWould(seen()!)).toEqual({ acts: [], follows: [] });
  });
});
