/** The few tracks that are open for decoding: what plays, and what comes next. */
import type { ByteSource } from '../library/library.ts';
import { canStream, openTrack, type OpenTrackOptions } from './decode.ts';
import { NotLoadedError, NotStreamedError, TooLongError, UndecodableError } from './decoded-track.ts';
import { withHead, type ReadyTrack } from './head.ts';
import type { TimelineItem } from './timeline.ts';

export type OpenedTrack =
  /** `giveUp`: reading it failed. The next `get` opens it anew; whoever else is reading it may go on. */
  | { kind: 'open'; track: ReadyTrack; giveUp: () => void }
  /** Nobody has the bytes, as far as is known. */
  | { kind: 'missing' }
  /** The bytes are no audio that this browser can decode. */
  | { kind: 'undecodable' }
  /** This browser would have to decode it as a whole, which takes too much memory. */
  | { kind: 'too-long' }
  /** The part of the app that decodes could not be loaded. */
  | { kind: 'not-loaded' };

export type WantedTrack = Pick<TimelineItem, 'trackId' | 'durationMs'>;

export interface OpenTracks {
  /** Opens a track, or hands out the one that is open. Rejects with AbortError when it is let go of meanwhile. */
  get(wanted: WantedTrack): Promise<OpenedTrack>;
  /**
   * Opens it and decodes its first seconds, if it can be had: it will be played soon. Does nothing where it would be decoded
   * as a whole: some 100 MB that are not needed until its turn.
   */
  prepare(trackId: string): void;
  /** Lets go of everything else. */
  keep(trackIds: ReadonlySet<string>): void;
  close(): void;
}

type How = Pick<OpenTrackOptions, 'method' | 'durationMs'>;

export function createOpenTracks(options: {
  context: BaseAudioContext;
  open: (trackId: string) => ByteSource | null;
  /** See `OpenTrackOptions`. */
  seekIndex: (trackId: string) => string | undefined;
}): OpenTracks {
  const { context, open, seekIndex } = options;
  const entries = new Map<string, { opened: Promise<OpenedTrack>; release: () => void }>();
  /** What cannot be decoded a block at a time, of what is kept. */
  const wholes = new Set<string>();

  function enter(trackId: string, source: ByteSource, how: How): Promise<OpenedTrack> {
    const abort = new AbortController();
    const opened = openTrack({
      source,
      context,
      signal: abort.signal,
      seekIndex: seekIndex(trackId),
      ...how,
    }).then(
      (track): OpenedTrack => {
        if (abort.signal.aborted) track.close();
        return shared(withHead(track));
      },
      (error: unknown): OpenedTrack => {
        if (error instanceof UndecodableError) return { kind: 'undecodable' };
        if (error instanceof TooLongError) return { kind: 'too-long' };
        if (error instanceof NotStreamedError) wholes.add(trackId);
        // A source that failed is not kept: the next attempt opens it anew.
        if (entries.get(trackId)?.opened === opened) drop(trackId);
        if (error instanceof NotLoadedError) return { kind: 'not-loaded' };
        throw error;
      },
    );
    let readers = 0;
    let isGivenUp = false;
    function shared(track: ReadyTrack): OpenedTrack {
      async function* blocks(...at: Parameters<ReadyTrack['blocks']>): ReturnType<ReadyTrack['blocks']> {
        readers++;
        try {
          yield* track.blocks(...at);
        } finally {
          readers--;
          if (isGivenUp && readers === 0) release();
        }
      }
      const giveUp = (): void => {
        isGivenUp = true;
        if (entries.get(trackId)?.opened === opened) entries.delete(trackId);
        if (readers === 0) release();
      };
      return { kind: 'open', track: { ...track, blocks }, giveUp };
    }
    function release(): void {
      abort.abort();
      opened.then(
        (result) => result.kind === 'open' && result.track.close(),
        () => undefined,
      );
      source.close();
    }
    entries.set(trackId, { opened, release });
    return opened;
  }

  function drop(trackId: string): void {
    const entry = entries.get(trackId);
    entries.delete(trackId);
    entry?.release();
  }

  async function get(wanted: WantedTrack): Promise<OpenedTrack> {
    const { trackId, durationMs } = wanted;
    const entry = entries.get(trackId);
    if (entry) {
      return entry.opened.catch((error: unknown) => {
        // It was only to be made ready, and cannot be.
        if (error instanceof NotStreamedError) return get(wanted);
        throw error;
      });
    }
    const source = open(trackId);
    return source ? enter(trackId, source, { method: 'auto', durationMs }) : { kind: 'missing' };
  }

  function early(trackId: string): Promise<OpenedTrack> {
    const entry = entries.get(trackId);
    if (entry) return entry.opened;
    const source = canStream() && !wholes.has(trackId) ? open(trackId) : null;
    return source ? enter(trackId, source, { method: 'streamed' }) : Promise.resolve({ kind: 'missing' });
  }

  return {
    get,
    prepare(trackId) {
      early(trackId).then(
        (opened) =>
          opened.kind === 'open' && opened.track.method === 'streamed' ? opened.track.warm() : undefined,
        () => undefined,
      );
    },
    keep(trackIds) {
      for (const trackId of [...entries.keys()]) if (!trackIds.has(trackId)) drop(trackId);
      for (const trackId of wholes) if (!trackIds.has(trackId)) wholes.delete(trackId);
    },
    close() {
      for (const trackId of [...entries.keys()]) drop(trackId);
    },
  };
}
