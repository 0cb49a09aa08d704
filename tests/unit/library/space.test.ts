import { createHash } from 'node:crypto';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHUNK_BYTES } from '../../../app/library/chunks.ts';
import { type Cached, NEEDED_SOON, leastUseful } from '../../../app/library/evict.ts';
import type { SpaceEvent } from '../../../app/library/library.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import type { BlobStore } from '../../../app/library/store.ts';
import { decode } from '../../../app/library/wire.ts';
import { type Rig, createRig, fill, testTrack, until } from './rig.ts';

const cached = (id: string, over: Partial<Cached> = {}): Cached => ({
  id,
  heldBytes: 10,
  imported: false,
  kept: false,
  busy: false,
  copies: 1,
  wished: false,
  usedAtMs: 0,
  ...over,
});

describe('what goes first', () => {
  test('D1 what can be fetched again before last copies, not queued before queued, long unused before fresh', () => {
    const all = [
      cached('fresh', { usedAtMs: 9 }),
      cached('last copy', { copies: 0 }),
      cached('soon'),
      cached('later'),
      cached('old', { usedAtMs: 3 }),
    ];
    const needed = ['x', 'y', 'z', 'soon', 'later'];
    expect(leastUseful(all, needed, Infinity)).toEqual(['old', 'fresh', 'later', 'soon']);
    expect(leastUseful([cached('last copy', { copies: 0 })], needed, Infinity)).toEqual(['last copy']);
    expect(leastUseful(all, needed, 11)).toEqual(['old', 'fresh']);
  });

  test('D2 never what was imported or kept here, is in use, plays or comes next', () => {
    const flags = fc.record({ imported: fc.boolean(), kept: fc.boolean(), busy: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(flags, { maxLength: 12 }),
        fc.array(fc.nat(11)),
        fc.nat(200),
        (all, queue, bytes) => {
          const tracks = all.map((one, i) => cached(`${i}`, one));
          const needed = queue.map(String);
          const gone = leastUseful(tracks, needed, bytes);
          const safe = new Set(needed.slice(0, NEEDED_SOON));
          for (const id of gone) {
            const one = all[Number(id)];
            expect([one?.imported, one?.kept, one?.busy, safe.has(id)]).toEqual([false, false, false, false]);
          }
          expect(new Set(gone).size).toBe(gone.length);
        },
      ),
    );
  });
});

test('D6 a copy that was wished for goes after all that can be fetched again, the last one last of all', () => {
  const all = [
    cached('wished last', { copies: 0, wished: true }),
    cached('last', { copies: 0 }),
    cached('wished second', { copies: 1, wished: true }),
    cached('wished third', { copies: 2, wished: true }),
    cached('queued', { copies: 3, usedAtMs: 9 }),
  ];
  const rounds: string[][] = [];
  for (let left = all; left.length > 0;) {
    const gone = leastUseful(left, ['x', 'y', 'z', 'queued'], Infinity);
    rounds.push(gone);
    left = left.filter(({ id }) => !gone.includes(id));
  }
  expect(rounds).toEqual([['wished third', 'queued'], ['wished second'], ['last'], ['wished last']]);
});

describe('a full device', () => {
  let rig: Rig;
  beforeEach(() => {
    rig = createRig();
  });
  afterEach(() => rig.close());

  test('D3 lets go of what was fetched, keeps what was imported, kept or is needed, and says so', async () => {
    const [imported, kept, playing, old, wanted] = [1, 2, 3, 4, 5].map((seed) => testTrack(4, seed));
    if (!imported || !kept || !playing || !old || !wanted) throw new Error('five tracks');
    const holder = createMemoryStore();
    for (const track of [kept, old, wanted]) await fill(holder, track);
    rig.peer({ store: holder });
    const store = createMemoryStore({ quotaBytes: 14 * CHUNK_BYTES });
    await fill(store, imported, { imported: true });
    await fill(store, playing, { imported: false });
    await fill(store, old, { imported: false });
    const { library } = rig.peer({ store, needed: () => [playing.ref.trackId] });
    const told: SpaceEvent[] = [];
    library.onSpace((event) => told.push(event));
    const has = (track: typeof wanted) => library.holdings().get(track.ref.trackId)?.complete === true;

    library.keep(kept.ref);
    await until(library, () => has(kept));
    library.fetch(wanted.ref);
    await until(library, () => has(wanted));
    expect([imported, kept, playing, old, wanted].map(has)).toEqual([true, true, true, false, true]);
    expect(told).toEqual([{ type: 'freed', trackIds: [old.ref.trackId], bytes: old.data.length }]);
  });

  test('D4 says once that nothing more fits, when nothing may go', async () => {
    const [imported, wanted] = [testTrack(4, 6), testTrack(4, 7)];
    const holder = createMemoryStore();
    await fill(holder, wanted);
    rig.peer({ store: holder });
    const store = createMemoryStore({ quotaBytes: 5 * CHUNK_BYTES });
    await fill(store, imported, { imported: true });
    const { library } = rig.peer({ store });
    const told: SpaceEvent[] = [];
    await until(library, () => library.holders(wanted.ref.trackId) === 1);
    await new Promise<void>((resolve) => {
      library.onSpace((event) => (told.push(event), resolve()));
      library.fetch(wanted.ref);
    });
    await expect(library.open(wanted.ref).read(0, wanted.data.length)).rejects.toMatchObject({
      name: 'NoSpaceError',
    });
    expect(told).toEqual([{ type: 'full' }]);
    expect(library.holdings().get(imported.ref.trackId)?.complete).toBe(true);
  });

  test('D5 what nobody gives the rest of makes room as well', async () => {
    const [half, wanted] = [testTrack(8, 8), testTrack(6, 9)];
    const owner = createMemoryStore();
    await fill(owner, half);
    const leaving = rig.peer({ store: owner });
    const store = createMemoryStore({ quotaBytes: 8 * CHUNK_BYTES });
    await fill(store, half, { chunks: [0, 1, 2, 3], wanted: true });
    const { library } = rig.peer({
      store,
      wrap: (transport) => ({
        ...transport,
        // Nothing more is asked of the owner before it goes.
        send: (to, channel, bytes) =>
          decode(bytes)?.type === 'wantChunk' && to === 'peer-0'
            ? (leaving.transport.close(), Promise.resolve())
            : transport.send(to, channel, bytes),
      }),
    });
    await expect.poll(() => leaving.transport.peers().length + library.holders(half.ref.trackId)).toBe(0);
    const holder = createMemoryStore();
    await fill(holder, wanted);
    rig.peer({ store: holder });
    library.fetch(wanted.ref);
    await until(library, () => library.holdings().get(wanted.ref.trackId)?.complete === true);
    expect(library.holdings().has(half.ref.trackId)).toBe(false);
  });

  test('D7 keeps the copy that somebody wished for, though it is not queued', async () => {
    const [copy, queued, wanted] = [testTrack(5, 10), testTrack(5, 11), testTrack(4, 12)];
    const holder = createMemoryStore();
    for (const track of [copy, queued, wanted]) await fill(holder, track);
    rig.peer({ store: holder });
    const store = createMemoryStore({ quotaBytes: 11 * CHUNK_BYTES });
    await fill(store, copy, { imported: false });
    await fill(store, queued, { imported: false });
    const { library } = rig.peer({
      store,
      needed: () => ['x', 'y', 'z', queued.ref.trackId],
      wished: (trackId) => trackId === copy.ref.trackId,
    });
    const has = (track: typeof wanted) => library.holdings().get(track.ref.trackId)?.complete === true;
    await until(library, () => [copy, queued, wanted].every(({ ref }) => library.holders(ref.trackId) === 1));
    library.fetch(wanted.ref);
    await until(library, () => has(wanted));
    expect([copy, queued].map(has)).toEqual([true, false]);
  });

  test('D8 what did not fit is not asked for again until there is room, and then it comes', async () => {
    const [imported, wanted] = [testTrack(6, 13), testTrack(4, 14)];
    const holder = createMemoryStore();
    await fill(holder, wanted);
    rig.peer({ store: holder });
    const store = createMemoryStore({ quotaBytes: 8 * CHUNK_BYTES });
    await fill(store, imported, { imported: true });
    let asked = 0;
    const { library } = rig.peer({
      store,
      wrap: (transport) => ({
        ...transport,
        send(to, channel, bytes) {
          if (decode(bytes)?.type === 'wantChunk') asked++;
          return transport.send(to, channel, bytes);
        },
      }),
    });
    await until(library, () => library.holders(wanted.ref.trackId) === 1);
    const full = new Promise<void>((resolve) => {
      library.onSpace((event) => event.type === 'full' && resolve());
    });
    library.fetch(wanted.ref);
    await full;
    await expect.poll(() => library.isIdle()).toBe(true);
    const before = asked;
    for (let turn = 0; turn < 5; turn++) {
      library.fetchAhead([wanted.ref]);
      const source = library.open(wanted.ref);
      await expect(source.read(0, wanted.data.length)).rejects.toMatchObject({ name: 'NoSpaceError' });
      source.close();
    }
    expect(asked).toBe(before);
    await library.remove(imported.ref.trackId);
    await until(library, () => library.holdings().get(wanted.ref.trackId)?.complete === true);
  });

  test('D9 a cover lets no song go: it comes when there is room', async () => {
    const song = testTrack(4, 15);
    const picture = new Uint8Array(50_000).fill(7);
    picture.set([0xff, 0xd8, 0xff]);
    const artId = createHash('sha256').update(picture).digest('hex');
    const holder = createMemoryStore();
    await fill(holder, song);
    const art = { id: artId, bytes: picture.length, mime: 'image/jpeg', chunksId: '' };
    const manifest = new Uint8Array(0);
    await holder.put({ ...art, kind: 'art', manifest, imported: true, wanted: false });
    await holder.write(artId, 0, picture);
    let given = 0;
    rig.peer({
      store: holder,
      wrap: (transport) => ({
        ...transport,
        send(to, channel, bytes) {
          if (decode(bytes)?.type === 'art') given++;
          return transport.send(to, channel, bytes);
        },
      }),
    });

    const inner = createMemoryStore({ quotaBytes: song.data.length });
    await fill(inner, song, { imported: false });
    let refused = 0;
    const store: BlobStore = {
      ...inner,
      write: (...args) =>
        inner.write(...args).catch((error: unknown) => {
          refused++;
          throw error;
        }),
    };
    const { library } = rig.peer({ store });
    const told: SpaceEvent[] = [];
    library.onSpace((event) => told.push(event));
    await until(library, () => library.holders(song.ref.trackId) === 1);
    expect(library.artUrl(artId)).toBe(null);
    await expect.poll(() => refused, { timeout: 5_000 }).toBe(1);
    const ids = async () => (await inner.all()).map(({ id }) => id);
    await expect.poll(ids, { timeout: 5_000 }).toEqual([song.ref.trackId]);
    expect(told).toEqual([]);
    expect(library.artUrl(artId)).toBe(null);
    await library.remove(song.ref.trackId);
    await until(library, () => library.artUrl(artId) !== null, 'the cover');
    expect(given).toBe(2);
  });
});
