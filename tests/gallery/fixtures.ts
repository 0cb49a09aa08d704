/** The people and songs of the pictures, and as many more as a state wants. */
import { judge, type Finding, type Observations } from '../../app/doctor/judge.ts';
import { hear } from '../../app/playback/trim/hear.ts';
import type {
  DoctorLink,
  EarFinding,
  MusicRow,
  Person,
  QueueRow,
  RoomEntry,
  SpeakerRow,
  TrackView,
} from '../../app/state/model.ts';
import { callOf, recordingOf } from '../unit/playback/trim/synthetic-room.ts';

export function hue(name: string): number {
  let h = 7;
  for (const letter of name) h = (h * 31 + (letter.codePointAt(0) ?? 0)) % 360;
  return h;
}

const NAMES = ['Anna', 'Bo', 'Chidi', 'Dana', 'Eli', 'Fay'];
const HUES = [48, 250, 155, 312, 100, 355];
const MORE = [
  'Gus',
  'Hana',
  'Ivo',
  'Jun',
  'Kwame',
  'Lea',
  'Mio',
  'Nour',
  'Otto',
  'Pia',
  'Quinn',
  'Rosa',
  'Sami',
  'Tove',
];

export function person(index: number, over: Partial<Person> = {}): Person {
  const name =
    NAMES[index] ?? `${MORE[index % MORE.length]}${index > 19 ? ` ${Math.floor(index / 14)}` : ''}`;
  return {
    memberId: `m${index}`,
    peerId: `p${index}`,
    name,
    hue: HUES[index] ?? hue(name),
    device: (['laptop', 'phone', 'phone', 'phone', 'tablet', 'phone'] as const)[index % 6] ?? 'phone',
    isMe: false,
    role: index === 0 ? 'owner' : 'dj',
    isHost: false,
    isTalking: false,
    level: 0,
    isListening: index % 4 !== 3,
    roundTripMs: 2 + ((index * 7) % 23),
    isAsleep: false,
    ...over,
  };
}

export function track(title: string, artist: string, seconds = 227): TrackView {
  let id = '';
  let h = 17;
  for (let i = 0; i < 64; i++) {
    h = (h * 33 + title.charCodeAt(i % title.length) + i) >>> 0;
    id += (h & 15).toString(16);
  }
  return { trackId: id, title, artist, album: '', durationMs: seconds * 1000, coverUrl: null };
}

export const GLASS_HARBOUR = track('Glass Harbour', 'Nightjar', 227);

const SONGS: [string, string, number][] = [
  ['Paper Lanterns', 'Mora Sol', 214],
  ['Slow Tram Home', 'The Underpass', 251],
  ['Kites', 'Ebo', 188],
  ['Ninety Doors', 'Halcyon Hotel', 243],
  ['Salt', 'Ivy Okafor', 232],
  ['Tin Roof Weather', 'Low Meridian', 205],
  ['Moth Season', 'Nightjar', 198],
  ['A Room with Rain', 'Pell & Ash', 276],
];

export function song(index: number): TrackView {
  const [title, artist, seconds] = SONGS[index % SONGS.length] ?? ['Salt', 'Ivy Okafor', 232];
  return index < SONGS.length
    ? track(title, artist, seconds)
    : track(`${title} ${index}`, artist, seconds + (index % 40));
}

export function queueRow(index: number, over: Partial<QueueRow> = {}): QueueRow {
  const by = [0, 1, 3, 2, 5][index % 5] ?? 0;
  return {
    itemId: `i${index}`,
    track: song(index),
    by: { memberId: `m${by}`, name: NAMES[by] ?? 'Anna', hue: HUES[by] ?? 0 },
    isMine: by === 1,
    votes: [6, 4, 2, 1, 0][index % 5] ?? 0,
    myVote: index % 5 < 2 ? 1 : 0,
    fetchedShare: index === 2 ? 0.64 : null,
    unavailable: false,
    copies: [2, 1, 3, 2, 2][index % 5] ?? 1,
    canEdit: true,
    ...over,
  };
}

export function musicRow(index: number, over: Partial<MusicRow> = {}): MusicRow {
  return {
    track: song(index),
    here: index % 4 !== 3,
    bytes: 6_700_000,
    copies: [3, 1, 2, 2][index % 4] ?? 1,
    copyWanted: false,
    fetchedShare: null,
    inQueue: index % 5 === 0,
    ...over,
  };
}

export const LONG =
  'The Very Long and Winding Title of a Song That Was Named by Somebody Who Never Saw a Phone (Remastered)';
export const LONG_ARTIST = 'The Orchestra of Uncommonly Extensive Denominations feat. Everybody';

export function roomEntry(index: number, over: Partial<RoomEntry> = {}): RoomEntry {
  return {
    id: `room-${index}`,
    name: 'Attic party',
    isCurrent: false,
    lastSeenMs: Date.now(),
    joinLink: `http://192.168.1.20:8097/#room-${index}`,
    ...over,
  };
}

export const HEALTHY: Observations = {
  nowMs: Date.UTC(2026, 4, 1),
  secureContext: true,
  nodeReached: true,
  certificate: { validUntilMs: Date.UTC(2027, 3, 1), issuedBy: 'local' },
  wallClockAheadMs: 300,
  microphone: 'granted',
  localNetwork: 'granted',
  hostCandidates: 'addresses',
  stun: 'answers',
  turn: 'relays',
  peers: [],
  streamReached: true,
  storage: { usedBytes: 412e6, quotaBytes: 6e9, persistent: true },
  serviceWorker: 'ready',
  clock: { state: 'follows', roundTripMs: 3 },
};

export function doctorLinks(over: Partial<DoctorLink>[] = []): DoctorLink[] {
  return [0, 2, 3, 4, 5].map((i, at) => ({
    peerId: `p${i}`,
    name: NAMES[i] ?? 'Anna',
    hue: HUES[i] ?? 0,
    path: i === 4 ? 'relayed' : 'direct',
    roundTripMs: 2 + i * 3,
    ...over[at],
  }));
}

export function healthy(over: Partial<Observations> = {}): Finding[] {
  return judge({ ...HEALTHY, peers: doctorLinks(), ...over });
}

/** What is heard in a room whose walls answer, with music in it; `otherMs` null: this device alone. */
export function earFinding(
  ownMs: number,
  otherMs: number | null,
  over: Partial<EarFinding> = {},
): EarFinding {
  const ways = (sweep: 'up' | 'down', fromMs: number) =>
    [0, 3.2, 7.5, 11, 19].map((laterMs, i) => ({
      sweep,
      delayMs: fromMs + laterMs,
      gain: 0.2 / (1 + i * 0.8),
    }));
  const recording = recordingOf({
    ways: [...ways('up', ownMs), ...(otherMs === null ? [] : ways('down', otherMs))],
    music: 0.2,
  });
  const [own, other] = hear(recording, [callOf('up'), callOf('down')]);
  if (own?.kind !== 'heard' || !other) throw new Error('the picture shows nothing');
  const expectedMs = other.kind === 'heard' ? other.delayMs : 62;
  return {
    comparedWith: otherMs === null ? null : 'Anna',
    foundMs: own.delayMs,
    expectedMs,
    lateMs: own.delayMs - expectedMs,
    uncertaintyMs: otherMs === null ? 20.3 : 0.6,
    proposedTrimMs: Math.round(own.delayMs - expectedMs),
    tooFar: false,
    own: own.curve,
    other: otherMs === null ? null : other.curve,
    ...over,
  };
}

const SPEAKERS = [
  { name: 'Kitchen', area: null, kind: 'dlna' },
  { name: 'Living room television', area: 'Living room', kind: 'dlna' },
  { name: 'Study', area: null, kind: 'snapcast' },
  { name: 'A terrace radio whose owner gave it a very long name indeed', area: 'Terrace', kind: 'dlna' },
] as const;

export function speakerRow(at: number, changes: Partial<SpeakerRow> = {}): SpeakerRow {
  return {
    id: `dlna:${at}`,
    ...SPEAKERS[at % SPEAKERS.length]!,
    group: null,
    needsInternet: false,
    isHere: true,
    on: false,
    byHand: false,
    state: 'idle',
    plays: null,
    title: null,
    error: null,
    failures: 0,
    volume: 0.35,
    canVolume: true,
    muted: false,
    canMute: true,
    canSay: false,
    ensemble: null,
    members: [],
    within: null,
    delayMs: null,
    steps: null,
    ...changes,
  };
}
