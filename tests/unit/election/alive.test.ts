import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aliveAt,
  BRIDGED_DUE_MS,
  FEED_DUE_MS,
  isFed,
  type LifeInput,
  MISSED_MS,
} from '../../../app/host/alive.ts';
import { encodeBeat, parseBeat } from '../../../app/host/beat.ts';
import { createSteadiness } from '../../../app/host/steadiness.ts';

const silentNode = { sinceMs: null, feed: null };
const input = (more: Partial<LifeInput> = {}): LifeInput => ({
  selfId: 'me',
  present: ['me', 'a', 'b'],
  linked: new Set(['a', 'b']),
  signs: new Map([
    ['a', { atMs: 10_000, epoch: 3 }],
    ['b', { atMs: 10_000, epoch: null }],
  ]),
  claim: { epoch: 3, peerId: 'a' },
  claimSinceMs: 0,
  stumbles: 0,
  node: silentNode,
  nowMs: 10_000,
  ...more,
});
const alive = (more: Partial<LifeInput>): string => [...aliveAt(input(more))].sort().join();

describe('who is alive', () => {
  test('E12 whose beats stop is gone after 2.5 s, and back with the next one', () => {
    expect(alive({})).toBe('a,b,me');
    expect(alive({ nowMs: 10_000 + MISSED_MS })).toBe('a,b,me');
    expect(alive({ nowMs: 10_001 + MISSED_MS })).toBe('me');
    const back = new Map([['b', { atMs: 12_600, epoch: null }]]);
    expect(alive({ nowMs: 12_600, signs: back, linked: new Set(['b']) })).toBe('a,b,me');
  });

  test('E12 who can only be heard of through others lives as long as they tell of it', () => {
    const far = { signs: new Map(), linked: new Set<string>(), nowMs: 99_000 };
    expect(alive(far)).toBe('a,b,me');
    expect(alive({ ...far, present: ['b'] })).toBe('b,me');
    expect(alive({ ...far, linked: new Set(['a']) })).toBe('b,me');
  });

  test('E13 the node’s word on the claim goes before the beats', () => {
    const late = { nowMs: 20_000 };
    const feed = { epoch: 3, peerId: 'a' };
    const heard = (state: 'up' | 'lost') => ({ node: { sinceMs: 0, feed: { ...feed, state } } });
    expect(alive({ ...late, ...heard('up') })).toBe('a,me');
    expect(alive(heard('lost'))).toBe('b,me');
    // It speaks of this feed alone: whether its host may be a candidate again is for its beats to say.
    expect(alive({ ...heard('lost'), claim: { epoch: 4, peerId: 'b' }, claimSinceMs: 10_000 })).toBe(
      'a,b,me',
    );
    expect(alive({ ...heard('lost'), claim: { epoch: 3, peerId: 'a', released: true } })).toBe('a,b,me');
  });

  test('E13 a feed that does not come up in its time is given up, later for one that stumbled', () => {
    const beating = (nowMs: number, epoch: number | null) =>
      new Map(['a', 'b'].map((peerId) => [peerId, { atMs: nowMs, epoch }]));
    const at = (afterMs: number, more: Partial<LifeInput>): string =>
      alive({ nowMs: 10_000 + afterMs, claimSinceMs: 10_000, signs: beating(10_000 + afterMs, 3), ...more });
    const node = { sinceMs: 0, feed: null };
    expect(at(FEED_DUE_MS, { node })).toBe('a,b,me');
    expect(at(FEED_DUE_MS + 1, { node })).toBe('b,me');
    expect(at(FEED_DUE_MS + 1, { node, stumbles: 1 })).toBe('a,b,me');
    expect(at(2 * FEED_DUE_MS + 1, { node, stumbles: 1 })).toBe('b,me');
    // The node has only just come back.
    expect(at(FEED_DUE_MS + 1, { node: { ...node, sinceMs: 13_000 } })).toBe('a,b,me');
    // Without the node its own word counts.
    expect(at(FEED_DUE_MS + 1, {})).toBe('a,b,me');
    expect(at(FEED_DUE_MS + 1, { signs: beating(14_001, null) })).toBe('b,me');
  });

  test('E13 who is to follow a host that is still heard may stand still for 7 s', () => {
    const at = (afterMs: number, state: 'up' | 'lost'): string =>
      alive({
        nowMs: 10_000 + afterMs,
        claimSinceMs: 10_000,
        claim: { epoch: 4, peerId: 'b' },
        node: { sinceMs: 0, feed: { epoch: 3, peerId: 'a', state } },
        linked: new Set(['b']),
        signs: new Map([['b', { atMs: 9_000, epoch: null }]]),
      });
    expect(at(BRIDGED_DUE_MS, 'up')).toBe('a,b,me');
    expect(at(BRIDGED_DUE_MS + 1, 'up')).toBe('a,me');
    expect(at(MISSED_MS, 'lost')).toBe('a,me');
  });

  test('self always lives; nobody lives whom nothing tells of', () => {
    const peer = fc.constantFrom('a', 'b', 'c', 'me');
    const time = fc.nat(20_000);
    fc.assert(
      fc.property(
        fc.uniqueArray(peer),
        fc.uniqueArray(peer),
        fc.array(fc.tuple(peer, time)),
        fc.option(fc.record({ epoch: fc.nat(3), peerId: peer }), { nil: null }),
        fc.option(
          fc.record({
            epoch: fc.nat(3),
            peerId: peer,
            state: fc.constantFrom('up' as const, 'lost' as const),
          }),
          {
            nil: null,
          },
        ),
        time,
        (present, linked, heard, claim, feed, nowMs) => {
          const signs = new Map(heard.map(([peerId, atMs]) => [peerId, { atMs, epoch: null }]));
          const node = { sinceMs: feed === null ? null : 0, feed };
          const all = aliveAt(input({ present, linked: new Set(linked), signs, claim, node, nowMs }));
          expect(all.has('me')).toBe(true);
          for (const peerId of all) expect(['me', ...present].includes(peerId)).toBe(true);
          for (const peerId of present) {
            const sign = signs.get(peerId);
            const isSilent = sign === undefined ? linked.includes(peerId) : nowMs - sign.atMs > MISSED_MS;
            const isBridged =
              feed?.state === 'up' &&
              claim?.peerId === peerId &&
              feed.epoch < claim.epoch &&
              nowMs <= BRIDGED_DUE_MS;
            if (isSilent && peerId !== 'me' && !isFed(claim, node) && !isBridged)
              expect(all.has(peerId)).toBe(false);
            if (isFed(claim, node) && claim?.peerId === peerId) expect(all.has(peerId)).toBe(true);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('the beat', () => {
  test('comes back as it was, and fits', () => {
    for (const epoch of [null, 0, 7, 1e12]) expect(parseBeat(encodeBeat({ epoch }))).toEqual({ epoch });
  });

  test('anything else is ignored', () => {
    const text = (json: string): Uint8Array => Uint8Array.from([0x62, ...new TextEncoder().encode(json)]);
    const nonsense = [
      '{"epoch":-1}',
      '{"epoch":1.5}',
      '{"epoch":"1"}',
      '{}',
      '[]',
      '',
      '{"epoch":2e12}',
      '{',
    ];
    for (const json of nonsense) expect(parseBeat(text(json))).toBeNull();
    expect(parseBeat(text(`{"epoch":1,"x":"${'x'.repeat(60)}"}`))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        const beat = parseBeat(bytes);
        expect(beat === null || beat.epoch === null || Number.isInteger(beat.epoch)).toBe(true);
      }),
    );
  });
});

describe('steadiness', () => {
  test('counts the stumbles of the last ten minutes, those that come together once', () => {
    const steadiness = createSteadiness();
    expect(steadiness.stumbles(0)).toBe(0);
    for (const atMs of [1_000, 2_000, 3_500, 100_000]) steadiness.stumbled(atMs);
    expect(steadiness.stumbles(100_000)).toBe(2);
    expect(steadiness.stumbles(601_001)).toBe(1);
    expect(steadiness.stumbles(700_000)).toBe(0);
    for (let n = 0; n < 1_000; n++) steadiness.stumbled(700_000 + n * 4_000);
    expect(steadiness.stumbles(700_000 + 1_000 * 4_000)).toBeLessThanOrEqual(16);
  });

  test('remembers for a minute that the node got nothing, and as a stumble for ten', () => {
    const steadiness = createSteadiness();
    expect(steadiness.isUnheard(0)).toBe(false);
    steadiness.wasUnheard(1_000);
    expect([steadiness.isUnheard(60_999), steadiness.isUnheard(61_000)]).toEqual([true, false]);
    expect([steadiness.stumbles(61_000), steadiness.stumbles(601_000)]).toEqual([1, 0]);
  });
});
