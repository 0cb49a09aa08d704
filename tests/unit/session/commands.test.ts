import * as Y from 'yjs';
import { describe, expect, test } from 'vitest';
import { COMMAND_ORIGIN, type Result } from '../../../app/session/commands.ts';
import { MAX_QUEUE_ITEMS } from '../../../app/session/queue-commands.ts';
import { createPeer, idsOf, playingRoom, sync, trackIdOf, trackOf, type Peer } from './peers.ts';

function ok<T extends object>(result: Result<T>): { ok: true } & T {
  if (!result.ok) throw new Error(result.reason);
  return result;
}

function now(peer: Peer, nowMs: number) {
  const moment = peer.queries.moment(nowMs);
  return moment && { itemId: moment.item.itemId, positionMs: moment.positionMs, playing: moment.playing };
}

function upNext(peer: Peer, nowMs: number): string[] {
  return idsOf(peer.queries.view(nowMs).upNext);
}

function played(peer: Peer, nowMs: number): string[] {
  return idsOf(peer.queries.view(nowMs).played);
}

describe('settling', () => {
  test('C1 an edit after an implicit advance does not rewrite what was heard', () => {
    const room = playingRoom([1000, 1000, 1000, 1000]);
    const [a, b, c, d] = room.items as [string, string, string, string];
    // c plays since 2,000; without settling, removing a would make it d.
    room.clock.nowMs = 2500;
    ok(room.commands.remove(a));
    expect(now(room, 2500)).toEqual({ itemId: c, positionMs: 500, playing: true });
    expect(room.queries.storedAnchor()).toMatchObject({ itemId: c, positionMs: 0, atMs: 2000 });
    expect([played(room, 2500), upNext(room, 2500)]).toEqual([[b], [d]]);
  });

  test('C1 leaving loop one after several rounds goes on in the present round', () => {
    const room = playingRoom([1000, 1000]);
    ok(room.commands.setLoop('one'));
    room.clock.nowMs = 5300;
    ok(room.commands.setLoop('off'));
    expect(now(room, 5300)).toEqual({ itemId: room.items[0], positionMs: 300, playing: true });
  });

  test('C1 removing an item of a looped queue after whole rounds changes nothing audible', () => {
    const room = playingRoom([1000, 1000, 1000]);
    ok(room.commands.setLoop('all'));
    room.clock.nowMs = 30_100;
    ok(room.commands.remove(room.items[2] as string));
    expect(now(room, 30_100)).toEqual({ itemId: room.items[0], positionMs: 100, playing: true });
  });

  test('C1 a vote after an implicit advance leaves the played ones played', () => {
    const room = playingRoom([1000, 1000, 1000, 1000]);
    const [a, b, c, d] = room.items as [string, string, string, string];
    ok(room.commands.setOrder('votes'));
    ok(room.commands.vote(d, 1));
    // a, d, then b: d was passed by itself.
    room.clock.nowMs = 2500;
    expect(now(room, 2500)?.itemId).toBe(b);
    ok(room.commands.vote(c, -1));
    expect([played(room, 2500), now(room, 2500)?.itemId, upNext(room, 2500)]).toEqual([[a, d], b, [c]]);
    ok(room.commands.setOrder('manual'));
    expect([played(room, 2500), now(room, 2500)?.itemId, upNext(room, 2500)]).toEqual([[a, d], b, [c]]);
  });

  test('C1 pausing in votes mode after an implicit advance leaves the played ones played', () => {
    const room = playingRoom([1000, 1000, 1000]);
    const [a, b, c] = room.items as [string, string, string];
    ok(room.commands.setOrder('votes'));
    ok(room.commands.vote(c, 1));
    room.clock.nowMs = 1200;
    ok(room.commands.pause());
    expect([played(room, 1200), now(room, 1200), upNext(room, 1200)]).toEqual([
      [a],
      { itemId: c, positionMs: 200, playing: false },
      [b],
    ]);
  });

  test('C1 a track that becomes known late does not move what plays', () => {
    const room = playingRoom([1000, 1000, 1000]);
    const late = trackIdOf('late');
    room.doc.getMap('queue').set('x', { trackId: late, by: 'ben', at: 0, rank: 'a0V' });
    room.clock.nowMs = 1500;
    expect(now(room, 1500)?.itemId).toBe(room.items[1]);
    ok(room.commands.addTrack(late, trackOf(5000)));
    expect(now(room, 1500)).toEqual({ itemId: room.items[1], positionMs: 500, playing: true });
    expect(idsOf(room.queries.order())).toContain('x');
  });

  test('C1 settling changes nothing when nothing advanced', () => {
    const room = playingRoom([1000, 1000, 1000]);
    room.clock.nowMs = 700;
    const anchor = room.queries.storedAnchor();
    ok(room.commands.move(room.items[2] as string, 0));
    expect(room.queries.storedAnchor()).toEqual(anchor);
  });
});

describe('queue', () => {
  test('C3 the first song of an idle room starts, the next ones wait', () => {
    const room = playingRoom([1000, 1000], { nowMs: 500 });
    expect(now(room, 700)).toEqual({ itemId: room.items[0], positionMs: 200, playing: true });
    expect(upNext(room, 700)).toEqual([room.items[1]]);
  });

  test('C3 a song added after everything was played starts', () => {
    const room = playingRoom([1000]);
    room.clock.nowMs = 60_000;
    expect(room.queries.moment(60_000)).toBeNull();
    const { itemId, startsNow } = ok(room.commands.enqueue(trackIdOf(0), 'end'));
    expect(startsNow).toBe(true);
    expect(now(room, 60_100)).toEqual({ itemId, positionMs: 100, playing: true });
    expect(played(room, 60_100)).toEqual(room.items);
  });

  test('C3 in an idle room what waits goes first', () => {
    const room = playingRoom([1000, 1000]);
    const { undo } = ok(room.commands.remove(room.items[1] as string));
    room.clock.nowMs = 5000;
    ok(room.commands.setLoop('off'));
    ok(room.commands.restore(undo));
    expect(upNext(room, 5000)).toEqual([room.items[1]]);
    const { itemId, startsNow } = ok(room.commands.enqueue(trackIdOf(0), 'end'));
    expect(startsNow).toBe(false);
    expect(now(room, 5000)?.itemId).toBe(room.items[1]);
    expect(upNext(room, 5000)).toEqual([itemId]);
  });

  test('C3 play next stands right behind the current item, the latest first', () => {
    const room = playingRoom([1000, 1000]);
    const first = ok(room.commands.enqueue(trackIdOf(0), 'next')).itemId;
    const second = ok(room.commands.enqueue(trackIdOf(0), 'next')).itemId;
    expect(upNext(room, 0)).toEqual([second, first, room.items[1]]);
    expect(room.commands.enqueue(trackIdOf('none'), 'end')).toEqual({ ok: false, reason: 'unknown-track' });
  });

  test('C4 removing the current item starts the next', () => {
    const room = playingRoom([1000, 1000]);
    room.clock.nowMs = 400;
    ok(room.commands.remove(room.items[0] as string));
    expect(now(room, 500)).toEqual({ itemId: room.items[1], positionMs: 100, playing: true });
    ok(room.commands.pause());
    ok(room.commands.remove(room.items[1] as string));
    expect(room.queries.moment(500)).toBeNull();
    expect(room.commands.remove('none')).toEqual({ ok: false, reason: 'unknown-item' });
  });

  test('C4 with loop all the first follows the removed last one', () => {
    const room = playingRoom([1000, 1000]);
    ok(room.commands.setLoop('all'));
    ok(room.commands.jumpTo(room.items[1] as string));
    ok(room.commands.remove(room.items[1] as string));
    expect(now(room, 0)?.itemId).toBe(room.items[0]);
    ok(room.commands.remove(room.items[0] as string));
    expect(room.queries.moment(0)).toBeNull();
  });

  test('C5 undo puts an item, its place and its votes back', () => {
    const room = playingRoom([1000, 1000, 1000]);
    const [, b, c] = room.items as [string, string, string];
    ok(room.commands.vote(b, 1));
    const { undo } = ok(room.commands.remove(b));
    expect(upNext(room, 0)).toEqual([c]);
    expect(room.doc.getMap('votes').size).toBe(0);
    ok(room.commands.restore(JSON.parse(JSON.stringify(undo)) as typeof undo));
    expect(upNext(room, 0)).toEqual([b, c]);
    expect(room.queries.voteSum(b)).toBe(1);
    const before = Y.encodeStateVector(room.doc);
    ok(room.commands.restore(undo));
    expect(Y.encodeStateVector(room.doc)).toEqual(before);
  });

  test('C5 a removed current item resumes where it was, unless the music was moved since', () => {
    const room = playingRoom([5000, 5000, 5000]);
    const [a, b, c] = room.items as [string, string, string];
    room.clock.nowMs = 1500;
    const { undo } = ok(room.commands.remove(a));
    room.clock.nowMs = 3000;
    ok(room.commands.restore(undo));
    expect(now(room, 3100)).toEqual({ itemId: a, positionMs: 1600, playing: true });
    expect(upNext(room, 3100)).toEqual([b, c]);

    const again = ok(room.commands.remove(a)).undo;
    ok(room.commands.skip());
    ok(room.commands.restore(again));
    expect(now(room, 3000)?.itemId).toBe(c);
    expect(played(room, 3000)).toEqual([a, b]);
  });

  test('C5 the only song, removed and put back, goes on', () => {
    const room = playingRoom([5000]);
    room.clock.nowMs = 2000;
    const { undo } = ok(room.commands.remove(room.items[0] as string));
    expect(room.queries.moment(2000)).toBeNull();
    ok(room.commands.restore(undo));
    expect(now(room, 2000)).toEqual({ itemId: room.items[0], positionMs: 2000, playing: true });
  });

  test('C6 move puts an item at a place of what is up next', () => {
    const room = playingRoom([1000, 1000, 1000, 1000]);
    const [a, b, c, d] = room.items as [string, string, string, string];
    ok(room.commands.move(d, 0));
    expect(upNext(room, 0)).toEqual([d, b, c]);
    ok(room.commands.move(d, 2));
    expect(upNext(room, 0)).toEqual([b, c, d]);
    ok(room.commands.move(b, 99));
    expect(upNext(room, 0)).toEqual([c, d, b]);
    ok(room.commands.move(b, -3));
    expect(upNext(room, 0)).toEqual([b, c, d]);
    expect(room.commands.move(a, 1)).toEqual({ ok: false, reason: 'is-current' });
    expect(room.commands.move('none', 1)).toEqual({ ok: false, reason: 'unknown-item' });
    expect(room.commands.move(b, Number.NaN)).toEqual({ ok: false, reason: 'invalid' });
    ok(room.commands.setOrder('votes'));
    expect(room.commands.move(b, 1)).toEqual({ ok: false, reason: 'not-manual' });
  });

  test('C6 a played item can be moved up next again', () => {
    const room = playingRoom([1000, 1000, 1000]);
    const [a, b, c] = room.items as [string, string, string];
    room.clock.nowMs = 1500;
    ok(room.commands.move(a, 0));
    expect([played(room, 1500), now(room, 1500)?.itemId, upNext(room, 1500)]).toEqual([[], b, [a, c]]);
  });

  test('C7 shuffle reorders what is up next; undo restores what still is', () => {
    const room = playingRoom(Array.from({ length: 30 }, () => 1000));
    room.clock.nowMs = 3500;
    const before = upNext(room, 3500);
    const { undo } = ok(room.commands.shuffle());
    expect(played(room, 3500)).toEqual(room.items.slice(0, 3));
    expect(now(room, 3500)).toEqual({ itemId: room.items[3], positionMs: 500, playing: true });
    const shuffled = upNext(room, 3500);
    expect(shuffled).not.toEqual(before);
    expect([...shuffled].sort()).toEqual([...before].sort());
    // Two of the shuffled ones get played meanwhile.
    room.clock.nowMs = 5500;
    const heard = [shuffled[0], shuffled[1]];
    expect(now(room, 5500)?.itemId).toBe(heard[1]);
    ok(room.commands.restore(undo));
    expect(now(room, 5500)).toEqual({ itemId: heard[1], positionMs: 500, playing: true });
    expect(upNext(room, 5500)).toEqual(before.filter((itemId) => !heard.includes(itemId)));
  });

  test('C12 clearing takes what was played, and undo brings it back', () => {
    const room = playingRoom([1000, 1000, 1000]);
    room.clock.nowMs = 2500;
    const { undo } = ok(room.commands.clearPlayed());
    expect(idsOf(room.queries.order())).toEqual([room.items[2]]);
    expect(now(room, 2500)).toEqual({ itemId: room.items[2], positionMs: 500, playing: true });
    ok(room.commands.restore(undo));
    expect(played(room, 2500)).toEqual(room.items.slice(0, 2));
  });

  test('C12 an ended room can be cleared and used again', () => {
    const room = playingRoom([1000, 1000]);
    room.clock.nowMs = 5000;
    ok(room.commands.clearPlayed());
    expect(room.queries.order()).toEqual([]);
    const { itemId } = ok(room.commands.enqueue(trackIdOf(0), 'end'));
    expect(now(room, 5100)).toEqual({ itemId, positionMs: 100, playing: true });
  });

  test('C19 a queue takes 10,000 items', () => {
    const room = playingRoom([1000]);
    room.doc.transact(() => {
      for (let i = 1; i < MAX_QUEUE_ITEMS; i++) {
        room.doc.getMap('queue').set(`x${i}`, { trackId: trackIdOf(0), by: 'ben', at: 0, rank: 'a5' });
      }
    });
    expect(room.commands.enqueue(trackIdOf(0), 'end')).toEqual({ ok: false, reason: 'full' });
  });
});

describe('playback', () => {
  test('C8 pause and play keep the position', () => {
    const room = playingRoom([1000, 1000]);
    room.clock.nowMs = 300;
    ok(room.commands.pause());
    expect(now(room, 9999)).toEqual({ itemId: room.items[0], positionMs: 300, playing: false });
    room.clock.nowMs = 9000;
    ok(room.commands.play());
    expect(now(room, 9100)).toEqual({ itemId: room.items[0], positionMs: 400, playing: true });
  });

  test('C8 play in an idle room starts what is up next, else from the beginning', () => {
    const room = playingRoom([1000, 1000]);
    room.clock.nowMs = 5000;
    ok(room.commands.play());
    expect(now(room, 5000)).toEqual({ itemId: room.items[0], positionMs: 0, playing: true });
    ok(room.commands.skip());
    const { undo } = ok(room.commands.remove(room.items[0] as string));
    ok(room.commands.skip());
    ok(room.commands.restore(undo));
    expect(room.queries.moment(5000)).toBeNull();
    expect(createPeer('eve', room.clock).commands.play()).toEqual({ ok: false, reason: 'nothing-to-play' });
  });

  test('C9 skip and back', () => {
    const room = playingRoom([9000, 9000, 9000]);
    const [a, b] = room.items as [string, string, string];
    room.clock.nowMs = 5000;
    ok(room.commands.skip());
    expect(now(room, 5000)).toEqual({ itemId: b, positionMs: 0, playing: true });
    room.clock.nowMs = 8000;
    ok(room.commands.back());
    expect(now(room, 8000)).toEqual({ itemId: b, positionMs: 0, playing: true });
    room.clock.nowMs = 10_999;
    ok(room.commands.back());
    expect(now(room, 10_999)).toEqual({ itemId: a, positionMs: 0, playing: true });
    ok(room.commands.back());
    expect(now(room, 10_999)).toEqual({ itemId: a, positionMs: 0, playing: true });
    ok(room.commands.pause());
    ok(room.commands.skip());
    expect(now(room, 10_999)).toEqual({ itemId: b, positionMs: 0, playing: false });
  });

  test('C10 seek is clamped; a jump counts what it skips as played', () => {
    const room = playingRoom([1000, 2000, 3000, 4000]);
    const [a, b, c, d] = room.items as [string, string, string, string];
    ok(room.commands.seek(400));
    expect(now(room, 100)).toEqual({ itemId: a, positionMs: 500, playing: true });
    ok(room.commands.pause());
    ok(room.commands.seek(99_999));
    expect(now(room, 0)?.positionMs).toBe(1000);
    ok(room.commands.seek(-5));
    expect(now(room, 0)?.positionMs).toBe(0);
    expect(room.commands.seek(Number.NaN)).toEqual({ ok: false, reason: 'invalid' });
    ok(room.commands.jumpTo(c));
    expect([played(room, 0), now(room, 0), upNext(room, 0)]).toEqual([
      [a, b],
      { itemId: c, positionMs: 0, playing: true },
      [d],
    ]);
    ok(room.commands.jumpTo(a));
    expect([played(room, 0), upNext(room, 0)]).toEqual([[], [b, c, d]]);
  });

  test('C10 in votes mode too, what a jump skips counts as played', () => {
    const room = playingRoom([1000, 1000, 1000, 1000]);
    const [a, b, c, d] = room.items as [string, string, string, string];
    ok(room.commands.setOrder('votes'));
    ok(room.commands.vote(d, 1));
    ok(room.commands.jumpTo(b));
    expect([played(room, 0), upNext(room, 0)]).toEqual([[a, d], [c]]);
  });

  test('C11 skipping the last item', () => {
    const room = playingRoom([1000, 1000]);
    ok(room.commands.skip());
    ok(room.commands.skip());
    expect(room.queries.moment(0)).toBeNull();
    expect(room.commands.skip()).toEqual({ ok: false, reason: 'nothing-to-play' });
    ok(room.commands.back());
    expect(now(room, 0)?.itemId).toBe(room.items[1]);
    ok(room.commands.setLoop('all'));
    ok(room.commands.skip());
    expect(now(room, 0)?.itemId).toBe(room.items[0]);
  });
});

describe('transactions', () => {
  test('C13 one command is one transaction with its origin; a refused one is none', () => {
    const room = playingRoom([1000, 1000, 1000]);
    const origins: unknown[] = [];
    room.doc.on('afterTransaction', ({ origin }: Y.Transaction) => origins.push(origin));
    room.clock.nowMs = 1500;
    ok(room.commands.enqueue(trackIdOf(1), 'next'));
    ok(room.commands.clearPlayed());
    room.commands.jumpTo('none');
    room.commands.remove('none');
    expect(origins).toEqual([COMMAND_ORIGIN, COMMAND_ORIGIN]);
  });

  test('C13 closing twice is harmless', () => {
    const room = createPeer('ann', { nowMs: 0 });
    room.commands.close();
    room.commands.close();
    room.queries.close();
    room.queries.close();
    room.doc.getMap('room').set('name', 'after');
    expect(room.queries.room().name).toBe('');
  });
});

describe('concurrent edits', () => {
  function pair(durations: readonly number[]) {
    const ann = playingRoom(durations);
    const ben = createPeer('ben', ann.clock);
    sync(ann, ben);
    return { ann, ben, items: ann.items };
  }

  test('C18 one removes what the other jumps to: the next item plays', () => {
    const { ann, ben, items } = pair([9000, 9000, 9000]);
    ann.clock.nowMs = 1000;
    ok(ann.commands.remove(items[1] as string));
    ok(ben.commands.jumpTo(items[1] as string));
    sync(ann, ben);
    for (const peer of [ann, ben]) {
      expect(now(peer, 1500)).toEqual({ itemId: items[2], positionMs: 500, playing: true });
    }
    // The next command writes it down.
    ok(ann.commands.setLoop('all'));
    expect(ann.queries.storedAnchor()).toMatchObject({ itemId: items[2], atMs: 1000 });
  });

  test.each(['ann', 'ben'] as const)('C23 the latest of two decisions made apart counts: %s’s', (last) => {
    const { ann, ben, items } = pair([90_000, 90_000, 90_000]);
    const decide = {
      ann: () => ok(ann.commands.pause()),
      ben: () => ok(ben.commands.skip()),
    };
    ann.clock.nowMs = 1_000;
    decide[last === 'ann' ? 'ben' : 'ann']();
    ann.clock.nowMs = 20_000;
    decide[last]();
    // An hour alone, and a song that is added then, say nothing about what plays.
    ann.clock.nowMs = 25_000;
    ok((last === 'ann' ? ben : ann).commands.enqueue(trackIdOf(0), 'end'));
    for (const [from, to] of [
      [ann, ben],
      [ben, ann],
    ] as const)
      Y.applyUpdate(to.doc, Y.encodeStateAsUpdate(from.doc));
    const heard =
      last === 'ann'
        ? { itemId: items[0], positionMs: 20_000, playing: false }
        : { itemId: items[1], positionMs: 10_000, playing: true };
    for (const peer of [ann, ben]) expect(now(peer, 30_000)).toEqual(heard);
  });

  test('C23 who was away and adds a song moves nobody, whatever was taken out of the queue meanwhile', () => {
    const { ann, ben, items } = pair([240_000, 240_000, 1_800_000, 1_800_000]);
    ann.clock.nowMs = 60_000;
    ok(ann.commands.remove(items[1] as string));
    ann.clock.nowMs = 300_000;
    ok(ann.commands.enqueue(trackIdOf(0), 'end'));
    const before = now(ann, 540_000);
    expect(before).toEqual({ itemId: items[2], positionMs: 300_000, playing: true });
    ann.clock.nowMs = 540_000;
    const added = ok(ben.commands.enqueue(trackIdOf(0), 'end')).itemId;
    ok(ben.commands.move(added, 0));
    sync(ann, ben);
    for (const peer of [ann, ben]) expect(now(peer, 540_000)).toEqual(before);
  });

  test('C23 who was away until the queue ran out there, and adds a song then, starts it only where nothing plays', () => {
    const { ann, ben } = pair([240_000]);
    ann.clock.nowMs = 120_000;
    ok(ann.commands.addTrack(trackIdOf(9), trackOf(1_800_000)));
    for (let n = 0; n < 3; n++) ok(ann.commands.enqueue(trackIdOf(9), 'end'));
    ann.clock.nowMs = 600_000;
    const before = now(ann, 601_000);
    expect(ok(ben.commands.enqueue(trackIdOf(0), 'end')).startsNow).toBe(true);
    expect(now(ben, 600_000)?.positionMs).toBe(0);
    sync(ann, ben);
    for (const peer of [ann, ben]) expect(now(peer, 601_000)).toEqual(before);
    // And it stays so, also when the next command writes down what plays.
    ann.clock.nowMs = 602_000;
    ok(ann.commands.setLoop('all'));
    ok(ben.commands.setOrder('votes'));
    sync(ann, ben);
    for (const peer of [ann, ben])
      expect(now(peer, 603_000)).toEqual({ ...before, positionMs: (before?.positionMs ?? 0) + 2_000 });
  });

  test('C23 who knew of a decision decides after it, whatever the clock says; what was replaced is not kept', () => {
    const { ann, ben, items } = pair([90_000, 90_000, 90_000]);
    ann.clock.nowMs = 50_000;
    ok(ann.commands.skip());
    sync(ann, ben);
    ann.clock.nowMs = 10_000;
    ok(ben.commands.pause());
    sync(ann, ben);
    for (const peer of [ann, ben]) {
      expect(now(peer, 60_000)).toMatchObject({ itemId: items[1], playing: false });
      expect([...peer.doc.getMap('playback').keys()]).toEqual(['anchor/ben']);
    }
    // A record that nobody could decide after is replaced like any other.
    ben.doc.getMap('playback').set('anchor/eve', {
      ...ben.doc.getMap<object>('playback').get('anchor/ben'),
      decidedAtMs: 1e14,
    });
    sync(ann, ben);
    ok(ann.commands.play());
    sync(ann, ben);
    for (const peer of [ann, ben]) expect(now(peer, 10_500)).toMatchObject({ playing: true });
  });

  test('C18 both play next at once: both items stand there, in one order', () => {
    const { ann, ben, items } = pair([9000, 9000]);
    const a = ok(ann.commands.enqueue(trackIdOf(0), 'next')).itemId;
    const b = ok(ben.commands.enqueue(trackIdOf(0), 'next')).itemId;
    sync(ann, ben);
    expect(upNext(ann, 0)).toEqual([a, b, items[1]]);
    expect(upNext(ben, 0)).toEqual(upNext(ann, 0));
    // Their ranks are equal, and one more still fits between them.
    expect(ann.queries.queue().get(a)?.rank).toBe(ann.queries.queue().get(b)?.rank);
    ok(ann.commands.move(items[1] as string, 1));
    expect(upNext(ann, 0)).toEqual([a, items[1], b]);
  });

  test('C18 one moves what the other removes: the item stays', () => {
    const { ann, ben, items } = pair([9000, 9000, 9000]);
    ok(ann.commands.remove(items[2] as string));
    ok(ben.commands.move(items[2] as string, 0));
    sync(ann, ben);
    expect(upNext(ann, 0)).toEqual([items[2], items[1]]);
    expect(upNext(ben, 0)).toEqual(upNext(ann, 0));
  });

  test('C18 a vote on an item that the other removed counts for nothing', () => {
    const { ann, ben, items } = pair([9000, 9000]);
    ok(ann.commands.remove(items[1] as string));
    ok(ben.commands.vote(items[1] as string, 1));
    sync(ann, ben);
    expect(upNext(ann, 0)).toEqual([]);
    expect(now(ben, 0)?.itemId).toBe(items[0]);
  });

  test('C18 two start an idle room at once: the first in line plays, the other one is up next', () => {
    for (let seed = 1; seed <= 20; seed++) {
      for (const afterAnEnd of [false, true]) {
        const clock = { nowMs: 0 };
        const ann = createPeer('ann', clock, undefined, seed);
        const ben = createPeer('ben', clock, undefined, 1000 - 40 * seed);
        ann.commands.addTrack(trackIdOf(1), trackOf(9000));
        if (afterAnEnd) {
          ok(ann.commands.enqueue(trackIdOf(1), 'end'));
          ok(ann.commands.skip());
        }
        sync(ann, ben);
        clock.nowMs = 100;
        const a = ok(ann.commands.enqueue(trackIdOf(1), 'end')).itemId;
        clock.nowMs = 150;
        const b = ok(ben.commands.enqueue(trackIdOf(1), 'end')).itemId;
        sync(ann, ben);
        const [first, second] = [a, b].sort();
        for (const peer of [ann, ben]) {
          expect(now(peer, 200)?.itemId).toBe(first);
          expect(upNext(peer, 200)).toEqual([second]);
        }
        ok(ben.commands.pause());
        expect(now(ben, 300)?.itemId).toBe(first);
      }
    }
  });

  test('C18 a song that was over before the other room started is played, not played again', () => {
    const clock = { nowMs: 0 };
    const ann = createPeer('ann', clock, undefined, 1);
    const ben = createPeer('ben', clock, undefined, 2);
    for (const peer of [ann, ben]) peer.commands.addTrack(trackIdOf(1), trackOf(9000));
    sync(ann, ben);
    const a = ok(ann.commands.enqueue(trackIdOf(1), 'end')).itemId;
    clock.nowMs = 60_000;
    const b = ok(ben.commands.enqueue(trackIdOf(1), 'end')).itemId;
    sync(ann, ben);
    // Whichever anchor Yjs keeps: nothing that was over before it starts again.
    const current = now(ann, 60_100)?.itemId;
    expect(now(ben, 60_100)?.itemId).toBe(current);
    if (current !== undefined) expect(current).toBe(b);
    expect(upNext(ann, 60_100)).not.toContain(a);
  });

  test('C18 two skip the same song: one song is skipped, in one room or apart', () => {
    const { ann, ben, items } = pair([9000, 9000, 9000]);
    const seen = now(ben, 100)?.itemId;
    ok(ann.commands.skip(seen));
    sync(ann, ben);
    ok(ben.commands.skip(seen));
    sync(ann, ben);
    expect(now(ann, 100)?.itemId).toBe(items[1]);
    ok(ben.commands.skip(items[1]));
    ok(ann.commands.skip(items[1]));
    sync(ann, ben);
    expect(now(ann, 100)?.itemId).toBe(items[2]);
  });
});

describe('crossfade', () => {
  test('C24 setting it moves nothing, not even when the next song would have begun by now', () => {
    const room = playingRoom([20_000, 20_000]);
    room.clock.nowMs = 15_000;
    ok(room.commands.setCrossfade(12_000));
    expect(now(room, 15_000)).toEqual({ itemId: room.items[0], positionMs: 15_000, playing: true });
    // Half of what was left is still heard alone.
    expect(room.queries.moment(15_000)?.next).toMatchObject({ startsAtMs: 17_500, overlapMs: 2_500 });
    expect(now(room, 17_600)).toEqual({ itemId: room.items[1], positionMs: 100, playing: true });
    room.clock.nowMs = 18_000;
    ok(room.commands.setCrossfade(0));
    expect(room.queries.moment(18_000)).toMatchObject({
      positionMs: 500,
      fading: { item: { itemId: room.items[0] }, overlapMs: 2_500 },
    });
  });

  test('C24 set early in a song, it holds for this song’s end', () => {
    const room = playingRoom([20_000, 20_000]);
    room.clock.nowMs = 3_000;
    ok(room.commands.setCrossfade(5_000));
    expect(room.queries.moment(3_000)?.next).toMatchObject({ startsAtMs: 15_000, overlapMs: 5_000 });
    expect(room.queries.storedAnchor()).toMatchObject({ positionMs: 0, atMs: 0 });
  });

  test('C24 what is queued in the last seconds of the last song begins later, instead of in its middle', () => {
    const room = playingRoom([20_000]);
    ok(room.commands.setCrossfade(8_000));
    room.clock.nowMs = 16_000;
    room.commands.addTrack(trackIdOf('late'), trackOf(30_000));
    ok(room.commands.enqueue(trackIdOf('late'), 'end'));
    expect(now(room, 16_000)).toEqual({ itemId: room.items[0], positionMs: 16_000, playing: true });
    expect(room.queries.moment(16_000)?.next).toMatchObject({ startsAtMs: 18_000, overlapMs: 2_000 });
  });

  test('C24 an edit while two songs sound together lets both go on; a pause, a seek and a skip do not', () => {
    const room = playingRoom([20_000, 20_000, 20_000]);
    ok(room.commands.setCrossfade(4_000));
    room.clock.nowMs = 17_000;
    ok(room.commands.shuffle());
    expect(room.queries.moment(17_000)).toMatchObject({
      positionMs: 1_000,
      startedAtMs: 16_000,
      fading: { item: { itemId: room.items[0] }, overlapMs: 4_000 },
    });
    ok(room.commands.pause());
    ok(room.commands.play());
    expect(room.queries.moment(17_000)).toMatchObject({ positionMs: 1_000, fading: null });
    ok(room.commands.skip());
    expect(room.queries.moment(17_000)).toMatchObject({ positionMs: 0, fading: null });
  });

  test('C24 clearing what was played leaves what still fades out', () => {
    const room = playingRoom([20_000, 20_000, 20_000]);
    ok(room.commands.setCrossfade(4_000));
    room.clock.nowMs = 18_000;
    ok(room.commands.clearPlayed());
    expect(room.queries.moment(18_000)).toMatchObject({
      item: { itemId: room.items[1] },
      fading: { item: { itemId: room.items[0] }, overlapMs: 4_000 },
    });
    room.clock.nowMs = 21_000;
    ok(room.commands.clearPlayed());
    expect(idsOf(room.queries.order())).toEqual(room.items.slice(1));
  });

  test('C24 only 0 to 12 s are taken, and only from who may order the queue', () => {
    const room = playingRoom([20_000]);
    for (const wrong of [-1, 12_001, Number.NaN, Infinity])
      expect(room.commands.setCrossfade(wrong)).toEqual({ ok: false, reason: 'invalid' });
    expect(room.queries.settings().crossfadeMs).toBe(0);
    room.doc.getMap('settings').set('crossfadeMs', 'long');
    expect(room.queries.settings().crossfadeMs).toBe(0);
    room.doc.getMap('settings').set('dj', true);
    expect(room.commands.setCrossfade(3_000)).toEqual({ ok: false, reason: 'not-allowed' });
  });
});
