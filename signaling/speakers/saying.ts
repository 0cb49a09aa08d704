/**
 * A speaker that says something counts as it was before, whatever is seen of it: that is none of what it plays, no room takes it
 * for somebody's hand, and no host starts the music over it.
 */
import type { Entry, Sound } from './entry.ts';
import { mean } from './hands.ts';
import { type Announcement, DEED_MS, type DriverSpeaker, SpeakerError } from './port.ts';

/** From the end of what it said to what it played before. */
const RETURN_MS = 8_000;

export interface SayingOptions {
  entries: ReadonlyMap<string, Entry>;
  /** Monotonic milliseconds. */
  now: () => number;
  update(entry: Entry, speaker: DriverSpeaker): void;
  /** What of it sounds. */
  soundOf(entry: Entry): Sound;
  tell(id: string): void;
}

export interface Saying {
  /** All that are told to play and to stop with it, itself among them. */
  ensembleOf(entry: Entry): readonly Entry[];
  /** Resolves when it has begun. @throws SpeakerError */
  say(entry: Entry, announcement: Announcement): Promise<void>;
  /** It is told something else: how it was counts no longer, nor what it does now. */
  drop(entry: Entry): void;
  /** It leaves. */
  letGo(entry: Entry): void;
}

/** From now on for so long; held already: for so long from now on. */
function hold(entry: Entry, ms: number, onOver: (entry: Entry) => void): void {
  if (entry.hold !== null) clearTimeout(entry.hold.timer);
  entry.hold = { later: entry.hold?.later ?? null, timer: setTimeout(() => onOver(entry), ms) };
}

/** @returns what was seen of it meanwhile; null: nothing */
function letGo(entry: Entry): DriverSpeaker | null {
  if (entry.hold === null) return null;
  const { later, timer } = entry.hold;
  clearTimeout(timer);
  entry.hold = null;
  return later;
}

export function createSaying({ entries, now, update, soundOf, tell }: SayingOptions): Saying {
  function ensembleOf(entry: Entry): readonly Entry[] {
    const { ensemble } = entry.now;
    if (ensemble?.isOne !== true) return [entry];
    return [...entries.values()].filter(
      (other) => other.driver === entry.driver && other.now.ensemble?.id === ensemble.id,
    );
  }

  /** What is different now is nobody's hand, unless something else plays: then somebody chose that. */
  function release(entry: Entry): void {
    const later = letGo(entry);
    if (later === null) return;
    if (entry.sound?.room != null) mean(entry, entry.sound.room, now());
    update(entry, later);
    tell(entry.now.id);
  }

  return {
    ensembleOf,
    async say(entry, announcement) {
      const { driver } = entry;
      if (!entry.now.can.announce || driver.announce === undefined)
        throw new SpeakerError('It cannot do this.');
      if (entry.order !== null) throw new SpeakerError('It is just starting. Say it again in a moment.');
      const held = ensembleOf(entry);
      const heldMs = announcement.durationMs + RETURN_MS;
      for (const one of held) hold(one, DEED_MS + heldMs, release);
      try {
        await driver.announce(entry.now.id, announcement);
        for (const one of held) if (one.hold !== null) hold(one, heldMs, release);
      } catch (error) {
        for (const one of held) release(one);
        throw error;
      }
    },
    drop(entry) {
      entry.now = letGo(entry) ?? entry.now;
      entry.sound = soundOf(entry);
    },
    letGo: (entry) => void letGo(entry),
  };
}
