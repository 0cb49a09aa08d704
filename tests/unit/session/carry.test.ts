import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { packRoom, unpackRoom } from '../../../app/session/carry.ts';
import { createQueries } from '../../../app/session/queries.ts';
import { createPeer, sync, trackIdOf, trackOf, type Peer } from './peers.ts';

function room(): { ann: Peer; ben: Peer } {
  const clock = { nowMs: 1_000 };
  const ann = createPeer('ann', clock, undefined, 1);
  const ben = createPeer('ben', clock, undefined, 2);
  ann.commands.createRoom('Kitchen');
  sync(ann, ben);
  ben.commands.joinMember({ name: 'Ben', hue: 10 });
  for (const n of [1, 2]) {
    ann.commands.addTrack(trackIdOf(n), trackOf(60_000));
    ann.commands.enqueue(trackIdOf(n), 'end');
  }
  sync(ann, ben);
  return { ann, ben };
}

describe('carry', () => {
  test('C21 the owner closes the room: every command of everybody is refused', () => {
    const { ann, ben } = room();
    expect(ben.commands.markMoved()).toEqual({ ok: false, reason: 'not-allowed' });
    expect(ann.commands.markMoved()).toEqual({ ok: true });
    sync(ann, ben);
    expect(ben.queries.room().moved).toEqual({ at: 1_000, by: 'ann' });
    const before = Y.encodeStateVector(ben.doc);
    const refused = { ok: false, reason: 'moved' };
    expect(ben.commands.joinMember({ name: 'Benno', hue: 10 })).toEqual(refused);
    expect(ben.commands.enqueue(trackIdOf(1), 'end')).toEqual(refused);
    expect(ben.commands.pause()).toEqual(refused);
    expect(ben.commands.createRoom('Mine')).toEqual(refused);
    expect(ann.commands.claimHost('peer')).toEqual(refused);
    expect(ann.commands.renameRoom('Other')).toEqual(refused);
    expect(Y.encodeStateVector(ben.doc)).toEqual(before);
  });

  test('C21 a mark that is not the owner’s closes nothing', () => {
    const { ann, ben } = room();
    ben.doc.getMap('room').set('moved', { at: 5, by: 'ben' });
    sync(ann, ben);
    expect(ann.queries.room().moved).toBeNull();
    expect(ann.commands.pause()).toEqual({ ok: true });
  });

  test('C22 who hosted there does not host here, and a claim that nobody could outdo is left behind', () => {
    const { ann, ben } = room();
    ben.doc.getMap('host').set('claim/x', { epoch: 1e12, peerId: 'x' });
    sync(ann, ben);
    expect(ann.commands.claimHost('ann-phone').ok).toBe(false);
    const doc = new Y.Doc();
    unpackRoom(doc, packRoom(ann.doc));
    expect(createQueries(doc).hostClaim()).toBeNull();
  });

  test('C22 copies taken before and after the mark merge to one open room', () => {
    const { ann, ben } = room();
    ben.commands.rename('Benno');
    const early = packRoom(ann.doc);
    ann.commands.markMoved();
    sync(ann, ben);
    const [first, second] = [new Y.Doc(), new Y.Doc()];
    unpackRoom(first, early);
    unpackRoom(second, packRoom(ben.doc));
    Y.applyUpdate(first, Y.encodeStateAsUpdate(second));
    Y.applyUpdate(second, Y.encodeStateAsUpdate(first));
    for (const doc of [first, second]) {
      const queries = createQueries(doc);
      expect(queries.room()).toEqual({
        name: 'Kitchen',
        owner: 'ann',
        handed: 0,
        createdAt: 1_000,
        moved: null,
      });
      expect(queries.order()).toHaveLength(2);
      expect(queries.members().get('ben')?.name).toBe('Benno');
    }
  });
});
