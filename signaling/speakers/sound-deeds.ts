/** What a speaker is told of its sound besides what it plays: how loud, whether at all, how much later. */
import type { SpeakerDeed } from '../protocol/speakers.ts';
import type { Entry, Told } from './entry.ts';
import { noteAccepted, noteAnswered, noteTold } from './hands.ts';
import { SpeakerError } from './port.ts';
import { OUT_OF_REACH } from './within.ts';

export type SoundDeed = Extract<SpeakerDeed, { do: 'volume' | 'mute' | 'delay' }>;

/**
 * What it refuses is kept, until it does what it is told of that kind.
 * @param wordsOf what it throws, in plain words @throws what the driver does
 */
export async function heeded(
  entry: Entry,
  kind: Exclude<SpeakerDeed['do'], 'play'>,
  told: Promise<void>,
  wordsOf: (error: unknown) => string,
): Promise<void> {
  try {
    await told;
    entry.refusals.delete(kind);
  } catch (error) {
    entry.refusals.delete(kind);
    entry.refusals.set(kind, wordsOf(error).slice(0, 200));
    throw error;
  }
}

/** @param now monotonic milliseconds @throws what the driver does */
export async function setSound(entry: Entry, deed: SoundDeed, now: () => number): Promise<void> {
  const { driver } = entry;
  const { id } = entry.now;
  // While it says something it counts as it was, but for this.
  function keep(told: { volume: number } | { muted: boolean }): void {
    if (entry.hold !== null) entry.now = { ...entry.now, ...told };
  }
  /** What does not answer may have done it all the same. */
  async function answered(told: Told, answer: Promise<void>): Promise<void> {
    try {
      await answer;
      noteAnswered(entry, told, false, now());
    } catch (error) {
      const isRefused = error instanceof SpeakerError && error.message !== OUT_OF_REACH;
      noteAnswered(entry, told, isRefused, now());
      throw error;
    }
  }
  switch (deed.do) {
    case 'volume': {
      const { volume } = deed;
      const told = noteTold(entry, { volume }, now());
      entry.volumeDeed = { volume, told, made: null, isMade: false };
      await answered(told, driver.setVolume?.(id, volume) ?? cannot());
      noteAccepted(entry);
      return keep({ volume });
    }
    case 'mute': {
      const { muted } = deed;
      const told = noteTold(entry, { muted }, now());
      await answered(told, driver.setMuted?.(id, muted) ?? cannot());
      return keep({ muted });
    }
    case 'delay':
      await (driver.setDelay?.(id, deed.delayMs) ?? cannot());
  }
}

function cannot(): Promise<never> {
  return Promise.reject(new SpeakerError('It cannot do this.'));
}
