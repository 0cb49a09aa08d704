import {
  type ImportEvent,
  type ImportedTrack,
  type Library,
  type SpaceEvent,
  trackRef,
} from '../library/library.ts';
import type { Commands } from '../session/commands.ts';
import type { ImportBatch, MusicModel, MusicRow } from './model.ts';
import type { Notices } from './notices.svelte.ts';
import type { Reads } from './reads.svelte.ts';
import type { Tracks } from './tracks.svelte.ts';

export interface MusicOptions {
  reads: Reads;
  commands: Commands;
  tracks: Tracks;
  library: Library;
  notices: Notices;
  nowMs: () => number;
  /** This device plays the track now, or is about to: removed, it would be fetched again at once. */
  isNeeded: (trackId: string) => boolean;
}

/** How long a song stays on the device after «Remove from this device», so that it can be taken back. */
const REMOVE_AFTER_MS = 6_500;
/** Chunks come many times a second; asking the browser is not free. */
const MEASURE_EVERY_MS = 2_000;
/** Less than this share free. */
const NEARLY_FULL = 0.1;

/** The room's tracks and this device's share of them; importing. */
export class Music implements MusicModel {
  #options: MusicOptions;
  #search = $state('');
  #batch = $state.raw<ImportBatch | null>(null);
  #hidden = $state.raw<ReadonlySet<string>>(new Set());
  #abort: AbortController | null = null;
  #waiting: File[] = [];
  #storage = $state.raw<MusicModel['storage']>(null);
  #measuring: ReturnType<typeof setTimeout> | null = null;
  #stops: (() => void)[] = [];
  #removals = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(options: MusicOptions) {
    this.#options = options;
    const { library } = options;
    this.#stops.push(
      library.onChange(() => (this.#measuring ??= setTimeout(() => void this.#measure(), MEASURE_EVERY_MS))),
      library.onSpace((event) => this.#tellSpace(event)),
    );
    void this.#measure();
  }

  readonly #all = $derived.by((): readonly MusicRow[] => {
    const { reads, tracks } = this.#options;
    const queued = new Set([...reads.queue.values()].map((item) => item.trackId));
    const rows: MusicRow[] = [];
    for (const [trackId, track] of reads.tracks) {
      const here = (tracks.holding(trackId)?.complete ?? false) && !this.#hidden.has(trackId);
      rows.push({
        track: tracks.viewOf(trackId, track),
        here,
        bytes: track.bytes,
        copies: tracks.copies(trackId) - (this.#hidden.has(trackId) ? 1 : 0),
        copyWanted: reads.keeps.has(trackId),
        fetchedShare: tracks.fetchedShare(trackId),
        inQueue: queued.has(trackId),
      });
    }
    const name = (row: MusicRow): string =>
      `${row.track.artist}\u0000${row.track.album}\u0000${row.track.title}`;
    return rows.sort((a, b) => Number(b.here) - Number(a.here) || name(a).localeCompare(name(b)));
  });
  readonly #found = $derived.by(() => {
    const words = this.#search.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    if (words.length === 0) return this.#all;
    return this.#all.filter(({ track }) => {
      const text = `${track.title} ${track.artist} ${track.album}`.toLocaleLowerCase();
      return words.every((word) => text.includes(word));
    });
  });

  get search(): string {
    return this.#search;
  }
  get rows(): readonly MusicRow[] {
    return this.#found;
  }
  get totalTracks(): number {
    return this.#all.length;
  }
  get hereCount(): number {
    return this.#all.filter((row) => row.here).length;
  }
  get hereBytes(): number {
    return this.#all.reduce((sum, row) => sum + (row.here ? row.bytes : 0), 0);
  }
  get batch(): ImportBatch | null {
    return this.#batch;
  }

  get storage(): MusicModel['storage'] {
    return this.#storage;
  }

  setSearch(text: string): void {
    this.#search = text;
  }

  importFiles(files: readonly File[]): void {
    if (files.length === 0) return;
    this.#waiting.push(...files);
    if (this.#abort === null) void this.#importAll();
    else if (this.#batch) this.#batch = { ...this.#batch, totalFiles: this.#batch.totalFiles + files.length };
  }
  cancelImport(): void {
    this.#waiting = [];
    this.#abort?.abort();
  }
  dismissBatch(): void {
    if (this.#batch?.state !== 'running') this.#batch = null;
  }

  removeFromDevice(trackId: string): void {
    const { notices, tracks, library } = this.#options;
    const title = tracks.view(trackId)?.title ?? 'the song';
    if (this.#options.isNeeded(trackId)) {
      notices.problem(`“${title}” plays or comes next on this device: it stays until it has been played`);
      return;
    }
    this.#hidden = new Set([...this.#hidden, trackId]);
    const unhide = (): void => {
      this.#hidden = new Set([...this.#hidden].filter((id) => id !== trackId));
    };
    const timer = setTimeout(() => {
      this.#removals.delete(trackId);
      library
        .remove(trackId)
        .catch(() => notices.problem(`“${title}” could not be removed from this device`))
        .finally(unhide);
    }, REMOVE_AFTER_MS);
    this.#removals.set(trackId, timer);
    notices.info(`Removed “${title}” from this device`, {
      label: 'Undo',
      run: () => {
        clearTimeout(this.#removals.get(trackId));
        this.#removals.delete(trackId);
        unhide();
      },
    });
  }

  keepHere(trackId: string): void {
    const track = this.#options.reads.tracks.get(trackId);
    if (track) this.#options.library.keep(trackRef(trackId, track));
  }

  toggleCopy(trackId: string): void {
    const { commands, library, reads, notices, tracks } = this.#options;
    const on = !reads.keeps.has(trackId);
    const title = tracks.view(trackId)?.title ?? 'the song';
    // Until another device has it, this one must not lose it.
    if (on) library.askToStay();
    if (commands.keepCopy(trackId, on).ok && on)
      notices.info(`“${title}” goes to another device as soon as one is free`);
  }

  close(): void {
    this.cancelImport();
    for (const stop of this.#stops.splice(0)) stop();
    if (this.#measuring !== null) clearTimeout(this.#measuring);
    for (const timer of this.#removals.values()) clearTimeout(timer);
    this.#removals.clear();
  }

  async #measure(): Promise<void> {
    const known = await this.#options.library.storage().catch(() => null);
    this.#measuring = null;
    if (known === null || known.quotaBytes === 0) return;
    const { usedBytes, quotaBytes, persistent } = known;
    const freeBytes = Math.max(0, quotaBytes - usedBytes);
    this.#storage = { freeBytes, nearlyFull: freeBytes < quotaBytes * NEARLY_FULL, persistent };
  }

  #tellSpace(event: SpaceEvent): void {
    const { notices } = this.#options;
    if (event.type === 'full') {
      notices.problem('This device is full. Remove songs from it, and the others fit again.');
      return;
    }
    const songs = event.trackIds.length;
    const what = songs === 1 ? 'one fetched song was' : `${songs} fetched songs were`;
    notices.info(`This device was full: ${what} let go. Nothing that was added here.`);
  }

  async #importAll(): Promise<void> {
    const abort = new AbortController();
    this.#abort = abort;
    const startedAtMs = this.#options.nowMs();
    const failures: { fileName: string; message: string }[] = [];
    let doneFiles = 0;
    let doneBytes = 0;
    const progress = (current: ImportBatch['current'], state: ImportBatch['state']): void => {
      const pendingBytes = this.#waiting.reduce((sum, file) => sum + file.size, 0);
      const elapsedSeconds = (this.#options.nowMs() - startedAtMs) / 1000;
      this.#batch = {
        totalFiles: doneFiles + this.#waiting.length + (current ? 1 : 0),
        doneFiles,
        current,
        secondsLeft: doneBytes > 0 && elapsedSeconds > 1 ? (elapsedSeconds * pendingBytes) / doneBytes : null,
        failures: [...failures],
        state,
      };
    };
    // One file a call: files that are dropped meanwhile join the same batch; after a cancel they are a batch of their own.
    while (!abort.signal.aborted) {
      const file = this.#waiting.shift();
      if (!file) break;
      progress({ fileName: file.name, share: 0 }, 'running');
      try {
        for await (const event of this.#options.library.import([file], abort.signal)) {
          if (event.type === 'progress') progress({ fileName: file.name, share: shareOf(event) }, 'running');
          else if (event.type === 'done') this.#add(event.track);
          else failures.push({ fileName: event.fileName, message: event.message });
        }
      } catch (error) {
        if (!abort.signal.aborted)
          failures.push({
            fileName: file.name,
            message: `“${file.name}” could not be read: ${String(error)}`,
          });
      }
      if (!abort.signal.aborted) doneFiles++;
      doneBytes += file.size;
    }
    this.#abort = null;
    if (this.#waiting.length > 0) void this.#importAll();
    else progress(null, abort.signal.aborted ? 'cancelled' : 'done');
  }

  #add(imported: ImportedTrack): void {
    const { ref, ...tags } = imported;
    const { trackId, ...bytes } = ref;
    this.#options.commands.addTrack(trackId, { ...bytes, ...tags });
  }
}

function shareOf(event: Extract<ImportEvent, { type: 'progress' }>): number {
  return event.totalBytes === 0 ? 0 : event.doneBytes / event.totalBytes;
}
