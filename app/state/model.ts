/**
 * What the screens see and what they may ask for: the only surface between `app/ui` and everything else. The classes in
 * `app/state/*.svelte.ts` implement it with runes; the gallery in `tests/gallery` with plain `$state`, to show every
 * screen in every state. Reading a property inside a component subscribes to it.
 */
import type { Finding, Path, Remedy } from '../doctor/judge.ts';
import type { CredentialKind, CredentialState } from '../../signaling/protocol/credentials.ts';
import type { ObservedSpeaker, SpeakerKind, SpeakerState } from '../../signaling/protocol/speakers.ts';
import type { HostLevels } from '../host/mix.ts';
import type { Unheard } from '../playback/player.ts';
import type { Curve } from '../playback/trim/hear.ts';
import type { Loop, Mix, OrderMode } from '../session/schema.ts';
import type { AccessProblem } from './access.ts';

export type Role = 'guest' | 'dj' | 'owner';
export type Connection = 'connecting' | 'connected' | 'alone';
export type DeviceKind = 'phone' | 'tablet' | 'laptop';

export interface AppModel {
  /**
   * `unsupported` (no secure context or a missing API: `problem` says which), `no-room` (the link carries none), `moved`
   * (the room's owner replaced the link by which this device came).
   */
  readonly stage: 'opening' | 'no-room' | 'unsupported' | 'moved' | 'naming' | 'ready';
  /** In plain words, with the remedy; for `unsupported`, `no-room` and `moved`. */
  readonly problem: string | null;
  /** May be read at every stage. */
  readonly rooms: RoomsModel;
  readonly doctor: DoctorModel;
  readonly room: RoomModel;
  readonly people: PeopleModel;
  readonly now: NowModel;
  readonly queue: QueueModel;
  readonly music: MusicModel;
  readonly talk: TalkModel;
  readonly host: HostModel;
  readonly speakers: SpeakersModel;
  readonly desk: DeskModel;
  readonly access: AccessModel;
  readonly device: DeviceModel;
  readonly ear: EarModel;
  readonly say: SayModel;
  readonly notices: NoticesModel;
  readonly roomFile: RoomFileModel;
}

/** The room as one file, for moving to a new phone. */
export interface RoomFileModel {
  /** A file is being put together or taken in: 0…1; else null. */
  readonly share: number | null;
  /** Songs whose bytes are on this device. */
  readonly audioBytes: number;
  readonly canOpen: boolean;
  /** Hands the file to the browser's downloads. */
  save(withAudio: boolean): void;
  /** The audio in it comes in like files that somebody picked: `MusicModel.batch`. */
  open(file: File): void;
  cancel(): void;
}

export interface RoomModel {
  readonly name: string;
  rename(name: string): void;
  readonly connection: Connection;
  /** The plain-HTTP landing page with the secret in its fragment: what the QR code carries. */
  readonly joinLink: string;
  /** The HTTPS address with the secret in its fragment, for devices that already trust the certificate. */
  readonly appLink: string;
  /** What everybody here should know and may do something about; shown below the header, never in the way. */
  readonly banner: { text: string; action: { label: string; run(): void } | null } | null;
}

export interface RoomEntry {
  id: string;
  name: string;
  isCurrent: boolean;
  /** Wall clock. */
  lastSeenMs: number;
  joinLink: string;
}

/** What goes from this device with a room. */
export interface Losses {
  /** Songs on this device that no other room here uses. */
  songs: number;
  bytes: number;
  /** Those of them that nobody else in reach has; null for a room that is not open: it can't be known. */
  onlyHere: number | null;
}

/** The rooms that this device knows; the node keeps no list. */
export interface RoomsModel {
  /** The current one first, then by when this device was there last. */
  readonly list: readonly RoomEntry[];
  open(id: string): void;
  /** Makes a room of this name and goes there. */
  make(name: string): void;
  lossesOf(id: string): Promise<Losses>;
  /** Forgets the room on this device, with the songs that no other room here uses. */
  leave(id: string): Promise<void>;
  readonly canReplaceLink: boolean;
  /**
   * Gives the current room a new link, shuts the old one, and takes these peers along. Resolves when that is done: this
   * device is then in the room's new place.
   */
  replaceLink(peerIds: readonly string[]): Promise<void>;
}

export interface Person {
  memberId: string;
  peerId: string;
  name: string;
  hue: number;
  device: DeviceKind;
  isMe: boolean;
  role: Role;
  isHost: boolean;
  isTalking: boolean;
  /** 0…1, the voice's level as heard here; 0 when silent. */
  level: number;
  isListening: boolean;
  roundTripMs: number | null;
  /** Its system stopped it while nobody looked at it: a phone in a pocket. It neither hears nor does anything. */
  isAsleep: boolean;
}

export interface PeopleModel {
  readonly me: { memberId: string; name: string; hue: number; role: Role };
  /** Everyone here, self first, then by time of arrival; who is asleep comes last. */
  readonly here: readonly Person[];
  /** Sets the name (asked once, editable later); moves the stage from `naming` to `ready`. */
  setName(name: string): void;
  /** The hue that `setName(name)` would choose: shown while the name is typed. */
  hueFor(name: string): number;
  /** This device's member is the owner, and this person can be made it. */
  canHandTo(person: Person): boolean;
  /** Makes them the owner. */
  handTo(person: Person): void;
  nameOf(memberId: string): string;
  hueOf(memberId: string): number;
}

export interface TrackView {
  trackId: string;
  title: string;
  /** Empty string when unknown. */
  artist: string;
  album: string;
  durationMs: number;
  /** Object URL of the cover, or null: then a generated cover is drawn from the trackId. */
  coverUrl: string | null;
}

export interface NowModel {
  /** Null: nothing is queued, or everything has been played. */
  readonly track: TrackView | null;
  readonly itemId: string | null;
  readonly addedBy: { memberId: string; name: string; hue: number } | null;
  readonly playing: boolean;
  /** Follows the room's time; updated some four times a second while playing. */
  readonly positionMs: number;
  readonly loop: Loop;
  /**
   * `remote`: this device only controls. `waiting`: bytes are still on their way (`fetchedShare` says how far).
   * `in-step`: measured distance from the room's position, in ms.
   */
  readonly sound:
    | { state: 'remote' }
    | { state: 'waiting'; fetchedShare: number }
    | { state: 'missing'; why: Unheard }
    | { state: 'in-step'; errorMs: number }
    | { state: 'paused' };
  /** Level of the music as heard here, 0…1, for the breathing rings. */
  readonly level: number;
  readonly canControl: boolean;
  play(): void;
  pause(): void;
  skip(): void;
  /** To the start of the track, or to the one before within its first three seconds. */
  back(): void;
  seek(positionMs: number): void;
  cycleLoop(): void;
  /** Shuffles what has not been played yet; with undo. */
  shuffle(): void;
}

export interface QueueRow {
  itemId: string;
  track: TrackView;
  by: { memberId: string; name: string; hue: number };
  isMine: boolean;
  votes: number;
  myVote: -1 | 0 | 1;
  /** Null: complete here (or not wanted here); else 0…1. */
  fetchedShare: number | null;
  /** Nobody here who is reachable holds the bytes. */
  unavailable: boolean;
  /** Devices in reach that hold it completely, this one counted. */
  copies: number;
  canEdit: boolean;
}

export interface QueueModel {
  readonly upNext: readonly QueueRow[];
  readonly played: readonly QueueRow[];
  readonly upNextDurationMs: number;
  readonly order: OrderMode;
  readonly canOrder: boolean;
  setOrder(order: OrderMode): void;
  /** For how long a song sounds together with the next; 0…12,000, 0: off. */
  readonly crossfadeMs: number;
  setCrossfade(crossfadeMs: number): void;
  add(trackId: string): void;
  playNext(trackId: string): void;
  /** Makes this item the current one, from its start. */
  jumpTo(itemId: string): void;
  remove(itemId: string): void;
  /** Moves an item to `index` of `upNext`. */
  move(itemId: string, index: number): void;
  toggleVote(itemId: string): void;
  /** Removes everything that was played; with undo. */
  clearPlayed(): void;
}

export interface MusicRow {
  track: TrackView;
  /** Complete on this device. */
  here: boolean;
  bytes: number;
  /** Devices in the room that hold it completely, this one counted. */
  copies: number;
  /** Somebody asked the room for a second copy. */
  copyWanted: boolean;
  /** While it is being fetched: 0…1, else null. */
  fetchedShare: number | null;
  inQueue: boolean;
}

export interface ImportBatch {
  totalFiles: number;
  doneFiles: number;
  /** Name and share of the file in work; null when the batch is over. */
  current: { fileName: string; share: number } | null;
  secondsLeft: number | null;
  failures: readonly { fileName: string; message: string }[];
  state: 'running' | 'done' | 'cancelled';
}

export interface MusicModel {
  readonly search: string;
  setSearch(text: string): void;
  /** All tracks of the room that match the search: on this device first. */
  readonly rows: readonly MusicRow[];
  readonly totalTracks: number;
  readonly hereCount: number;
  readonly hereBytes: number;
  readonly batch: ImportBatch | null;
  importFiles(files: readonly File[]): void;
  cancelImport(): void;
  dismissBatch(): void;
  /** Deletes the bytes from this device; with undo. */
  removeFromDevice(trackId: string): void;
  /** Fetches the bytes to this device; they stay there when space is short. */
  keepHere(trackId: string): void;
  /** Asks the room to put a copy on another device; again takes that back. */
  toggleCopy(trackId: string): void;
  /** What the browser grants the app on this device; null while unknown, or where it does not tell. */
  readonly storage: { freeBytes: number; nearlyFull: boolean; persistent: boolean } | null;
}

export interface TalkModel {
  /** `problem`: `message` says what is wrong and what to do. */
  readonly state: 'idle' | 'starting' | 'live' | 'problem';
  readonly latched: boolean;
  /** Plain words for: permission refused, no microphone, page without HTTPS, microphone busy. */
  readonly message: string | null;
  /** 0…1 of what the microphone hears, while live. */
  readonly level: number;
  /** Where the voice goes: 'the speakers', '3 people', 'nobody yet: …'. */
  readonly audience: string;
  press(): void;
  release(): void;
  /** From idle: opens the microphone and keeps it open. While held: keeps it open. While latched: closes it. */
  toggleLatch(): void;
  dismiss(): void;
}

/** Who hosts, or would: why there. */
export interface NextHost {
  peerId: string;
  name: string;
  device: DeviceKind;
  isMe: boolean;
  why: string;
}

export interface HostModel {
  /** This device offers host mode. */
  readonly offering: boolean;
  /** Another tab of this browser offers it already: this one waits until that is closed or stops. */
  readonly otherTab: boolean;
  readonly isHost: boolean;
  readonly host: NextHost | null;
  /** Somebody hosts whom this device cannot see: the node says so. */
  readonly isOutOfSight: boolean;
  /** Who would follow, the first one first. */
  readonly next: readonly NextHost[];
  readonly mayHandOver: boolean;
  /** Makes one of `next` the host; with a notice that hands it back. */
  handOver(peerId: string): void;
  /** Uplink of this device, while it hosts. */
  readonly uplink:
    | { state: 'off' }
    | { state: 'connecting' }
    | { state: 'up'; listeners: number; bitrateKbps: number }
    | { state: 'down'; message: string };
  readonly streamUrl: string;
  /** Asked from the node; null while unknown or out of reach. */
  readonly listeners: number | null;
  startHosting(): void;
  stopHosting(): void;
}

export interface SpeakerRow {
  id: string;
  name: string;
  /** Null: it is away, and only its name is known. */
  kind: SpeakerKind | null;
  area: string | null;
  group: string | null;
  needsInternet: boolean;
  isHere: boolean;
  /** Wanted to play the room. */
  on: boolean;
  /** It was last switched on or off at the device itself. */
  byHand: boolean;
  state: SpeakerState;
  plays: ObservedSpeaker['plays'];
  /** What it says it plays. */
  title: string | null;
  /** Why it does not play, or did not when it was tried last; of one that does, why it is not as loud, mute or late as it is wanted, or not silent. In plain words. */
  error: string | null;
  failures: number;
  /** 0…1; null: not known. */
  volume: number | null;
  canVolume: boolean;
  muted: boolean;
  canMute: boolean;
  /** It can say something and return to its music. */
  canSay: boolean;
  /** Those with the same `id` play as one; `isOne`: none of them can be switched alone. */
  ensemble: { id: string; isOne: boolean } | null;
  /** Of a group that is a speaker of its own: the ids of those that it plays on. */
  members: readonly string[];
  /** The name of a group that is on, and plays on it; it is off itself then. */
  within: string | null;
  /** Null: it cannot be delayed. */
  delayMs: number | null;
  /**
   * Of a switch-on that goes on, or just did: ms since it was switched on, or found, if that was later; null: not yet. Of one
   * that is asked again long after that: since it was asked.
   */
  steps: { askedMs: number | null; acceptedMs: number | null; playingMs: number | null } | null;
}

/** The loudspeakers of the LAN. Everybody sees them, DJs change what is wanted, the host makes it so. */
export interface SpeakersModel {
  readonly state: 'looking' | 'ready' | 'unreachable';
  /** By name; those that should play and are away included. */
  readonly list: readonly SpeakerRow[];
  readonly canChange: boolean;
  readonly hasHost: boolean;
  setOn(ids: readonly string[], on: boolean): void;
  setAll(on: boolean): void;
  /** By id. */
  setVolumes(volumes: ReadonlyMap<string, number>): void;
  setMuted(ids: readonly string[], muted: boolean): void;
  setDelay(id: string, delayMs: number): void;
}

/** Something spoken here, once, on loudspeakers; for those who may switch them. No host is needed. */
export interface SayModel {
  readonly state:
    | { kind: 'ready' }
    | { kind: 'opening' }
    /** `ms` is `mostMs`: the time is full, and what was said waits to be sent. */
    | { kind: 'recording'; ms: number; mostMs: number }
    | { kind: 'sending' }
    /** `error` null: it says it. */
    | { kind: 'said'; said: readonly { speakerId: string; error: string | null }[] }
    /** In plain words, with the remedy. */
    | { kind: 'problem'; says: string };
  record(): void;
  send(speakerIds: readonly string[]): void;
  /** Forgets what was recorded. */
  reset(): void;
}

/** The room's mix for the loudspeakers, shown on the device that hosts. */
export interface DeskModel {
  readonly mix: Mix;
  readonly mostDuckDb: number;
  readonly maySet: boolean;
  /** While it is being turned: heard already, and not yet the room's. */
  previewMix(change: Partial<Mix>): void;
  setMix(change: Partial<Mix>): void;
  /** Of this moment. No state: whoever draws them asks, as often as it draws. */
  levels(): HostLevels;
  /** Sounds on the loudspeakers, to hear whether they are there. */
  chime(): void;
}

export type AccessKind = CredentialKind;
/** `url` null: not set. `trouble`: why it does not work now, in plain words. */
export type AccessState = CredentialState;

/**
 * What the node needs to be let in at Home Assistant and Alexa. It keeps it, and never gives it back. For those who may
 * switch loudspeakers, in the room that the node made.
 */
export interface AccessModel {
  readonly state:
    | { kind: 'asking' }
    | { kind: 'ready'; list: readonly AccessState[] }
    /** Another room than the one that the node made. */
    | { kind: 'elsewhere'; says: string }
    /** In plain words, with the remedy. */
    | { kind: 'failed'; says: string };
  /** Asks the node now and then, until what is returned is called. */
  watch(): () => void;
  /** Resolves with what is wrong; null: nothing is. */
  give(kind: AccessKind, given: Readonly<Record<string, string>>): Promise<AccessProblem | null>;
  forget(kind: AccessKind): Promise<AccessProblem | null>;
}

export interface DeviceModel {
  readonly kind: DeviceKind;
  readonly listening: boolean;
  setListening(on: boolean): void;
  /** 0…1, this device only. */
  readonly volume: number;
  setVolume(volume: number): void;
  /**
   * Ms by which this device's loudspeaker sounds later than its system knows (Bluetooth, a television): it then plays
   * that much earlier. Kept on the device. `mostTrimMs` either way.
   */
  readonly trimMs: number;
  readonly mostTrimMs: number;
  setTrim(trimMs: number): void;
  /** What this kind of system does to sound in the background, in plain words. */
  readonly background: string;
  readonly online: boolean;
  readonly theme: 'system' | 'light' | 'dark';
  setTheme(theme: 'system' | 'light' | 'dark'): void;
  /** The browser offers to install the app, or it must be done by hand (`ios`), or not at all. */
  readonly install: 'offered' | 'ios' | 'installed' | 'unavailable';
  promptInstall(): void;
  /** Of the app that runs here: `0.1.0`. */
  readonly version: string;
  /** A newer version waits (`ready`), or another tab has taken it on already, and this one is to be reloaded (`elsewhere`). */
  readonly update: 'none' | 'ready' | 'elsewhere';
  applyUpdate(): void;
  copy(text: string): Promise<boolean>;
  /** The system's share sheet; false where there is none. */
  share(title: string, url: string): Promise<boolean>;
}

/** Finds this device's timing by listening to it: chirps, with another device's in comparison, or alone. */
export interface EarModel {
  readonly state:
    /** Nothing goes on: what will happen is said. */
    | { kind: 'asking' }
    /** The browser may be asking for the microphone. */
    | { kind: 'opening' }
    | { kind: 'listening'; share: number }
    | { kind: 'found'; finding: EarFinding }
    /** In plain words, with the remedy. */
    | { kind: 'problem'; says: string; remedy: string };
  /** Other devices that play the room aloud: one may be compared with. The host comes first. */
  readonly others: readonly { peerId: string; name: string; device: DeviceKind }[];
  /** In the tap. Null: alone. */
  start(peerId: string | null): void;
  /** Ends whatever goes on, and forgets what was found. */
  reset(): void;
  /** Sets the timing to what was found; with undo. */
  take(): void;
}

export interface EarFinding {
  /** Whom this device was compared with; null: alone, where the microphone's own delay is estimated. */
  comparedWith: string | null;
  foundMs: number;
  expectedMs: number;
  /** Positive: this device sounds late. */
  lateMs: number;
  uncertaintyMs: number;
  /** Whole ms, within `DeviceModel.mostTrimMs`. */
  proposedTrimMs: number;
  /** More would be needed than can be set. */
  tooFar: boolean;
  own: Curve;
  other: Curve | null;
}

export interface Notice {
  id: string;
  text: string;
  kind: 'info' | 'problem';
  /** Present: a button, e.g. «Undo». */
  action: { label: string; run(): void } | null;
}

export interface NoticesModel {
  /** Newest last; each goes by itself after 6 s (paused while focused or hovered), or is dismissed. */
  readonly list: readonly Notice[];
  dismiss(id: string): void;
  hold(id: string): void;
  release(id: string): void;
}

/** Another device in sight, and how this one reaches it. */
export interface DoctorLink {
  peerId: string;
  name: string;
  hue: number;
  path: Path;
  roundTripMs: number | null;
}

export interface DoctorModel {
  /** `failed`: the doctor itself could not be loaded. */
  readonly state: 'idle' | 'looking' | 'done' | 'failed';
  /** Of the last look, the worst first. */
  readonly findings: readonly Finding[];
  readonly links: readonly DoctorLink[];
  /** As text without secrets and names. */
  readonly report: string;
  look(): void;
  remedy(remedy: Remedy): Promise<void>;
}
