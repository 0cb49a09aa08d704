/** The store and the library where they really run: OPFS, workers and data channels in Chromium. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BrowserContext, Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../app/library/store.ts';
import { noiseWav } from '../fixtures/noise.ts';
import { media } from '../unit/library/media.ts';
import { type Harness, randomRoom, startHarness } from './browser-peers.ts';
import { runStoreContract } from './store.ts';

let harness: Harness;
/** Too large to be handed to the browser otherwise. */
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'earshot-library-'));
  harness = await startHarness('library');
}, 60_000);

afterAll(async () => {
  await harness?.close();
  await rm(folder, { recursive: true, force: true });
});

type Rooms = Awaited<ReturnType<typeof randomRoom>>;

async function openLibrary(context: BrowserContext, room: Rooms): Promise<Page> {
  const page = await harness.newPage(context);
  const options = { ...harness.node, selfId: randomUUID(), ...room };
  await page.evaluate((join) => window.openLibrary(join), options);
  return page;
}

async function importFile(page: Page, name: string, data: Uint8Array) {
  const path = join(folder, name);
  await writeFile(path, data);
  await page.setInputFiles('input', path);
  return page.evaluate(() => window.importPicked());
}

describe('OPFS store', () => {
  runStoreContract({
    test: (name, body) => test(name, body, 60_000),
    expect,
    async setup() {
      const context = await harness.newContext();
      const page = await harness.newPage(context);
      const open = () => page.evaluate(() => window.openStore());
      await open();
      const call = <Name extends 'all' | 'put' | 'write' | 'read' | 'delete'>(name: Name, tab = page) =>
        ((...args: unknown[]) =>
          tab.evaluate(
            ([method, values]) =>
              (window.store[method as 'all'] as (...all: unknown[]) => Promise<unknown>)(...values),
            [name, args] as const,
          )) as BlobStore[Name];
      return {
        store: {
          all: call('all'),
          put: call('put'),
          write: call('write'),
          read: call('read'),
          delete: call('delete'),
        },
        blob: (id) => page.evaluate((blobId) => window.blobOf(blobId), id),
        writeAndKeep: (...args) =>
          page.evaluate(async (values) => {
            await window.store.write(...values);
            return values[2].slice();
          }, args),
        async beside() {
          const tab = await harness.newPage(context);
          await tab.evaluate(() => window.openStore());
          return { put: call('put', tab) };
        },
        async reopen() {
          await page.reload();
          await page.waitForFunction(() => window.harnessReady === true);
          await open();
        },
        close: () => context.close(),
      };
    },
  });
});

describe('library in Chromium', () => {
  test('imports in a worker, with tags and a small cover that reaches another peer', async () => {
    const room = await randomRoom();
    const contexts = [await harness.newContext(), await harness.newContext()];
    const [a, b] = [await openLibrary(contexts[0]!, room), await openLibrary(contexts[1]!, room)];
    const bytes = await media('cover.m4a');
    const events = await importFile(a, 'cover.m4a', bytes);
    const done = events.at(-1);
    if (done?.type !== 'done') throw new Error(JSON.stringify(events));
    expect(done.track).toMatchObject({ title: 'Blaue Züge', artist: 'Jöhn & Söhne' });
    expect(done.track.ref.trackId).toBe(createHash('sha256').update(bytes).digest('hex'));
    const { artId } = done.track;
    if (!artId) throw new Error('no cover');
    for (const page of [a, b]) {
      expect(await page.evaluate((art) => window.artType(art), artId)).toEqual({
        width: 512,
        height: 512,
      });
    }
    const fetched = await b.evaluate((ref) => window.fetchTrack(ref), done.track.ref);
    expect(fetched.sha256).toBe(done.track.ref.trackId);
    const [failed] = (await importFile(a, 'cut.m4a', bytes.slice(0, bytes.length / 2))).slice(-1);
    expect(failed).toMatchObject({ type: 'failed', reason: 'truncated' });
    await Promise.all(contexts.map((context) => context.close()));
  }, 60_000);

  test('a large track comes whole over data channels, and a reload in the middle only costs what was missing', async () => {
    const room = await randomRoom();
    const contexts = [await harness.newContext(), await harness.newContext()];
    const [a, b] = [await openLibrary(contexts[0]!, room), await openLibrary(contexts[1]!, room)];
    const data = noiseWav(40_000_000);
    const events = await importFile(a, 'noise.wav', data);
    const done = events.at(-1);
    if (done?.type !== 'done') throw new Error(JSON.stringify(events));
    const { ref } = done.track;

    await b.evaluate((track) => window.library.fetch(track), ref);
    await b.waitForFunction((id) => (window.holding(id)?.heldBytes ?? 0) > 6_000_000, ref.trackId);
    const seen = await b.evaluate((id) => window.holding(id)?.heldBytes ?? 0, ref.trackId);
    await b.close();
    const again = await openLibrary(contexts[1]!, room);
    const kept = await again.evaluate((id) => window.holding(id)?.heldBytes ?? 0, ref.trackId);
    expect(kept).toBeGreaterThanOrEqual(seen);
    expect(kept).toBeLessThan(ref.bytes);
    const fetched = await again.evaluate((track) => window.fetchTrack(track), ref);
    expect(fetched.sha256).toBe(ref.trackId);
    await again.waitForFunction((id) => window.holding(id)?.complete === true, ref.trackId);

    const third = await harness.newContext();
    const fresh = await openLibrary(third, room);
    await fresh.waitForFunction((id) => window.library.holders(id) === 2, ref.trackId);
    const shared = await fresh.evaluate((track) => window.fetchTrack(track), ref);
    expect(shared.sha256).toBe(ref.trackId);
    await Promise.all([...contexts, third].map((context) => context.close()));
  }, 120_000);

  test('an import on a full device lets what was fetched go, and then goes in', async () => {
    const room = await randomRoom();
    const contexts = [await harness.newContext(), await harness.newContext()];
    const [a, b] = [await openLibrary(contexts[0]!, room), await openLibrary(contexts[1]!, room)];
    const fetched = (await importFile(a, 'fetched.wav', noiseWav(3_000_000))).at(-1);
    if (fetched?.type !== 'done') throw new Error(JSON.stringify(fetched));
    const { ref } = fetched.track;
    await b.waitForFunction((id) => window.library.holders(id) === 1, ref.trackId);
    await b.evaluate((track) => window.library.fetch(track), ref);
    await b.waitForFunction((id) => window.holding(id)?.complete === true, ref.trackId);
    const devtools = await contexts[1]!.newCDPSession(b);
    const { origin } = harness.node;
    await devtools.send('Storage.overrideQuotaForOrigin', { origin, quotaSize: 4_000_000 });
    const imported = (await importFile(b, 'imported.wav', noiseWav(2_500_000))).at(-1);
    if (imported?.type !== 'done') throw new Error(JSON.stringify(imported));
    const here = (id: string) => b.evaluate((trackId) => window.holding(trackId), id);
    expect(await here(imported.track.ref.trackId)).toMatchObject({ complete: true, imported: true });
    expect(await here(ref.trackId)).toBe(null);
    await Promise.all(contexts.map((context) => context.close()));
  }, 120_000);
});
