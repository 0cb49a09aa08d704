/** Two tabs of a browser: each has its own library, over one store. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHUNK_BYTES } from '../../../app/library/chunks.ts';
import type { Library } from '../../../app/library/library.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import type { BlobStore } from '../../../app/library/store.ts';
import { createLocks } from './locks.ts';
import { fileOf, media } from './media.ts';
import { type Rig, createRig, fill, testTrack, until } from './rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
afterEach(() => rig.close());

async function importOne(library: Library, file: File) {
  const events = [];
  for await (const event of library.import([file], new AbortController().signal)) events.push(event);
  const last = events.at(-1);
  if (last?.type !== 'done') throw new Error(JSON.stringify(last));
  return { ref: last.track.ref, alreadyHere: last.alreadyHere };
}

describe('tabs', () => {
  test.each(['fetch', 'keep', 'fetchAhead', 'open'] as const)(
    'X1 a tab that loaded before another imported has it as soon as it wants it, and takes nothing from it: %s',
    async (want) => {
      const store = createMemoryStore();
      const [one, two] = [rig.peer({ store }).library, rig.peer({ store }).library];
      await Promise.all([one.loaded, two.loaded]);
      const { ref } = await importOne(one, fileOf(await media('plain.wav'), 'a.wav'));
      expect(two.holdings().size).toBe(0);
      if (want === 'fetchAhead') two.fetchAhead([ref]);
      else two[want](ref);
      const complete = () => two.holdings().get(ref.trackId)?.complete === true;
      await until(two, complete, 'what the other tab imported');
      expect(two.holdings().get(ref.trackId)?.imported).toBe(true);
      rig.close();

      rig = createRig();
      const again = rig.peer({ store }).library;
      await again.loaded;
      expect(again.holdings().get(ref.trackId)).toMatchObject({ complete: true, imported: true });
      const { library } = rig.peer();
      library.fetch(ref);
      await until(library, () => library.holdings().get(ref.trackId)?.complete === true, 'a copy of it');
    },
  );

  test('X2 what another tab imported or kept meanwhile is not let go when the device is full', async () => {
    const [imported, kept, old, wanted] = [1, 2, 3, 4].map((seed) => testTrack(4, seed));
    if (!imported || !kept || !old || !wanted) throw new Error('four tracks');
    const store = createMemoryStore({ quotaBytes: 12 * CHUNK_BYTES });
    for (const track of [imported, kept, old]) await fill(store, track, { imported: false });
    const holder = createMemoryStore();
    for (const track of [imported, kept, old, wanted]) await fill(holder, track);
    rig.peer({ store: holder });
    const { library } = rig.peer({ store });
    await until(library, () => library.holders(wanted.ref.trackId) === 1);
    for (const record of await store.all()) {
      if (record.id === imported.ref.trackId) await store.put({ ...record, imported: true });
      if (record.id === kept.ref.trackId) await store.put({ ...record, kept: true });
    }
    const has = ({ ref }: typeof wanted) => library.holdings().get(ref.trackId)?.complete === true;
    library.fetch(wanted.ref);
    await until(library, () => has(wanted), 'the new one');
    expect([imported, kept, old].map(has)).toEqual([true, true, false]);
  });

  test('X3 what is imported again is an import with all that belongs to it, whatever became of its record', async () => {
    const file = fileOf(await media('plain.wav'), 'a.wav');
    const { ref } = await importOne(rig.peer().library, file);
    const { trackId: id, bytes, mime, chunksId } = ref;
    rig.close();

    rig = createRig();
    const store = createMemoryStore();
    const manifest = new Uint8Array(0);
    await store.put({ id, kind: 'track', bytes, mime, chunksId, manifest, imported: false, wanted: true });
    for (let at = 0; at < bytes; at += CHUNK_BYTES) {
      const data = new Uint8Array(await file.slice(at, at + CHUNK_BYTES).arrayBuffer());
      await store.write(id, at / CHUNK_BYTES, data);
    }
    const { library } = rig.peer({ store });
    expect(await importOne(library, file)).toEqual({ ref, alreadyHere: true });
    expect(library.holdings().get(id)?.imported).toBe(true);
    const { library: other } = rig.peer();
    other.fetch(ref);
    await until(other, () => other.holdings().get(id)?.complete === true, 'a copy of it');
  });

  test('X4 who waits for a song of which half is here gets it from an import', async () => {
    const data = await media('plain.wav');
    const file = fileOf(data, 'a.wav');
    const holder = rig.peer();
    const { ref } = await importOne(holder.library, file);
    const [record] = await holder.store.all();
    if (!record) throw new Error('nothing was imported');
    holder.transport.close();

    const store = createMemoryStore();
    await store.put({ ...record, imported: false, wanted: true });
    await store.write(ref.trackId, 0, data.slice(0, CHUNK_BYTES));
    const { library } = rig.peer({ store });
    const source = library.open(ref);
    await source.read(0, CHUNK_BYTES);
    const rest = source.read(0, data.length);
    expect((await importOne(library, file)).alreadyHere).toBe(false);
    expect(Buffer.compare(await rest, data)).toBe(0);
  });

  /** A store whose second chunk is written only when `goOn` is called; `begun` when it is tried. */
  function halting(inner: BlobStore) {
    let goOn = () => {};
    let halted = () => {};
    const gate = new Promise<void>((resolve) => (goOn = resolve));
    const begun = new Promise<void>((resolve) => (halted = resolve));
    const write: BlobStore['write'] = async (id, index, data) => {
      if (index === 1) {
        halted();
        await gate;
      }
      return inner.write(id, index, data);
    };
    return { store: { ...inner, write }, begun, goOn: () => goOn() };
  }

  test('X5 a tab that opens while another imports leaves the import alone', async () => {
    const store = createMemoryStore();
    const locks = createLocks();
    const slow = halting(store);
    const { library: one } = rig.peer({ store: slow.store, locks });
    const importing = importOne(one, fileOf(await media('plain.wav'), 'a.wav'));
    await slow.begun;
    const { library: two } = rig.peer({ store, locks });
    await two.loaded;
    expect(two.holdings().size).toBe(0);
    slow.goOn();
    const { ref } = await importing;
    two.fetch(ref);
    await until(two, () => two.holdings().get(ref.trackId)?.complete === true, 'what was imported');
    expect((await store.all()).map(({ imported }) => imported)).toEqual([true]);
  });

  test('X6 an import that ends while another tab opens stays; one whose tab is gone is cleared away', async () => {
    const store = createMemoryStore();
    const locks = createLocks();
    const slow = halting(store);
    const { library: one } = rig.peer({ store: slow.store, locks });
    const importing = importOne(one, fileOf(await media('plain.wav'), 'a.wav'));
    await slow.begun;
    const cut = testTrack(3, 1);
    await fill(store, cut, { chunks: [0], imported: true });
    let first = true;
    const all = async () => {
      const found = await store.all();
      if (!first) return found;
      first = false;
      slow.goOn();
      await importing;
      return found;
    };
    const { library: two } = rig.peer({ store: { ...store, all }, locks });
    await two.loaded;
    const { ref } = await importing;
    expect([...two.holdings().values()]).toMatchObject([
      { trackId: ref.trackId, complete: true, imported: true },
    ]);
    expect((await store.all()).map(({ id }) => id)).toEqual([ref.trackId]);
  });

  test('X7 the same file in two tabs is one import: the later waits for it, and may be cancelled meanwhile', async () => {
    const store = createMemoryStore();
    const locks = createLocks();
    const slow = halting(store);
    const [one, two, three] = [slow.store, store, store].map(
      (each) => rig.peer({ store: each, locks }).library,
    );
    if (!one || !two || !three) throw new Error('three tabs');
    await Promise.all([one.loaded, two.loaded, three.loaded]);
    const file = fileOf(await media('plain.wav'), 'a.wav');
    const first = importOne(one, file);
    await slow.begun;
    const second = importOne(two, file);
    const abort = new AbortController();
    for await (const event of three.import([file], abort.signal)) {
      expect(event.type).toBe('progress');
      // It has been read, and waits.
      if (event.type === 'progress' && event.doneBytes >= file.size / 2) abort.abort();
    }
    slow.goOn();
    expect([(await first).alreadyHere, (await second).alreadyHere]).toEqual([false, true]);
    const complete = (tab: Library) => [...tab.holdings().values()].map((holding) => holding.complete);
    expect([one, two].map(complete)).toEqual([[true], [true]]);
  });
});
