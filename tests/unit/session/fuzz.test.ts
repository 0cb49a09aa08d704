/**
 * Random rooms: several documents, random commands, partitions and merges in random order. `FUZZ_SEED=n` runs one seed,
 * `FUZZ_SEEDS=n` that many.
 */
import { expect, test } from 'vitest';
import * as Y from 'yjs';
import type { Undo } from '../../../app/session/commands.ts';
import { createQueries, type Queries } from '../../../app/session/queries.ts';
import { seeded } from '../../fixtures/seeded.ts';
import { createPeer, idsOf, sync, trackIdOf, trackOf, type Peer, type TestClock } from './peers.ts';

const TRACKS = 8;
const STEPS = 45;

interface Fuzz {
  random: () => number;
  clock: { nowMs: number };
  peers: Peer[];
  undos: Undo[];
  /** The item that a move took last. */
  movedId: string | null;
}

function pick<T>(random: () => number, list: readonly T[]): T | undefined {
  return list[Math.floor(random() * list.length)];
}

/** What `commands` may do without anybody hearing it. */
const SILENT: readonly ((fuzz: Fuzz, peer: Peer) => void)[] = [
  ({ random }, { commands }) => commands.enqueue(trackIdOf(Math.floor(random() * TRACKS)), 'end'),
  ({ random }, { commands }) => commands.enqueue(trackIdOf(Math.floor(random() * TRACKS)), 'next'),
  ({ random, undos }, { commands, queries, nowMs }) => {
    const itemId = pick(random, queries.order())?.itemId;
    if (itemId === undefined || itemId === queries.moment(nowMs())?.item.itemId) return;
    const removed = commands.remove(itemId);
    if (removed.ok) undos.push(removed.undo);
  },
  (fuzz, { commands, queries }) => {
    fuzz.movedId = pick(fuzz.random, queries.order())?.itemId ?? 'none';
    commands.move(fuzz.movedId, Math.floor(fuzz.random() * 6) - 1);
  },
  ({ random }, { commands, queries }) => {
    commands.vote(pick(random, queries.order())?.itemId ?? 'none', pick(random, [1, -1, 0] as const) ?? 0);
  },
  ({ random }, { commands }) => commands.setLoop(pick(random, ['off', 'one', 'all'] as const) ?? 'off'),
  ({ random }, { commands }) =>
    commands.setOrder(pick(random, ['manual', 'votes', 'fair'] as const) ?? 'votes'),
  ({ random }, { commands }) => commands.setCrossfade(pick(random, [0, 500, 3000, 12_000]) ?? 0),
  ({ undos }, { commands }) => {
    const shuffled = commands.shuffle();
    if (shuffled.ok) undos.push(shuffled.undo);
  },
  ({ undos }, { commands }) => {
    const cleared = commands.clearPlayed();
    if (cleared.ok) undos.push(cleared.undo);
  },
  ({ random, undos }, { commands }) => {
    const undo = pick(
      random,
      undos.filter(({ kind }) => kind === 'reorder'),
    );
    if (undo !== undefined) commands.restore(undo);
  },
  ({ random }, { commands }) => commands.addTrack(trackIdOf(pick(random, [1, 2, 99]) ?? 1), trackOf(7000)),
];

const AUDIBLE: readonly ((fuzz: Fuzz, peer: Peer) => void)[] = [
  (_, { commands }) => commands.play(),
  (_, { commands }) => commands.pause(),
  (_, { commands }) => commands.skip(),
  (_, { commands }) => commands.back(),
  ({ random }, { commands }) => commands.seek(Math.floor(random() * 9000)),
  ({ random }, { commands, queries }) => commands.jumpTo(pick(random, queries.order())?.itemId ?? 'none'),
  ({ undos }, { commands, queries, nowMs }) => {
    const removed = commands.remove(queries.moment(nowMs())?.item.itemId ?? 'none');
    if (removed.ok) undos.push(removed.undo);
  },
  ({ random, undos }, { commands }) => {
    const undo = pick(random, undos);
    if (undo !== undefined) commands.restore(undo);
  },
];

const OTHERS: readonly ((fuzz: Fuzz, peer: Peer) => void)[] = [
  (_, { commands, memberId }) => commands.joinMember({ name: memberId, hue: 10 }),
  ({ clock }, { commands }) => commands.createRoom(`made at ${clock.nowMs}`),
  ({ random, peers }, { commands }) => commands.handOn(pick(random, peers)?.memberId ?? 'none'),
  (_, { commands, memberId }) => commands.claimHost(memberId),
  (_, { commands, memberId }) => commands.releaseHost(memberId),
];

/** What no command of ours would write: other versions, bugs, malice. */
const GARBAGE: readonly unknown[] = [
  null,
  'text',
  Number.NaN,
  { itemId: 'x', positionMs: -1, atMs: Infinity, playing: 'yes' },
  { trackId: trackIdOf(1), by: 'ann', at: 1, rank: '!' },
  { trackId: trackIdOf(1), by: 'ann', at: 1, rank: 'A00000000000000000000000000' },
  { trackId: trackIdOf(2), by: 'eve', at: 1, rank: 'A00000000000000000000000001' },
  { trackId: trackIdOf(99), by: 'eve', at: 1, rank: 'a1' },
  { itemId: 'gone', rank: 'a1V', positionMs: 500, atMs: 1000, playing: true, decidedAtMs: 1000 },
  { itemId: 'gone', rank: 'a1V', positionMs: 0, atMs: 1e9, playing: true, decidedAtMs: 1e14 },
  {
    itemId: 'x',
    rank: 'a1',
    positionMs: 0,
    atMs: 1,
    playing: true,
    tail: { itemId: 'x', overlapMs: 1e9 },
    decidedAtMs: 1,
  },
  -1,
];

function spoil({ random }: Fuzz, { doc }: Peer): void {
  const map = doc.getMap(
    pick(random, ['queue', 'tracks', 'votes', 'playback', 'settings', 'members', 'host', 'room']),
  );
  map.set(
    pick(random, ['anchor/eve', 'loop', 'crossfadeMs', 'mix/music', 'a/b', 'x', trackIdOf(1), 'claim/eve']) ??
      'x',
    pick(random, GARBAGE),
  );
}

function snapshot(queries: Queries, nowMs: number): unknown {
  const { played, upNext, moment } = queries.view(nowMs);
  return {
    room: queries.room(),
    settings: queries.settings(),
    members: [...queries.members()].sort(),
    tracks: [...queries.tracks()].sort(([a], [b]) => (a < b ? -1 : 1)),
    order: queries.order(),
    byRank: queries.byRank(),
    anchor: queries.anchor(),
    moment,
    played: idsOf(played),
    upNext: idsOf(upNext),
    sums: queries.order().map(({ itemId }) => queries.voteSum(itemId)),
    claim: queries.hostClaim(),
  };
}

function assertMeaningful({ queries }: Peer, nowMs: number): void {
  const moment = queries.moment(nowMs);
  if (moment === null) return;
  const { item, index, positionMs, startedAtMs, next } = moment;
  expect(queries.order()[index]).toBe(item);
  expect(Number.isFinite(positionMs) && Number.isFinite(startedAtMs)).toBe(true);
  expect(positionMs).toBeGreaterThanOrEqual(0);
  expect(positionMs).toBeLessThanOrEqual(item.durationMs);
  if (next !== null) {
    expect(queries.order()[next.index]).toBe(next.item);
    expect(next.overlapMs).toBeLessThanOrEqual(Math.min(item.durationMs, next.item.durationMs) / 2);
    if (moment.playing) expect(next.startsAtMs).toBeGreaterThan(startedAtMs);
  }
  if (moment.fading !== null) expect(positionMs).toBeLessThan(moment.fading.overlapMs);
}

interface Heard {
  item: string;
  positionMs: number;
  playing: boolean;
  fading: string | null;
}

function heard(peer: Peer): Heard | null {
  const moment = peer.queries.moment(peer.nowMs());
  if (moment === null) return null;
  const { item, positionMs, playing, fading } = moment;
  return { item: item.itemId, positionMs, playing, fading: fading && fading.item.itemId };
}

function step(fuzz: Fuzz): void {
  const { random, clock, peers } = fuzz;
  const peer = pick(random, peers) as Peer;
  const kind = random();
  if (kind < 0.5) {
    const before = heard(peer);
    const playedBefore = idsOf(peer.queries.view(peer.nowMs()).played);
    const orderBefore = idsOf(peer.queries.order());
    fuzz.movedId = null;
    pick(random, SILENT)?.(fuzz, peer);
    if (before !== null) {
      // Nothing that was heard may change; an idle room may start.
      const after = heard(peer);
      // A song that fades out may be removed.
      const isGone = before.fading !== null && !peer.queries.queue().has(before.fading);
      expect(after).toEqual({ ...before, fading: isGone ? null : before.fading });
      const playedAfter = idsOf(peer.queries.view(peer.nowMs()).played);
      const left = playedBefore.filter((itemId) => playedAfter.includes(itemId));
      expect(playedAfter.filter((itemId) => left.includes(itemId))).toEqual(left);
      for (const itemId of playedAfter) {
        // Only what was not there before may turn up among the played ones.
        if (!playedBefore.includes(itemId)) expect(orderBefore).not.toContain(itemId);
      }
      for (const itemId of playedBefore) {
        // Gone, moved up next again, or still played: never between.
        if (left.includes(itemId) || !peer.queries.queue().has(itemId)) continue;
        expect(fuzz.movedId).toBe(itemId);
      }
    }
  } else if (kind < 0.68) pick(random, AUDIBLE)?.(fuzz, peer);
  else if (kind < 0.72) pick(random, OTHERS)?.(fuzz, peer);
  else if (kind < 0.74) spoil(fuzz, peer);
  else if (kind < 0.88) clock.nowMs += Math.floor(random() * random() * 60_000);
  else {
    const other = pick(random, peers) as Peer;
    if (other !== peer) sync(peer, other);
  }
  assertMeaningful(peer, peer.nowMs());
}

function run(seed: number): void {
  const random = seeded(seed);
  const clock = { nowMs: 1_000_000 };
  const peers = ['ann', 'ben', 'cat', 'dan'].slice(0, 2 + Math.floor(random() * 3)).map((name, i) => {
    // Clocks that are not in step (yet) must not break anything either.
    const skewMs = random() < 0.3 ? Math.floor((random() - 0.5) * 5000) : 0;
    const own: TestClock = {
      get nowMs() {
        return clock.nowMs + skewMs;
      },
    };
    return createPeer(name, own, random, i + 1);
  });
  const fuzz: Fuzz = { random, clock, peers, undos: [], movedId: null };
  const [first] = peers as [Peer];
  for (let i = 0; i < TRACKS; i++) first.commands.addTrack(trackIdOf(i), trackOf(1000 + 1500 * i));
  first.commands.setOrder(pick(random, ['manual', 'votes', 'fair'] as const) ?? 'manual');
  for (const peer of peers) {
    sync(first, peer);
    for (let i = 0; i < 2; i++) peer.commands.enqueue(trackIdOf(Math.floor(random() * TRACKS)), 'end');
    sync(first, peer);
  }
  for (let i = 0; i < STEPS; i++) step(fuzz);

  // Merge along a random chain and back: then everybody has everything.
  const chain = [...peers].sort(() => random() - 0.5);
  for (let i = 1; i < chain.length; i++) sync(chain[i - 1] as Peer, chain[i] as Peer);
  for (let i = chain.length - 1; i > 0; i--) sync(chain[i - 1] as Peer, chain[i] as Peer);

  const state = Buffer.from(Y.encodeStateAsUpdate(first.doc));
  for (const peer of peers) expect(state.equals(Y.encodeStateAsUpdate(peer.doc))).toBe(true);
  for (const laterMs of [0, 777, 40_000, 3_600_000]) {
    const nowMs = clock.nowMs + laterMs;
    const expected = snapshot(first.queries, nowMs);
    for (const peer of peers) {
      expect(snapshot(peer.queries, nowMs)).toEqual(expected);
      assertMeaningful(peer, nowMs);
    }
    // What was read record by record equals what is read at once.
    const fresh = createQueries(first.doc);
    expect(snapshot(fresh, nowMs)).toEqual(expected);
    fresh.close();
  }
  for (const peer of peers) {
    peer.commands.close();
    peer.queries.close();
    peer.doc.destroy();
  }
}

test('C20 random rooms converge and stay meaningful', { timeout: 120_000 }, () => {
  const one = process.env['FUZZ_SEED'];
  const seeds = one === undefined ? Number(process.env['FUZZ_SEEDS'] ?? 1000) : 1;
  const from = one === undefined ? 1 : Number(one);
  const begunMs = performance.now();
  for (let seed = from; seed < from + seeds; seed++) {
    try {
      run(seed);
    } catch (error) {
      throw new Error(
        `seed ${seed} fails: FUZZ_SEED=${seed} npx vitest run tests/unit/session/fuzz.test.ts`,
        {
          cause: error,
        },
      );
    }
  }
  const seconds = (performance.now() - begunMs) / 1000;
  console.log(`fuzz: ${seeds} seeds in ${seconds.toFixed(1)} s`);
  expect(seconds).toBeLessThan(60);
});
