/** Two tabs of a browser: each has its own library, over one store. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHUNK_BYTES } from '../../../app/library/chunks.ts';
import type { Library } from '../../../app/library/library.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
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
});
