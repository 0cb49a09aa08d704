import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TurnGrant } from '../../../signaling/protocol/turn.ts';
import { createAllocation } from '../../../signaling/rendezvous/allocation.ts';
import {
  ATTRIBUTE,
  attribute,
  buildStun,
  type Endpoint,
  METHOD,
  uint32,
} from '../../../signaling/rendezvous/stun-message.ts';
import { createTurnCredentials } from '../../../signaling/rendezvous/turn-credentials.ts';
import { keysOf, newSecret, startNode, status, type TestNode, until } from './support.ts';
import { type TurnClient, turnClient, type TurnUser, UDP_TRANSPORT } from './turn-client.ts';

const LOOPBACK = '127.0.0.1';
let node: TestNode;
let wallMs = Date.now();
beforeAll(async () => {
  node = await startNode({}, { nowMs: () => wallMs });
});
afterAll(() => node.close());

interface Reply {
  status: number;
  text: string;
}

function post(body: string | Buffer, to = node, path = '/turn'): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(
      `${to.httpsUrl}${path}`,
      { method: 'POST', ca: to.ca, agent: false },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part: string) => (text += part));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

async function grant(of = node): Promise<TurnGrant> {
  const { roomId, uplinkKey } = of.keys;
  const { status: code, text } = await post(JSON.stringify({ roomId, uplinkKey }), of);
  expect(code).toBe(200);
  return v.parse(TurnGrant, JSON.parse(text));
}

const server = (): Endpoint => ({ address: LOOPBACK, port: node.ports.stun });
async function join2(user?: TurnUser, from?: string): Promise<{ client: TurnClient; relayed: Endpoint }> {
  const client = await turnClient(server(), user ?? (await grant()), from);
  return { client, relayed: await client.allocate() };
}
const counted = async (reason: string): Promise<number> =>
  (await status(node)).rejected[`turn ${reason}`] ?? 0;

describe('credentials of the relay', () => {
  it('are for those who know the room’s key, hold for an hour, and name the room', async () => {
    const given = await grant();
    const [expiry, roomId] = given.username.split(':');
    expect([given.ttlSeconds, Number(expiry), roomId]).toEqual([
      3600,
      Math.floor(wallMs / 1000) + 3600,
      node.keys.roomId,
    ]);
    expect(given.urls).toEqual([`turn:127.0.0.1:${node.ports.stun}?transport=udp`]);
    expect((await grant()).username).not.toBe(given.username);
    expect(statSync(join(node.dataDir, 'turn.key')).mode & 0o777).toBe(0o600);
    expect(given.credential).not.toContain(readFileSync(join(node.dataDir, 'turn.key'), 'utf8').trim());
  });

  it('are for any room of which somebody knows the key: the node keeps no list', async () => {
    const { roomId, uplinkKey } = await keysOf(newSecret());
    expect((await post(JSON.stringify({ roomId, uplinkKey }))).status).toBe(200);
  });

  it.each([
    [
      'another room’s key',
      async () => ({ roomId: node.keys.roomId, uplinkKey: (await keysOf(newSecret())).uplinkKey }),
      403,
      'wrong-key',
    ],
    ['no key', () => ({ roomId: node.keys.roomId }), 400, 'bad-message'],
    ['a broken key', () => ({ roomId: node.keys.roomId, uplinkKey: '' }), 400, 'bad-message'],
    ['a giant', () => 'x'.repeat(100_000), 413, 'too-large'],
  ])('are refused for %s', async (_, body, code, refused) => {
    const before = (await status(node)).rejected[`/turn ${refused}`] ?? 0;
    const answer = await post(JSON.stringify(await body()));
    expect([answer.status, JSON.parse(answer.text)]).toEqual([code, { refused }]);
    expect((await status(node)).rejected[`/turn ${refused}`]).toBe(before + 1);
  });

  it('are asked for by POST only, there only, and over HTTPS only', async () => {
    expect((await post('{')).text).toBe('{"refused":"bad-message"}');
    expect((await post('{}', node, '/node.json')).status).toBe(405);
    const get = await fetch(`${node.httpUrl}/turn`, { method: 'POST', body: '{}' });
    expect(get.status).toBe(405);
  });

  it('let in, and still do after the node was restarted', async () => {
    const given = await grant();
    const again = await startNode({ dataDir: node.dataDir }, { nowMs: () => wallMs });
    const client = await turnClient({ address: LOOPBACK, port: again.ports.stun }, given);
    expect((await client.allocate()).address).toBe(LOOPBACK);
    client.close();
    await again.close();
  });

  it('let nobody in with another password, an invented name, or a name of old', async () => {
    const given = await grant();
    const attempts: TurnUser[] = [
      { ...given, credential: 'x' },
      { ...given, username: given.username.replace(/^\d+/, '9999999999') },
      { username: 'constructor', credential: String(Object) },
      { username: '__proto__', credential: '' },
    ];
    for (const user of attempts) {
      const client = await turnClient(server(), user);
      expect([user.username, (await client.request(METHOD.allocate, UDP_TRANSPORT)).code]).toEqual([
        user.username,
        401,
      ]);
      client.close();
    }
    const { client: lasting } = await join2(given);
    wallMs += 3_601_000;
    const late = await turnClient(server(), given);
    expect((await late.request(METHOD.allocate, UDP_TRANSPORT)).code).toBe(401);
    // Who is in already stays in: a connection must not break because a song is long.
    const nonceIsOld = await lasting.request(METHOD.refresh);
    expect(nonceIsOld.code).toBe(438);
    wallMs -= 3_601_000;
    expect((await lasting.request(METHOD.refresh)).ok).toBe(true);
    for (const client of [lasting, late]) client.close();
  });

  it('are wanted for everything: not even an indication gets a relay without', async () => {
    const client = await turnClient(server(), { username: '', credential: '' });
    const before = await counted('unexpected');
    const transactionId = Buffer.alloc(12, 1);
    for (const kind of ['indication', 'success', 'error'] as const) {
      client.send(
        buildStun({ method: METHOD.allocate, class: kind, transactionId, attributes: UDP_TRANSPORT }, null),
      );
    }
    await until(async () => (await counted('unexpected')) === before + 3 || undefined);
    const bare = {
      method: METHOD.allocate,
      class: 'request' as const,
      transactionId,
      attributes: UDP_TRANSPORT,
    };
    const challenge = await client.exchange(buildStun(bare, null));
    expect(attribute(challenge, ATTRIBUTE.errorCode)?.subarray(2, 4)).toEqual(Buffer.of(4, 1));
    expect(attribute(challenge, ATTRIBUTE.realm)?.toString()).toBe('earshot');
    client.close();
  });

  it('come with a nonce that is for one client and one hour', () => {
    let nowMs = 1_000_000;
    const credentials = createTurnCredentials(Buffer.alloc(32, 1), () => nowMs);
    const nonce = credentials.nonceFor('a 1');
    expect([credentials.isFresh(nonce, 'a 1'), credentials.isFresh(nonce, 'a 2')]).toEqual([true, false]);
    for (const forged of ['', '.', 'zz.zz', nonce.replace(/^./, 'z')])
      expect(credentials.isFresh(forged, 'a 1')).toBe(false);
    nowMs += 3_601_000;
    expect(credentials.isFresh(nonce, 'a 1')).toBe(false);
  });
});

describe('the relay', () => {
  it('brings two together who have a relayed address each, by indications and by channels', async () => {
    const [a, b] = await Promise.all([join2(), join2()]);
    expect(a.relayed).not.toEqual(b.relayed);
    expect(await a.client.permit(b.relayed)).toBe(0);
    expect(await b.client.bind(0x4001, a.relayed)).toBe(0);
    a.client.sendTo(b.relayed, 'hello');
    await until(() => b.client.heard.includes(`127.0.0.1 ${a.relayed.port}: hello`) || undefined);
    b.client.sendOn(0x4001, 'and back');
    await until(() => a.client.heard.includes(`127.0.0.1 ${b.relayed.port}: and back`) || undefined);
    for (const { client } of [a, b]) client.close();
  });

  it('lets nothing in from somebody without a permission', async () => {
    const [a, b] = await Promise.all([join2(), join2()]);
    expect(await a.client.permit(b.relayed)).toBe(0);
    const before = await counted('peer-without-permission');
    a.client.sendTo(b.relayed, 'unasked');
    await until(async () => (await counted('peer-without-permission')) > before || undefined);
    expect(b.client.heard).toEqual([]);
    for (const { client } of [a, b]) client.close();
  });

  it('drops what would not fit into its envelope, and goes on', async () => {
    const [a, b] = await Promise.all([join2(), join2()]);
    expect(await a.client.permit(b.relayed)).toBe(0);
    expect(await b.client.permit(a.relayed)).toBe(0);
    const before = await counted('too-large');
    a.client.sendTo(b.relayed, 'x'.repeat(65_400));
    await until(async () => (await counted('too-large')) > before || undefined);
    a.client.sendTo(b.relayed, 'small');
    await until(() => b.client.heard.includes(`127.0.0.1 ${a.relayed.port}: small`) || undefined);
    for (const { client } of [a, b]) client.close();
  });

  it.each([
    ['a public address', '8.8.8.8', 50_000],
    ['loopback', '127.0.0.2', 50_000],
    ['link-local', '169.254.7.7', 50_000],
    ['multicast', '224.0.0.251', 5_353],
    ['broadcast', '255.255.255.255', 50_000],
    ['a private address elsewhere', '10.20.30.40', 50_000],
  ])('refuses %s', async (_, address, port) => {
    const { client } = await join2();
    const before = await counted('peer-not-on-lan');
    expect(await client.permit({ address, port })).toBe(403);
    expect(await client.bind(0x4000, { address, port })).toBe(403);
    expect(await counted('peer-not-on-lan')).toBe(before + 2);
    client.close();
  });

  it('refuses the node’s own services, also to somebody who may talk to its relayed addresses', async () => {
    const [{ client }, other] = await Promise.all([join2(), join2()]);
    const { https, http, stun } = node.ports;
    for (const port of [https, http, stun]) {
      expect(await client.permit({ address: LOOPBACK, port })).toBe(403);
      expect(await client.bind(0x4000, { address: LOOPBACK, port })).toBe(403);
    }
    expect(await client.permit(other.relayed)).toBe(0);
    const before = await counted('peer-own-address');
    client.sendTo({ address: LOOPBACK, port: stun }, 'to STUN');
    await until(async () => (await counted('peer-own-address')) === before + 1 || undefined);
    for (const each of [client, other.client]) each.close();
  });

  it('forgets a relayed address with its allocation', async () => {
    const [a, b] = await Promise.all([join2(), join2()]);
    expect(await a.client.bind(0x4000, b.relayed)).toBe(0);
    const gone = await b.client.request(METHOD.refresh, [[ATTRIBUTE.lifetime, uint32(0)]]);
    expect([gone.ok, attribute(gone.message, ATTRIBUTE.lifetime)]).toEqual([true, uint32(0)]);
    expect((await b.client.request(METHOD.refresh)).code).toBe(437);
    const before = await counted('peer-own-address');
    a.client.sendOn(0x4000, 'anybody?');
    await until(async () => (await counted('peer-own-address')) === before + 1 || undefined);
    for (const { client } of [a, b]) client.close();
  });

  it('answers a repeated request alike, and another one with a mismatch', async () => {
    const { client, relayed } = await join2();
    expect((await client.request(METHOD.allocate, UDP_TRANSPORT)).code).toBe(437);
    const refreshed = await client.request(METHOD.refresh, [[ATTRIBUTE.lifetime, uint32(999_999)]]);
    expect(attribute(refreshed.message, ATTRIBUTE.lifetime)).toEqual(uint32(600));
    expect(relayed.address).toBe(LOOPBACK);
    client.close();
  });

  it('belongs to who opened it', async () => {
    const [given, other] = await Promise.all([grant(), grant()]);
    const user = { ...given };
    const { client } = await join2(user);
    Object.assign(user, other);
    expect((await client.request(METHOD.refresh)).code).toBe(441);
    client.close();
  });

  it.each([
    ['TCP', [[ATTRIBUTE.requestedTransport, Buffer.of(6, 0, 0, 0)]], 442],
    ['no transport', [], 400],
    [
      'a family that is not here',
      [...UDP_TRANSPORT, [ATTRIBUTE.requestedAddressFamily, Buffer.of(2, 0, 0, 0)]],
      440,
    ],
    ['something unknown', [...UDP_TRANSPORT, [0x0018, Buffer.of(0x80)]], 420],
  ] as const)('refuses %s by its code', async (_, attributes, code) => {
    const client = await turnClient(server(), await grant());
    expect((await client.request(METHOD.allocate, attributes)).code).toBe(code);
    client.close();
  });

  it('refuses channels out of range, twice used, and too many of them', async () => {
    const [a, b, c] = await Promise.all([join2(), join2(), join2()]);
    expect(await a.client.bind(0x3fff, b.relayed)).toBe(400);
    expect(await a.client.bind(0x5000, b.relayed)).toBe(400);
    expect(await a.client.bind(0x4000, b.relayed)).toBe(0);
    expect(await a.client.bind(0x4000, b.relayed)).toBe(0);
    expect(await a.client.bind(0x4000, c.relayed)).toBe(400);
    expect(await a.client.bind(0x4001, b.relayed)).toBe(400);
    for (const { client } of [a, b, c]) client.close();
  });

  it('bounds the relays of one address, and others still get theirs', async () => {
    const user = await grant();
    const mine: TurnClient[] = [];
    let code = 0;
    while (code === 0 && mine.length < 600) {
      const client = await turnClient(server(), user, '127.0.0.9');
      mine.push(client);
      code = (await client.request(METHOD.allocate, UDP_TRANSPORT)).code;
    }
    expect([code, mine.length]).toEqual([486, 513]);
    const { client } = await join2(user);
    await Promise.all(
      mine.slice(0, 512).map((each) => each.request(METHOD.refresh, [[ATTRIBUTE.lifetime, uint32(0)]])),
    );
    for (const each of [...mine, client]) each.close();
  });

  it('carries 64 Mbit/s for each, and no more', () => {
    const socket = createSocket('udp4');
    const place = { address: LOOPBACK, port: 1 };
    const allocation = createAllocation({
      client: place,
      relayed: place,
      username: '',
      transactionId: Buffer.alloc(12),
      socket,
      expiresAtMs: 0,
      nowMs: 0,
      onData: () => {},
    });
    let bytes = 0;
    for (let ms = 0; ms < 10_000; ms++) {
      for (let i = 0; i < 20; i++) if (allocation.carry(1_200, ms)) bytes += 1_200;
    }
    expect((bytes * 8) / 10 / 1e6).toBeGreaterThan(60);
    expect((bytes * 8) / 10 / 1e6).toBeLessThan(72);
    allocation.close();
  });

  it('forgets permissions after five minutes and channels after ten, and bounds both', () => {
    const socket = createSocket('udp4');
    const peer = (port: number): Endpoint => ({ address: `10.0.0.${port}`, port });
    const allocation = createAllocation({
      client: peer(1),
      relayed: peer(2),
      username: '',
      transactionId: Buffer.alloc(12),
      socket,
      expiresAtMs: 0,
      nowMs: 0,
      onData: () => {},
    });
    expect(allocation.bindChannel(0x4000, peer(3), 0)).toBe(true);
    expect([allocation.permits('10.0.0.3', 299_999), allocation.permits('10.0.0.3', 300_000)]).toEqual([
      true,
      false,
    ]);
    expect([allocation.channelOf(peer(3), 599_999), allocation.channelOf(peer(3), 600_000)]).toEqual([
      0x4000,
      null,
    ]);
    let permitted = 0;
    for (let port = 0; port < 100; port++) if (allocation.permit(`10.0.1.${port}`, 0)) permitted++;
    expect(permitted).toBe(63);
    expect(allocation.permit('10.0.2.1', 300_000)).toBe(true);
    let bound = 0;
    for (let n = 0; n < 40; n++) if (allocation.bindChannel(0x4100 + n, peer(10 + n), 900_000)) bound++;
    expect(bound).toBe(32);
    allocation.close();
  });

  it('survives any datagram, from clients and from peers', async () => {
    const { client } = await join2();
    for (let i = 0; i < 500; i++) {
      const bytes = Buffer.from(Array.from({ length: i % 64 }, () => Math.floor(Math.random() * 256)));
      client.send(bytes);
      const message = {
        method: i % 16,
        class: 'request' as const,
        transactionId: Buffer.alloc(12, i),
        attributes: [[i % 64, bytes]] as const,
      };
      client.send(buildStun(message, null));
    }
    expect((await client.request(METHOD.refresh)).ok).toBe(true);
    client.socket.close();
    await once(client.socket, 'close');
  });
});
