/** What the system shows of the music, on the lock screen and beside the clock, and its buttons (W3C Media Session). */

export interface Shown {
  trackId: string;
  title: string;
  artist: string;
  album: string;
  coverUrl: string | null;
  playing: boolean;
  positionMs: number;
  durationMs: number;
}

export interface MediaActions {
  play(): void;
  pause(): void;
  skip(): void;
  back(): void;
  seek(positionMs: number): void;
}

export interface MediaControls {
  /** Call as often as wanted; null: nothing of ours is to be seen. */
  show(what: Shown | null): void;
  close(): void;
}

/** The system counts on by itself: it is told again when that is off by more than this. */
const POSITION_SLACK_MS = 1_500;

/** @param session `navigator.mediaSession`, or null where there is none. */
export function createMediaControls(options: {
  session: MediaSession | null;
  actions: MediaActions;
  nowMs: () => number;
}): MediaControls {
  const { session, actions, nowMs } = options;
  let told: Shown | null = null;
  let toldAtMs = 0;

  const handlers: [MediaSessionAction, MediaSessionActionHandler][] = [
    ['play', () => actions.play()],
    ['pause', () => actions.pause()],
    ['nexttrack', () => actions.skip()],
    ['previoustrack', () => actions.back()],
    ['seekto', ({ seekTime }) => seekTime !== undefined && actions.seek(seekTime * 1_000)],
  ];

  function handle(on: boolean): void {
    for (const [action, handler] of handlers) {
      try {
        session?.setActionHandler(action, on ? handler : null);
      } catch {
        // A system that does not know this button.
      }
    }
  }

  function clear(): void {
    if (!session || !told) return;
    told = null;
    session.metadata = null;
    session.playbackState = 'none';
    session.setPositionState?.();
    handle(false);
  }

  function describe(into: MediaSession, { title, artist, album, coverUrl }: Shown): void {
    into.metadata = new MediaMetadata({
      title,
      artist,
      album,
      artwork: coverUrl === null ? [] : [{ src: coverUrl }],
    });
  }

  function place(into: MediaSession, { playing, positionMs, durationMs }: Shown): void {
    into.playbackState = playing ? 'playing' : 'paused';
    into.setPositionState?.({
      duration: durationMs / 1_000,
      position: Math.min(positionMs, durationMs) / 1_000,
      playbackRate: 1,
    });
    toldAtMs = nowMs();
  }

  return {
    show(what) {
      if (!session) return;
      if (!what) {
        clear();
        return;
      }
      const before = told;
      told = what;
      if (!before) handle(true);
      if (
        before?.trackId !== what.trackId ||
        before.coverUrl !== what.coverUrl ||
        before.title !== what.title
      ) {
        describe(session, what);
      }
      const expectedMs = (before?.positionMs ?? 0) + (before?.playing ? nowMs() - toldAtMs : 0);
      const isPlaced =
        before?.trackId === what.trackId &&
        before.playing === what.playing &&
        before.durationMs === what.durationMs &&
        Math.abs(expectedMs - what.positionMs) < POSITION_SLACK_MS;
      if (isPlaced) told = { ...what, positionMs: before.positionMs };
      else place(session, what);
    },
    close: clear,
  };
}
