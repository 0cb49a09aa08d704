/**
 * What a driver is: one kind of loudspeaker, found and told what to do. A driver observes and obeys; it decides nothing, keeps
 * no history and knows no rooms: what is wanted, who may, what was done by hand and when to try again are not its business
 * (`watch.ts`, and the host). A new driver starts from `demo.ts`, and passes `tests/contract/speaker-driver.ts`.
 */
import type { Interfaces } from '../ops/addresses.ts';
import type { Counters } from '../ops/counters.ts';
import type { Log } from '../ops/log.ts';
import type { SpeakerAbilities, SpeakerEnsemble, SpeakerKind, SpeakerState } from '../protocol/speakers.ts';
import type { Marks } from './same.ts';

/** What a driver sees of one speaker, now. Replaced when anything of it changes, never changed in place. */
export interface DriverSpeaker {
  /** `<kind>:<…>`, see `SpeakerId`. The same for the same device for ever: after a restart of either side, at another address. */
  readonly id: string;
  /** As its owner called it; 1…80 characters. */
  readonly name: string;
  readonly model: string | null;
  readonly area: string | null;
  readonly group: string | null;
  /** See `SpeakerEnsemble`; null: it plays by itself. */
  readonly ensemble: SpeakerEnsemble | null;
  /** See `ObservedSpeaker.members`: their ids, at most `MAX_SPEAKER_MEMBERS`; left out, it is no such group. */
  readonly members?: readonly string[];
  readonly can: SpeakerAbilities;
  /** What the device says, not what was asked of it. `starting` is for the watch to say: a driver says `buffering`. */
  readonly state: Exclude<SpeakerState, 'starting'>;
  /** The address that is loaded, exactly as the device tells it; null: none, or the device does not tell. */
  readonly url: string | null;
  /** What it says it plays. */
  readonly title: string | null;
  /** 0…1. */
  readonly volume: number | null;
  readonly muted: boolean | null;
  readonly delayMs: number | null;
  /** In plain words; only with the state `error`. */
  readonly error: string | null;
  /** IP address that fetches the stream, if it is the device itself; null: unknown. */
  readonly address: string | null;
  /** By which the device is known again when another driver sees it, too. */
  readonly marks: Marks;
}

export interface StreamOrder {
  /**
   * The stream's address. `seenFrom`: this machine's own address on the link that the speaker hangs on, for machines with
   * several; null: unknown.
   */
  url(seenFrom: string | null): string;
  /** What the speaker may show. */
  title: string;
}

export interface Announcement {
  /** The file's address: MP3 with an end; see `StreamOrder.url`. */
  url(seenFrom: string | null): string;
  durationMs: number;
}

/** Why a speaker did not do what it was asked: `message` is for people, in plain words, with the remedy if there is one. */
export class SpeakerError extends Error {
  override readonly name = 'SpeakerError';
}

/**
 * Every promise settles within `DEED_MS`, and rejects with a SpeakerError, with nothing else: also for a speaker that is not (any
 * longer) there, and after `close()`. Nothing that a device or anybody else on the LAN sends makes a driver throw, hang or
 * grow without bound.
 */
export interface SpeakerDriver {
  readonly kind: SpeakerKind;
  /** Optional. Its devices may tell what is loaded in other words than they were told, as long as those are no web address. */
  readonly rewords?: true;
  /**
   * Mandatory. Those that are there now, at most `MAX_SPEAKERS`. A speaker that answers no longer leaves the list within 20 s;
   * one that restarted leaves it too, and comes back, however short it was away: so nobody takes that for somebody's hand.
   */
  speakers(): readonly DriverSpeaker[];
  /**
   * Mandatory. The device gets the address and begins; resolves when it has accepted that, rejects with its own words if it
   * refuses. Whether it then plays is told by `speakers()`. What it played before is replaced.
   */
  play(id: string, order: StreamOrder): Promise<void>;
  /** Mandatory. Resolves when the device has accepted it; stopping what is silent is no error. */
  stop(id: string): Promise<void>;
  /** Optional; there when any speaker's `can.volume` is true. @param volume 0…1 */
  setVolume?(id: string, volume: number): Promise<void>;
  /** Optional; there when any speaker's `can.mute` is true. */
  setMuted?(id: string, muted: boolean): Promise<void>;
  /** Optional; there when any speaker's `can.delay` is true. @param delayMs by which it shall sound later, 0…`MOST_SPEAKER_DELAY_MS` */
  setDelay?(id: string, delayMs: number): Promise<void>;
  /** Optional; there when any speaker's `can.announce` is true. Plays this once, and returns to what played before. */
  announce?(id: string, announcement: Announcement): Promise<void>;
  /** Mandatory. Leaves speakers as they are, frees everything. Closing twice is harmless. */
  close(): Promise<void>;
}

export const DEED_MS = 10_000;

/** What every driver's `createX` takes, besides its own settings. */
export interface DriverOptions {
  /** Call after `speakers()` has changed, as often as it does. */
  onChange: () => void;
  /**
   * This machine's interfaces as they are now. A driver that opens sockets on them looks every few seconds, and follows:
   * cables and leases come and go.
   */
  interfaces: () => Interfaces;
  /** Monotonic milliseconds. */
  now: () => number;
  counters: Counters;
  log: Log;
}

export type CreateDriver = (options: DriverOptions) => SpeakerDriver;
