import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidateOf, elect, higherClaim, leaderOf, type Candidate } from '../../../app/host/election.ts';

function candidate(peerId: string, more: Partial<Candidate> = {}): Candidate {
  return {
    peerId,
    sinceMs: 1000,
    visible: true,
    pluggedIn: false,
    device: 'phone',
    nodeRoundTripMs: 10,
    cutOff: false,
    stumbles: 0,
    unheard: false,
    unready: false,
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
    expect(first(candidate('a', { nodeRoundTripMs: 200 }), candidate('b'))).toBe('b');
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
      nodeRoundTripMs: fc.option(fc.nat(60), { nil: null }),
      cutOff: fc.constant(false),
      stumbles: fc.nat(3),
      unheard: fc.boolean(),
      unready: fc.boolean(),
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
      next: [],
      followers: [],
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

  test('E7 who would follow is told in order, with what speaks for and against each', () => {
    const tired = candidate('tired', { visible: false, stumbles: 1, nodeRoundTripMs: 120 });
    const lost = candidate('lost', { pluggedIn: true, cutOff: true, sinceMs: 0 });
    const all = [tired, lost, phone, laptop];
    const result = elect({
      selfId: 'x',
      candidates: all,
      claim: { epoch: 2, peerId: 'laptop' },
      alive: aliveOf(all),
    });
    expect(result).toMatchObject({ host: 'laptop', why: 'plugged in, on screen' });
    expect(result.next).toEqual([
      { peerId: 'phone', why: 'on screen, on battery' },
      { peerId: 'tired', why: 'on battery, in the background, a slow way to the node, stumbled lately' },
      { peerId: 'lost', why: 'plugged in, on screen, here longest, out of the node’s reach' },
    ]);
  });

  test('E9 who cannot reach the node goes last, and claims nothing', () => {
    const cutOff = { ...laptop, cutOff: true };
    const alive = aliveOf(both);
    expect(elect({ selfId: 'phone', candidates: [phone, cutOff], claim: null, alive })).toMatchObject({
      host: 'phone',
      shouldClaim: true,
    });
    const claim = { epoch: 2, peerId: 'laptop' };
    expect(elect({ selfId: 'phone', candidates: [phone, cutOff], claim, alive })).toMatchObject({
      host: 'phone',
      epoch: 3,
    });
    const nobody = [{ ...phone, cutOff: true }, cutOff];
    expect(elect({ selfId: 'laptop', candidates: nobody, claim: null, alive })).toMatchObject({
      host: null,
      shouldClaim: false,
      why: 'the node is out of reach',
    });
    // The node itself is away: nobody is better off, so nothing changes.
    expect(elect({ selfId: 'phone', candidates: nobody, claim, alive }).host).toBe('laptop');
  });

  test('E10 whoever was named by hand stays while it lives and offers, however much better another is', () => {
    const poor = candidate('poor', { visible: false });
    const all = [poor, laptop];
    const claim = { epoch: 5, peerId: 'poor', named: true as const };
    const input = { selfId: 'laptop', candidates: all, alive: aliveOf(all) };
    expect(elect({ ...input, claim: { epoch: 5, peerId: 'poor' } }).host).toBe('laptop');
    expect(elect({ ...input, claim })).toMatchObject({ host: 'poor', epoch: 5, why: 'chosen by hand' });
    expect(elect({ ...input, claim, alive: new Set(['laptop']) })).toMatchObject({
      host: 'laptop',
      shouldClaim: true,
      epoch: 6,
    });
    expect(elect({ ...input, claim, candidates: [laptop] }).host).toBe('laptop');
  });

  test('E11 who stumbled lately goes later, and pushes no running host away', () => {
    const weak = { ...laptop, peerId: 'weak', stumbles: 2 };
    const all = [weak, laptop];
    expect(elect({ selfId: 'x', candidates: all, claim: null, alive: aliveOf(all) }).host).toBe('laptop');
    const pocket = candidate('pocket', { visible: false });
    const two = [pocket, { ...laptop, stumbles: 1 }];
    const claim = { epoch: 1, peerId: 'pocket' };
    expect(elect({ selfId: 'x', candidates: two, claim, alive: aliveOf(two) }).host).toBe('pocket');
    expect(elect({ selfId: 'x', candidates: two, claim: null, alive: aliveOf(two) }).host).toBe('laptop');
  });

  test('E18 who was not heard goes behind all who were, and hosts when nobody else can', () => {
    const silent = { ...laptop, unheard: true, stumbles: 1 };
    const pocket = candidate('pocket', { visible: false, stumbles: 3 });
    const input = { selfId: 'laptop', candidates: [silent, pocket], claim: null };
    expect(elect({ ...input, alive: aliveOf([silent, pocket]) })).toMatchObject({
      host: 'pocket',
      next: [{ peerId: 'laptop', why: 'plugged in, on screen, here longest, its sound did not arrive' }],
    });
    expect(elect({ ...input, alive: aliveOf([silent]) })).toMatchObject({
      host: 'laptop',
      shouldClaim: true,
    });
    expect(leaderOf({ peers: [silent, pocket], claim: null, alive: aliveOf([silent, pocket]) })).toBe(
      'laptop',
    );
  });

  test('E19 who has not the song yet goes behind all who play it, and plays along to get it', () => {
    const fresh = { ...laptop, unready: true };
    const pocket = candidate('pocket', { visible: false, sinceMs: 3 });
    const all = [fresh, pocket, phone];
    const input = { selfId: 'phone', candidates: all, claim: null, alive: aliveOf(all) };
    expect(elect(input)).toMatchObject({
      host: 'phone',
      shouldClaim: true,
      next: [
        { peerId: 'pocket', why: 'on battery, in the background' },
        { peerId: 'laptop', why: 'plugged in, on screen, not playing along yet' },
      ],
      followers: ['pocket', 'laptop'],
    });
    const claim = { epoch: 1, peerId: 'pocket' };
    const running = { ...input, selfId: 'laptop', claim };
    expect(elect(running)).toMatchObject({ host: 'pocket', followers: ['phone', 'laptop'] });
    expect(elect({ ...running, candidates: [laptop, pocket, phone] })).toMatchObject({ host: 'laptop' });
    // Nobody has it: the best fetches it.
    expect(elect({ ...input, candidates: all.map((each) => ({ ...each, unready: true })) }).host).toBe(
      'laptop',
    );
    // It has it before long, and is not replaced for that.
    const fetching = { ...input, candidates: [{ ...pocket, unready: true }, phone], claim };
    expect(elect(fetching)).toMatchObject({ host: 'pocket', shouldClaim: false });
    expect(leaderOf({ peers: all, claim: null, alive: aliveOf(all) })).toBe('laptop');
  });

  test('E19 of many at most three play along: the first who is ready, and the two best', () => {
    const two = ['a', 'b'].map((id) => candidate(id, { device: 'laptop', pluggedIn: true, unready: true }));
    const others = ['c', 'd', 'e'].map((id) => candidate(id, { unready: id === 'e' }));
    const all = [...others, ...two];
    const claim = { epoch: 1, peerId: 'host' };
    const host = candidate('host', { device: 'laptop', pluggedIn: true });
    const result = elect({ selfId: 'x', candidates: [...all, host], claim, alive: aliveOf([...all, host]) });
    expect(result.followers).toEqual(['c', 'a', 'b']);
  });

  test('E9 E18 E19 who cannot be heard at all goes behind all who will be, ready or not', () => {
    const any = fc.record({
      visible: fc.boolean(),
      pluggedIn: fc.boolean(),
      device: fc.constantFrom('phone' as const, 'tablet' as const, 'laptop' as const),
      nodeRoundTripMs: fc.option(fc.nat(60), { nil: null }),
      stumbles: fc.nat(5),
      unready: fc.boolean(),
    });
    const harm = fc.constantFrom({ cutOff: true }, { unheard: true });
    fc.assert(
      fc.property(any, any, harm, (a, b, harmed) => {
        const two = [candidate('harmed', { ...a, ...harmed }), candidate('fit', b)];
        expect(elect({ selfId: 'x', candidates: two, claim: null, alive: aliveOf(two) }).host).toBe('fit');
      }),
      { seed: 12 },
    );
  });

  test('E15 a feed that the node hears is the host’s, though nobody here can see it', () => {
    const claim = { epoch: 9, peerId: 'far' };
    const input = { selfId: 'laptop', candidates: both, claim, alive: aliveOf(both) };
    expect(elect({ ...input, isFed: true })).toMatchObject({ host: 'far', shouldClaim: false, epoch: 9 });
    expect(elect(input)).toMatchObject({ host: 'laptop', shouldClaim: true, epoch: 10 });
    const released = { ...claim, released: true as const };
    expect(elect({ ...input, claim: released, isFed: true }).host).toBe('laptop');
    expect(higherClaim({ epoch: 2, peerId: 'a' }, { epoch: 3, peerId: 'a' })).toEqual({
      epoch: 3,
      peerId: 'a',
    });
    expect(higherClaim({ epoch: 3, peerId: 'b' }, { epoch: 3, peerId: 'a' })).toEqual({
      epoch: 3,
      peerId: 'b',
    });
    const known = { epoch: 3, peerId: 'a', released: true as const };
    expect(higherClaim(known, { epoch: 3, peerId: 'a' })).toBe(known);
    expect(higherClaim(null, known)).toBe(known);
  });

  test('E8 the host leads the clock, without one the best peer, whatever the round trips', () => {
    const alive = aliveOf(both);
    expect(leaderOf({ peers: both, claim: { epoch: 1, peerId: 'phone' }, alive })).toBe('phone');
    expect(leaderOf({ peers: both, claim: { epoch: 1, peerId: 'phone', released: true }, alive })).toBe(
      'laptop',
    );
    expect(leaderOf({ peers: both, claim: null, alive: new Set(['phone']) })).toBe('phone');
    expect(leaderOf({ peers: [], claim: null, alive })).toBeNull();
    const twins = [
      candidate('a', { nodeRoundTripMs: null, cutOff: true }),
      candidate('b', { nodeRoundTripMs: 1 }),
    ];
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
      nodeRoundTripMs: null,
      cutOff: false,
      stumbles: 0,
      unheard: false,
      unready: false,
      sinceMs: 20,
      visible: false,
      pluggedIn: false,
    });
    const offer = {
      sinceMs: 50,
      visible: true,
      pluggedIn: true,
      nodeRoundTripMs: 3,
      cutOff: true,
      stumbles: 2,
      unheard: true,
      unready: true,
    };
    expect(candidateOf({ ...presence, candidate: offer })).toMatchObject(offer);
  });
});
