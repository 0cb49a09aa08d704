import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compareRanked, ranksFor } from '../../../app/session/ranks.ts';

function applied(wanted: readonly { itemId: string; rank: string | null }[]): string[] {
  const changes = ranksFor(wanted);
  return wanted
    .map(({ itemId, rank }) => ({ itemId, rank: changes.get(itemId) ?? rank ?? '' }))
    .sort(compareRanked)
    .map(({ itemId }) => itemId);
}

describe('ranks', () => {
  test('O6 an item between two others changes one rank', () => {
    const changes = ranksFor([
      { itemId: 'a', rank: 'a0' },
      { itemId: 'new', rank: null },
      { itemId: 'b', rank: 'a1' },
    ]);
    expect([...changes]).toEqual([['new', 'a0V']]);
  });

  test('O6 an item moved from the front to the back changes only its own rank', () => {
    const wanted = ['b', 'c', 'd', 'a'].map((itemId, i) => ({ itemId, rank: i === 3 ? 'Zz' : `a${i}` }));
    expect([...ranksFor(wanted).keys()]).toEqual(['a']);
    expect(applied(wanted)).toEqual(['b', 'c', 'd', 'a']);
  });

  test('O6 between two equal ranks the right one moves on', () => {
    const wanted = [
      { itemId: 'a', rank: 'a0' },
      { itemId: 'new', rank: null },
      { itemId: 'b', rank: 'a0' },
      { itemId: 'c', rank: 'a0' },
      { itemId: 'd', rank: 'a1' },
    ];
    expect(applied(wanted)).toEqual(['a', 'new', 'b', 'c', 'd']);
    expect(ranksFor(wanted).has('a')).toBe(false);
    expect(ranksFor(wanted).has('d')).toBe(false);
  });

  test('O6 what is in order already changes nothing', () => {
    expect(
      ranksFor([
        { itemId: 'a', rank: 'a0' },
        { itemId: 'b', rank: 'a0' },
        { itemId: 'c', rank: 'a0V' },
      ]).size,
    ).toBe(0);
  });

  test('O6 nothing fits below the smallest key: all are dealt anew', () => {
    const smallest = `A${'0'.repeat(26)}`;
    const wanted = [
      { itemId: 'new', rank: null },
      { itemId: 'a', rank: `${smallest}1` },
      { itemId: 'b', rank: 'a0' },
    ];
    expect(applied(wanted)).toEqual(['new', 'a', 'b']);
  });

  test('O7 ranks stay short after 3,000 inserts at one place', () => {
    let line = [
      { itemId: 'first', rank: 'a0' },
      { itemId: 'last', rank: 'a1' },
    ];
    let longest = 0;
    for (let i = 0; i < 3000; i++) {
      const wanted = [line[0], { itemId: `n${i}`, rank: null }, ...line.slice(1)].filter(
        (x) => x !== undefined,
      );
      const changes = ranksFor(wanted);
      line = wanted.map(({ itemId, rank }) => ({ itemId, rank: changes.get(itemId) ?? rank ?? '' }));
      longest = Math.max(longest, ...[...changes.values()].map((rank) => rank.length));
    }
    expect(longest).toBeLessThanOrEqual(60);
    expect([...line].sort(compareRanked)).toEqual(line);
  });

  test('O6 any wanted order comes about', () => {
    const rank = fc.option(fc.constantFrom('a0', 'a0V', 'a1', 'a2', 'Zz', 'b00'), { nil: null });
    fc.assert(
      fc.property(fc.array(rank, { maxLength: 12 }), fc.infiniteStream(fc.nat(1e6)), (ranks, salts) => {
        const wanted = ranks.map((each, i) => ({ itemId: `${salts.next().value}-${i}`, rank: each }));
        expect(applied(wanted)).toEqual(wanted.map(({ itemId }) => itemId));
      }),
      { numRuns: 1000, seed: 3 },
    );
  });
});
