import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { parsePresences } from '../../../app/session/presence.ts';
import { may, roleOf, type Action } from '../../../app/session/policy.ts';
import { createPeer, playingRoom, sync, trackIdOf, trackOf } from './peers.ts';

describe('room', () => {
  test('C14 a track is added once', () => {
    const ann = createPeer('ann', { nowMs: 5 });
    const trackId = trackIdOf(1);
    expect(ann.commands.addTrack(trackId, trackOf(1000, 'x'.repeat(900)))).toEqual({ ok: true });
    expect(ann.queries.tracks().get(trackId)).toMatchObject({ title: 'x'.repeat(500), by: 'ann', at: 5 });
    const before = Y.encodeStateVector(ann.doc);
    expect(ann.commands.addTrack(trackId, trackOf(2000))).toEqual({ ok: true });
    expect(Y.encodeStateVector(ann.doc)).toEqual(before);
    expect(ann.commands.addTrack('nonsense', trackOf(2000))).toEqual({ ok: false, reason: 'invalid' });
    expect(ann.commands.addTrack(trackIdOf(2), trackOf(0))).toEqual({ ok: false, reason: 'invalid' });
    expect(ann.queries.tracks().size).toBe(1);
  });

  test('C15 joining twice changes nothing; a new name keeps the time', () => {
    const clock = { nowMs: 100 };
    const ann = createPeer('ann', clock);
    expect(ann.commands.rename('Anna')).toEqual({ ok: false, reason: 'unknown-member' });
    expect(ann.commands.joinMember({ name: '  Ann\n B ', hue: 40 })).toEqual({ ok: true });
    clock.nowMs = 200;
    const before = Y.encodeStateVector(ann.doc);
    ann.commands.joinMember({ name: 'Ann B', hue: 40 });
    expect(Y.encodeStateVector(ann.doc)).toEqual(before);
    ann.commands.rename('Anna');
    expect(ann.queries.members().get('ann')).toEqual({ name: 'Anna', hue: 40, joinedAt: 100 });
    expect(ann.commands.rename('  ')).toEqual({ ok: false, reason: 'invalid' });
    expect(ann.commands.joinMember({ name: 'Ann', hue: 999 })).toEqual({ ok: false, reason: 'invalid' });
  });

  test('C16 the earliest founder owns the room, in whatever order they meet', () => {
    for (const swapped of [false, true]) {
      const clock = { nowMs: 100 };
      const ann = createPeer('ann', clock, undefined, swapped ? 2 : 1);
      const ben = createPeer('ben', clock, undefined, swapped ? 1 : 2);
      ann.commands.createRoom('Kitchen');
      clock.nowMs = 200;
      ben.commands.createRoom('Late');
      if (swapped) sync(ben, ann);
      else sync(ann, ben);
      expect([ann.queries.room().owner, ben.queries.room().owner]).toEqual(['ann', 'ann']);
      expect(ann.queries.room()).toEqual({
        name: 'Kitchen',
        owner: 'ann',
        handed: 0,
        createdAt: 100,
        moved: null,
      });
      expect(ben.queries.room()).toEqual(ann.queries.room());
      ben.commands.renameRoom('Garden');
      sync(ann, ben);
      expect(ann.queries.room().name).toBe('Garden');
    }
  });

  test('C16 who made the link owns the room, whatever the clock of who thought it empty said', () => {
    for (const swapped of [false, true]) {
      const clock = { nowMs: 100 };
      const ann = createPeer('ann', clock, undefined, 1);
      const ben = createPeer('ben', clock, undefined, 2);
      ben.commands.createRoom('A slow clock');
      clock.nowMs = 200;
      ann.commands.createRoom('Kitchen', { made: true });
      if (swapped) sync(ben, ann);
      else sync(ann, ben);
      for (const peer of [ann, ben])
        expect(peer.queries.room()).toMatchObject({ name: 'Kitchen', owner: 'ann' });
    }
  });

  test('C17 the higher claim counts, whatever is merged last', () => {
    for (const swapped of [false, true]) {
      const clock = { nowMs: 0 };
      const ann = createPeer('ann', clock, undefined, swapped ? 2 : 1);
      const ben = createPeer('ben', clock, undefined, swapped ? 1 : 2);
      ann.commands.claimHost('peer-a');
      ann.commands.releaseHost('peer-a');
      expect(ann.queries.hostClaim()).toEqual({ epoch: 1, peerId: 'peer-a', released: true });
      expect(ann.commands.claimHost('peer-a')).toEqual({ ok: true, epoch: 2 });
      ben.commands.claimHost('peer-b');
      sync(ann, ben);
      for (const peer of [ann, ben]) {
        expect(peer.queries.hostClaim()).toEqual({ epoch: 2, peerId: 'peer-a' });
      }
      ben.commands.releaseHost('peer-b');
      expect(ben.commands.claimHost('peer-b')).toEqual({ ok: true, epoch: 3 });
      expect(ben.doc.getMap('host').size).toBe(1);
    }
  });

  test('C17 the role can be handed on: by the host, whoever that is, and by a DJ; the node’s epoch counts too', () => {
    const ann = createPeer('ann', { nowMs: 0 });
    ann.commands.createRoom('Kitchen');
    const ben = createPeer('ben', { nowMs: 0 });
    sync(ann, ben);
    ann.commands.setDjOnly(true);
    sync(ann, ben);
    expect(ben.commands.claimHost('peer-b', 7)).toEqual({ ok: true, epoch: 7 });
    expect(ben.commands.claimHost('peer-b', 3)).toEqual({ ok: true, epoch: 8 });
    expect(ben.commands.nameHost('peer-c', 'peer-b')).toEqual({ ok: true, epoch: 9 });
    expect(ben.queries.hostClaim()).toEqual({ epoch: 9, peerId: 'peer-c', named: true });
    expect(ben.commands.nameHost('peer-b', 'peer-b')).toEqual({ ok: false, reason: 'not-allowed' });
    sync(ann, ben);
    expect(ann.commands.nameHost('peer-b', 'peer-a')).toEqual({ ok: true, epoch: 10 });
    // The node knows of a claim that nobody here does.
    expect(ann.commands.nameHost('peer-b', 'peer-a', 40)).toEqual({ ok: true, epoch: 40 });
    expect(ann.commands.nameHost('no/id', 'peer-a')).toEqual({ ok: false, reason: 'invalid' });
    expect(ann.doc.getMap('host').size).toBe(1);
  });

  test('C17 equal epochs: the higher peerId counts', () => {
    const ann = createPeer('ann', { nowMs: 0 });
    const ben = createPeer('ben', { nowMs: 0 });
    ann.commands.claimHost('peer-z');
    ben.commands.claimHost('peer-b');
    sync(ann, ben);
    expect(ann.queries.hostClaim()?.peerId).toBe('peer-z');
    expect(ben.queries.hostClaim()?.peerId).toBe('peer-z');
  });

  test('Q4 presences that do not parse or speak for another are left out', () => {
    const good = {
      memberId: 'm',
      peerId: 'p1',
      name: 'Ann',
      hue: 1,
      device: 'phone',
      listening: true,
      candidate: null,
      talking: false,
      roundTripMs: null,
      joinedAtMs: 20,
    };
    const parsed = parsePresences(
      new Map<string, unknown>([
        ['p1', good],
        ['p2', { ...good, peerId: 'p2', joinedAtMs: 10 }],
        ['p3', good],
        ['p4', { ...good, peerId: 'p4', device: 'fridge' }],
        ['p5', null],
      ]),
    );
    expect([...parsed.keys()]).toEqual(['p2', 'p1']);
    expect(parsed.get('p1')).toEqual(good);
  });
});

describe('policy', () => {
  const actions: readonly Action[] = [
    'add',
    'vote',
    'edit-own',
    'offer-host',
    'name-host',
    'edit-any',
    'control',
    'order',
    'rename-room',
    'make-djs',
    'replace-link',
    'hand-on',
  ];

  test('P1 with dj off everybody is a DJ', () => {
    const roles = { owner: 'ann', djOnly: false, djs: new Set<string>() };
    expect(roleOf('ben', roles)).toBe('dj');
    expect(actions.filter((action) => !may('dj', action))).toEqual(['make-djs', 'replace-link', 'hand-on']);
  });

  test('P2 P3 guests add, vote, edit their own and offer to host', () => {
    const roles = { owner: 'ann', djOnly: true, djs: new Set(['cat']) };
    expect(['ann', 'ben', 'cat'].map((member) => roleOf(member, roles))).toEqual(['owner', 'guest', 'dj']);
    expect(actions.filter((action) => may('guest', action))).toEqual([
      'add',
      'vote',
      'edit-own',
      'offer-host',
    ]);
    expect(actions.every((action) => may('owner', action))).toBe(true);
  });

  test('P2 P3 the commands ask the policy', () => {
    const ann = playingRoom([9000, 9000]);
    ann.commands.createRoom('Kitchen');
    const ben = createPeer('ben', ann.clock);
    sync(ann, ben);
    expect(ben.commands.setDjOnly(true)).toEqual({ ok: false, reason: 'not-allowed' });
    ann.commands.setDjOnly(true);
    sync(ann, ben);

    const refused = { ok: false, reason: 'not-allowed' };
    const { commands } = ben;
    const [first] = ann.items as [string];
    for (const result of [
      commands.play(),
      commands.handOn('ann'),
      commands.pause(),
      commands.skip(),
      commands.back(),
      commands.seek(1),
      commands.jumpTo(first),
      commands.remove(first),
      commands.clearPlayed(),
      commands.shuffle(),
      commands.move(first, 0),
      commands.setLoop('all'),
      commands.setOrder('votes'),
      commands.enqueue(trackIdOf(0), 'next'),
      commands.renameRoom('Mine'),
      commands.setDj('ben', true),
      commands.restore({ kind: 'reorder', itemIds: [] }),
    ]) {
      expect(result).toEqual(refused);
    }
    const added = commands.enqueue(trackIdOf(0), 'end');
    if (!added.ok) throw new Error(added.reason);
    expect(commands.vote(first, 1)).toEqual({ ok: true });
    expect(commands.remove(added.itemId)).toMatchObject({ ok: true });
    expect(commands.nameHost('peer-b', 'peer-x')).toEqual(refused);
    expect(commands.claimHost('peer-b')).toMatchObject({ ok: true });

    ann.commands.setDj('ben', true);
    sync(ann, ben);
    expect(commands.skip()).toEqual({ ok: true });
    expect(commands.setDjOnly(false)).toEqual(refused);
    ann.commands.setDj('ben', false);
    sync(ann, ben);
    expect(commands.skip()).toEqual(refused);
  });
});
