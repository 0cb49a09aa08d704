/** Who would host next watches the node: it is told how the host's feed goes, at once and truthfully. */
import fc from 'fast-check';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type NodeWatchMessage as Told, NodeWatchMessage } from '../../../signaling/protocol/uplink.ts';
import {
  createWatches,
  feedState,
  FIRST_FRAME_MS,
  FRAMELESS_MS,
  RETURN_MS,
} from '../../../signaling/stream/watch.ts';
import {
  hello,
  keysOf,
  newSecret,
  openHost,
  openSocket,
  OWN_TIME,
  startNode,
  status,
  type TestNode,
  type TestSocket,
  toneFrames,
  until,
  uplinkMessage,
} from './support.ts';

let node: TestNode;
beforeEach(async () => {
  node = await startNode({}, OWN_TIME);
});
afterEach(() => node.close());

const watchOf = (keys = node.keys, peerId = 'next') => ({
  type: 'watch',
  protocol: 1,
  roomId: keys.roomId,
  uplinkKey: keys.uplinkKey,
  peerId,
});

async function openWatch(keys = node.keys): Promise<TestSocket> {
  const socket = await openSocket(node, '/uplink');
  socket.send(watchOf(keys));
  await socket.next((message) => v.parse(NodeWatchMessage, message).type === 'watching' || undefined);
  return socket;
}

/** What it was told of feeds, in order: `up 3/a`. */
const feeds = (socket: TestSocket): string[] =>
  socket.messages
    .map((message) => v.parse(NodeWatchMessage, message))
    .filter((message): message is Extract<Told, { type: 'feed' }> => message.type === 'feed')
    .map(({ state, epoch, peerId }) => `${state} ${epoch}/${peerId}`);

const untilTold = (socket: TestSocket, ...news: string[]): Promise<true> =>
  until(() => feeds(socket).join() === news.join() || undefined);

const refusedWith = async (socket: TestSocket): Promise<string> => {
  await socket.closed;
  return (await socket.next(uplinkMessage('refused'))).reason;
};

const [frame] = toneFrames(0.1, 440) as [Buffer];

/** Sends a frame now and then, as a host does, until stopped. */
function feed(host: TestSocket): () => void {
  const timer = setInterval(() => host.sendRaw(frame), 24);
  return () => clearInterval(timer);
}

describe('a watch', () => {
  it('is told of the feed that is up, of each change, and nothing twice', async () => {
    const early = await openWatch();
    const host = await openHost(node, { epoch: 3, peerId: 'a' });
    const stop = feed(host);
    await untilTold(early, 'due 3/a', 'up 3/a');
    const late = await openWatch();
    await untilTold(late, 'up 3/a');
    const next = await openHost(node, { epoch: 4, peerId: 'b' });
    await untilTold(late, 'up 3/a', 'due 4/b');
    next.sendRaw(frame);
    await host.closed;
    await untilTold(early, 'due 3/a', 'up 3/a', 'due 4/b', 'up 4/b');
    await untilTold(late, 'up 3/a', 'due 4/b', 'up 4/b');
    stop();
    for (const socket of [early, late, next]) socket.close();
  });

  it('hears that a feed is lost some 200 ms after its socket closed, and not when it only reconnects', async () => {
    const watch = await openWatch();
    const host = await openHost(node, { epoch: 3, peerId: 'a' });
    const stop = feed(host);
    await untilTold(watch, 'due 3/a', 'up 3/a');
    stop();
    // Connected already: what it takes to make a connection is another machine's time, or a busy one's.
    const again = await openSocket(node, '/uplink');
    host.socket.terminate();
    await host.closed;
    again.send(hello(node.keys, { epoch: 3, peerId: 'a' }));
    await again.next(uplinkMessage('welcome'));
    const stopAgain = feed(again);
    const pong = (id: number): Promise<unknown> =>
      watch.next((message) => (JSON.stringify(message) === `{"type":"pong","id":${id}}` ? true : undefined));
    const back = node.now();
    await until(() => node.now() - back > 2 * RETURN_MS || undefined);
    watch.send({ type: 'ping', id: 1 });
    await pong(1);
    expect(feeds(watch)).toEqual(['due 3/a', 'up 3/a']);

    stopAgain();
    const killedAtMs = node.now();
    again.socket.terminate();
    await untilTold(watch, 'due 3/a', 'up 3/a', 'lost 3/a');
    const afterMs = node.now() - killedAtMs;
    expect(afterMs).toBeGreaterThan(RETURN_MS - 20);
    expect(afterMs).toBeLessThan(RETURN_MS + 500);
    watch.close();
  });

  it('hears that a feed is lost when no frame comes for 0.8 s, and that it is back', async () => {
    const watch = await openWatch();
    const host = await openHost(node, { epoch: 3, peerId: 'a' });
    host.sendRaw(frame);
    const startedAtMs = node.now();
    await untilTold(watch, 'due 3/a', 'up 3/a', 'lost 3/a');
    const afterMs = node.now() - startedAtMs;
    expect(afterMs).toBeGreaterThan(FRAMELESS_MS - 20);
    expect(afterMs).toBeLessThan(FRAMELESS_MS + 800);
    const stop = feed(host);
    await untilTold(watch, 'due 3/a', 'up 3/a', 'lost 3/a', 'up 3/a');
    stop();
    watch.close();
    host.close();
  });

  it('is told of a feed that was lost before it came', async () => {
    const first = await openWatch();
    const host = await openHost(node, { epoch: 9, peerId: 'a' });
    host.close();
    await untilTold(first, 'due 9/a', 'lost 9/a');
    const second = await openWatch();
    await untilTold(second, 'lost 9/a');
    first.close();
    second.close();
  });

  it('answers pings, and closes one that asks without end', async () => {
    const watch = await openWatch();
    for (let id = 0; id < 200; id++) watch.send({ type: 'ping', id });
    expect(await refusedWith(watch)).toBe('too-fast');
    const pongs = watch.messages.filter((message) => uplinkPong(message)).length;
    expect(pongs).toBeGreaterThanOrEqual(20);
    expect(pongs).toBeLessThan(40);
  });

  it.each([
    ['wrong-key', async () => ({ ...watchOf(), uplinkKey: (await keysOf(newSecret())).uplinkKey })],
    ['protocol-version', () => ({ ...watchOf(), protocol: 2 })],
    ['bad-message', () => ({ ...watchOf(), peerId: '' })],
    ['bad-message', () => ({ type: 'ping', id: 1 })],
  ])('refuses with the reason %s', async (reason, first) => {
    const socket = await openSocket(node, '/uplink');
    socket.send(await first());
    expect(await refusedWith(socket)).toBe(reason);
  });

  it('takes neither frames, nor a hello, nor a second watch on the same connection', async () => {
    for (const wrong of [frame, JSON.stringify(hello(node.keys)), JSON.stringify(watchOf())]) {
      const watch = await openWatch();
      watch.sendRaw(wrong);
      expect(await refusedWith(watch)).toBe('bad-message');
    }
    const host = await openHost(node);
    host.send(watchOf());
    expect(await refusedWith(host)).toBe('bad-message');
  });

  it('of one address forty are taken, a place is free again when one goes, and hosts still get in', async () => {
    await node.close();
    node = await startNode({}, OWN_TIME, { isExempt: () => false });
    const watches = await Promise.all(Array.from({ length: 40 }, () => openWatch()));
    const more = await openSocket(node, '/uplink');
    more.send(watchOf());
    expect(await refusedWith(more)).toBe('too-many-watches');
    const host = await openHost(node);
    watches[0]?.close();
    const late = await until(async () => {
      const socket = await openSocket(node, '/uplink');
      socket.send(watchOf());
      const type = await socket.next((message) => (message as { type: string }).type);
      return type === 'watching' ? socket : undefined;
    });
    for (const socket of [...watches, host, late]) socket.close();
  });

  it('costs the room no place among the streams, and hears nothing of other rooms', async () => {
    const other = await keysOf(newSecret());
    const watch = await openWatch(other);
    const host = await openHost(node, { epoch: 2 });
    const own = await openWatch();
    await untilTold(own, 'due 2/peer-a');
    expect((await status(node)).streams).toHaveLength(1);
    expect(feeds(watch)).toEqual([]);
    for (const socket of [watch, own, host]) socket.close();
  });

  it('is told that the node stops', async () => {
    const watch = await openWatch();
    await node.close();
    expect(await refusedWith(watch)).toBe('shutting-down');
  });
});

const uplinkPong = (message: unknown): boolean => (message as { type: string }).type === 'pong';

describe('the state of a feed', () => {
  it('is lost exactly when it was away or frameless for its time, however these fall', () => {
    const ms = fc.integer({ min: 0, max: 20_000 });
    fc.assert(
      fc.property(
        ms,
        fc.option(ms),
        fc.option(ms),
        ms,
        (welcomedAtMs, frameAfterMs, goneAfterMs, laterMs) => {
          const lastFrameAtMs = frameAfterMs === null ? null : welcomedAtMs + frameAfterMs;
          const goneAtMs = goneAfterMs === null ? null : welcomedAtMs + goneAfterMs;
          const nowMs = Math.max(welcomedAtMs, lastFrameAtMs ?? 0, goneAtMs ?? 0) + laterMs;
          const away = goneAtMs !== null && nowMs >= goneAtMs + RETURN_MS;
          const frameless =
            lastFrameAtMs === null
              ? nowMs > welcomedAtMs + FIRST_FRAME_MS
              : nowMs > lastFrameAtMs + FRAMELESS_MS;
          const state = feedState({ welcomedAtMs, lastFrameAtMs, goneAtMs }, nowMs);
          expect(state).toBe(away || frameless ? 'lost' : lastFrameAtMs === null ? 'due' : 'up');
        },
      ),
    );
  });

  it('says nothing of a host whose frames wait because the node stood still, unless it always does', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    let nowMs = 0;
    const watches = createWatches(() => nowMs);
    try {
      const told: string[] = [];
      watches.add('room', ({ state }) => told.push(state));
      const host = watches.welcomed('room', { epoch: 1, peerId: 'a' });
      const look = (afterMs = 50): void => {
        nowMs += afterMs;
        vi.advanceTimersByTime(50);
      };
      host.frames();
      look();
      // A timer that was due runs first, and then what had come to the sockets meanwhile is read.
      look(2_000);
      host.frames();
      for (let n = 0; n < 10; n++) look();
      expect(told).toEqual(['due', 'up']);
      look(2_000);
      look(2_000);
      expect(told).toEqual(['due', 'up', 'lost']);
    } finally {
      watches.close();
      vi.useRealTimers();
    }
  });

  it('is forgotten when nobody watches and nobody feeds', async () => {
    let nowMs = 0;
    const watches = createWatches(() => nowMs);
    const told: string[] = [];
    const forget = watches.add('room', ({ state }) => told.push(state));
    watches.welcomed('room', { epoch: 1, peerId: 'a' }).gone();
    nowMs = 10_000;
    await until(() => told.at(-1) === 'lost' || undefined);
    expect(watches.rooms()).toBe(1);
    forget();
    forget();
    await until(() => watches.rooms() === 0 || undefined);
    watches.close();
  });
});
