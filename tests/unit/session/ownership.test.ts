import { describe, expect, test } from 'vitest';
import { createPeer, sync, type Peer } from './peers.ts';

const NAMES = ['ann', 'ben', 'cat'] as const;

/** Ann's room, with Ben and Cat in it. */
function room() {
  const clock = { nowMs: 1_000 };
  const peers = NAMES.map((name, i) => createPeer(name, clock, undefined, i + 1)) as [Peer, Peer, Peer];
  const [ann, ben, cat] = peers;
  ann.commands.createRoom('Kitchen');
  const all = (): void => {
    for (let round = 0; round < 2; round++) for (const other of [ben, cat]) sync(ann, other);
  };
  all();
  for (const peer of peers) peer.commands.joinMember({ name: peer.memberId, hue: 10 });
  all();
  return { ann, ben, cat, peers, clock, all, owners: () => peers.map(({ queries }) => queries.room().owner) };
}

describe('ownership', () => {
  test('C25 the owner hands the room on; then the new one has the owner’s rights, and the old one has not', () => {
    const { ann, ben, all, owners } = room();
    expect(ann.commands.handOn('ben')).toEqual({ ok: true });
    all();
    expect(owners()).toEqual(['ben', 'ben', 'ben']);
    expect(ann.queries.room()).toMatchObject({ name: 'Kitchen', createdAt: 1_000 });
    expect(ann.queries.roleOf('ann')).toBe('dj');
    const refused = { ok: false, reason: 'not-allowed' };
    expect(ann.commands.setDjOnly(true)).toEqual(refused);
    expect(ann.commands.markMoved()).toEqual(refused);
    expect(ann.commands.handOn('cat')).toEqual(refused);
    // The founder, on the device that made the link, does not take it back by coming again.
    expect(ann.commands.createRoom('Kitchen', { made: true })).toEqual({ ok: true });
    all();
    expect(owners()).toEqual(['ben', 'ben', 'ben']);
    expect(ben.commands.markMoved()).toEqual({ ok: true });
    all();
    expect(ann.queries.room().moved).toEqual({ at: 1_000, by: 'ben' });
  });

  test('C25 it is handed further, and back, and on again', () => {
    const { ann, ben, cat, all, owners } = room();
    const hand = (from: Peer, to: string): void => {
      expect(from.commands.handOn(to)).toEqual({ ok: true });
      all();
      expect(owners()).toEqual([to, to, to]);
    };
    hand(ann, 'ben');
    hand(ben, 'ann');
    hand(ann, 'cat');
    hand(cat, 'ben');
    hand(ben, 'ann');
  });

  test('C25 only to a member, and to somebody else', () => {
    const { ann } = room();
    expect(ann.commands.handOn('eve')).toEqual({ ok: false, reason: 'unknown-member' });
    expect(ann.commands.handOn('ann')).toEqual({ ok: false, reason: 'invalid' });
    expect(ann.queries.room().owner).toBe('ann');
  });

  test('C25 what anybody else wrote hands nothing on, nor does what means nothing', () => {
    const { ann, ben, all, owners } = room();
    const written = ben.doc.getMap('room');
    written.set('handed-0/ben', { to: 'ben', at: 5 });
    written.set('handed-1/ann', { to: 'ben', at: 5 });
    written.set('handed-0/cat', { to: 'ben', at: 5 });
    all();
    expect(owners()).toEqual(['ann', 'ann', 'ann']);
    ann.commands.handOn('cat');
    written.set('handed-1/ben', { to: 'ann', at: 5 });
    written.set('handed-1/cat', { to: 'a/b', at: 5 });
    all();
    expect(owners()).toEqual(['cat', 'cat', 'cat']);
  });

  test('C25 who turns out not to have been the owner has handed nothing on, whoever meets first', () => {
    for (const swapped of [false, true]) {
      const clock = { nowMs: 100 };
      const ann = createPeer('ann', clock, undefined, swapped ? 2 : 1);
      const ben = createPeer('ben', clock, undefined, swapped ? 1 : 2);
      ann.commands.createRoom('Kitchen');
      clock.nowMs = 200;
      ben.commands.createRoom('Late');
      for (const peer of [ann, ben])
        peer.doc.getMap('members').set('cat', { name: 'C', hue: 1, joinedAt: 1 });
      expect(ben.commands.handOn('cat')).toEqual({ ok: true });
      expect(ben.queries.room().owner).toBe('cat');
      if (swapped) sync(ben, ann);
      else sync(ann, ben);
      expect([ann, ben].map(({ queries }) => queries.room().owner)).toEqual(['ann', 'ann']);
    }
  });

  test('C25 handed on at two devices of the owner’s apart, it has one owner once they meet', () => {
    const { ann, all, ben, cat, clock, owners } = room();
    const laptop = createPeer('ann', clock, undefined, 9);
    sync(ann, laptop);
    ann.commands.handOn('ben');
    laptop.commands.handOn('cat');
    all();
    // Whoever was made it first hands on as the owner, not knowing yet.
    ben.commands.handOn('ann');
    sync(laptop, cat);
    all();
    sync(ann, laptop);
    const [owner] = owners();
    expect(['ann', 'cat']).toContain(owner);
    expect([...owners(), laptop.queries.room().owner]).toEqual([owner, owner, owner, owner]);
  });
});
