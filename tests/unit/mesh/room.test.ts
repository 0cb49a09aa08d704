import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { createAssembler, chunksOf } from '../../../app/mesh/chunks.ts';
import { EMPTY_DIGEST, digestBytes, digestFrom, digestOf } from '../../../app/mesh/digest.ts';
import { sleepersMessage } from '../../../app/mesh/room-wire.ts';
import { type Member, createCrowd, get, set } from './crowd.ts';

const names = (count: number) => Array.from({ length: count }, (_, at) => `p${at}`);

describe('the document', () => {
  test('D1 an edit costs N-1 messages, and nobody repeats it', async () => {
    const crowd = createCrowd();
    const all = names(12).map((id) => crowd.add(id));
    crowd.linkAll(all);
    await crowd.settle();
    for (let second = 0; second < 3; second++) await crowd.second();
    crowd.sent = 0;
    for (const [at, member] of all.entries()) {
      set(member, `edit ${at}`);
      await crowd.settle();
    }
    expect(crowd.sent).toBe(12 * 11);
    await crowd.second();
    expect(crowd.sent).toBe(12 * 11);
    for (const member of all) expect(Object.keys(get(member))).toHaveLength(12);
  });

  test('D2 a newcomer loads a large room from one peer, not from everybody', async () => {
    const crowd = createCrowd();
    const all = names(6).map((id) => crowd.add(id));
    crowd.linkAll(all);
    const [first] = all as [Member];
    first.doc.transact(() => {
      for (let item = 0; item < 5_000; item++) set(first, `item ${item}`, 'x'.repeat(300));
    });
    await crowd.settle();
    for (const member of all) expect(Object.keys(get(member))).toHaveLength(5_000);
    const bytes = Y.encodeStateAsUpdate(first.doc).length;
    expect(bytes).toBeGreaterThan(1_000_000);
    crowd.sentBytes = 0;
    const late = crowd.add('late');
    for (const member of all) crowd.link(member, late);
    await crowd.settle();
    expect(Object.keys(get(late))).toHaveLength(5_000);
    expect(crowd.sentBytes).toBeGreaterThan(bytes);
    expect(crowd.sentBytes).toBeLessThan(1.2 * bytes);
  });

  test('D3 no message is larger than a data channel takes', async () => {
    const crowd = createCrowd();
    const [a, b] = [crowd.add('a'), crowd.add('b')];
    let largest = 0;
    crowd.lose = (_from, _to, message) => {
      largest = Math.max(largest, message.length);
      return false;
    };
    set(a, 'large', 'x'.repeat(3_000_000));
    crowd.link(a, b);
    await crowd.settle();
    expect(get(b)).toEqual(get(a));
    expect(largest).toBeLessThan(256 * 1024);
  });

  test.each([
    ['an edit', (a: Member) => set(a, 'lost')],
    ['a deletion', (a: Member) => a.doc.getMap('m').delete('first')],
  ])('D4 %s that was lost is noticed by the keepalives and fetched', async (_what, change) => {
    const crowd = createCrowd();
    const [a, b] = [crowd.add('a'), crowd.add('b')];
    crowd.link(a, b);
    set(a, 'first');
    await crowd.settle();
    crowd.lose = (from) => from === 'a';
    change(a);
    await crowd.settle();
    expect(get(b)).not.toEqual(get(a));
    crowd.lose = () => false;
    for (let second = 0; second < 4; second++) await crowd.second();
    expect(get(b)).toEqual(get(a));
  });

  test('D5 a peer that does not answer costs the next one four seconds, not the room', async () => {
    const crowd = createCrowd();
    const [a, b] = [crowd.add('a'), crowd.add('b')];
    crowd.link(a, b);
    set(a, 'first');
    await crowd.settle();
    const late = crowd.add('late');
    crowd.lose = (from, to, message) => from === 'a' && to === 'late' && message[0] === 0;
    crowd.link(a, late);
    crowd.link(b, late);
    await crowd.settle();
    expect(get(late)).toEqual({});
    for (let second = 0; second < 5; second++) await crowd.second();
    expect(get(late)).toEqual(get(a));
  });

  test('D6 who cannot reach the author hears of its edits and presence through one other', async () => {
    const crowd = createCrowd();
    const [a, b, c, d] = [crowd.add('a'), crowd.add('b'), crowd.add('c'), crowd.add('d')];
    a.room.company.setState({ name: 'Ada' });
    for (const other of [b, d]) {
      crowd.link(a, other);
      crowd.link(c, other);
    }
    crowd.link(b, d);
    await crowd.settle();
    const missing = new Map([
      [a, [c]],
      [c, [a]],
    ]);
    await crowd.second(missing);
    expect(c.room.company.presences().get('a')).toEqual({ name: 'Ada' });
    crowd.sent = 0;
    set(a, 'through one');
    await crowd.settle();
    expect(get(c)).toEqual({ 'through one': 'through one' });
    // To b and d, and on to c from the one of them that was asked.
    expect(crowd.sent).toBe(3);
    crowd.unlink(a, b);
    crowd.unlink(a, d);
    await crowd.settle();
    expect(c.room.company.presences().has('a')).toBe(false);
  });

  test('D7 edits made apart are all there after meeting', async () => {
    const crowd = createCrowd();
    const all = names(4).map((id) => crowd.add(id));
    for (const member of all) set(member, member.id);
    crowd.linkAll(all);
    await crowd.settle();
    for (let second = 0; second < 5; second++) await crowd.second();
    for (const member of all) expect(Object.keys(get(member)).sort()).toEqual(names(4));
  });
});

describe('presence', () => {
  test('P5 who comes while somebody is asleep is told, and for how long it has been; not of more than can be kept', async () => {
    const crowd = createCrowd();
    const [a, b, c] = [crowd.add('a'), crowd.add('b'), crowd.add('c')];
    b.room.company.setState({ name: 'b' });
    b.room.company.setSleeping(true);
    crowd.link(a, b);
    await crowd.settle();
    crowd.unlink(a, b);
    crowd.nowMs += 11 * 3_600_000;
    crowd.link(a, c);
    await crowd.settle();
    expect([...c.room.company.asleep()]).toEqual([['b', { name: 'b' }]]);
    crowd.nowMs += 3_600_000;
    await crowd.second();
    expect(c.room.company.asleep().size).toBe(0);

    const many = Array.from({ length: 256 }, (_, at) => ({
      peerId: `s${at}`,
      state: 'x'.repeat(100),
      forMs: at,
    }));
    const tell = (from: number): boolean =>
      c.room.company.sleepers(
        'a',
        sleepersMessage(many.map((one) => ({ ...one, peerId: `${from}-${one.peerId}` }))).subarray(1),
      );
    for (let from = 0; from < 4; from++) expect(tell(from)).toBe(true);
    expect(c.room.company.asleep().size).toBe(256);
    expect([...c.room.company.asleep().keys()][0]).toBe('0-s0');
    const huge = many.map((one) => ({ ...one, state: 'x'.repeat(60_000) }));
    expect(sleepersMessage(huge).length).toBeLessThan(65_537);
  });

  test('P1 who goes without a word is gone; who said that nobody looks is asleep, for twelve hours', async () => {
    const crowd = createCrowd();
    const [a, b, c] = [crowd.add('a'), crowd.add('b'), crowd.add('c')];
    for (const member of [b, c]) member.room.company.setState({ name: member.id });
    crowd.linkAll([a, b, c]);
    await crowd.settle();
    b.room.company.setSleeping(true);
    await crowd.settle();
    expect([...a.room.company.presences().keys()].sort()).toEqual(['a', 'b', 'c']);
    crowd.unlink(a, b);
    crowd.unlink(a, c);
    expect([...a.room.company.presences().keys()]).toEqual(['a']);
    expect([...a.room.company.asleep()]).toEqual([['b', { name: 'b' }]]);
    crowd.nowMs += 12 * 3_600_000 - 60_000;
    await crowd.second();
    expect(a.room.company.asleep().size).toBe(1);
    crowd.nowMs += 60_000;
    const before = a.presenceChanges;
    await crowd.second();
    expect(a.room.company.asleep().size).toBe(0);
    expect(a.presenceChanges).toBe(before + 1);
  });

  test('P2 a silent peer counts as gone or asleep until it is heard again', async () => {
    const crowd = createCrowd();
    const [a, b] = [crowd.add('a'), crowd.add('b')];
    b.room.company.setState('b');
    crowd.link(a, b);
    await crowd.settle();
    const { company } = a.room;
    company.silent('b', true);
    expect([company.presences().has('b'), company.asleep().has('b')]).toEqual([false, false]);
    company.silent('b', false);
    expect([company.presences().get('b'), company.asleep().has('b')]).toEqual(['b', false]);
    b.room.company.setSleeping(true);
    await crowd.settle();
    company.silent('b', true);
    expect([company.presences().has('b'), company.asleep().get('b')]).toEqual([false, 'b']);
  });

  test('P3 who says goodbye is gone at once, even from those asleep', async () => {
    const crowd = createCrowd();
    const [a, b] = [crowd.add('a'), crowd.add('b')];
    b.room.company.setSleeping(true);
    crowd.link(a, b);
    await crowd.settle();
    crowd.unlink(a, b, true);
    expect(a.room.company.asleep().size).toBe(0);
  });

  test('P6 who comes again as another peer, or leaves then, is not asleep as the former one, whoever missed it', async () => {
    const crowd = createCrowd();
    const [a, b, former, again] = [crowd.add('a'), crowd.add('b'), crowd.add('former'), crowd.add('again')];
    for (const one of [former, again]) one.room.company.setState({ memberId: 'anna' });
    former.room.company.setSleeping(true);
    for (const one of [a, b]) crowd.link(one, former);
    await crowd.settle();
    for (const one of [a, b]) crowd.unlink(one, former);
    crowd.nowMs += 60_000;
    crowd.link(a, again);
    await crowd.settle();
    expect([...a.room.company.asleep().keys()]).toEqual([]);
    crowd.unlink(a, again, true);
    crowd.nowMs += 60_000;
    // b was not linked with who came again, and still takes the former one to be asleep.
    expect([...b.room.company.asleep().keys()]).toEqual(['former']);
    crowd.link(a, b);
    await crowd.settle();
    expect([...a.room.company.asleep().keys()]).toEqual([]);
  });

  test('P4 what is no card, or too large for one, is refused', () => {
    const crowd = createCrowd();
    const a = crowd.add('a');
    const text = (value: string) => new TextEncoder().encode(value);
    expect(a.room.company.card('b', text('{'))).toBe(false);
    expect(a.room.company.card('b', text('{"state":1}'))).toBe(false);
    expect(a.room.company.card('b', text(`{"sleeping":false,"state":"${'x'.repeat(70_000)}"}`))).toBe(false);
    expect(a.room.company.card('b', text('{"sleeping":false,"state":1}'))).toBe(true);
    expect(a.room.company.presences().has('b')).toBe(false);
    expect(a.room.company.relayAsk('b', text('[1]'))).toBe(false);
    expect(a.room.company.relayed('b', text('{"peerId":"../","card":null}'))).toBe(false);
    expect(a.room.company.sleepers('b', text('[{"peerId":"c","state":1,"forMs":-1}]'))).toBe(false);
    expect(a.room.company.sleepers('b', text('{}'))).toBe(false);
  });
});

describe('digests', () => {
  test('G1 equal content has equal digests, whatever the order it came in', () => {
    const docs = [new Y.Doc(), new Y.Doc(), new Y.Doc()] as const;
    docs[0].getMap('m').set('x', 1);
    docs[1].getMap('m').set('y', 2);
    docs[1].getMap('m').delete('y');
    const [x, y] = [Y.encodeStateAsUpdate(docs[0]), Y.encodeStateAsUpdate(docs[1])];
    Y.applyUpdate(docs[0], y);
    Y.applyUpdate(docs[1], x);
    Y.applyUpdate(docs[2], Y.encodeStateAsUpdate(docs[0]));
    expect(digestOf(docs[0])).toBe(digestOf(docs[1]));
    expect(digestOf(docs[2])).toBe(digestOf(docs[1]));
    expect(digestFrom(digestBytes(digestOf(docs[0])))).toBe(digestOf(docs[0]));
    expect(digestOf(new Y.Doc())).toBe(EMPTY_DIGEST);
    expect(digestFrom(new Uint8Array(7))).toBeNull();
  });

  test('G2 a deletion alone changes it', () => {
    const doc = new Y.Doc();
    doc.getMap('m').set('x', 1);
    const before = digestOf(doc);
    const vector = Y.encodeStateVector(doc);
    doc.getMap('m').delete('x');
    expect(Y.encodeStateVector(doc)).toEqual(vector);
    expect(digestOf(doc)).not.toBe(before);
  });
});

describe('chunks', () => {
  test('C1 any length comes out as it went in', () => {
    for (const bytes of [0, 1, 9, 10, 11, 100]) {
      const whole = Uint8Array.from({ length: bytes }, (_, at) => at);
      const assembler = createAssembler();
      const out = [...chunksOf(whole, 10)].map((chunk) => assembler.add(chunk));
      expect(out.slice(0, -1).every((one) => one === null)).toBe(true);
      expect(out.at(-1)).toEqual(whole);
    }
  });

  test('C2 a message that never ends is refused', () => {
    const assembler = createAssembler(100);
    const chunk = { bytes: new Uint8Array(60), isLast: false };
    expect(assembler.add(chunk)).toBeNull();
    expect(() => assembler.add(chunk)).toThrow(RangeError);
  });
});
