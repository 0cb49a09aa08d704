import { SvelteMap } from 'svelte/reactivity';
import type { Holding, Library } from '../library/library.ts';
import type { Track } from '../session/schema.ts';
import type { TrackView } from './model.ts';
import type { Reads } from './reads.svelte.ts';

/** Tracks as the screens see them: the document's record, joined with what of it is on this device. */
export class Tracks {
  #reads: Reads;
  #library: Library;
  #stop: () => void;
  #revision = $state(0);
  #holdings = new SvelteMap<string, Holding>();

  constructor(reads: Reads, library: Library) {
    this.#reads = reads;
    this.#library = library;
    this.#stop = library.onChange(() => this.#refresh());
    this.#refresh();
  }

  view(trackId: string): TrackView | null {
    const track = this.#reads.tracks.get(trackId);
    return track ? this.viewOf(trackId, track) : null;
  }

  viewOf(trackId: string, track: Track): TrackView {
    void this.#revision;
    return {
      trackId,
      title: track.title,
      artist: track.artist ?? '',
      album: track.album ?? '',
      durationMs: track.durationMs,
      coverUrl: track.artId === undefined ? null : this.#library.artUrl(track.artId),
    };
  }

  holding(trackId: string): Holding | null {
    return this.#holdings.get(trackId) ?? null;
  }
  get holdings(): ReadonlyMap<string, Holding> {
    return this.#holdings;
  }
  /** Devices that hold the track completely, this one counted. */
  copies(trackId: string): number {
    void this.#revision;
    return this.#library.holders(trackId) + (this.holding(trackId)?.complete ? 1 : 0);
  }
  /** 0…1 of what is here; null when it is complete, or nothing is here and nothing is on its way. */
  fetchedShare(trackId: string): number | null {
    const holding = this.holding(trackId);
    if (!holding || holding.complete) return null;
    return holding.heldBytes / holding.totalBytes;
  }

  close(): void {
    this.#stop();
  }

  #refresh(): void {
    const held = this.#library.holdings();
    for (const trackId of this.#holdings.keys()) if (!held.has(trackId)) this.#holdings.delete(trackId);
    for (const [trackId, holding] of held) {
      const known = this.#holdings.get(trackId);
      if (!known || known.heldBytes !== holding.heldBytes || known.complete !== holding.complete) {
        this.#holdings.set(trackId, holding);
      }
    }
    this.#revision++;
  }
}
