/** The few tracks that are open for decoding: what plays, and what comes next. */
import type { ByteSource } from '../library/library.ts';
import { openTrack } from './decode.ts';
import { UndecodableError } from './decoded-track.ts';
import { withHead, type ReadyTrack } from './head.ts';

export type OpenedTrack =
  | { kind: 'open'; track: ReadyTrack }
  /** Nobody has the bytes, as far as is known. */
  | { kind: 'missing' }
  /** The bytes are no audio that this browser can decode. */
  | { kind: 'undecodable' };

export interface OpenTracks {
  /** Opens a track, or hands out the one that is open. Rejects with AbortError when it is let go of meanwhile. */
  get(trackId: string): Promise<OpenedTrack>;
  /** Opens it and decodes its first seconds, if it can be had: it will be played soon. */
  prepare(trackId: string): void;
  /** Lets go of one: the next `get` opens it anew. */
  drop(trackId: string): void;
  /** Lets go of everything else. */
  keep(trackIds: ReadonlySet<string>): void;
  close(): void;
}

export function createOpenTracks(options: {
  context: BaseAudioContext;
  open: (trackId: string) => ByteSource | null;
  /** See `OpenTrackOptions`. */
  seekIndex: (trackId: string) => string | undefined;
}): OpenTracks {
  const { context, open, seekIndex } = options;
  const entries = new Map<string, { opened: Promise<OpenedTrack>; release: () => void }>();

  function enter(trackId: string, source: ByteSource): Promise<OpenedTrack> {
    const abort = new AbortController();
    const opened = openTrack({ source, context, signal: abort.signal, seekIndex: seekIndex(trackId) }).then(
      (track): OpenedTrack => {
        if (abort.signal.aborted) track.close();
        return { kind: 'open', track: withHead(track) };
      },
      (error: unknown): OpenedTrack => {
        if (error instanceof UndecodableError) return { kind: 'undecodable' };
        // A source that failed is not kept: the next attempt opens it anew.
        if (entries.get(trackId)?.opened === opened) drop(trackId);
        throw error;
      },
    );
    const release = (): void => {
      abort.abort();
      opened.then(
        (result) => result.kind === 'open' && result.track.close(),
        () => undefined,
      );
      source.close();
    };
    entries.set(trackId, { opened, release });
    return opened;
  }

  function drop(trackId: string): void {
    const entry = entries.get(trackId);
    entries.delete(trackId);
    entry?.release();
  }

  function get(trackId: string): Promise<OpenedTrack> {
    const entry = entries.get(trackId);
    if (entry) return entry.opened;
    const source = open(trackId);
    return source ? enter(trackId, source) : Promise.resolve({ kind: 'missing' });
  }

  return {
    get,
    prepare(trackId) {
      get(trackId).then(
        (opened) => (opened.kind === 'open' ? opened.track.warm() : undefined),
        () => undefined,
      );
    },
    drop,
    keep(trackIds) {
      for (const trackId of [...entries.keys()]) if (!trackIds.has(trackId)) drop(trackId);
    },
    close() {
      for (const trackId of [...entries.keys()]) drop(trackId);
    },
  };
}
