import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { CHUNK_BYTES, toHex } from '../../../app/library/chunks.ts';
import { DOWNLOAD_TIMES } from '../../../app/library/download.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import type { BlobStore } from '../../../app/library/store.ts';
import { type Message, decode, encode } from '../../../app/library/wire.ts';
import type { Transport } from '../../../app/mesh/transport.ts';
import { type Rig, createRig, fill, testTrack, until } from './rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
afterEach(() => rig.close());

async function holding(track: ReturnType<typeof testTrack>, options: Parameters<typeof fill>[2] = {}) {
  const store = createMemoryStore();
  await fill(store, track, options);
  return store;
}

/** Lets a test see and change what a peer sends. */
function tamper(change: (message: Message, to: string) => Message | null) {
  return (transport: Transport): Transport => ({
    ...transport,
    send(to, channel, bytes) {
      const message = decode(bytes);
      if (!message) return transport.send(to, channel, bytes);
      const changed = change(message, to);
      return changed ? transport.send(to, channel, encode(changed)) : Promise.resolve();
    },
  });
}

function gate() {
  let open = () => {};
  const passed = new Promise<void>((resolve) => (open = resolve));
  return { passed, open: () => open() };
}

/** `toEqual` takes seconds for megabytes. */
function expectBytes(actual: Uint8Array, expected: Uint8Array): void {
  expect(Buffer.compare(actual, expected)).toBe(0);
}

const done = (library: { holdings(): ReadonlyMap<string, { complete: boolean }> }, id: string) =>
  library.holdings().get(id)?.complete === true;

describe('transfer', () => {
  test('L1 a track comes whole from one holder, and can be read from any place', async () => {
    const track = testTrack(20, 1);
    const { library: holder } = rig.peer({ store: await holding(track) });
    const { library } = rig.peer();
    await until(library, () => library.holders(track.ref.trackId) === 1);
    expect(library.holdings().size).toBe(0);
    const source = library.open(track.ref);
    const middle = 7 * CHUNK_BYTES - 10;
    expect(await source.read(middle, middle + 20)).toEqual(track.data.slice(middle, middle + 20));
    expectBytes(await source.read(0, track.data.length), track.data);
    await until(library, () => done(library, track.ref.trackId));
    await until(holder, () => holder.holders(track.ref.trackId) === 1);
    source.close();
  });

  test('L2 a read resolves as soon as its own chunks are here, and jumps the queue', async () => {
    const track = testTrack(60, 2);
    const asked: number[] = [];
    const store = await holding(track);
    rig.peer({ store });
    const { library } = rig.peer({
      wrap: tamper((message) => {
        if (message.type === 'wantChunk') asked.push(message.index);
        return message;
      }),
    });
    const source = library.open(track.ref);
    const start = 40 * CHUNK_BYTES;
    const bytes = await source.read(start, start + 5);
    expect(bytes).toEqual(track.data.slice(start, start + 5));
    expect(done(library, track.ref.trackId)).toBe(false);
    // One window of requests may be under way before the reader came.
    expect(asked.indexOf(40)).toBeLessThanOrEqual(8);
  });

  test('L3 three holders share the work', async () => {
    const track = testTrack(90, 3);
    const served = new Map<string, number>();
    for (const selfId of ['a', 'b', 'c']) {
      rig.peer({
        selfId,
        store: await holding(track),
        wrap: tamper((message) => {
          if (message.type === 'chunk') served.set(selfId, (served.get(selfId) ?? 0) + 1);
          return message;
        }),
      });
    }
    const { library, store } = rig.peer();
    await until(library, () => library.holders(track.ref.trackId) === 3);
    library.fetch(track.ref);
    await until(library, () => done(library, track.ref.trackId));
    expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
    expect([...served.values()].reduce((a, b) => a + b)).toBe(90);
    for (const count of served.values()) expect(count).toBeGreaterThan(15);
  });

  test('L4 a holder that vanishes in mid-transfer is replaced by another', async () => {
    const track = testTrack(40, 4);
    let served = 0;
    const leaving = rig.peer({
      selfId: 'leaving',
      store: await holding(track),
      wrap: tamper((message) => {
        if (message.type === 'chunk' && ++served > 5) queueMicrotask(() => leaving.transport.close());
        return message;
      }),
    });
    const { library, store } = rig.peer();
    await until(library, () => library.holders(track.ref.trackId) === 1);
    library.fetch(track.ref);
    await until(library, () => library.holders(track.ref.trackId) === 0);
    expect(done(library, track.ref.trackId)).toBe(false);
    rig.peer({ selfId: 'staying', store: await holding(track) });
    await until(library, () => done(library, track.ref.trackId));
    expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
  });

  test('L5 a wrong chunk is never stored, and its sender is asked nothing more for this track', async () => {
    const track = testTrack(30, 5);
    let lies = 0;
    rig.peer({
      selfId: 'a-liar',
      store: await holding(track),
      wrap: tamper((message) => {
        if (message.type !== 'chunk') return message;
        lies++;
        const data = message.data.slice();
        data[100] = (data[100] ?? 0) ^ 1;
        return { ...message, data };
      }),
    });
    const { library, store } = rig.peer();
    await until(library, () => library.holders(track.ref.trackId) === 1);
    library.fetch(track.ref);
    const source = library.open(track.ref);
    const early = source.read(0, 10);
    rig.peer({ selfId: 'honest', store: await holding(track) });
    await until(library, () => done(library, track.ref.trackId));
    expect(await early).toEqual(track.data.slice(0, 10));
    expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
    expect(lies).toBeGreaterThan(0);
    expect(lies).toBeLessThanOrEqual(8);
  });

  test('L6 a wrong manifest is refused', async () => {
    const track = testTrack(5, 6);
    rig.peer({
      selfId: 'a-liar',
      store: await holding(track),
      wrap: tamper((message) =>
        message.type === 'manifest'
          ? { ...message, manifest: message.manifest.map((byte) => byte ^ 255) }
          : message,
      ),
    });
    const { library, store } = rig.peer();
    library.fetch(track.ref);
    await until(library, () => library.holders(track.ref.trackId) === 1);
    rig.peer({ selfId: 'honest', store: await holding(track) });
    await until(library, () => done(library, track.ref.trackId));
    expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
  });

  test('L7 a silent holder does not hold a reader up for long', async () => {
    const track = testTrack(30, 7);
    rig.peer({
      selfId: 'a-silent',
      store: await holding(track),
      wrap: tamper((message) => (message.type === 'chunk' ? null : message)),
    });
    rig.peer({ selfId: 'b-honest', store: await holding(track) });
    const { library } = rig.peer();
    await until(library, () => library.holders(track.ref.trackId) === 2);
    const source = library.open(track.ref);
    expectBytes(await source.read(0, track.data.length), track.data);
  });

  test('L8 a partial download goes on in the next session, and asks only for what is missing', async () => {
    const track = testTrack(24, 8);
    const had = [0, 1, 2, 5, 9, 23];
    const store = createMemoryStore();
    await fill(store, track, { chunks: had, wanted: true });
    const asked: number[] = [];
    rig.peer({ store: await holding(track) });
    const { library } = rig.peer({
      store,
      wrap: tamper((message) => {
        if (message.type === 'wantChunk') asked.push(message.index);
        return message;
      }),
    });
    await library.loaded;
    expect(library.holdings().get(track.ref.trackId)).toEqual({
      trackId: track.ref.trackId,
      heldBytes: 5 * CHUNK_BYTES + 1000,
      totalBytes: track.data.length,
      complete: false,
      imported: false,
    });
    await until(library, () => done(library, track.ref.trackId));
    expect(asked.toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 24 }, (_, i) => i).filter((i) => !had.includes(i)),
    );
    expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
  });

  test('L9 two peers with a half each complete each other', async () => {
    const track = testTrack(16, 9);
    const low = Array.from({ length: 8 }, (_, i) => i);
    const a = rig.peer({ store: await holding(track, { chunks: low, wanted: true }) });
    const b = rig.peer({ store: await holding(track, { chunks: low.map((i) => i + 8), wanted: true }) });
    await until(a.library, () => done(a.library, track.ref.trackId));
    await until(b.library, () => done(b.library, track.ref.trackId));
    for (const { store } of [a, b]) {
      expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
    }
  });

  test('L10 reads end with AbortError: by signal, by close, by removal', async () => {
    const track = testTrack(4, 10);
    const { library } = rig.peer();
    const source = library.open(track.ref);
    const abort = new AbortController();
    const bySignal = source.read(0, 10, abort.signal);
    abort.abort();
    await expect(bySignal).rejects.toMatchObject({ name: 'AbortError' });
    const byRemoval = source.read(0, 10);
    const removed = expect(byRemoval).rejects.toMatchObject({ name: 'AbortError' });
    await library.remove(track.ref.trackId);
    await removed;
    const second = library.open(track.ref);
    const byClose = expect(second.read(0, 10)).rejects.toMatchObject({ name: 'AbortError' });
    second.close();
    await byClose;
    await expect(second.read(0, 10)).rejects.toMatchObject({ name: 'AbortError' });
  });

  test('L11 an MP4 has its end fetched early: that is where players look', async () => {
    const track = testTrack(50, 11, 'audio/mp4');
    const asked: number[] = [];
    rig.peer({ store: await holding(track) });
    const { library } = rig.peer({
      wrap: tamper((message) => {
        if (message.type === 'wantChunk') asked.push(message.index);
        return message;
      }),
    });
    library.fetch(track.ref);
    await until(library, () => done(library, track.ref.trackId));
    expect(asked.indexOf(49)).toBeLessThan(8);
  });

  test('L12 removed bytes are gone, and the others know', async () => {
    const track = testTrack(3, 12);
    const { library: holder } = rig.peer({ store: await holding(track) });
    const { library } = rig.peer();
    await until(library, () => library.holders(track.ref.trackId) === 1);
    await holder.remove(track.ref.trackId);
    expect(holder.holdings().size).toBe(0);
    await until(library, () => library.holders(track.ref.trackId) === 0);
  });

  test('L13 a full device ends a download with its reason, and keeps what it has', async () => {
    const track = testTrack(20, 13);
    rig.peer({ store: await holding(track) });
    const { library } = rig.peer({ store: createMemoryStore({ quotaBytes: 5 * CHUNK_BYTES }) });
    const source = library.open(track.ref);
    await expect(source.read(0, track.data.length)).rejects.toMatchObject({ name: 'NoSpaceError' });
    expect(library.holdings().get(track.ref.trackId)?.heldBytes).toBeGreaterThan(0);
  });

  test('L14 a peer that asks without end is served within bounds', async () => {
    const track = testTrack(8, 14);
    let answers = 0;
    const holder = rig.peer({
      selfId: 'holder',
      store: await holding(track),
      wrap: tamper((message) => {
        if (message.type === 'chunk' || message.type === 'denied') answers++;
        return message;
      }),
    });
    const greedy = rig.hub.join({ selfId: 'greedy' });
    await holder.library.loaded;
    const want = encode({ type: 'wantChunk', id: track.ref.trackId, index: 0 });
    await Promise.all(Array.from({ length: 5_000 }, () => greedy.send('holder', 'control', want)));
    const { library } = rig.peer();
    const source = library.open(track.ref);
    expectBytes(await source.read(0, track.data.length), track.data);
    expect(answers).toBeLessThan(500);
  });

  test('L15 what nobody holds does not keep other tracks from being fetched', async () => {
    const held = testTrack(4, 15);
    rig.peer({ store: await holding(held) });
    const { library } = rig.peer();
    for (let seed = 100; seed < 110; seed++) library.fetch(testTrack(2, seed).ref);
    library.fetch(held.ref);
    await until(library, () => done(library, held.ref.trackId));
  });

  test('L16 random bytes change nothing', async () => {
    const track = testTrack(4, 16);
    rig.peer({ selfId: 'holder', store: await holding(track) });
    const noisy = rig.hub.join({ selfId: 'noisy' });
    const { library } = rig.peer({ selfId: 'reader' });
    let x = 7;
    const random = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 16;
    for (let i = 0; i < 3_000; i++) {
      const noise = Uint8Array.from({ length: random() % 80 }, random);
      if (random() % 2) noise.set([0x4c, random() % 14].slice(0, noise.length));
      if (random() % 3 === 0 && noise.length > 40) {
        noise.set(
          Uint8Array.from(track.ref.trackId.match(/../g) ?? [], (hex) => Number.parseInt(hex, 16)),
          2,
        );
      }
      await noisy.send(i % 2 ? 'holder' : 'reader', i % 3 ? 'control' : 'bytes', noise);
    }
    const source = library.open(track.ref);
    expectBytes(await source.read(0, track.data.length), track.data);
    expect(toHex(new Uint8Array([1, 255]))).toBe('01ff');
  });

  test('L17 what only one holder has is asked of it before what others have too', async () => {
    const track = testTrack(100, 17);
    const common = Array.from({ length: 80 }, (_, i) => i);
    const store80 = await holding(track, { chunks: common });
    const asked: number[] = [];
    // It tells what it has, but gives nothing: so nothing of it has arrived when the other holder comes.
    const told = new Promise<void>((resolve) => {
      rig.peer({
        selfId: 'partial',
        store: store80,
        wrap: tamper((message) => {
          if (message.type === 'bits') queueMicrotask(resolve);
          return message.type === 'chunk' ? null : message;
        }),
      });
    });
    const { library } = rig.peer({
      wrap: tamper((message, to) => {
        if (message.type === 'wantChunk' && to === 'full') asked.push(message.index);
        return message;
      }),
    });
    library.fetch(track.ref);
    await told;
    rig.peer({ selfId: 'full', store: await holding(track) });
    await until(library, () => done(library, track.ref.trackId));
    // The first two of a track come before anything else, in whatever state the rest is.
    const early = new Set(asked.slice(0, 2 + 20));
    expect(Array.from({ length: 20 }, (_, i) => i + 80).filter((index) => !early.has(index))).toEqual([]);
  });

  test('L18 a record whose chunks do not make the track is found out at the end, and not believed again', async () => {
    const track = testTrack(6, 18);
    const ref = { ...track.ref, trackId: testTrack(1, 99).ref.trackId };
    let asked = 0;
    rig.peer({ selfId: 'holder', store: await holding({ ...track, ref }) });
    const { library, store } = rig.peer({
      wrap: tamper((message) => {
        if (message.type === 'wantChunk') asked++;
        return message;
      }),
    });
    const ended = () =>
      library
        .open(ref)
        .read(0, 10)
        .then(
          () => 'bytes',
          (error: Error) => error.name,
        );
    // The beginning may be read before the end is here: only the whole tells.
    await expect.poll(ended, { timeout: 10_000 }).toBe('WrongTrackError');
    expect(await store.all()).toEqual([]);
    const before = asked;
    library.fetch(ref);
    expect(await ended()).toBe('WrongTrackError');
    expect(asked).toBe(before);
  });

  test('L19 what a leaving peer gave half of holds nothing up, and goes on when a holder comes', async () => {
    const halves = [testTrack(40, 19), testTrack(40, 20)] as const;
    const whole = testTrack(10, 21);
    const leavingStore = createMemoryStore();
    for (const track of halves) await fill(leavingStore, track);
    const served = new Map<string, number>();
    const leaving = rig.peer({
      selfId: 'leaving',
      store: leavingStore,
      wrap: tamper((message) => {
        if (message.type !== 'chunk') return message;
        served.set(message.id, (served.get(message.id) ?? 0) + 1);
        if ([...served.values()].filter((chunks) => chunks > 3).length === 2)
          queueMicrotask(() => leaving.transport.close());
        return message;
      }),
    });
    const { library } = rig.peer({ selfId: 'reader' });
    const ids = halves.map(({ ref }) => ref.trackId);
    await until(library, () => ids.every((id) => library.holders(id) === 1));
    for (const { ref } of halves) library.fetch(ref);
    await until(library, () => ids.every((id) => library.holders(id) === 0));
    await expect.poll(() => library.isIdle()).toBe(true);
    expect(ids.map((id) => done(library, id))).toEqual([false, false]);

    rig.peer({ selfId: 'staying', store: await holding(whole) });
    library.fetch(whole.ref);
    await until(library, () => done(library, whole.ref.trackId), 'the other track');
    const back = createMemoryStore();
    for (const track of halves) await fill(back, track);
    rig.peer({ selfId: 'back', store: back });
    await until(library, () => ids.every((id) => done(library, id)), 'the halves');
  });

  /** One that holds all of these and takes its time, and somebody who fetches; `finished` in the order of becoming whole. */
  async function slowly(tracks: readonly ReturnType<typeof testTrack>[], needed: () => readonly string[]) {
    const store = createMemoryStore();
    for (const track of tracks) await fill(store, track);
    const asked: string[] = [];
    rig.peer({
      selfId: 'slow',
      store,
      wrap: (transport) => ({
        ...transport,
        async send(to, channel, bytes) {
          if (channel === 'bytes') await new Promise<void>((resolve) => setTimeout(resolve, 3));
          return transport.send(to, channel, bytes);
        },
      }),
    });
    const { library } = rig.peer({
      selfId: 'reader',
      needed,
      // Slow is not silent.
      times: DOWNLOAD_TIMES,
      wrap: tamper((message) => {
        if (message.type === 'wantChunk') asked.push(message.id);
        return message;
      }),
    });
    const ids = tracks.map(({ ref }) => ref.trackId);
    const finished: string[] = [];
    library.onChange(() => {
      for (const id of ids) if (done(library, id) && !finished.includes(id)) finished.push(id);
    });
    await until(library, () => ids.every((id) => library.holders(id) === 1));
    return { library, ids, asked, finished };
  }

  test('L20 what is needed sooner is fetched first, also when it was asked for later', async () => {
    const tracks = [30, 31, 32, 33].map((seed) => testTrack(30, seed));
    let needed: string[] = [];
    const { library, ids, asked, finished } = await slowly(tracks, () => needed);
    const [first, second, third, fourth] = ids as [string, string, string, string];
    for (const { ref } of tracks.slice(0, 2)) library.fetch(ref);
    await expect.poll(() => new Set(asked).size, { interval: 5 }).toBe(2);
    needed = [fourth, third];
    for (const { ref } of tracks.slice(2)) library.fetch(ref);
    await until(library, () => finished.length === 4, 'all of them');
    const place = (id: string) => finished.indexOf(id);
    expect(Math.max(place(third), place(fourth))).toBeLessThan(Math.min(place(first), place(second)));
  });

  test('L21 what was skipped is fetched no further, unless somebody asked for it', async () => {
    const tracks = Array.from({ length: 6 }, (_, i) => testTrack(40, 40 + i));
    const { library, ids, asked, finished } = await slowly(tracks, () => []);
    const refs = tracks.map(({ ref }) => ref);
    const [, kept, copied] = refs;
    if (!kept || !copied) throw new Error('six tracks');
    library.fetchAhead(refs.slice(0, 2));
    await expect.poll(() => new Set(asked).size, { interval: 5 }).toBe(2);
    library.keep(kept);
    library.fetch(copied);
    for (let at = 1; at < 5; at++) library.fetchAhead(refs.slice(at, at + 2));
    await until(library, () => finished.length === 4, 'what is ahead, and what was asked for');
    expect(new Set(finished)).toEqual(new Set([ids[1], ids[2], ids[4], ids[5]]));
    await expect.poll(() => library.isIdle()).toBe(true);
    expect(asked).not.toContain(ids[3]);
    expect(done(library, ids[0] ?? '')).toBe(false);
  });

  test('L22 who reaches only a holder of a part gets what that one gets, though it never has all', async () => {
    const track = testTrack(8, 60);
    const id = track.ref.trackId;
    rig.peer({ selfId: 'owner', store: await holding(track, { chunks: [0, 1, 2, 3, 4, 5] }) });
    rig.hub.partition(['between', 'far'], ['owner']);
    const between = rig.peer({ selfId: 'between', store: await holding(track, { chunks: [0, 1] }) });
    const { library, store } = rig.peer({ selfId: 'far' });
    const held = (): number =>
      [...library.holdings().values()].reduce((sum, { heldBytes }) => sum + heldBytes, 0);
    library.fetch(track.ref);
    await until(library, () => held() === 2 * CHUNK_BYTES, 'the first part');
    await expect.poll(() => library.isIdle()).toBe(true);
    rig.hub.partition(['between', 'far'], ['between', 'owner']);
    between.library.fetch(track.ref);
    await until(library, () => held() === 6 * CHUNK_BYTES, 'the rest of what there is');
    expectBytes(await store.read(id, 0, 6 * CHUNK_BYTES), track.data.subarray(0, 6 * CHUNK_BYTES));
  });

  test('L23 a store that refuses a manifest ends the read with its reason', async () => {
    const track = testTrack(4, 61);
    rig.peer({ store: await holding(track) });
    const store = createMemoryStore();
    const { library } = rig.peer({
      store: {
        ...store,
        put: (meta) => (meta.manifest.length > 0 ? Promise.reject(new Error('refused')) : store.put(meta)),
      },
    });
    await expect(library.open(track.ref).read(0, 10)).rejects.toThrow('refused');
  });

  test('L24 within reach is what others hold parts of, or what is here for the most part', async () => {
    const [most, little, part, none] = [62, 63, 64, 65].map((seed) => testTrack(16, seed));
    if (!most || !little || !part || !none) throw new Error('four tracks');
    const store = await holding(most, { chunks: Array.from({ length: 15 }, (_, i) => i) });
    await fill(store, little, { chunks: [0, 1] });
    const { library } = rig.peer({ store });
    rig.peer({ store: await holding(part, { chunks: [3] }) });
    await until(library, () => library.isInReach(part.ref.trackId));
    expect([most, little, none].map(({ ref }) => library.isInReach(ref.trackId))).toEqual([
      true,
      false,
      false,
    ]);
    rig.peer({ store: await holding(little, { chunks: [5] }) });
    await until(library, () => library.isInReach(little.ref.trackId));
  });

  /** One holder whose chunks go through `pass`, and somebody who fetches from it and counts what it sends. */
  async function sole(
    track: ReturnType<typeof testTrack>,
    times: typeof DOWNLOAD_TIMES,
    pass: (send: () => Promise<void>) => Promise<void>,
  ) {
    const sent = new Map<string, number>();
    const asked = new Map<number, number>();
    rig.peer({
      selfId: 'sole',
      store: await holding(track),
      wrap: (transport) => ({
        ...transport,
        send(to, channel, bytes) {
          const message = decode(bytes);
          const send = () => transport.send(to, channel, bytes);
          return message?.type === 'chunk' ? pass(send) : send();
        },
      }),
    });
    const { library, store } = rig.peer({
      selfId: 'reader',
      times,
      wrap: tamper((message) => {
        sent.set(message.type, (sent.get(message.type) ?? 0) + 1);
        if (message.type === 'wantChunk') asked.set(message.index, (asked.get(message.index) ?? 0) + 1);
        return message;
      }),
    });
    await until(library, () => library.holders(track.ref.trackId) === 1);
    library.fetch(track.ref);
    const whole = async () => {
      await until(library, () => done(library, track.ref.trackId), 'the track');
      expectBytes(await store.read(track.ref.trackId, 0, track.data.length), track.data);
    };
    return { sent, asked, whole };
  }

  test('L25 what a sole holder sends too late is kept, and it is asked on at once', async () => {
    const track = testTrack(20, 66);
    const stall = gate();
    // Who rests here rests for longer than the test.
    const times = { requestMs: 700, hedgeMs: 40, restMs: 60_000 };
    const { sent, asked, whole } = await sole(track, times, (send) => stall.passed.then(send));
    await expect.poll(() => sent.get('cancelChunk'), { timeout: 10_000 }).toBe(8);
    const first = [...asked.keys()][0] ?? -1;
    stall.open();
    await whole();
    expect(asked.get(first)).toBe(1);
  });

  test('L26 requests that end together are one silence, after which a sole holder is asked again', async () => {
    const track = testTrack(20, 67);
    let lost = 0;
    // With a rest for each, the eighth would last 38 s.
    const times = { requestMs: 700, hedgeMs: 40, restMs: 300 };
    const { sent, whole } = await sole(track, times, (send) => (++lost <= 8 ? Promise.resolve() : send()));
    await whole();
    expect(sent.get('cancelChunk')).toBe(8);
  });

  test('L27 who needs long for all that was asked of it, and sends, is slow and not silent', async () => {
    const track = testTrack(8, 68);
    const times = { requestMs: 900, hedgeMs: 60_000, restMs: 60_000 };
    const { sent, whole } = await sole(track, times, async (send) => {
      await new Promise<void>((resolve) => setTimeout(resolve, 200));
      return send();
    });
    await whole();
    expect(sent.get('cancelChunk')).toBe(undefined);
  });

  test('L28 a manifest that comes too late is taken all the same', async () => {
    const track = testTrack(4, 69);
    const [stall, asked] = [gate(), gate()];
    rig.peer({
      store: await holding(track),
      wrap: (transport) => ({
        ...transport,
        send: (to, channel, bytes) =>
          decode(bytes)?.type === 'manifest'
            ? stall.passed.then(() => transport.send(to, channel, bytes))
            : transport.send(to, channel, bytes),
      }),
    });
    const { library } = rig.peer({
      // Who rests here rests for longer than the test.
      times: { requestMs: 700, hedgeMs: 40, restMs: 60_000 },
      wrap: tamper((message) => {
        if (message.type === 'wantManifest') asked.open();
        return message;
      }),
    });
    await until(library, () => library.holders(track.ref.trackId) === 1);
    library.fetch(track.ref);
    await asked.passed;
    await expect.poll(() => library.isIdle(), { timeout: 10_000 }).toBe(true);
    stall.open();
    await until(library, () => done(library, track.ref.trackId));
  });

  test('L29 what a holder cannot read it says it has not, and another is asked at once', async () => {
    const track = testTrack(12, 70);
    const art = testTrack(1, 71);
    const broken = await holding(track);
    const { manifest, ref } = art;
    const picture = { id: ref.trackId, bytes: ref.bytes, mime: 'image/jpeg', chunksId: '', manifest };
    await broken.put({ ...picture, kind: 'art', imported: true, wanted: false });
    await broken.write(ref.trackId, 0, art.data);
    const failing = {
      ...broken,
      read: (id: string, start: number, end: number) =>
        id === ref.trackId || start === 3 * CHUNK_BYTES
          ? Promise.reject(new Error('cannot be read'))
          : broken.read(id, start, end),
    };
    const { library: holder } = rig.peer({ selfId: 'a-broken', store: failing });
    await holder.loaded;

    const asker = rig.hub.join({ selfId: 'asker' });
    const told: Message[] = [];
    asker.onMessage('bytes', (_from, bytes) => {
      const message = decode(bytes);
      if (message) told.push(message);
    });
    const ask = (message: Message) => asker.send('a-broken', 'control', encode(message));
    await ask({ type: 'wantChunk', id: track.ref.trackId, index: 3 });
    await ask({ type: 'wantArt', id: ref.trackId });
    await expect
      .poll(() => told)
      .toEqual([
        { type: 'denied', id: track.ref.trackId, index: 3, wanted: 'chunk' },
        { type: 'denied', id: ref.trackId, index: 0, wanted: 'art' },
      ]);

    rig.peer({ selfId: 'b-whole', store: await holding(track) });
    // Who waits for an answer waits for longer than the test.
    const { library } = rig.peer({ times: { requestMs: 60_000, hedgeMs: 60_000, restMs: 50 } });
    await until(library, () => library.holders(track.ref.trackId) === 2);
    library.fetch(track.ref);
    await until(library, () => done(library, track.ref.trackId));
  });

  test('L30 a device that can keep nothing holds what it fetches while it is open, and says so', async () => {
    const track = testTrack(6, 72);
    rig.peer({ store: await holding(track) });
    let asked = 0;
    const refused = <T>(): Promise<T> => {
      asked++;
      return Promise.reject(new DOMException('a private window', 'SecurityError'));
    };
    let closed = false;
    const store: BlobStore = {
      all: refused,
      put: refused,
      write: refused,
      read: refused,
      blob: refused,
      delete: refused,
      close: () => (closed = true),
    };
    const storage = {
      persist: async () => false,
      persisted: async () => false,
      estimate: async () => ({ quota: 1e9, usage: 0 }),
    } as unknown as StorageManager;
    const spare = async () => createMemoryStore({ quotaBytes: 6 * CHUNK_BYTES });
    const { library } = rig.peer({ store, spare, storage });
    expect(await library.loaded).toBe(false);
    expect([asked, closed]).toEqual([1, true]);
    const source = library.open(track.ref);
    expectBytes(await source.read(0, track.data.length), track.data);
    await until(library, () => done(library, track.ref.trackId));
    // Nobody should count on it for a copy.
    expect(await library.storage()).toEqual({
      usedBytes: track.data.length,
      quotaBytes: 0,
      persistent: false,
    });
    expect(await rig.peer().library.loaded).toBe(true);
    await expect(rig.peer({ store }).library.loaded).rejects.toThrow('a private window');
  });

  const known = async (store: BlobStore) =>
    (await store.all()).map(({ id, checked }) => [id, checked === true]);

  test('L31 what is complete and was never hashed as a whole is, also when its reader went or the page was loaded again', async () => {
    const [good, wrong, read] = [73, 74, 75].map((seed) => testTrack(3, seed));
    if (!good || !wrong || !read) throw new Error('three tracks');
    const ref = { ...wrong.ref, trackId: testTrack(1, 98).ref.trackId };
    const store = createMemoryStore();
    await fill(store, good, { imported: false });
    await fill(store, { ...wrong, ref }, { imported: false });
    rig.peer({ store: await holding(read) });
    const { library } = rig.peer({ store });
    await until(library, () => library.holders(read.ref.trackId) === 1);
    const source = library.open(read.ref);
    await source.read(0, read.data.length);
    source.close();
    await expect
      .poll(() => known(store))
      .toEqual([
        [good.ref.trackId, true],
        [read.ref.trackId, true],
      ]);
    expect(library.holdings().has(ref.trackId)).toBe(false);
    await expect(library.open(ref).read(0, 10)).rejects.toMatchObject({ name: 'WrongTrackError' });
  });

  test('L32 a check that cannot be made breaks off nothing that reads, and is made again later', async () => {
    const track = testTrack(10, 76);
    rig.peer({ store: await holding(track) });
    const inner = createMemoryStore();
    let refused = 0;
    const store: BlobStore = {
      ...inner,
      // Only the check reads as much as this at once.
      read: (id, start, end) =>
        end - start > CHUNK_BYTES && ++refused <= 2
          ? Promise.reject(new Error('cannot be read'))
          : inner.read(id, start, end),
    };
    const { library } = rig.peer({ store });
    await until(library, () => library.holders(track.ref.trackId) === 1);
    const source = library.open(track.ref);
    for (let at = 0; at < track.data.length; at += CHUNK_BYTES) {
      const end = Math.min(track.data.length, at + CHUNK_BYTES);
      expectBytes(await source.read(at, end), track.data.slice(at, end));
    }
    await expect.poll(() => refused).toBeGreaterThan(0);
    expectBytes(await source.read(0, 10), track.data.slice(0, 10));
    await expect.poll(() => known(inner)).toEqual([[track.ref.trackId, true]]);
    expectBytes(await source.read(5, 10), track.data.slice(5, 10));
    source.close();
  });
});
