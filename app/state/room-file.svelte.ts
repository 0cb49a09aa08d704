import * as v from 'valibot';
import type { Library } from '../library/library.ts';
import { readTar, type TarEntry, TarError, writeTar } from '../library/tar.ts';
import type { Commands } from '../session/commands.ts';
import type { RoomFileModel } from './model.ts';
import type { Music } from './music.svelte.ts';
import type { Notices } from './notices.svelte.ts';
import type { People } from './people.svelte.ts';
import type { Reads } from './reads.svelte.ts';
import type { Tracks } from './tracks.svelte.ts';

/**
 * What a saved room is: a tar archive of `room.json` (About), `room.yjs` (one Yjs update), and `audio/<trackId>`, the
 * songs' files as they were imported.
 */
const ABOUT = 'room.json';
const DOCUMENT = 'room.yjs';
const AUDIO = 'audio/';
/** A room of 10,000 items with its history has some megabytes. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

const About = v.object({ earshot: v.literal(1), roomId: v.string(), name: v.string(), atMs: v.number() });

export interface RoomFileOptions {
  reads: Reads;
  commands: Commands;
  tracks: Tracks;
  music: Music;
  library: Library;
  people: People;
  notices: Notices;
  roomId: string;
  /** The room's document as one update; and taking in a copy of this very room. */
  pack(): Uint8Array<ArrayBuffer>;
  unpack(packed: Uint8Array): void;
  nowMs: () => number;
  /** Hands a file to the person. */
  download(file: Blob, fileName: string): void;
}

export class RoomFile implements RoomFileModel {
  #options: RoomFileOptions;
  #share = $state<number | null>(null);
  #abort: AbortController | null = null;

  constructor(options: RoomFileOptions) {
    this.#options = options;
  }

  get share(): number | null {
    return this.#share;
  }
  get audioBytes(): number {
    return this.#options.music.hereBytes;
  }
  get canOpen(): boolean {
    return this.#options.people.me.role !== 'guest';
  }

  save(withAudio: boolean): void {
    void this.#alone('The room could not be saved', (signal) => this.#save(withAudio, signal));
  }

  open(file: File): void {
    void this.#alone(`“${file.name}” could not be opened`, (signal) => this.#open(file, signal));
  }

  cancel(): void {
    this.#abort?.abort();
  }

  close(): void {
    this.cancel();
  }

  async #alone(problem: string, work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    if (this.#abort !== null) return;
    const abort = new AbortController();
    this.#abort = abort;
    this.#share = 0;
    try {
      await work(abort.signal);
    } catch (error) {
      if (!abort.signal.aborted) {
        const why = error instanceof TarError ? error.message : 'this device refused it';
        this.#options.notices.problem(`${problem}: ${why}`);
      }
    } finally {
      this.#abort = null;
      this.#share = null;
    }
  }

  async #save(withAudio: boolean, signal: AbortSignal): Promise<void> {
    const { reads, tracks, library, roomId, pack, nowMs, download } = this.#options;
    const { name } = reads.room;
    const about = JSON.stringify({ earshot: 1, roomId, name, atMs: reads.nowMs });
    const entries: TarEntry[] = [
      { name: ABOUT, data: new Blob([about]) },
      { name: DOCUMENT, data: new Blob([pack()]) },
    ];
    const ids = withAudio ? [...reads.tracks.keys()].filter((id) => tracks.holding(id)?.complete) : [];
    for (const [done, trackId] of ids.entries()) {
      signal.throwIfAborted();
      this.#share = done / ids.length;
      entries.push({ name: `${AUDIO}${trackId}`, data: await library.file(trackId) });
    }
    signal.throwIfAborted();
    const safeName = name.replaceAll(/[^\p{L}\p{N} -]/gu, '').trim();
    download(writeTar(entries, nowMs()), `${safeName || 'Room'}.earshot.tar`);
  }

  async #open(file: File, signal: AbortSignal): Promise<void> {
    const { commands, music, notices, roomId, unpack } = this.#options;
    let about: v.InferOutput<typeof About> | null = null;
    let packed: Uint8Array | null = null;
    const audio: File[] = [];
    let doneBytes = 0;
    for await (const { name, data } of readTar(file)) {
      signal.throwIfAborted();
      doneBytes += data.size;
      this.#share = doneBytes / file.size;
      if (name === ABOUT && data.size < 10_000) {
        const parsed = v.safeParse(About, jsonOf(await data.text()));
        if (parsed.success) about = parsed.output;
      } else if (name === DOCUMENT && data.size <= MAX_DOCUMENT_BYTES) {
        packed = new Uint8Array(await data.arrayBuffer());
      } else if (name.startsWith(AUDIO)) {
        audio.push(new File([data], name.slice(AUDIO.length)));
      }
    }
    if (about === null || packed === null) throw new TarError('it holds no room of Earshot');
    // A copy of this very room has one history with it; of another room's only the songs and the queue are taken in.
    if (about.roomId === roomId) unpack(packed);
    else {
      const merged = commands.mergeRoom(packed, about.atMs);
      if (!merged.ok)
        throw new TarError(merged.reason === 'invalid' ? 'it is damaged' : 'only DJs may do this here');
    }
    music.importFiles(audio);
    const songs = audio.length === 1 ? 'one song' : `${audio.length} songs`;
    notices.info(`“${about.name}” is here${audio.length > 0 ? `; ${songs} are being added` : ''}`);
  }
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** The browser's own download, which shows its progress and can be cancelled there. */
export function downloadFile(file: Blob, fileName: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = fileName;
  link.click();
  // The browser reads from it for as long as it saves: a minute is not enough for a slow card, the page's life is.
  addEventListener('pagehide', () => URL.revokeObjectURL(url), { once: true });
}
