/** What the rest of the app may ask of the audio itself: bytes that are here, or that arrive from peers. */

/** The parts of a track's record that its bytes are found and verified by. */
export interface TrackRef {
  trackId: string;
  bytes: number;
  chunksId: string;
  mime: string;
  /** Its cover picture, which leaves this device together with the last track here that shows it. */
  artId?: string | undefined;
}

/** The parts of a track's record, as above, out of all of it. */
export function trackRef(trackId: string, record: Omit<TrackRef, 'trackId'>): TrackRef {
  const { bytes, chunksId, mime, artId } = record;
  return { trackId, bytes, chunksId, mime, artId };
}

/** Random access to a track's verified bytes, whether they are all here yet or not. */
export interface ByteSource {
  readonly bytes: number;
  /**
   * Bytes [start, end). Waits for chunks that are still on their way and moves them to the front of the queue. Rejects
   * with AbortError when the signal fires or the source is closed.
   */
  read(start: number, end: number, signal?: AbortSignal): Promise<Uint8Array<ArrayBuffer>>;
  close(): void;
}

/** How much of a track is on this device. */
export interface Holding {
  trackId: string;
  heldBytes: number;
  totalBytes: number;
  complete: boolean;
  /** Imported on this device, as opposed to fetched from a peer. */
  imported: boolean;
}

export type ImportFailure = 'not-audio' | 'truncated' | 'too-large' | 'unreadable' | 'no-space';

export interface ImportedTrack {
  ref: TrackRef;
  title: string;
  artist?: string;
  album?: string;
  durationMs: number;
  /** What makes it as loud as other music. */
  gainDb?: number;
  /** Lets peers decode from the middle without what is before it; see seek-index.ts. */
  seekIndex?: string;
  artId?: string;
}

export type ImportEvent =
  | { type: 'progress'; fileIndex: number; fileName: string; doneBytes: number; totalBytes: number }
  | { type: 'done'; fileIndex: number; fileName: string; track: ImportedTrack; alreadyHere: boolean }
  | { type: 'failed'; fileIndex: number; fileName: string; reason: ImportFailure; message: string };

/** What was let go because the device is full; or that something did not fit though nothing more may go. */
export type SpaceEvent = { type: 'freed'; trackIds: readonly string[]; bytes: number } | { type: 'full' };

export interface Library {
  /** Imports files one after the other; a bad one yields `failed` and the rest go on. Aborting leaves no half track. */
  import(files: readonly File[], signal: AbortSignal): AsyncIterable<ImportEvent>;
  /** Opens a track for reading; starts fetching what is missing. */
  open(track: TrackRef): ByteSource;
  /** Wants a track completely on this device, without reading it now. */
  fetch(track: TrackRef): void;
  /** The same, and it stays until somebody removes it, also when space is short. */
  keep(track: TrackRef): void;
  /**
   * What plays and comes next, of which all is wanted here. What it named before and names no longer is not fetched on,
   * unless `fetch` or `keep` asked for it too; what is here already stays.
   */
  fetchAhead(tracks: readonly TrackRef[]): void;
  /**
   * Asks the browser, once a session, to clear nothing here by itself; `import` and `keep` do it too. Called when a person
   * does something that shows how much they want their music to stay: some browsers ask them, and others judge by that.
   */
  askToStay(): void;
  /** Deletes a track's bytes from this device. */
  remove(trackId: string): Promise<void>;
  /** Every track of which at least a byte is here, by trackId. */
  holdings(): ReadonlyMap<string, Holding>;
  /** Peers that hold a track completely, self not counted. */
  holders(trackId: string): number;
  /** The same, by their ids. */
  holderIds(trackId: string): readonly string[];
  /** Some of it can be played: most of it is here, or others in reach hold at least parts. */
  isInReach(trackId: string): boolean;
  /** A track's bytes as one blob, read only when it is. Rejects when it is not here completely. */
  file(trackId: string): Promise<Blob>;
  /** Nothing is being fetched, and nobody waits for bytes. */
  isIdle(): boolean;
  /** An object URL of a cover picture, or null while it is not here (it is then fetched from peers). */
  artUrl(artId: string): string | null;
  onChange(listener: () => void): () => void;
  onSpace(listener: (event: SpaceEvent) => void): () => void;
  storage(): Promise<{ usedBytes: number; quotaBytes: number; persistent: boolean }>;
  close(): void;
}
