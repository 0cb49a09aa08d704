import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FRAME_MS } from '../../../signaling/stream/frames.ts';
import {
  ask,
  hello,
  keysOf,
  listen,
  newSecret,
  openHost,
  openSocket,
  startNode,
  status,
  type TestNode,
  toneFrames,
  until,
  uplinkMessage,
} from './support.ts';

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => node.close());

/** Opens, says this, and tells how it ended. */
async function refusal(first: unknown): Promise<{ told: string; code: number; reason: string }> {
  const socket = await openSocket(node, '/uplink');
  socket.send(first);
  const { code, reason } = await socket.closed;
  const { reason: told } = await socket.next(uplinkMessage('refused'));
  return { told, code, reason };
}

const hostNow = async (): Promise<string | undefined> => {
  const host = (await status(node)).streams[0]?.host;
  return host == null ? undefined : `${host.epoch}/${host.peerId}`;
};

describe('one address', () => {
  it('feeds eight rooms at most, a host that reconnects not counted twice', async () => {
    await node.close();
    node = await startNode({}, {}, { isExempt: () => false });
    const rooms = await Promise.all(Array.from({ length: 9 }, () => keysOf(newSecret())));
    const [ninth] = rooms.splice(8);
    const hosts = await Promise.all(rooms.map((keys) => openHost(node, {}, keys)));
    expect(await refusal(hello(ninth!))).toMatchObject({ told: 'too-many-rooms', code: 1008 });
    expect((await status(node)).rejected['/uplink too-many-rooms-of-one']).toBe(1);
    const again = await openHost(node, {}, rooms[3]);
    expect((await hosts[3]?.closed)?.reason).toBe('superseded');
    expect(await refusal(hello(ninth!))).toMatchObject({ told: 'too-many-rooms' });
    again.close();
    const late = await until(async () => {
      const socket = await openSocket(node, '/uplink');
      socket.send(hello(ninth!));
      const answer = await socket.next((message) => (message as { type: string }).type);
      return answer === 'welcome' ? socket : undefined;
    });
    for (const host of [...hosts, late]) host.close();
  });
});

describe('the uplink', () => {
  it('welcomes whoever knows the room’s key, and tells the number of listeners', async () => {
    const host = await openHost(node);
    expect(host.messages[0]).toEqual({ type: 'welcome', streamPath: '/stream.mp3', listeners: 0 });
    const listener = await fetch(`${node.httpUrl}/stream.mp3`);
    expect((await host.next(uplinkMessage('listeners'))).listeners).toBe(1);
    await listener.body?.cancel();
    await host.next((message) =>
      JSON.stringify(message) === '{"type":"listeners","listeners":0}' ? true : undefined,
    );
    const other = await keysOf(newSecret());
    const second = await openHost(node, {}, other);
    expect(second.messages[0]).toMatchObject({ streamPath: `/stream/${other.roomId}.mp3` });
    host.close();
    second.close();
  });

  it.each([
    ['wrong-key', async () => ({ ...hello(node.keys), uplinkKey: (await keysOf(newSecret())).uplinkKey })],
    ['protocol-version', () => ({ ...hello(node.keys), protocol: 2 })],
    ['bad-message', () => ({ ...hello(node.keys), epoch: -1 })],
    ['bad-message', () => ({ ...hello(node.keys), sampleRateHz: 44_100 })],
    ['bad-message', () => ({ type: 'title', title: 'before hello' })],
    ['bad-message', () => null],
  ])('refuses with the reason %s', async (reason, first) => {
    expect(await refusal(await first())).toEqual({ told: reason, code: 1008, reason });
    expect((await status(node)).rejected[`/uplink ${reason}`]).toBe(1);
    expect(await hostNow()).toBeUndefined();
  });

  it('refuses frames before hello, and text that is no JSON', async () => {
    for (const raw of [toneFrames(0.1, 440)[0] ?? '', '{"type":', Buffer.from([0, 1, 2])]) {
      const socket = await openSocket(node, '/uplink');
      socket.sendRaw(raw);
      expect((await socket.closed).reason).toBe('bad-message');
    }
  });

  it('closes one that says nothing within five seconds', async () => {
    const startedAt = performance.now();
    const socket = await openSocket(node, '/uplink');
    expect((await socket.closed).reason).toBe('hello-timeout');
    expect(performance.now() - startedAt).toBeGreaterThan(4_500);
  });

  it('lets the higher (epoch, peerId) win, whoever comes first', async () => {
    const a = await openHost(node, { epoch: 3, peerId: 'b' });
    expect(await refusal(hello(node.keys, { epoch: 2, peerId: 'z' }))).toMatchObject({ told: 'lower-epoch' });
    expect(await refusal(hello(node.keys, { epoch: 3, peerId: 'a' }))).toMatchObject({ told: 'lower-epoch' });
    expect(await hostNow()).toBe('3/b');

    // Whoever feeds goes on until the first frame of the higher claim.
    const c = await openHost(node, { epoch: 3, peerId: 'c' });
    expect(await refusal(hello(node.keys, { epoch: 3, peerId: 'b2' }))).toMatchObject({
      told: 'lower-epoch',
    });
    expect(await hostNow()).toBe('3/b');
    c.sendRaw(toneFrames(0.1, 440)[0]!);
    expect((await a.closed).reason).toBe('superseded');
    expect(await hostNow()).toBe('3/c');
    // Who only claimed is passed over at once by one that claims above it.
    const idle = await openHost(node, { epoch: 4, peerId: '0' });
    const d = await openHost(node, { epoch: 4, peerId: 'a' });
    expect((await idle.closed).reason).toBe('superseded');
    expect(await hostNow()).toBe('3/c');
    // And follows when whoever feeds goes.
    c.close();
    await until(async () => (await hostNow()) === '4/a' || undefined);

    const again = await openHost(node, { epoch: 4, peerId: 'a' });
    expect((await d.closed).reason).toBe('superseded');
    again.close();
    await until(async () => (await hostNow()) === undefined || undefined);
    (await openHost(node, { epoch: 1 })).close();
  });

  it('takes a host’s frames until the first one of a higher claim, and none after it', async () => {
    const listener = await listen(`${node.httpUrl}/stream.mp3`);
    const [low, high] = [toneFrames(0.2, 300), toneFrames(0.2, 3000)];
    const isHeard = (frames: Buffer[]): true | undefined =>
      frames.some((frame) => listener.received().includes(frame)) || undefined;
    const first = await openHost(node, { epoch: 1 });
    const second = await openHost(node, { epoch: 2, peerId: 'peer-b' });
    let feedsSecond = false;
    let at = 0;
    const timer = setInterval(() => {
      at = (at + 1) % 4;
      if (feedsSecond) second.sendRaw(high[3 + at]!);
      first.sendRaw(low[3 + at]!);
    }, FRAME_MS);
    await until(() => isHeard(low));
    feedsSecond = true;
    await until(() => isHeard(high));
    const soFar = listener.received().length;
    await until(() => listener.received().length > soFar + 10 * low[0]!.length || undefined);
    clearInterval(timer);
    const heard = listener.received();
    const after = heard.subarray(
      Math.min(...high.map((frame) => heard.indexOf(frame)).filter((n) => n >= 0)),
    );
    expect(low.filter((frame) => after.includes(frame))).toEqual([]);
    expect((await first.closed).reason).toBe('superseded');
    listener.close();
    second.close();
  });

  it('takes the place of a room that was invented for its listeners', async () => {
    const invented = await Promise.all(
      Array.from({ length: 31 }, async () =>
        listen(`${node.httpUrl}/stream/${(await keysOf(newSecret())).roomId}.mp3`),
      ),
    );
    const room = await keysOf(newSecret());
    const stream = `${node.httpUrl}/stream/${room.roomId}.mp3`;
    expect((await ask(stream)).status).toBe(503);
    const host = await openHost(node, {}, room);
    await Promise.race(invented.map((listener) => listener.ended));
    const real = await listen(stream);
    const [frame] = toneFrames(0.1, 440) as [Buffer];
    host.sendRaw(frame);
    await until(() => real.received().includes(frame) || undefined);
    for (const listener of [...invented, real]) listener.close();
    host.close();
  });

  it('takes no room from a host that has one', async () => {
    const hosts = await Promise.all(
      Array.from({ length: 31 }, async () => openHost(node, {}, await keysOf(newSecret()))),
    );
    expect(await refusal(hello(await keysOf(newSecret())))).toMatchObject({ told: 'too-many-rooms' });
    hosts[7]?.close();
    // Nobody listens there: it is idle at once.
    await until(
      async () =>
        (await status(node)).streams.filter((stream) => stream.host !== null).length === 30 || undefined,
    );
    hosts.push(await openHost(node, {}, await keysOf(newSecret())));
    for (const host of hosts) host.close();
  });

  it('drops and counts what is no frame, and closes one that sends nothing else', async () => {
    const host = await openHost(node);
    const [frame] = toneFrames(0.1, 440) as [Buffer];
    host.sendRaw(Buffer.concat([Buffer.from('junk'), frame]));
    await until(async () => (await status(node)).rejected['/uplink bad-frames'] === 1 || undefined);
    expect((await status(node)).streams[0]?.bytesIn).toBe(384);
    for (let i = 0; i < 20; i++) host.sendRaw(Buffer.alloc(400, i));
    expect((await host.closed).reason).toBe('not-frames');
  });

  it('takes no message above its limit', async () => {
    const host = await openHost(node);
    host.sendRaw(Buffer.alloc(81_921));
    expect((await host.closed).code).toBe(1009);
    await until(async () => (await status(node)).rejected['/uplink protocol-error'] === 1 || undefined);
  });

  it('says that the node stops', async () => {
    const host = await openHost(node);
    await node.close();
    expect(await host.closed).toEqual({ code: 1001, reason: 'shutting-down' });
    expect((await host.next(uplinkMessage('refused'))).reason).toBe('shutting-down');
  });

  it('survives anything that is sent to it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(fc.json(), fc.string(), fc.uint8Array({ maxLength: 2000 })), async (data) => {
        const socket = await openSocket(node, '/uplink');
        socket.sendRaw(data);
        expect((await socket.closed).reason).toBe('bad-message');
      }),
      { numRuns: 40 },
    );
    expect(await hostNow()).toBeUndefined();
    (await openHost(node)).close();
  });
});
