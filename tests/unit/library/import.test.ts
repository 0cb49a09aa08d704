import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Analyser } from '../../../app/library/analyse/client.ts';
import { MAX_FILE_BYTES } from '../../../app/library/analyse/file.ts';
import { mendText, titleFromName } from '../../../app/library/analyse/tags.ts';
import type { ImportEvent, Library } from '../../../app/library/library.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import { MUSIC, SECONDS, TAGS, fileOf, media } from './media.ts';
import { type Rig, createRig, fill, hereAnalyser, testTrack, until } from './rig.ts';

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
afterEach(() => rig.close());

async function importAll(library: Library, files: File[], signal = new AbortController().signal) {
  const events: ImportEvent[] = [];
  for await (const event of library.import(files, signal)) events.push(event);
  return events;
}

const outcomes = (events: ImportEvent[]) => events.filter((event) => event.type !== 'progress');

/** What the importer says of this file alone. */
async function verdict(bytes: Uint8Array<ArrayBuffer>, name: string): Promise<string> {
  const [event] = outcomes(await importAll(rig.peer().library, [fileOf(bytes, name)]));
  return event?.type === 'failed' ? `${event.reason}: ${event.message}` : (event?.type ?? 'nothing');
}

describe('import', () => {
  test.each(MUSIC)('I1 %s: tags, exact length, identity', async (name) => {
    const bytes = await media(name);
    const { library } = rig.peer();
    const events = await importAll(library, [fileOf(bytes, name)]);
    const [event] = outcomes(events);
    if (event?.type !== 'done') throw new Error(JSON.stringify(event));
    const { track } = event;
    expect(event.alreadyHere).toBe(false);
    expect(track.ref.trackId).toBe(createHash('sha256').update(bytes).digest('hex'));
    expect(track.ref.bytes).toBe(bytes.length);
    if (name !== 'raw.aac') {
      expect({ title: track.title, artist: track.artist, album: track.album }).toEqual(TAGS);
      expect(Math.abs(track.durationMs - SECONDS * 1000)).toBeLessThan(name === 'no-index.mp3' ? 60 : 1);
    } else {
      expect(track.title).toBe('raw');
      expect(Math.abs(track.durationMs - SECONDS * 1000)).toBeLessThan(60);
    }
    expect(track.artId !== undefined).toBe(name.startsWith('cover'));
    expect(library.holdings().get(track.ref.trackId)).toMatchObject({ complete: true, imported: true });
    const source = library.open(track.ref);
    expect(Buffer.compare(await source.read(0, bytes.length), bytes)).toBe(0);
    expect(events.some((e) => e.type === 'progress')).toBe(true);
  });

  test.each(MUSIC)('I2 %s, cut off anywhere, is refused as truncated', async (name) => {
    const bytes = await media(name);
    for (const share of [0.35, 0.6, 0.85, 0.97]) {
      const cut = bytes.slice(0, Math.floor(bytes.length * share) + 3);
      expect(await verdict(cut, name)).toMatch(
        new RegExp(`^truncated: “${name}” .*(the file is cut off|was never finished)`),
      );
    }
    expect(await verdict(bytes.slice(0, -5), name)).toMatch(
      name === 'cbr.mp3' ? /^(done|truncated)/ : /^truncated/,
    );
  });

  test('I3 a cut MP3 is told in the words of the design', async () => {
    const bytes = await media('no-index.mp3');
    expect(await verdict(bytes.slice(0, -40), 'demo_final.mp3')).toBe(
      'truncated: “demo_final.mp3” ends in the middle of a frame: the file is cut off.',
    );
  });

  test('I4 what is no music is named and refused, and the rest of the batch goes on', async () => {
    const { library } = rig.peer();
    const text = new TextEncoder();
    const events = await importAll(library, [
      fileOf(text.encode('Dear diary, '.repeat(2_000)), 'notes.mp3'),
      fileOf(await media('picture.png'), 'front.png'),
      fileOf(await media('silent-film.mp4'), 'film.mp4'),
      fileOf(new Uint8Array(0), 'empty.flac'),
      fileOf(await media('plain.flac'), 'song.flac'),
    ]);
    expect(
      outcomes(events).map((event) => [
        event.fileName,
        event.type,
        event.type === 'failed' ? event.reason : '',
      ]),
    ).toEqual([
      ['notes.mp3', 'failed', 'not-audio'],
      ['front.png', 'failed', 'not-audio'],
      ['film.mp4', 'failed', 'not-audio'],
      ['empty.flac', 'failed', 'not-audio'],
      ['song.flac', 'done', ''],
    ]);
    for (const event of outcomes(events)) {
      if (event.type === 'failed') expect(event.message).toContain(`“${event.fileName}”`);
    }
    expect(library.holdings().size).toBe(1);
  });

  test('I5 a file beyond the limit is refused before it is read', async () => {
    const huge = {
      name: 'mix.wav',
      size: MAX_FILE_BYTES + 1,
      slice: () => expect.unreachable(),
    } as unknown as File;
    const [event] = outcomes(await importAll(rig.peer().library, [huge]));
    expect(event).toMatchObject({ type: 'failed', reason: 'too-large' });
  });

  test('I6 a file that cannot be read says so', async () => {
    const slice = () => ({ arrayBuffer: () => Promise.reject(new DOMException('gone', 'NotFoundError')) });
    const lost = { name: 'gone.mp3', size: 1000, slice } as unknown as File;
    const [event] = outcomes(await importAll(rig.peer().library, [lost]));
    expect(event).toMatchObject({ type: 'failed', reason: 'unreadable' });
  });

  test('I7 the same bytes twice are one track', async () => {
    const { library } = rig.peer();
    const bytes = await media('opus.opus');
    const events = outcomes(await importAll(library, [fileOf(bytes, 'a.opus'), fileOf(bytes, 'b.opus')]));
    expect(events.map((event) => event.type === 'done' && event.alreadyHere)).toEqual([false, true]);
    expect(library.holdings().size).toBe(1);
  });

  test('I8 a full device says so and keeps no half track', async () => {
    const store = createMemoryStore({ quotaBytes: 300_000 });
    const { library } = rig.peer({ store });
    const events = outcomes(
      await importAll(library, [
        fileOf(await media('plain.wav'), 'big.wav'),
        fileOf(await media('opus.opus'), 'small.opus'),
      ]),
    );
    expect(events[0]).toMatchObject({ type: 'failed', reason: 'no-space' });
    expect(events[1]).toMatchObject({ type: 'done' });
    expect((await store.all()).map(({ bytes }) => bytes)).toEqual([(await media('opus.opus')).length]);
  });

  test('I9 cancelling stops at once and leaves nothing half', async () => {
    const store = createMemoryStore();
    const { library } = rig.peer({ store });
    const wav = await media('plain.wav');
    const abort = new AbortController();
    const events: ImportEvent[] = [];
    for await (const event of library.import([fileOf(wav, 'a.wav'), fileOf(wav, 'b.wav')], abort.signal)) {
      events.push(event);
      if (event.type === 'progress' && event.doneBytes > wav.length * 0.6) abort.abort();
    }
    expect(outcomes(events)).toEqual([]);
    expect(await store.all()).toEqual([]);
    expect(library.holdings().size).toBe(0);
  });

  test('I10 an import that a crash cut off is cleared away in the next session', async () => {
    const store = createMemoryStore();
    const manifest = new Uint8Array(64);
    const chunksId = 'a'.repeat(64);
    const half = {
      id: 'b'.repeat(64),
      kind: 'track' as const,
      bytes: 200_000,
      mime: 'audio/wav',
      chunksId,
      manifest,
    };
    await store.put({ ...half, imported: true, wanted: false });
    await store.write(half.id, 0, new Uint8Array(131_072));
    const { library } = rig.peer({ store });
    await library.loaded;
    expect(library.holdings().size).toBe(0);
    expect(await store.all()).toEqual([]);
  });

  test('I11 a cover travels to other peers, verified by its name, and goes with the last track that shows it', async () => {
    const owner = rig.peer();
    const [event] = outcomes(await importAll(owner.library, [fileOf(await media('cover.mp3'), 'c.mp3')]));
    if (event?.type !== 'done') throw new Error('not imported');
    const { artId, ref } = event.track;
    if (!artId) throw new Error('no cover');
    const { library, store } = rig.peer();
    expect(library.artUrl(artId)).toBe(null);
    await until(library, () => library.artUrl(artId) !== null, 'the cover');
    const art = await store.read(artId, 0, (await store.blob(artId)).size);
    expect(createHash('sha256').update(art).digest('hex')).toBe(artId);
    expect(library.artUrl(artId)).toMatch(/^blob:/);
    await owner.library.remove(ref.trackId);
    expect(await owner.store.all()).toEqual([]);
    expect(owner.library.artUrl(artId)).toBe(null);
  });

  test('I17 the cover of a fetched track goes with it, too', async () => {
    const owner = rig.peer();
    const [event] = outcomes(await importAll(owner.library, [fileOf(await media('cover.mp3'), 'c.mp3')]));
    if (event?.type !== 'done' || !event.track.artId) throw new Error('no cover');
    const { artId, ref } = event.track;
    for (const take of ['open', 'fetch', 'keep'] as const) {
      const { library, store } = rig.peer();
      await until(library, () => library.holders(ref.trackId) === 1);
      library[take]({ ...ref, artId });
      await until(
        library,
        () => library.holdings().get(ref.trackId)?.complete === true && library.artUrl(artId) !== null,
        'the song and its cover',
      );
      await library.remove(ref.trackId);
      expect(await store.all()).toEqual([]);
    }
  });

  test('I18 a record that names a song as its cover takes it nowhere', async () => {
    const [song, other] = [testTrack(2, 1), testTrack(2, 2)];
    const holder = createMemoryStore();
    for (const track of [song, other]) await fill(holder, track);
    rig.peer({ store: holder });
    const { library, store } = rig.peer();
    library.fetch(song.ref);
    library.fetch({ ...other.ref, artId: song.ref.trackId });
    const complete = () => [...library.holdings().values()].filter((holding) => holding.complete).length;
    await until(library, () => complete() === 2);
    await library.remove(other.ref.trackId);
    expect((await store.all()).map(({ id }) => id)).toEqual([song.ref.trackId]);
  });

  test('I19 a song is imported without its cover when only that does not fit', async () => {
    const bytes = await media('cover.mp3');
    const { library, store } = rig.peer({ store: createMemoryStore({ quotaBytes: bytes.length }) });
    const [event] = outcomes(await importAll(library, [fileOf(bytes, 'c.mp3')]));
    if (event?.type !== 'done') throw new Error(JSON.stringify(event));
    expect((await store.all()).map(({ id }) => id)).toEqual([event.track.ref.trackId]);
  });

  test('I12 lasting storage is asked for with the first import or what is kept first, and only then', async () => {
    let asked = 0;
    const storage = {
      persist: async () => (asked++, false),
      persisted: async () => false,
      estimate: async () => ({ quota: 1e9, usage: 1 }),
    } as unknown as StorageManager;
    const { library } = rig.peer({ storage });
    expect(asked).toBe(0);
    await importAll(library, [fileOf(await media('opus.opus'), 'a.opus')]);
    await importAll(library, [fileOf(await media('vorbis.ogg'), 'b.ogg')]);
    expect(asked).toBe(1);
    const used = (await media('opus.opus')).length + (await media('vorbis.ogg')).length;
    expect(await library.storage()).toEqual({ usedBytes: used, quotaBytes: 1e9, persistent: false });
    library.keep(testTrack(2, 1).ref);
    expect(asked).toBe(1);
    const { library: other } = rig.peer({ storage });
    other.fetch(testTrack(2, 1).ref);
    expect(asked).toBe(1);
    other.keep(testTrack(2, 1).ref);
    other.askToStay();
    expect(asked).toBe(2);
  });

  test('I13 a file that changes while it is imported is refused', async () => {
    const bytes = await media('opus.opus');
    const changed = bytes.slice();
    changed[changed.length - 100] = (changed[changed.length - 100] ?? 0) ^ 1;
    const analyser: Analyser = {
      ...hereAnalyser,
      analyse: (_file, signal, onProgress) =>
        hereAnalyser.analyse(fileOf(bytes, 'a.opus'), signal, onProgress),
    };
    const { library } = rig.peer({ analyser });
    const [event] = outcomes(await importAll(library, [fileOf(changed, 'a.opus')]));
    expect(event).toMatchObject({ type: 'failed', reason: 'unreadable' });
    expect(library.holdings().size).toBe(0);
  });

  test('I14 noise, and noise behind every magic number, is refused without a crash', async () => {
    let x = 99;
    const random = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) >>> 24;
    const heads = await Promise.all(MUSIC.map(async (name) => (await media(name)).slice(0, 64)));
    for (let round = 0; round < 60; round++) {
      const noise = Uint8Array.from({ length: 200 + round * 150 }, random);
      noise.set((heads[round % heads.length] ?? noise).slice(0, 4 + (round % 60)));
      expect(await verdict(noise, 'noise.bin')).toMatch(/^(not-audio|truncated): “noise\.bin” /);
    }
  }, 60_000);

  test.each([
    ['07 - Blue Train.mp3', 'Blue Train'],
    ['07. Blue Train.flac', 'Blue Train'],
    ['1-03 Blue Train.m4a', 'Blue Train'],
    ['03 Blue Train.m4a', 'Blue Train'],
    ['99 Luftballons.mp3', '99 Luftballons'],
    ['1979.flac', '1979'],
    ['demo_final.mp3', 'demo final'],
    ['Miles Davis - So What.ogg', 'Miles Davis - So What'],
    ['01.mp3', '01'],
    ['Mr. Blue Sky', 'Mr. Blue Sky'],
  ])('I15 without tags, %s is called %s', (name, title) => {
    expect(titleFromName(name)).toBe(title);
  });

  test('I16 UTF-8 that a WAV reader took for Latin-1 is put right, true Latin-1 is left', () => {
    expect(mendText('ZÃ¼ge')).toBe('Züge');
    expect(mendText('Züge')).toBe('Züge');
    expect(mendText('Ω and Ã¼')).toBe('Ω and Ã¼');
  });
});
