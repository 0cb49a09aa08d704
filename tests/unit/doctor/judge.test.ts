import { describe, expect, test } from 'vitest';
import { judge, reportOf, type FindingId, type Observations } from '../../../app/doctor/judge.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.UTC(2026, 4, 1);

const WELL: Observations = {
  nowMs: NOW_MS,
  secureContext: true,
  nodeReached: true,
  certificate: { validUntilMs: NOW_MS + 300 * DAY_MS, issuedBy: 'local' },
  wallClockAheadMs: -400,
  microphone: 'granted',
  localNetwork: 'granted',
  hostCandidates: 'addresses',
  stun: 'answers',
  turn: 'relays',
  peers: [
    { path: 'direct', roundTripMs: 3 },
    { path: 'relayed', roundTripMs: 9 },
  ],
  streamReached: true,
  storage: { usedBytes: 1e9, quotaBytes: 9e9, persistent: true },
  serviceWorker: 'ready',
  clock: { state: 'follows', roundTripMs: 4 },
};

const wrong = (over: Partial<Observations>): Partial<Record<FindingId, string>> =>
  Object.fromEntries(
    judge({ ...WELL, ...over })
      .filter(({ level }) => level !== 'ok')
      .map(({ id, level }) => [id, level]),
  );
const ends = (days: number, issuedBy: 'local' | 'own' = 'local'): Partial<Observations> => ({
  certificate: { validUntilMs: NOW_MS + days * DAY_MS, issuedBy },
});
const free = (bytes: number): Partial<Observations> => ({
  storage: { usedBytes: 1e9, quotaBytes: 1e9 + bytes, persistent: true },
});
const APART = { path: 'none', roundTripMs: null } as const;

describe('the doctor', () => {
  test('finds nothing wrong with what is well, and says so of everything', () => {
    expect(wrong({})).toEqual({});
    expect(judge(WELL)).toHaveLength(15);
  });

  test.each<[string, Partial<Observations>, Partial<Record<FindingId, string>>]>([
    [
      'a page without HTTPS: what follows from it is not named as well',
      {
        secureContext: false,
        microphone: null,
        serviceWorker: null,
        storage: { usedBytes: 0, quotaBytes: 0, persistent: false },
      },
      { 'secure-context': 'fail' },
    ],
    [
      'the node is gone: neither STUN nor relay is blamed',
      { nodeReached: false, certificate: null, stun: null, turn: null, streamReached: false },
      { node: 'fail', stream: 'fail' },
    ],
    ['the stream alone is gone', { streamReached: false }, { stream: 'fail' }],
    ['the certificate is good for two weeks', ends(14), {}],
    ['it ends in less', ends(13), { certificate: 'warn' }],
    ['it ends in two days', ends(2), { certificate: 'fail' }],
    ['it has ended', ends(-1), { certificate: 'fail' }],
    ['a wrong date', { wallClockAheadMs: -20 * 60_000 }, { 'wall-clock': 'warn' }],
    ['the microphone is refused', { microphone: 'denied' }, { microphone: 'fail' }],
    ['the microphone has not been asked for', { microphone: 'prompt' }, {}],
    ['there is no microphone', { microphone: 'missing' }, { microphone: 'warn' }],
    ['the browser keeps the LAN shut', { localNetwork: 'denied' }, { 'local-network': 'fail' }],
    ['it does not know of that', { localNetwork: null }, {}],
    ['no address, but the node helps', { hostCandidates: 'none' }, {}],
    [
      'no address and no help',
      { hostCandidates: 'none', stun: 'silent', turn: 'silent' },
      { addresses: 'fail', stun: 'warn', turn: 'warn' },
    ],
    ['mDNS names instead of addresses', { hostCandidates: 'names' }, {}],
    [
      'mDNS names that lead nowhere',
      { hostCandidates: 'names', stun: 'silent', turn: 'silent', peers: [...WELL.peers, APART] },
      { mdns: 'fail', peers: 'fail', stun: 'fail', turn: 'warn' },
    ],
    [
      'mDNS names that lead nowhere, and only the others reach the relay',
      { hostCandidates: 'names', stun: 'silent', turn: 'silent', peers: [WELL.peers[1]!] },
      { mdns: 'warn', stun: 'warn', turn: 'warn' },
    ],
    [
      'mDNS names, and STUN tells the address as well: something else keeps devices apart',
      { hostCandidates: 'names', peers: [APART, WELL.peers[1]!] },
      { peers: 'fail' },
    ],
    [
      'addresses are told plainly: names are not to blame',
      { stun: 'silent', turn: 'silent', peers: [APART] },
      { peers: 'fail', stun: 'fail', turn: 'warn' },
    ],
    [
      'mDNS names that lead to everybody',
      { hostCandidates: 'names', stun: 'none', turn: 'none', peers: [WELL.peers[0]!] },
      { stun: 'warn', turn: 'warn' },
    ],
    [
      'mDNS names and no node: that is the cause',
      { hostCandidates: 'names', nodeReached: false, stun: null, turn: null, peers: [APART] },
      { node: 'fail', peers: 'fail' },
    ],
    ['STUN is silent, and nobody misses it', { stun: 'silent' }, { stun: 'warn' }],
    ['STUN is off', { stun: 'none' }, { stun: 'warn' }],
    [
      'STUN is silent, and somebody is out of reach',
      { stun: 'silent', peers: [APART] },
      { stun: 'fail', peers: 'fail' },
    ],
    ['no relay', { turn: 'none' }, { turn: 'warn' }],
    ['a relay that refuses', { turn: 'refused' }, { turn: 'warn' }],
    ['somebody without a connection', { peers: [...WELL.peers, APART] }, { peers: 'fail' }],
    ['a slow way', { peers: [{ path: 'direct', roundTripMs: 200 }] }, { peers: 'warn' }],
    ['nobody is here', { peers: [], clock: { state: 'alone' } }, {}],
    [
      'storage that may be cleared',
      { storage: { usedBytes: 0, quotaBytes: 9e9, persistent: false } },
      { 'storage-kept': 'warn' },
    ],
    ['little space', free(400e6), { 'storage-space': 'warn' }],
    ['no space', free(40e6), { 'storage-space': 'fail' }],
    ['no service worker', { serviceWorker: 'missing' }, { 'service-worker': 'fail' }],
    ['an update that waits', { serviceWorker: 'waiting' }, { 'service-worker': 'warn' }],
    ['the room’s time is not known', { clock: { state: 'searching' } }, { clock: 'warn' }],
    ['nobody knows the room’s time, as nobody is here', { clock: { state: 'searching' }, peers: [] }, {}],
    ['the room’s time comes slowly', { clock: { state: 'follows', roundTripMs: 300 } }, { clock: 'warn' }],
    ['outside of a room', { peers: [], clock: null, turn: null }, {}],
  ])('%s', (_what, over, expected) => {
    expect(wrong(over)).toEqual(expected);
  });

  test('whatever is wrong has a next step, and the worst comes first', () => {
    const findings = judge({
      ...WELL,
      ...ends(5),
      microphone: 'denied',
      serviceWorker: 'waiting',
      peers: [APART],
    });
    expect(findings.map(({ level }) => level).join()).toMatch(/^(fail,)+(warn,)+ok(,ok)*$/);
    for (const { level, next } of findings) expect(next !== null).toBe(level !== 'ok');
  });

  test('names that are not passed on have their own next step, and the missing connection points to it', () => {
    const findings = judge({ ...WELL, hostCandidates: 'names', stun: 'none', turn: 'none', peers: [APART] });
    const next = (id: FindingId): string | null | undefined => findings.find((one) => one.id === id)?.next;
    expect(next('mdns')).toMatch(/allow the microphone.*plain addresses.*multicast \(IGMP\)/);
    expect(next('peers')).toContain('.local');
  });

  test('the certificate’s remedy depends on whose it is', () => {
    const next = (issuedBy: 'local' | 'own'): string | null | undefined =>
      judge({ ...WELL, ...ends(5, issuedBy) }).find(({ id }) => id === 'certificate')?.next;
    expect(next('own')).toContain('--cert');
    expect(next('local')).toContain('restart');
  });

  test('the report holds what was found and nothing that identifies', () => {
    // More than the types say, as a careless caller might hand over.
    const peers = [{ ...APART, name: 'Bo Example', peerId: 'b0b0b0b0' }];
    const seen = { ...WELL, peers, microphone: 'denied' as const, secret: 'A'.repeat(22) };
    const text = reportOf(judge(seen), seen, { version: '0.1.0', browser: 'Chromium', at: 'today' });
    expect(text).toContain('WRONG  microphone:');
    expect(text).toContain('→ Tap the sign beside the address');
    expect(text).toContain('device 1: none');
    for (const hidden of ['Bo', 'b0b0b0b0', 'A'.repeat(22)]) expect(text).not.toContain(hidden);
  });
});
