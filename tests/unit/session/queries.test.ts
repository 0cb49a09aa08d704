import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { createQueries } from '../../../app/session/queries.ts';
import { createPeer, idsOf, playingRoom, sync, trackIdOf, trackOf } from './peers.ts';

describe('queries', () => {
  test('Q1 records that do not parse are absent', () => {
    const room = playingRoom([1000, 1000]);
    const junk = (): unknown[] => [null, 'x', 7, [], { rank: 'a1' }, new Y.Map(), new Uint8Array(3)];
    for (const name of ['queue', 'tracks', 'votes', 'playback', 'settings', 'members', 'host', 'room']) {
      for (const [i, value] of junk().entries()) room.doc.getMap(name).set(`junk${i}`, value);
      for (const key of [
        'anchor/ann',
        'opening/ann',
        'loop',
        'order',
        'dj',
        'dj/x',
        'a/b',
        '/',
        'claim/x',
        'founder/x',
        'name',
      ]) {
        room.doc.getMap(name).set(key, 'junk');
      }
    }
    const fresh = createQueries(room.doc);
    for (const queries of [room.queries, fresh]) {
      expect(idsOf(queries.order())).toEqual(room.items);
      expect(queries.moment(0)).toBeNull();
      expect(queries.settings()).toEqual({
        loop: 'off',
        order: 'manual',
        crossfadeMs: 0,
        mix: {},
        djOnly: false,
        djs: new Set(),
      });
      expect(queries.members().size).toBe(0);
      expect(queries.hostClaim()).toBeNull();
      expect(queries.room()).toEqual({ name: 'junk', owner: null, handed: 0, createdAt: null, moved: null });
      expect(queries.votes('a').size).toBe(0);
    }
    fresh.close();
  });

  test('Q1 a claim under the key of another peer is absent', () => {
    const room = createPeer('ann', { nowMs: 0 });
    room.doc.getMap('host').set('claim/a', { epoch: 9, peerId: 'b' });
    expect(room.queries.hostClaim()).toBeNull();
  });

  test('Q2 one call a transaction says what changed, with every read up to date', () => {
    const room = playingRoom([1000]);
    const ben = createPeer('ben', room.clock);
    const told: string[][] = [];
    const lengths: number[] = [];
    const stop = ben.queries.onChange((changed) => {
      told.push([...changed].sort());
      lengths.push(ben.queries.order().length);
    });
    sync(room, ben);
    ben.commands.vote(room.items[0] as string, 1);
    ben.commands.setLoop('all');
    ben.commands.joinMember({ name: 'Ben', hue: 1 });
    ben.doc.transact(() => undefined);
    stop();
    ben.commands.pause();
    expect(told).toEqual([['playback', 'queue', 'tracks'], ['votes'], ['settings'], ['members']]);
    expect(lengths[0]).toBe(1);
  });

  test('Q3 an edit reparses only what it changed', () => {
    const room = playingRoom([1000, 1000, 1000]);
    const before = new Map(room.queries.queue());
    const entries = room.queries.order();
    room.commands.move(room.items[2] as string, 0);
    expect(room.queries.queue().get(room.items[2] as string)).not.toBe(before.get(room.items[2] as string));
    expect(room.queries.queue().get(room.items[1] as string)).toBe(before.get(room.items[1] as string));
    expect(room.queries.order()[0]).toBe(entries[0]);
    const order = room.queries.order();
    room.commands.joinMember({ name: 'Ann', hue: 1 });
    expect(room.queries.order()).toBe(order);
  });

  test('O8 items of an unknown track appear with the track', () => {
    const room = createPeer('ann', { nowMs: 0 });
    room.doc.getMap('queue').set('x', { trackId: trackIdOf(1), by: 'ben', at: 0, rank: 'a0' });
    expect(room.queries.order()).toEqual([]);
    expect(room.queries.queue().size).toBe(1);
    room.commands.addTrack(trackIdOf(1), trackOf(1234));
    expect(room.queries.order()).toMatchObject([{ itemId: 'x', durationMs: 1234 }]);
  });

  test('Q5 5,000 items stay quick', () => {
    const clock = { nowMs: 0 };
    const ann = createPeer('ann', clock);
    const ms = (run: () => void): number => {
      const begunMs = performance.now();
      run();
      return performance.now() - begunMs;
    };
    for (let i = 0; i < 500; i++) ann.commands.addTrack(trackIdOf(i), trackOf(180_000));
    const buildMs = ms(() => {
      for (let i = 0; i < 5000; i++) ann.commands.enqueue(trackIdOf(i % 500), 'end');
    });
    expect(ann.queries.order()).toHaveLength(5000);
    const update = Y.encodeStateAsUpdate(ann.doc);
    const ben = createPeer('ben', clock);
    const mergeMs = ms(() => Y.applyUpdate(ben.doc, update));
    let fresh: ReturnType<typeof createQueries> | null = null;
    const openMs = ms(() => void (fresh = createQueries(ann.doc)).order());
    (fresh as ReturnType<typeof createQueries> | null)?.close();

    const rounds = 20;
    const last = (): string => ann.queries.order()[4999]?.itemId ?? '';
    const editMs = ms(() => {
      for (let i = 0; i < rounds; i++) {
        ann.commands.move(last(), 3);
        ann.queries.view(1000);
      }
    });
    ann.commands.setOrder('votes');
    const voteMs = ms(() => {
      for (let i = 0; i < rounds; i++) {
        ann.commands.vote(last(), i % 2 === 0 ? 1 : -1);
        ann.queries.view(1000);
      }
    });
    ann.commands.setOrder('fair');
    const fairMs = ms(() => ann.queries.view(1000));
    const shuffleMs = ms(() => ann.commands.shuffle());
    const queryMs = ms(() => {
      for (let i = 0; i < rounds; i++) ann.queries.moment(i * 1000);
    });
    console.log(
      `5,000 items: build ${buildMs.toFixed(0)} ms, update ${(update.length / 1024).toFixed(0)} KiB, ` +
        `merge ${mergeMs.toFixed(0)} ms, open ${openMs.toFixed(0)} ms, move + view ${(editMs / rounds).toFixed(2)} ms, ` +
        `vote + view ${(voteMs / rounds).toFixed(2)} ms, fair ${fairMs.toFixed(1)} ms, ` +
        `shuffle ${shuffleMs.toFixed(0)} ms, moment ${(queryMs / rounds).toFixed(3)} ms`,
    );
    expect(buildMs / 5000).toBeLessThan(10);
    expect(mergeMs).toBeLessThan(2000);
    expect(openMs).toBeLessThan(2000);
    expect(editMs / rounds).toBeLessThan(60);
    expect(voteMs / rounds).toBeLessThan(120);
    expect(fairMs).toBeLessThan(250);
    expect(shuffleMs).toBeLessThan(1500);
    expect(queryMs / rounds).toBeLessThan(10);
  });
});
