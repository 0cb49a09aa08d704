import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidateOf, elect, leaderOf, type Candidate } from '../../../app/host/election.ts';

function candidate(peerId: string, more: Partial<Candidate> = {}): Candidate {
  return {
    peerId,
    sinceMs: 1000,
    visible: true,
    pluggedIn: false,
    device: 'phone',
    roundTripMs: 10,
    ...more,
  };
}

function aliveOf(candidates: readonly Candidate[]): Set<string> {
  return new Set(candidates.map(({ peerId }) => peerId));
}

const phone = candidate('phone', { sinceMs: 1 });
const laptop = candidate('laptop', { device: 'laptop', pluggedIn: true, sinceMs: 500 });
const both = [phone, laptop];

describe('election', () => {
  test('E1 mains power, then visible, then device, then near, then time, then peerId', () => {
    const first = (...candidates: Candidate[]): string | null =>
      elect({ selfId: 'x', candidates, claim: null, alive: aliveOf(candidates) }).host;
    expect(first(phone, laptop)).toBe('laptop');
    expect(first(candidate('a'), candidate('b', { pluggedIn: true, visible: false }))).toBe('b');
    expect(first(candidate('a', { visible: false, device: 'laptop' }), candidate('b'))).toBe('b');
    expect(first(candidate('a'), candidate('b', { device: 'tablet' }))).toBe('b');
    expect(first(candidate('a', { roundTripMs: 200 }), candidate('b'))).toBe('b');
    expect(first(candidate('a'), candidate('b', { sinceMs: 999 }))).toBe('b');
    expect(first(candidate('b'), candidate('a'))).toBe('a');
  });

  test('E2 a running host stays for a slightly better one, and yields to a far better one', () => {
    const tablet = candidate('tablet', { device: 'tablet', pluggedIn: true });
    const claim = { epoch: 3, peerId: 'tablet' };
    const alike = [tablet, laptop];
    expect(elect({ selfId: 'laptop', candidates: alike, claim, alive: aliveOf(alike) })).toMatchObject({
      host: 'tablet',
      shouldClaim: false,
      epoch: 3,
    });
    const hidden = [{ ...tablet, visible: false }, laptop];
    expect(elect({ selfId: 'laptop', candidates: hidden, claim, alive: aliveOf(hidden) }).host).toBe(
      'tablet',
    );
    const poor = [{ ...tablet, visible: false, pluggedIn: false }, laptop];
    expect(elect({ selfId: 'laptop', candidates: poor, claim, alive: aliveOf(poor) })).toMatchObject({
      host: 'laptop',
      shouldClaim: true,
      epoch: 4,
    });
  });

  test('E3 a claim of a peer that is gone, released it or no longer offers counts for nothing', () => {
    const gone = elect({
      selfId: 'phone',
      candidates: both,
      claim: { epoch: 7, peerId: 'laptop' },
      alive: new Set(['phone']),
    });
    expect(gone).toMatchObject({ host: 'phone', shouldClaim: true, epoch: 8 });
    const quit = elect({
      selfId: 'phone',
      candidates: [phone],
      claim: { epoch: 7, peerId: 'laptop' },
      alive: aliveOf(both),
    });
    expect(quit).toMatchObject({ host: 'phone', shouldClaim: true, epoch: 8 });
    const released = elect({
      selfId: 'phone',
      candidates: both,
      claim: { epoch: 7, peerId: 'phone', released: true },
      alive: aliveOf(both),
    });
    expect(released).toMatchObject({ host: 'laptop', shouldClaim: false, epoch: 8 });
  });

  test('E4 only the elected one claims, and only once', () => {
    const input = { candidates: both, claim: null, alive: aliveOf(both) };
    expect(elect({ ...input, selfId: 'phone' }).shouldClaim).toBe(false);
    expect(elect({ ...input, selfId: 'laptop' })).toMatchObject({ shouldClaim: true, epoch: 1 });
    expect(elect({ ...input, selfId: 'laptop', claim: { epoch: 1, peerId: 'laptop' } })).toMatchObject({
      host: 'laptop',
      shouldClaim: false,
      epoch: 1,
    });
  });

  test('E4 E5 peers that know the same agree, and settle after one claim', () => {
    const each = fc.record({
      peerId: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
      sinceMs: fc.nat(3),
      visible: fc.boolean(),
      pluggedIn: fc.boolean(),
      device: fc.constantFrom('phone' as const, 'tablet' as const, 'laptop' as const),
      roundTripMs: fc.option(fc.nat(60), { nil: null }),
    });
    fc.assert(
      fc.property(
        fc.uniqueArray(each, { selector: ({ peerId }) => peerId, minLength: 1 }),
        fc.option(fc.record({ epoch: fc.nat(5), peerId: fc.constantFrom('a', 'b', 'z') }), { nil: null }),
        (candidates, claim) => {
          const alive = aliveOf(candidates);
          const results = candidates.map(({ peerId }, i) => {
            const turned = [...candidates.slice(i), ...candidates.slice(0, i)];
            return { peerId, result: elect({ selfId: peerId, candidates: turned, claim, alive }) };
          });
          const hosts = new Set(results.map(({ result }) => result.host));
          const claiming = results.filter(({ result }) => result.shouldClaim);
          expect(hosts.size).toBe(1);
          expect(claiming.length).toBeLessThanOrEqual(1);
          const [winner] = claiming;
          if (winner === undefined) return;
          expect(hosts.has(winner.peerId)).toBe(true);
          const next = { epoch: winner.result.epoch, peerId: winner.peerId };
          for (const { peerId } of candidates) {
            expect(elect({ selfId: peerId, candidates, claim: next, alive })).toMatchObject({
              host: winner.peerId,
              shouldClaim: false,
            });
          }
        },
      ),
      { numRuns: 500, seed: 11 },
    );
  });

  test('E6 without candidates there is no host, and the epoch stays known', () => {
    const claim = { epoch: 4, peerId: 'phone' };
    expect(elect({ selfId: 'x', candidates: [], claim, alive: new Set(['x']) })).toEqual({
      host: null,
      shouldClaim: false,
      epoch: 4,
      why: 'nobody offers host mode',
    });
  });

  test('E7 the reason is said in plain words', () => {
    const why = (candidates: Candidate[], claim: { epoch: number; peerId: string } | null = null): string =>
      elect({ selfId: 'x', candidates, claim, alive: aliveOf(candidates) }).why;
    expect(why([phone])).toBe('the only one that offers host mode');
    expect(why(both)).toBe('plugged in, on screen');
    expect(why([phone, { ...laptop, sinceMs: 0, visible: false }])).toBe('plugged in, here longest');
    const pocket = candidate('pocket', { visible: false, sinceMs: 2000 });
    expect(why([phone, pocket], { epoch: 1, peerId: 'pocket' })).toBe('already hosting');
  });

  test('E8 the host leads the clock, without one the best peer, whatever the round trips', () => {
    const alive = aliveOf(both);
    expect(leaderOf({ peers: both, claim: { epoch: 1, peerId: 'phone' }, alive })).toBe('phone');
    expect(leaderOf({ peers: both, claim: { epoch: 1, peerId: 'phone', released: true }, alive })).toBe(
      'laptop',
    );
    expect(leaderOf({ peers: both, claim: null, alive: new Set(['phone']) })).toBe('phone');
    expect(leaderOf({ peers: [], claim: null, alive })).toBeNull();
    const twins = [candidate('a', { roundTripMs: null }), candidate('b', { roundTripMs: 1 })];
    expect(leaderOf({ peers: twins, claim: null, alive: aliveOf(twins) })).toBe('a');
  });

  test('E8 a peer that offers nothing can lead the clock', () => {
    const presence = {
      memberId: 'm',
      peerId: 'p',
      name: 'Ann',
      hue: 1,
      device: 'laptop' as const,
      listening: false,
      candidate: null,
      talking: false,
      roundTripMs: 3,
      joinedAtMs: 20,
    };
    expect(candidateOf(presence)).toEqual({
      peerId: 'p',
      device: 'laptop',
      roundTripMs: 3,
      sinceMs: 20,
      visible: false,
      pluggedIn: false,
    });
    const offer = { sinceMs: 50, visible: true, pluggedIn: true };
    expect(candidateOf({ ...presence, candidate: offer })).toMatchObject(offer);
  });
});
