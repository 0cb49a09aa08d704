import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arrange, byTurns, byVotes, type QueueEntry } from '../../../app/session/order.ts';
import type { Anchor } from '../../../app/session/schema.ts';
import { idsOf } from './peers.ts';

/** `entries('ann:a ben:b')`: items a, b of these members, in this line. */
function entries(text: string): QueueEntry[] {
  return text.split(' ').map((word, i) => {
    const [by, itemId] = word.split(':') as [string, string];
    return { itemId, by, trackId: 't', durationMs: 1000, at: 0, rank: `a${i}` };
  });
}

function anchorAt(itemId: string, rank: string, more: Partial<Anchor> = {}): Anchor {
  return { itemId, rank, positionMs: 400, atMs: 5000, playing: true, ...more };
}

const line = entries('ann:a ann:b ann:c ben:d cat:e ben:f');
const noVotes = (): number => 0;

describe('order', () => {
  test('O1 without an anchor everything is up next', () => {
    expect(arrange(line, null, 'manual', 'off', noVotes)).toEqual({ order: line, anchor: null, cursor: 0 });
  });

  test('O2 played and current items keep their line in every mode', () => {
    const votesOf = (itemId: string): number => ({ a: -5, e: 3, f: 3, d: 1 })[itemId] ?? 0;
    const byVote = arrange(line, anchorAt('b', 'a1'), 'votes', 'off', votesOf);
    expect(idsOf(byVote.order)).toEqual(['a', 'b', 'e', 'f', 'd', 'c']);
    expect(byVote.cursor).toBe(1);
    const fair = arrange(line, anchorAt('b', 'a1'), 'fair', 'off', noVotes);
    expect(idsOf(fair.order)).toEqual(['a', 'b', 'd', 'e', 'c', 'f']);
  });

  test('O3 votes: highest sum first, equal sums in line order', () => {
    const sums: Record<string, number> = { a: 1, b: -1, c: 2, d: 1 };
    expect(idsOf(byVotes(line, (itemId) => sums[itemId] ?? 0))).toEqual(['c', 'a', 'd', 'e', 'f', 'b']);
  });

  test('O4 fair: members take turns', () => {
    expect(idsOf(byTurns([], line))).toEqual(['a', 'd', 'e', 'b', 'f', 'c']);
  });

  test('O4 fair: whose turn is longest ago comes next, newcomers before them', () => {
    const passed = entries('ben:x ann:y');
    expect(idsOf(byTurns(passed, line))).toEqual(['e', 'd', 'a', 'f', 'b', 'c']);
  });

  test('O4 fair: going on from any item gives the same sequence', () => {
    const member = fc.constantFrom('ann', 'ben', 'cat', 'dan');
    fc.assert(
      fc.property(fc.array(member, { minLength: 1, maxLength: 12 }), fc.nat(11), (members, count) => {
        const rest = entries(members.map((by, i) => `${by}:${String.fromCharCode(97 + i)}`).join(' '));
        const whole = byTurns([], rest);
        const passed = whole.slice(0, count);
        const left = rest.filter((entry) => !passed.includes(entry));
        expect(idsOf([...passed, ...byTurns(passed, left)])).toEqual(idsOf(whole));
      }),
      { numRuns: 500, seed: 5 },
    );
  });

  test('O5 the next item takes the place of one that is gone', () => {
    const { anchor, cursor } = arrange(line, anchorAt('gone', 'a2V'), 'manual', 'off', noVotes);
    expect(anchor).toEqual(anchorAt('d', 'a3', { positionMs: 0 }));
    expect(cursor).toBe(3);
  });

  test('O5 in votes mode the best of what is up next takes it', () => {
    const votesOf = (itemId: string): number => (itemId === 'f' || itemId === 'a' ? 2 : 0);
    const { anchor, order, cursor } = arrange(line, anchorAt('gone', 'a2V'), 'votes', 'off', votesOf);
    expect(anchor?.itemId).toBe('f');
    expect(order[cursor]?.itemId).toBe('f');
  });

  test('O5 after the last: loop all starts over, else the room is idle', () => {
    expect(arrange(line, anchorAt('gone', 'b00'), 'manual', 'all', noVotes).anchor?.itemId).toBe('a');
    expect(arrange(line, anchorAt('gone', 'b00'), 'manual', 'off', noVotes)).toMatchObject({
      anchor: null,
      cursor: 6,
    });
  });

  test('O9 what stands behind an ended anchor is up next', () => {
    const ended = anchorAt('b', 'a1', { ended: true, playing: false });
    expect(arrange(line, ended, 'manual', 'off', noVotes)).toMatchObject({ anchor: ended, cursor: 2 });
    const gone = anchorAt('gone', 'a1V', { ended: true, playing: false });
    expect(arrange(line, gone, 'manual', 'all', noVotes)).toMatchObject({ anchor: gone, cursor: 2 });
  });
});
