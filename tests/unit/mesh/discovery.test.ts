import { afterEach, describe, expect, test, vi } from 'vitest';
import { seal, topicKey, unseal } from '../../../app/mesh/announcement.ts';
import { createIceServers } from '../../../app/mesh/ice-servers.ts';
import { createNodeProbe } from '../../../app/mesh/node-probe.ts';
import { readPath } from '../../../app/mesh/path.ts';
import { createRoster } from '../../../app/mesh/roster.ts';
import { createSleepGuard } from '../../../app/mesh/sleep-guard.ts';

/** y-webrtc's own; its package lets nobody import them by name. */
const theirCrypto = (await import(
  new URL('../../../node_modules/y-webrtc/src/crypto.js', import.meta.url).href
)) as {
  deriveKey(secret: string, room: string): Promise<CryptoKey>;
  encryptJson(data: object, key: CryptoKey): Promise<Uint8Array>;
  decryptJson(data: Uint8Array, key: CryptoKey): Promise<unknown>;
};
const { decryptJson, deriveKey, encryptJson } = theirCrypto;

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe('announcements', () => {
  const announcement = { type: 'announce', from: 'peer-1', fresh: true } as const;
  const toBase64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

  test('A1 they are y-webrtc’s, both ways', async () => {
    const theirs = await deriveKey('password', 'topic');
    const ours = await topicKey('password', 'topic');
    const sealed = Buffer.from(await seal(ours, announcement), 'base64');
    expect(await decryptJson(new Uint8Array(sealed), theirs)).toEqual(announcement);
    const foreign = await encryptJson({ type: 'announce', from: 'peer-2' }, theirs);
    expect(await unseal(ours, toBase64(foreign))).toEqual({ type: 'announce', from: 'peer-2', fresh: false });
  });

  test('A2 another room’s, another message and noise are nothing', async () => {
    const key = await topicKey('password', 'topic');
    const other = await topicKey('password', 'another topic');
    expect(await unseal(key, await seal(other, announcement))).toBeNull();
    expect(await unseal(key, await seal(key, { ...announcement, from: 'no/peer' }))).toBeNull();
    for (const noise of [null, 7, '', 'AAAA', '%', toBase64(new Uint8Array(100))])
      expect(await unseal(key, noise)).toBeNull();
  });
});

describe('roster', () => {
  test('R1 a newcomer is answered, soon and once; who knows us is not', () => {
    const roster = createRoster(() => 1);
    roster.announced(0);
    expect(roster.heard('b', true, false, 1_000)).toBe(5);
    expect(roster.heard('b', false, true, 60_000)).toBeNull();
    expect(roster.heard('c', false, false, 4_000)).toBeNull();
    expect(roster.heard('c', false, false, 6_000)).not.toBeNull();
    for (let peer = 0; peer < 300; peer++) roster.heard(`p${peer}`, true, false, 7_000);
    expect(roster.heard('d', true, false, 7_000)).toBe(400);
  });

  test('R2 who is silent for two minutes, or left, is not known any more', () => {
    const roster = createRoster(() => 0);
    roster.heard('b', true, false, 0);
    roster.heard('c', true, false, 100_000);
    expect(roster.known(119_000)).toEqual(['b', 'c']);
    expect(roster.known(121_000)).toEqual(['c']);
    roster.left('c');
    expect(roster.known(121_000)).toEqual([]);
  });

  test('R3 missing is who announces itself and was not reached in time; never who was lost and is silent', () => {
    const roster = createRoster(() => 0);
    roster.heard('b', true, false, 0);
    expect(roster.isMissing('b', 3_000, 2_000)).toBe(false);
    expect(roster.isMissing('b', 3_000, 4_000)).toBe(true);
    roster.lost('b', 5_000);
    expect(roster.isMissing('b', 3_000, 60_000)).toBe(false);
    roster.heard('b', false, false, 61_000);
    expect(roster.isMissing('b', 3_000, 62_000)).toBe(false);
    expect(roster.isMissing('b', 3_000, 65_000)).toBe(true);
  });

  test('R4 the larger the room, the less often one announces oneself; never more than 512 are known', () => {
    const roster = createRoster(() => 0.5);
    expect(roster.isAnnouncementDue(0)).toBe(true);
    roster.announced(0);
    expect(roster.isAnnouncementDue(14_999)).toBe(false);
    expect(roster.isAnnouncementDue(15_000)).toBe(true);
    for (let peer = 0; peer < 600; peer++) roster.heard(`p${peer}`, true, false, 0);
    expect(roster.known(0)).toHaveLength(512);
    roster.announced(20_000);
    expect(roster.isAnnouncementDue(80_000)).toBe(false);
    expect(roster.isAnnouncementDue(20_000 + 15_000 + 51_200)).toBe(true);
  });
});

describe('sleep', () => {
  test('S1 a tick that comes late tells that this device stood still, on either clock', () => {
    const now = { nowMs: 0, wallMs: 0 };
    const guard = createSleepGuard({ nowMs: () => now.nowMs, wallMs: () => now.wallMs, periodMs: 1_000 });
    const pass = (monotonicMs: number, wallMs = monotonicMs) => {
      now.nowMs += monotonicMs;
      now.wallMs += wallMs;
      return guard.look();
    };
    expect(pass(1_000)).toBe('on-time');
    expect(pass(2_500)).toBe('late');
    expect(pass(31_000)).toBe('slept');
    expect(pass(1_000)).toBe('on-time');
    expect(pass(1_000, 60_000)).toBe('slept');
    expect(pass(1_000, -60_000)).toBe('on-time');
  });
});

describe('the node', () => {
  test('N1 one that was away and answers is met at once; one that answers all the time is not', async () => {
    let nowMs = 0;
    let answer: () => Promise<{ ok: boolean }> = () => Promise.reject(new TypeError('unreachable'));
    vi.stubGlobal('fetch', () => answer());
    const onBack = vi.fn();
    const probe = createNodeProbe({ origin: 'https://node', nowMs: () => nowMs, onBack });
    const ask = async () => {
      nowMs += 5_000;
      probe.tick();
      await new Promise((resolve) => setImmediate(resolve));
    };
    await ask();
    expect(onBack).toHaveBeenCalledTimes(0);
    answer = () => Promise.resolve({ ok: true });
    await ask();
    expect(onBack).toHaveBeenCalledTimes(1);
    await ask();
    expect(onBack).toHaveBeenCalledTimes(1);
    probe.close();
  });

  test('N2 relay credentials are fetched, renewed at half of their life, and asked for again after a refusal', async () => {
    let nowMs = 0;
    let status = 200;
    const asked: string[] = [];
    vi.stubGlobal('fetch', (url: string, init: RequestInit) => {
      asked.push(`${init.method} ${url} ${init.body as string}`);
      const grant = {
        username: `u${asked.length}`,
        credential: 'c',
        ttlSeconds: 100,
        urls: ['turn:10.0.0.1:3478'],
      };
      return Promise.resolve(Response.json(grant, { status }));
    });
    const relay = { roomId: 'r', uplinkKey: 'k' };
    const servers = createIceServers({
      origin: 'https://10.0.0.1:8443',
      stunPort: 3478,
      relay,
      nowMs: () => nowMs,
    });
    expect(servers.config.iceServers).toEqual([{ urls: 'stun:10.0.0.1:3478' }]);
    await servers.ready;
    expect(asked).toEqual(['POST https://10.0.0.1:8443/turn {"roomId":"r","uplinkKey":"k"}']);
    expect(servers.config.iceServers?.[1]).toMatchObject({ username: 'u1', urls: ['turn:10.0.0.1:3478'] });
    nowMs = 49_000;
    servers.tick();
    expect(asked).toHaveLength(1);
    status = 503;
    nowMs = 51_000;
    servers.tick();
    await vi.waitFor(() => expect(asked).toHaveLength(2));
    await new Promise((resolve) => setImmediate(resolve));
    expect(servers.config.iceServers?.[1]).toMatchObject({ username: 'u1' });
    status = 200;
    nowMs = 53_000;
    servers.tick();
    await vi.waitFor(() => expect(servers.config.iceServers?.[1]).toMatchObject({ username: 'u3' }));
    servers.close();
  });
});

describe('paths', () => {
  const pair = {
    id: 'P',
    type: 'candidate-pair',
    localCandidateId: 'L',
    remoteCandidateId: 'R',
    state: 'succeeded',
  };
  const stats = (entries: Record<string, unknown>[]) => ({
    getStats: async () => new Map(entries.map((entry) => [entry['id'], entry])) as unknown as RTCStatsReport,
  });
  const candidates = (local: string, remote: string) => [
    { id: 'L', type: 'local-candidate', candidateType: local },
    { id: 'R', type: 'remote-candidate', candidateType: remote },
  ];

  test('W1 a relay at either end is a relayed path', async () => {
    const transport = { id: 'T', type: 'transport', selectedCandidatePairId: 'P' };
    const read = (local: string, remote: string) =>
      readPath(stats([transport, pair, ...candidates(local, remote)]));
    expect(await read('host', 'prflx')).toBe('direct');
    expect(await read('relay', 'host')).toBe('relayed');
    expect(await read('host', 'relay')).toBe('relayed');
  });

  test('W2 Firefox marks the pair; before there is one nothing is known', async () => {
    const failed = { ...pair, id: 'Q', localCandidateId: 'X', state: 'failed' };
    expect(await readPath(stats([failed, { ...pair, selected: true }, ...candidates('host', 'host')]))).toBe(
      'direct',
    );
    expect(await readPath(stats([failed]))).toBe('unknown');
    expect(await readPath({ getStats: () => Promise.reject(new Error('closed')) })).toBe('unknown');
  });
});
