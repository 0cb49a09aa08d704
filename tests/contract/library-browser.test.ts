/** The store and the library where they really run: OPFS, workers and data channels in Chromium. */
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BrowserContext, Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BlobStore } from '../../app/library/store.ts';
import { media } from '../unit/library/media.ts';
import { type Harness, randomRoom, startHarness } from './browser-peers.ts';
import { runStoreContract } from './store.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
}, 60_000);

afterAll(async () => {
  await harness?.close();
});

async function openPage(context: BrowserContext): Promise<Page> {
  const page = await context.newPage();
  await page.goto(harness.origin);
  await page.waitForFunction(() => 'openLibrary' in window);
  return page;
}

type Rooms = ReturnType<typeof randomRoom>;

async function openLibrary(context: BrowserContext, room: Rooms): Promise<Page> {
  const page = await openPage(context);
  const options = { ...harness.node, selfId: randomUUID(), ...room };
  await page.evaluate((join) => window.openLibrary(join), options);
  return page;
}

async function serveFile(name: string, data: Uint8Array): Promise<string> {
  await mkdir(harness.folder, { recursive: true });
  await writeFile(join(harness.folder, name), data);
  return `/${name}`;
}

/** A WAV file of noise: music as far as an importer can tell. */
function noiseWav(bytes: number): Uint8Array<ArrayBuffer> {
  const out = Buffer.alloc(bytes);
  out.write('RIFF', 0);
  out.writeUInt32LE(bytes - 8, 4);
  out.write('WAVEfmt ', 8);
  out.writeUInt32LE(16, 16);
  out.writeUInt16LE(1, 20);
  out.writeUInt16LE(2, 22);
  out.writeUInt32LE(44_100, 24);
  out.writeUInt32LE(176_400, 28);
  out.writeUInt16LE(4, 32);
  out.writeUInt16LE(16, 34);
  out.write('data', 36);
  out.writeUInt32LE(bytes - 44, 40);
  randomBytes(bytes - 44).copy(out, 44);
  return new Uint8Array(out);
}

describe('OPFS store', () => {
  runStoreContract({
    test: (name, body) => test(name, body, 60_000),
    expect,
    async setup() {
      const context = await harness.browser.newContext();
      const page = await openPage(context);
      const open = () => page.evaluate(() => window.openStore());
      await open();
      const call = <Name extends 'all' | 'put' | 'write' | 'read' | 'delete'>(name: Name) =>
        ((...args: unknown[]) =>
          page.evaluate(
            ([method, values]) =>
              (window.store[method as 'all'] as (...all: unknown[]) => Promise<unknown>)(
                ...(values as unknown[]),
              ),
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
        async reopen() {
          await page.reload();
          await page.waitForFunction(() => 'openStore' in window);
          await open();
        },
        close: () => context.close(),
      };
    },
  });
});

describe('library in Chromium', () => {
  test('imports in a worker, with tags and a small cover that reaches another peer', async () => {
    const room = randomRoom();
    const contexts = [await harness.browser.newContext(), await harness.browser.newContext()];
    const [a, b] = [await openLibrary(contexts[0]!, room), await openLibrary(contexts[1]!, room)];
    const bytes = await media('cover.m4a');
    const url = await serveFile('cover.m4a', bytes);
    const events = await a.evaluate((at) => window.importUrl(at, 'cover.m4a'), url);
    const done = events.at(-1);
    if (done?.type !== 'done') throw new Error(JSON.stringify(events));
    expect(done.track).toMatchObject({ title: 'Blaue Züge', artist: 'Jöhn & Söhne' });
    expect(done.track.ref.trackId).toBe(createHash('sha256').update(bytes).digest('hex'));
    const { artId } = done.track;
    if (!artId) throw new Error('no cover');
    for (const page of [a, b]) {
      expect(await page.evaluate((art) => window.artType(art), artId)).toEqual({
        type: 'image/jpeg',
        width: 512,
        height: 512,
      });
    }
    const fetched = await b.evaluate((ref) => window.fetchTrack(ref), done.track.ref);
    expect(fetched.sha256).toBe(done.track.ref.trackId);
    const cut = await serveFile('cut.m4a', bytes.slice(0, bytes.length / 2));
    const [failed] = (await a.evaluate((at) => window.importUrl(at, 'cut.m4a'), cut)).slice(-1);
    expect(failed).toMatchObject({ type: 'failed', reason: 'truncated' });
    await Promise.all(contexts.map((context) => context.close()));
  }, 60_000);

  test('a large track comes whole over data channels, and a reload in the middle only costs what was missing', async () => {
    const room = randomRoom();
    const contexts = [await harness.browser.newContext(), await harness.browser.newContext()];
    const [a, b] = [await openLibrary(contexts[0]!, room), await openLibrary(contexts[1]!, room)];
    const data = noiseWav(60_000_000);
    const url = await serveFile('noise.wav', data);
    const events = await a.evaluate((at) => window.importUrl(at, 'noise.wav'), url);
    const done = events.at(-1);
    if (done?.type !== 'done') throw new Error(JSON.stringify(events));
    const { ref } = done.track;

    await b.evaluate((track) => window.library.fetch(track), ref);
    await b.waitForFunction((id) => (window.holding(id)?.heldBytes ?? 0) > 10_000_000, ref.trackId);
    await b.close();
    const again = await openLibrary(contexts[1]!, room);
    const kept = await again.evaluate((id) => window.holding(id)?.heldBytes ?? 0, ref.trackId);
    expect(kept).toBeGreaterThan(9_000_000);
    expect(kept).toBeLessThan(60_000_000);
    const fetched = await again.evaluate((track) => window.fetchTrack(track), ref);
    expect(fetched.sha256).toBe(ref.trackId);
    await again.waitForFunction((id) => window.holding(id)?.complete === true, ref.trackId);

    const third = await harness.browser.newContext();
    const fresh = await openLibrary(third, room);
    await fresh.waitForFunction((id) => window.library.holders(id) === 2, ref.trackId);
    const timed = await fresh.evaluate((track) => window.fetchTrack(track), ref);
    expect(timed.sha256).toBe(ref.trackId);
    console.log(
      `60 MB from two holders: ${((60 * 8) / timed.seconds).toFixed(0)} Mbit/s, first bytes after ${timed.firstBytesMs.toFixed(0)} ms`,
    );
    await Promise.all([...contexts, third].map((context) => context.close()));
  }, 120_000);
});
