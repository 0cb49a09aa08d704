/**
 * Announcements on a Cast device: there is no such thing in its protocol, so its player is given one, and at its end what it had
 * before. Meanwhile the device goes on to show that.
 */
import { type DriverSpeaker, SpeakerError } from '../port.ts';
import type { Media } from './messages.ts';

/** An announcement that does not end in time is ended. */
const LATE_MS = 10_000;
/** How one ends by itself; everything else is somebody's hand. */
const AT_ITS_END = ['FINISHED', 'ERROR'];

/** What of it is told by its player. */
export type Sound = Pick<DriverSpeaker, 'state' | 'url' | 'title'>;

/** What its player can be given (Cast SDK, `LoadRequestData`). */
export interface Load {
  autoplay: boolean;
  /** Seconds. */
  currentTime?: number;
  media: { contentId: string; contentType: string; streamType: string; metadata: unknown };
}

export const metadataOf = (title: string): unknown => ({ metadataType: 0, title });

export interface Announcing {
  /** What it shows while it announces; null: what it does. */
  readonly shown: Sound | null;
  /** Resolves when it has begun. */
  announce(url: string, durationMs: number): Promise<void>;
  /** It is told something else: there is nothing to go back to. */
  drop(): void;
}

export interface AnnouncingOptions {
  /** Something else than the usual player runs. */
  isOthers(): boolean;
  sound(): Sound;
  media(): Media | null;
  load(what: Load): Promise<void>;
  stop(): Promise<void>;
  /** Resolves as soon as it holds, or the device is closed; rejects at the deadline. */
  until(condition: () => boolean, deadlineMs: number): Promise<void>;
  isClosed(): boolean;
  onChange(): void;
  now: () => number;
}

export function createAnnouncing(options: AnnouncingOptions): Announcing {
  const { isOthers, sound, media, load, stop, until, isClosed, onChange, now } = options;
  interface Current {
    shown: Sound;
    /** Null: silence. */
    before: Load | null;
  }
  let current: Current | null = null;

  function loaded(): Load | null {
    const { state, url, title } = sound();
    if (url === null) return null;
    const now = media();
    const { contentType, streamType } = now?.media ?? {};
    return {
      autoplay: state !== 'stopped',
      ...(streamType === 'LIVE' ? {} : { currentTime: now?.currentTime ?? 0 }),
      media: {
        contentId: url,
        contentType: contentType ?? 'audio/mpeg',
        streamType: streamType ?? 'BUFFERED',
        metadata: metadataOf(title ?? ''),
      },
    };
  }

  function end(mine: Current): void {
    if (current !== mine) return;
    current = null;
    onChange();
  }

  async function returnAfter(mine: Current, session: number | undefined, deadlineMs: number): Promise<void> {
    const isLeft = (): boolean => current !== mine || media()?.mediaSessionId !== session;
    const isIdle = (): boolean => media()?.playerState === 'IDLE';
    await until(() => isLeft() || isIdle(), deadlineMs).catch(() => undefined);
    const isStopped = isIdle() && !AT_ITS_END.includes(media()?.idleReason ?? '');
    // What cannot be given back now is the host's to bring back.
    if (!isClosed() && !isLeft() && !isStopped)
      await (mine.before === null ? stop() : load(mine.before)).catch(() => undefined);
    end(mine);
  }

  return {
    get shown() {
      return current?.shown ?? null;
    },
    async announce(url, durationMs) {
      // Another app ends when ours begins, and nobody but its owner can start that again.
      if (isOthers())
        throw new SpeakerError('Something else plays on it that could not be given back. Stop that first.');
      // One announcement after another: both return to the music.
      const mine = current === null ? { shown: sound(), before: loaded() } : { ...current };
      current = mine;
      const metadata = metadataOf('');
      try {
        await load({
          autoplay: true,
          media: { contentId: url, contentType: 'audio/mpeg', streamType: 'BUFFERED', metadata },
        });
      } catch (error) {
        end(mine);
        throw error;
      }
      void returnAfter(mine, media()?.mediaSessionId, now() + durationMs + LATE_MS);
    },
    drop() {
      current = null;
    },
  };
}
