/** What every adapter of `app/library/store.ts` must do; framework-agnostic, like `transport.ts`. */
import type { ExpectStatic } from 'vitest';
import { CHUNK_BYTES } from '../../app/library/chunks.ts';
import type { BlobMeta, BlobStore } from '../../app/library/store.ts';

export interface StoreContract {
  test(name: string, body: () => Promise<void>): void;
  expect: ExpectStatic;
  /** An empty store. */
  setup(): Promise<{
    store: Omit<BlobStore, 'blob' | 'close'>;
    blob(id: string): Promise<{ type: string; data: Uint8Array }>;
    /** Writes an array of its own, where the store is, and gives what is left of it. */
    writeAndKeep: (...args: Parameters<BlobStore['write']>) => Promise<Uint8Array>;
    /** Another tab's store over the same database. */
    beside: () => Promise<Pick<BlobStore, 'put'>>;
    /** The same store, opened by the next session; null for a store that forgets. */
    reopen: (() => Promise<void>) | null;
    close(): Promise<void>;
  }>;
}

const id = (digit: string) => digit.repeat(64);

function meta(digit: string, bytes: number): BlobMeta {
  const manifest = Uint8Array.from({ length: 64 }, (_, i) => i);
  const shared = { chunksId: id('f'), imported: false, wanted: true, manifest };
  return { id: id(digit), kind: 'track', bytes, mime: 'audio/ogg', ...shared };
}

function pattern(length: number, seed: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + (i >> 8) * 7 + seed) & 255);
}

const same = (a: Uint8Array, b: Uint8Array) => a.length === b.length && a.every((byte, i) => byte === b[i]);

export function runStoreContract({ test, expect, setup }: StoreContract): void {
  type Opened = Awaited<ReturnType<typeof setup>>;

  function withStore(name: string, body: (opened: Opened) => Promise<void>): void {
    test(name, async () => {
      const opened = await setup();
      try {
        await body(opened);
      } finally {
        await opened.close();
      }
    });
  }

  withStore(
    'S1 chunks written in any order read back, also across their borders',
    async ({ store, blob }) => {
      const bytes = 2 * CHUNK_BYTES + 500;
      const data = pattern(bytes, 1);
      await store.put(meta('a', bytes));
      for (const index of [2, 0, 1]) {
        await store.write(id('a'), index, data.slice(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES));
      }
      const border = CHUNK_BYTES - 3;
      expect([...(await store.read(id('a'), border, border + 6))]).toEqual([
        ...data.slice(border, border + 6),
      ]);
      expect(same(await store.read(id('a'), 0, bytes), data)).toBe(true);
      const whole = await blob(id('a'));
      expect([whole.type, same(whole.data, data)]).toEqual(['audio/ogg', true]);
    },
  );

  withStore(
    'S2 the bitmap says exactly what was written; put() keeps it and the bytes',
    async ({ store }) => {
      const bytes = 10 * CHUNK_BYTES;
      await store.put(meta('a', bytes));
      await store.write(id('a'), 9, pattern(CHUNK_BYTES, 2));
      await store.write(id('a'), 0, pattern(CHUNK_BYTES, 3));
      await store.put({ ...meta('a', bytes), imported: true, artId: id('e') });
      const [record] = await store.all();
      expect([...(record?.bitmap ?? [])]).toEqual([1, 2]);
      expect(record).toMatchObject({ id: id('a'), bytes, imported: true, wanted: true, artId: id('e') });
      expect([...(record?.manifest ?? [])]).toEqual([...meta('a', bytes).manifest]);
      const from = 9 * CHUNK_BYTES;
      expect(same(await store.read(id('a'), from, from + CHUNK_BYTES), pattern(CHUNK_BYTES, 2))).toBe(true);
    },
  );

  withStore('S3 many writes at once all arrive, with reads between them', async ({ store }) => {
    const bytes = 24 * CHUNK_BYTES;
    await store.put(meta('a', bytes));
    await store.write(id('a'), 0, pattern(CHUNK_BYTES, 0));
    const writes = Array.from({ length: 23 }, (_, i) =>
      store.write(id('a'), i + 1, pattern(CHUNK_BYTES, i + 1)),
    );
    const reads = Array.from({ length: 10 }, () => store.read(id('a'), 0, CHUNK_BYTES));
    await Promise.all(writes);
    for (const read of await Promise.all(reads)) expect(same(read, pattern(CHUNK_BYTES, 0))).toBe(true);
    for (let i = 0; i < 24; i++) {
      const read = await store.read(id('a'), i * CHUNK_BYTES, (i + 1) * CHUNK_BYTES);
      expect(same(read, pattern(CHUNK_BYTES, i))).toBe(true);
    }
    expect([...((await store.all())[0]?.bitmap ?? [])]).toEqual([255, 255, 255]);
  });

  withStore(
    'S4 writing to an unknown or deleted blob rejects; deleting twice is harmless',
    async ({ store }) => {
      await expect(store.write(id('d'), 0, pattern(10, 1))).rejects.toThrow();
      await store.put(meta('a', 10));
      await store.put(meta('b', 10));
      await store.write(id('a'), 0, pattern(10, 1));
      await store.delete(id('a'));
      await store.delete(id('a'));
      await expect(store.write(id('a'), 0, pattern(10, 1))).rejects.toThrow();
      expect((await store.all()).map((record) => record.id)).toEqual([id('b')]);
      await store.put(meta('a', 10));
      expect([...((await store.all()).find((record) => record.id === id('a'))?.bitmap ?? [])]).toEqual([0]);
    },
  );

  withStore('S5 the next session finds everything', async ({ store, reopen }) => {
    if (!reopen) return;
    const bytes = CHUNK_BYTES + 7;
    await store.put(meta('a', bytes));
    await store.write(id('a'), 1, pattern(7, 5));
    await reopen();
    const [record] = await store.all();
    expect([record?.id, [...(record?.bitmap ?? [])]]).toEqual([id('a'), [2]]);
    expect([...(await store.read(id('a'), CHUNK_BYTES, bytes))]).toEqual([...pattern(7, 5)]);
  });

  withStore("S6 what was written stays the caller's, who may have to write it again", async (opened) => {
    const bytes = CHUNK_BYTES + 7;
    await opened.store.put(meta('a', bytes));
    const data = pattern(CHUNK_BYTES, 4);
    expect(same(await opened.writeAndKeep(id('a'), 0, data), pattern(CHUNK_BYTES, 4))).toBe(true);
    // Nor does it matter what becomes of it afterwards.
    expect(same(await opened.store.read(id('a'), 0, CHUNK_BYTES), pattern(CHUNK_BYTES, 4))).toBe(true);
  });

  withStore(
    'S7 a tab that knew nothing of an import takes nothing from it, and learns of it',
    async (opened) => {
      const { store } = opened;
      const other = await opened.beside();
      const bytes = 2 * CHUNK_BYTES;
      const mine = { ...meta('a', bytes), imported: true, wanted: false, kept: true, artId: id('e') };
      await store.put(mine);
      await store.write(id('a'), 1, pattern(CHUNK_BYTES, 6));
      const theirs = { ...meta('a', bytes), manifest: new Uint8Array(0), kept: false, usedAtMs: 7 };
      const found = await other.put(theirs);
      const [record] = await store.all();
      for (const known of [found, record]) {
        expect(known).toMatchObject({
          imported: true,
          kept: true,
          wanted: true,
          usedAtMs: 7,
          artId: id('e'),
        });
        expect([...(known?.manifest ?? [])]).toEqual([...mine.manifest]);
        expect([...(known?.bitmap ?? [])]).toEqual([2]);
      }
    },
  );

  withStore(
    'S8 what is cut otherwise takes the place of what was fetched, not of an import',
    async (opened) => {
      const { store } = opened;
      const other = await opened.beside();
      for (const digit of ['a', 'b']) {
        await store.put({ ...meta(digit, 10), imported: digit === 'a' });
        await store.write(id(digit), 0, pattern(10, 1));
        await other.put({ ...meta(digit, 10), chunksId: id('9') });
      }
      const known = (await store.all()).map((one) => [one.id, one.chunksId, one.imported, [...one.bitmap]]);
      expect(known.sort()).toEqual([
        [id('a'), id('f'), true, [1]],
        [id('b'), id('9'), false, [0]],
      ]);
    },
  );
}
