import { describe, expect, test } from 'vitest';
import { packRoom } from '../../../app/session/carry.ts';
import { createPeer, idsOf, playingRoom, trackIdOf, trackOf } from './peers.ts';

const later = { nowMs: 9_000_000 };

function savedRoom() {
  const ann = playingRoom([60_000, 60_000, 60_000], { nowMs: 1_000 });
  ann.commands.createRoom('Attic');
  ann.commands.joinMember({ name: 'Ann', hue: 10 });
  ann.commands.vote(ann.items[2] ?? '', 1);
  ann.clock.nowMs = 71_000;
  return { ann, packed: packRoom(ann.doc) };
}

describe('a saved room', () => {
  test('M1 in an empty room the queue is as it was, paused where the music stood', () => {
    const { ann, packed } = savedRoom();
    const ben = createPeer('ben', later, undefined, 7);
    ben.commands.createRoom('Cellar');
    expect(ben.commands.mergeRoom(packed, 71_000)).toEqual({ ok: true, items: 3, tracks: 3 });
    expect(idsOf(ben.queries.order())).toEqual(ann.items);
    const { moment, played } = ben.queries.view(later.nowMs);
    expect([moment?.item.itemId, moment?.positionMs, moment?.playing]).toEqual([ann.items[1], 10_000, false]);
    expect(idsOf(played)).toEqual([ann.items[0]]);
    expect(ben.queries.voteSum(ann.items[2] ?? '')).toBe(1);
    expect(ben.queries.members().get('ann')?.name).toBe('Ann');
    expect(ben.queries.room()).toMatchObject({ name: 'Cellar', owner: 'ben' });
  });

  test('M2 where something plays it goes on, and the saved queue comes behind; twice adds nothing', () => {
    const { ann, packed } = savedRoom();
    const ben = playingRoom([200_000, 200_000], { nowMs: 0 }, 'ben');
    const before = ben.queries.moment(50_000);
    ben.clock.nowMs = 50_000;
    const [played, ...rest] = ann.items;
    const merged = [played, ...ben.items, ...rest];
    expect(ben.commands.mergeRoom(packed, 71_000)).toMatchObject({ ok: true, items: 3 });
    expect(ben.queries.moment(50_000)?.item.itemId).toBe(before?.item.itemId);
    expect(ben.queries.moment(50_000)?.positionMs).toBe(before?.positionMs);
    expect(idsOf(ben.queries.order())).toEqual(merged);
    expect(ben.commands.mergeRoom(packed, 71_000)).toEqual({ ok: true, items: 0, tracks: 0 });
    expect(idsOf(ben.queries.order())).toEqual(merged);
  });

  test('M1 a queue that had run out has run out; what is added then plays', () => {
    const { ann, packed } = savedRoom();
    const ben = createPeer('ben', later, undefined, 7);
    expect(ben.commands.mergeRoom(packed, 71_000 + 600_000)).toMatchObject({ ok: true, items: 3 });
    const { moment, played, upNext } = ben.queries.view(later.nowMs);
    expect([moment, idsOf(played), upNext]).toEqual([null, ann.items, []]);
    expect(ben.commands.enqueue(trackIdOf(0), 'end')).toMatchObject({ ok: true, startsNow: true });
  });

  test('M3 bytes that are no room are refused, and guests may not', () => {
    const { packed } = savedRoom();
    const ben = createPeer('ben', later);
    expect(ben.commands.mergeRoom(packed.slice(0, packed.length / 2), 0)).toEqual({
      ok: false,
      reason: 'invalid',
    });
    expect(ben.queries.queue().size).toBe(0);
    ben.commands.createRoom('Cellar');
    ben.commands.setDjOnly(true);
    const cat = createPeer('cat', later);
    cat.doc.getMap('room').set('founder/ben', { at: 1, name: 'Cellar' });
    cat.doc.getMap('settings').set('dj', true);
    expect(cat.commands.mergeRoom(packed, 0)).toEqual({ ok: false, reason: 'not-allowed' });
  });
});

test('M4 a wish for a copy is kept for a known track alone, and can be taken back', () => {
  const ann = createPeer('ann', later);
  expect(ann.commands.keepCopy(trackIdOf(1), true)).toEqual({ ok: false, reason: 'unknown-track' });
  ann.commands.addTrack(trackIdOf(1), trackOf(1_000));
  ann.commands.keepCopy(trackIdOf(1), true);
  ann.doc.getMap('settings').set('keep/nonsense', true);
  expect([...ann.queries.keeps()]).toEqual([trackIdOf(1)]);
  ann.commands.keepCopy(trackIdOf(1), false);
  expect(ann.queries.keeps().size).toBe(0);
});
