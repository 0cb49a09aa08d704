import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask, openSocket, startNode, status, type TestNode, type TestSocket, until } from './support.ts';

let node: TestNode;
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node.close());

const ofType =
  (type: string) =>
  (message: unknown): Record<string, unknown> | undefined =>
    (message as { type?: unknown }).type === type ? (message as Record<string, unknown>) : undefined;

const counted = async (key: string): Promise<number> => (await status(node)).rejected[key] ?? 0;

describe('topics (y-webrtc signaling)', () => {
  const join = async (...topics: string[]): Promise<TestSocket> => {
    const socket = await openSocket(node, '/signaling');
    socket.send({ type: 'subscribe', topics });
    // Messages of one socket are handled in order: after the pong the subscription stands.
    socket.send({ type: 'ping' });
    await socket.next(ofType('pong'));
    return socket;
  };

  it('carries what is published to those who subscribed, untouched, and to nobody else', async () => {
    const [a, b, other] = await Promise.all([join('room'), join('room', 'more'), join('elsewhere')]);
    a.send({ type: 'publish', topic: 'room', data: 'ZW5jcnlwdGVk', extra: [1] });
    const expected = { type: 'publish', topic: 'room', data: 'ZW5jcnlwdGVk', extra: [1], clients: 2 };
    expect(await b.next(ofType('publish'))).toEqual(expected);
    b.send({ type: 'unsubscribe', topics: ['room'] });
    b.send({ type: 'publish', topic: 'room', data: 'again' });
    await a.next((message) => ((message as { data?: string }).data === 'again' ? true : undefined));
    expect(b.messages.filter(ofType('publish'))).toHaveLength(1);
    expect(other.messages.filter(ofType('publish'))).toHaveLength(0);
    for (const socket of [a, b, other]) socket.close();
  });

  it('forgets a subscriber that left', async () => {
    const [a, b] = await Promise.all([join('leaving'), join('leaving')]);
    b.close();
    await b.closed;
    await until(async () => {
      a.send({ type: 'publish', topic: 'leaving' });
      return a.messages.some((message) => (message as { clients?: number }).clients === 1) || undefined;
    });
    a.close();
  });

  it('names what is bad, counts it, and gives up on a client that knows nothing else', async () => {
    const before = await counted('/signaling bad-message');
    const socket = await openSocket(node, '/signaling');
    for (let i = 0; i < 20; i++) socket.send({ type: 'subscribe', topics: 'no list' });
    expect(await socket.next(ofType('refused'))).toMatchObject({ reason: 'bad-message' });
    expect((await socket.closed).code).toBe(1008);
    expect(await counted('/signaling bad-message')).toBe(before + 20);
  });

  it('bounds topics and messages', async () => {
    const socket = await join(...Array.from({ length: 32 }, (_, at) => `t${at}`));
    socket.send({ type: 'subscribe', topics: ['one more'] });
    await until(async () => (await counted('/signaling too-many-topics')) === 1 || undefined);
    socket.send({ type: 'publish', topic: 't1', data: 'x'.repeat(70_000) });
    expect((await socket.closed).code).toBe(1009);
  });
});

describe('the PeerJS broker', () => {
  const join = (id: string, token = 'secret'): Promise<TestSocket> =>
    openSocket(node, `/broker/peerjs?key=peerjs&id=${id}&token=${token}&version=1.5.5`);

  it('opens, introduces, and takes the sender’s name from the connection', async () => {
    const [a, b] = await Promise.all([join('anna'), join('ben')]);
    await Promise.all([a.next(ofType('OPEN')), b.next(ofType('OPEN'))]);
    a.send({ type: 'HEARTBEAT' });
    a.send({ type: 'OFFER', src: 'mallory', dst: 'ben', payload: { sdp: 'v=0' } });
    expect(await b.next(ofType('OFFER'))).toEqual({
      type: 'OFFER',
      src: 'anna',
      dst: 'ben',
      payload: { sdp: 'v=0' },
    });
    b.send({ type: 'ANSWER', dst: 'anna', payload: 1 });
    b.send({ type: 'CANDIDATE', dst: 'anna', payload: 2 });
    expect(await a.next(ofType('CANDIDATE'))).toMatchObject({ src: 'ben', payload: 2 });
    a.close();
    b.close();
  });

  it('keeps an offer for somebody who is about to come', async () => {
    const a = await join('early');
    a.send({ type: 'OFFER', dst: 'late', payload: 'hello' });
    a.send({ type: 'LEAVE', dst: 'late' });
    // One round trip makes sure that both have arrived.
    a.send('nonsense');
    await a.next(ofType('ERROR'));
    const late = await join('late');
    expect(await late.next(ofType('OFFER'))).toMatchObject({ src: 'early', payload: 'hello' });
    expect(late.messages.filter(ofType('LEAVE'))).toHaveLength(0);
    a.close();
    late.close();
  });

  it('tells once when the other never came', async () => {
    const a = await join('asking');
    a.send({ type: 'OFFER', dst: 'nobody', payload: 1 });
    a.send({ type: 'CANDIDATE', dst: 'nobody', payload: 2 });
    const expired = await a.next(ofType('EXPIRE'));
    expect(expired).toEqual({ type: 'EXPIRE', src: 'nobody', dst: 'asking' });
    expect(a.messages.filter(ofType('EXPIRE'))).toHaveLength(1);
    a.close();
  });

  it('guards a name with its token, and lets its owner reconnect', async () => {
    const first = await join('carla', 'hers');
    await first.next(ofType('OPEN'));
    const thief = await join('carla', 'not-hers');
    await thief.next(ofType('ID-TAKEN'));
    expect((await thief.closed).reason).toBe('id-taken');
    const again = await join('carla', 'hers');
    await again.next(ofType('OPEN'));
    expect((await first.closed).reason).toBe('replaced');
    const b = await join('dora');
    b.send({ type: 'OFFER', dst: 'carla', payload: 0 });
    await again.next(ofType('OFFER'));
    again.send({ type: 'LEAVE' });
    expect((await again.closed).reason).toBe('left');
    b.close();
  });

  it('refuses what lacks a name, a token or the key, and other paths', async () => {
    for (const query of ['', '?key=peerjs&id=x', '?key=other&id=x&token=y', '?key=peerjs&id=%00&token=y']) {
      const socket = await openSocket(node, `/broker/peerjs${query}`);
      await socket.next(ofType('ERROR'));
      expect((await socket.closed).reason).toBe('bad-parameters');
    }
    await expect(openSocket(node, '/broker')).rejects.toThrow(/404/);
    await expect(openSocket(node, '/nowhere')).rejects.toThrow(/404/);
  });

  it('bounds what waits for one peer', async () => {
    const a = await join('flood');
    for (let i = 0; i < 70; i++) a.send({ type: 'OFFER', dst: 'absent', payload: i });
    await until(async () => (await counted('/broker too-many-waiting')) === 6 || undefined);
    const absent = await join('absent');
    await until(() => absent.messages.filter(ofType('OFFER')).length === 64 || undefined);
    a.close();
    absent.close();
  });

  it('hands out names', async () => {
    const answers = await Promise.all(
      [1, 2].map(() => ask(`${node.httpsUrl}/broker/peerjs/id?ts=1`, { ca: node.ca })),
    );
    for (const answer of answers) expect(answer.text).toMatch(/^[0-9a-f-]{36}$/);
    expect(answers[0]?.text).not.toBe(answers[1]?.text);
  });
});

describe('anything on the introduction paths', () => {
  it.each(['/signaling', '/broker/peerjs?key=peerjs&id=fuzz&token=t'])('leaves %s serving', async (path) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.json(), fc.string(), fc.uint8Array()), { maxLength: 10 }),
        async (inputs) => {
          const socket = await openSocket(node, path);
          for (const input of inputs) socket.sendRaw(input);
          socket.close();
          await socket.closed;
        },
      ),
      { numRuns: 30 },
    );
    const socket = await openSocket(node, path);
    socket.close();
    await socket.closed;
  });
});
