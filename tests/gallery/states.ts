/** Every screen in every state that a person can meet: name → where to stand, and what differs from the pictures. */
import { ELSEWHERE } from '../../app/state/access.ts';
import type { PlaceName } from '../../app/ui/place.svelte.ts';
import {
  doctorLinks,
  earFinding,
  healthy,
  LONG,
  LONG_ARTIST,
  musicRow,
  person,
  queueRow,
  roomEntry,
  speakerRow,
  track,
} from './fixtures.ts';
import type { GalleryModel } from './model.svelte.ts';

export interface GalleryState {
  place: PlaceName;
  /** Names of buttons that are pressed before one looks. */
  press?: (string | RegExp)[];
  /** The laptop has in sight what the phone opens. */
  isPressedOnPhone?: true;
  /** Languages that are written from the right. */
  dir?: 'rtl';
  set(model: GalleryModel): void;
}

function emptyRoom(m: GalleryModel): void {
  m.now.track = null;
  m.now.itemId = null;
  m.now.addedBy = null;
  m.now.playing = false;
  m.now.canControl = true;
  m.now.sound = { state: 'paused' };
  m.queue.upNext = [];
  m.queue.played = [];
  m.music.rows = [];
  m.music.totalTracks = 0;
  m.music.hereCount = 0;
  m.music.hereBytes = 0;
  m.people.here = [person(1, { isMe: true, isListening: false, role: 'owner' })];
  m.people.me.role = 'owner';
  m.host.host = null;
  m.host.listeners = 0;
  m.speakers.list = [];
  m.speakers.hasHost = false;
  m.device.listening = false;
  m.room.connection = 'alone';
}

const ANOTHER = 'Another loudspeaker';
/** Wanted, and not seen. */
const AWAY = { on: true, isHere: false, kind: null, area: null, canVolume: false } as const;
const SAY = /^Say something on Kitchen/;

/** Two Sonos rooms that play as one, one by itself, and two Snapclients of one group. */
function house(m: GalleryModel): void {
  const plays = { on: true, state: 'playing', plays: 'room' } as const;
  const sonos = { kind: 'sonos', canSay: true } as const;
  const asOne = { ...sonos, group: 'the other', ensemble: { id: 's', isOne: true } };
  const snapcast = { kind: 'snapcast', canMute: false, ensemble: { id: 'c', isOne: false } } as const;
  m.speakers.list = [
    speakerRow(0, { ...asOne, ...plays, id: 'sonos:0' }),
    speakerRow(0, { ...asOne, ...plays, id: 'sonos:1', name: 'Dining room', volume: 0.2, muted: true }),
    speakerRow(0, { ...sonos, id: 'sonos:2', name: 'Bedroom' }),
    speakerRow(2, { ...snapcast, ...plays, id: 'snapcast:1', delayMs: 120 }),
    speakerRow(2, { ...snapcast, id: 'snapcast:2', name: 'Workshop', delayMs: 0, volume: 0.5 }),
  ];
}
/** A Cast group that is on, both its members, and a device that is in none. */
function castGroup(m: GalleryModel): void {
  const cast = { kind: 'cast', canSay: true } as const;
  const member = { ...cast, group: 'Downstairs', within: 'Downstairs' };
  m.speakers.list = [
    speakerRow(0, { ...cast, id: 'cast:3', name: 'Bedroom' }),
    speakerRow(0, {
      ...{ ...cast, id: 'cast:0', name: 'Downstairs', members: ['cast:1', 'cast:2'] },
      ...{ on: true, state: 'playing', plays: 'room' },
    }),
    speakerRow(0, { ...member, id: 'cast:1' }),
    speakerRow(0, { ...member, id: 'cast:2', name: 'Living room', volume: 0.6 }),
  ];
}
const houseIsSet = (trouble: string | null) => (m: GalleryModel) => {
  m.access.state = {
    kind: 'ready',
    list: [
      { kind: 'home-assistant', url: 'http://homeassistant.local:8123', trouble },
      { kind: 'alexa', url: null, trouble: null },
    ],
  };
};

function longAndForeign(m: GalleryModel): void {
  const titles: [string, string][] = [
    [LONG, LONG_ARTIST],
    ['فيروز: أعطني الناي وغنِّ', 'فيروز'],
    ['夜に駆ける', 'YOASOBI'],
    ['봄날', '방탄소년단'],
    ['Ω', ''],
  ];
  m.now.track = track(LONG, LONG_ARTIST);
  m.room.name = 'حفلة العليّة مع كل الأصدقاء والجيران والأقارب في البيت';
  m.queue.upNext = titles.map(([title, artist], i) =>
    queueRow(i, { track: track(title, artist), by: { memberId: 'm9', name: 'سلمى', hue: 20 } }),
  );
  m.music.rows = titles.map(([title, artist], i) => musicRow(i, { track: track(title, artist) }));
  m.people.here = [
    person(0, { name: 'سلمى', isMe: true, hue: 20 }),
    person(1, { name: '美咲', hue: 200, isHost: true }),
    person(2, {
      name: 'Maximiliane-Alexandra von und zu Oberunterwalden',
      hue: 120,
      isTalking: true,
      level: 0.5,
    }),
    person(3, { name: '👩🏽‍🎤 Zed', hue: 300 }),
  ];
}

const importing: GalleryState['set'] = (m) => {
  m.music.batch = {
    totalFiles: 38,
    doneFiles: 12,
    current: { fileName: '13 – Harbour at Four.flac', share: 0.4 },
    secondsLeft: 20,
    failures: [
      {
        fileName: 'demo_final.mp3',
        message: '“demo_final.mp3” ends in the middle of a frame: the file is cut off. The rest goes on.',
      },
    ],
    state: 'running',
  };
};

function owner(m: GalleryModel): void {
  m.people.me.role = 'owner';
  m.rooms.canReplaceLink = true;
}

function asOwner(m: GalleryModel): void {
  owner(m);
  m.people.here = [1, 0, 2, 3].map((i) =>
    person(i, { isMe: i === 1, isHost: i === 0, role: i === 1 ? 'owner' : 'dj' }),
  );
}

const ROOMS = /^Attic party/;
const BY_EAR = ['Find it by ear'];
const MENU = 'Menu of Kitchen';

export const STATES: Record<string, GalleryState> = {
  now: { place: 'now', set: () => undefined },
  'now-paused-remote': {
    place: 'now',
    set(m) {
      m.now.playing = false;
      m.now.loop = 'off';
      m.now.sound = { state: 'remote' };
      m.device.listening = false;
      m.host.host = null;
    },
  },
  'now-waiting': {
    place: 'now',
    set(m) {
      m.now.sound = { state: 'waiting', fetchedShare: 0.64 };
      m.now.level = 0;
      m.now.positionMs = 0;
    },
  },
  'now-missing-alone': {
    place: 'now',
    set(m) {
      m.now.sound = { state: 'missing', why: 'absent' };
      m.room.connection = 'alone';
      m.people.here = [person(1, { isMe: true })];
      m.host.host = null;
    },
  },
  'now-too-long': {
    place: 'now',
    set(m) {
      m.now.sound = { state: 'missing', why: 'too-long' };
      m.now.level = 0;
    },
  },
  'now-not-loaded': {
    place: 'now',
    set(m) {
      m.now.sound = { state: 'missing', why: 'not-loaded' };
      m.now.level = 0;
    },
  },
  'now-empty': { place: 'now', set: emptyRoom },
  'now-ended': {
    place: 'now',
    set(m) {
      const played = m.queue.played;
      emptyRoom(m);
      m.music.totalTracks = 9;
      m.queue.played = played;
    },
  },
  'now-unreachable': {
    place: 'now',
    set(m) {
      m.host.listeners = null;
    },
  },
  'now-ready': {
    place: 'now',
    set(m) {
      m.now.sound = { state: 'waiting', fetchedShare: 1 };
    },
  },
  'now-offline': {
    place: 'now',
    set(m) {
      m.device.online = false;
      m.room.connection = 'alone';
    },
  },
  'now-crowd': {
    place: 'now',
    set(m) {
      m.people.here = Array.from({ length: 40 }, (_, i) =>
        person(i, { isMe: i === 1, isHost: i === 0, isTalking: i === 20 || i === 3, level: 0.7 }),
      );
    },
  },
  'now-talking': {
    place: 'now',
    set(m) {
      m.talk.state = 'live';
      m.talk.level = 0.7;
      m.notices.list = [
        {
          id: 'n1',
          text: 'Kites was removed.',
          kind: 'info',
          action: { label: 'Undo', run: () => undefined },
        },
      ];
    },
  },
  'now-talk-latched-guest': {
    place: 'now',
    set(m) {
      m.talk.state = 'live';
      m.talk.latched = true;
      m.talk.level = 0.2;
      m.now.canControl = false;
      m.queue.canOrder = false;
    },
  },
  'now-talk-problem': {
    place: 'now',
    set(m) {
      m.talk.state = 'problem';
      m.talk.message =
        'The microphone is not allowed. Tap the lock beside the address, allow the microphone, and hold again.';
    },
  },
  'now-long': { place: 'now', dir: 'rtl', set: longAndForeign },
  queue: { place: 'queue', set: () => undefined },
  'queue-votes': {
    place: 'queue',
    set(m) {
      m.queue.order = 'votes';
    },
  },
  'queue-full': {
    place: 'queue',
    set(m) {
      m.queue.upNext = Array.from({ length: 30 }, (_, i) =>
        queueRow(i, { unavailable: i === 5, canEdit: i % 7 !== 6 }),
      );
      m.queue.upNextDurationMs = 6_900_000;
      m.queue.played = Array.from({ length: 8 }, (_, i) => queueRow(i + 40));
      m.notices.list = [
        {
          id: 'n1',
          text: 'Kites was removed.',
          kind: 'info',
          action: { label: 'Undo', run: () => undefined },
        },
      ];
    },
  },
  'queue-5000': {
    place: 'queue',
    set(m) {
      m.queue.upNext = Array.from({ length: 5000 }, (_, i) => queueRow(i));
      m.queue.upNextDurationMs = 5000 * 225_000;
    },
  },
  'queue-last': {
    place: 'queue',
    set(m) {
      m.queue.upNext = [];
      m.now.loop = 'off';
    },
  },
  'queue-empty': { place: 'queue', set: emptyRoom },
  'queue-long': { place: 'queue', dir: 'rtl', set: longAndForeign },
  music: { place: 'music', set: () => undefined },
  'music-importing': { place: 'music', set: importing },
  'music-import-failed': {
    place: 'music',
    set(m) {
      m.music.batch = {
        totalFiles: 3,
        doneFiles: 3,
        current: null,
        secondsLeft: null,
        failures: [
          { fileName: 'cover.jpg', message: '“cover.jpg” is a picture, not audio.' },
          { fileName: 'set.wav', message: '“set.wav” is too large: 2.4 GB. Up to 1 GB works.' },
          {
            fileName: 'demo_final.mp3',
            message: '“demo_final.mp3” ends in the middle of a frame: the file is cut off.',
          },
        ],
        state: 'done',
      };
    },
  },
  'music-fetching': {
    place: 'music',
    set(m) {
      m.music.rows = m.music.rows.map((row, i) => ({
        ...row,
        here: i > 4,
        fetchedShare: i === 1 ? 0.37 : null,
      }));
    },
  },
  'music-nearly-full': {
    place: 'music',
    set(m) {
      m.music.storage = { freeBytes: 38_000_000, nearlyFull: true, persistent: false };
    },
  },
  'music-no-match': {
    place: 'music',
    set(m) {
      m.music.search = 'polka';
      m.music.rows = [];
    },
  },
  'music-empty': { place: 'music', set: emptyRoom },
  'music-long': { place: 'music', dir: 'rtl', set: longAndForeign },
  people: { place: 'people', set: () => undefined },
  'people-owner-ios': {
    place: 'people',
    set(m) {
      m.people.here = [
        person(0, { isMe: true, isHost: true, isTalking: true, level: 0.5 }),
        person(1),
        person(2),
      ];
      m.people.me = { memberId: 'm0', name: 'Anna', hue: 48, role: 'owner' };
      m.device.install = 'ios';
      m.device.update = 'ready';
    },
  },
  'people-person-menu': { place: 'people', press: ['Menu of Chidi'], set: asOwner },
  'people-hand-on': { place: 'people', press: ['Menu of Chidi', /^Make Chidi/], set: asOwner },
  'people-asleep': {
    place: 'people',
    set(m) {
      m.people.here = [
        person(0, { isMe: true }),
        person(1),
        person(2, { isAsleep: true, isListening: false, roundTripMs: null }),
        person(3, { isAsleep: true, isListening: false, roundTripMs: null }),
      ];
    },
  },
  'people-alone': {
    place: 'people',
    set(m) {
      emptyRoom(m);
      m.device.install = 'installed';
    },
  },
  'people-crowd': {
    place: 'people',
    set(m) {
      m.people.here = Array.from({ length: 40 }, (_, i) => person(i, { isMe: i === 1, isHost: i === 0 }));
    },
  },
  'people-long': { place: 'people', dir: 'rtl', set: longAndForeign },
  speakers: { place: 'speakers', set: () => undefined },
  'speakers-hosting': {
    place: 'speakers',
    set(m) {
      m.host.offering = true;
      m.host.isHost = true;
      m.host.host = {
        peerId: 'p1',
        name: 'Bo',
        device: m.device.kind,
        isMe: true,
        why: 'The only one that offered.',
      };
      m.host.uplink = { state: 'up', listeners: 2, bitrateKbps: 128 };
      m.device.listening = false;
      m.desk.levels = () => ({ music: 0.62, voice: 0.78, effects: 0, output: 0.83, limitedDb: 2.8 });
      m.talk.state = 'live';
      m.talk.level = 0.5;
    },
  },
  'speakers-down': {
    place: 'speakers',
    set(m) {
      m.host.offering = true;
      m.host.isHost = true;
      m.host.host = {
        peerId: 'p1',
        name: 'Bo',
        device: m.device.kind,
        isMe: true,
        why: 'The only one that offered.',
      };
      m.host.uplink = {
        state: 'down',
        message:
          'The stream is out of reach: the computer that runs Earshot does not answer. It is tried again by itself.',
      };
    },
  },
  'speakers-next': {
    place: 'speakers',
    set(m) {
      m.host.offering = true;
      m.host.next = [
        {
          peerId: 'p1',
          name: 'Bo',
          device: m.device.kind,
          isMe: true,
          why: 'On screen, on battery',
        },
        { peerId: 'p2', name: 'Cleo', device: 'tablet', isMe: false, why: 'On battery, in the background' },
        {
          peerId: 'p3',
          name: 'Maximiliane-Leonarda',
          device: 'phone',
          isMe: false,
          why: 'On battery, in the background, a slow way to the node, stumbled lately, not playing along yet',
        },
      ];
    },
  },
  'speakers-other-tab': {
    place: 'speakers',
    set(m) {
      m.host.offering = true;
      m.host.otherTab = true;
    },
  },
  'speakers-out-of-sight': {
    place: 'speakers',
    set(m) {
      m.host.host = null;
      m.host.isOutOfSight = true;
    },
  },
  'speakers-unreachable': {
    place: 'speakers',
    set(m) {
      m.host.listeners = null;
    },
  },
  'speakers-muted': {
    place: 'speakers',
    set(m) {
      m.speakers.list = [
        speakerRow(0, { on: true, state: 'playing', plays: 'room', muted: true }),
        speakerRow(1, { muted: true }),
        speakerRow(2, { on: true, state: 'playing', plays: 'room', canMute: false, delayMs: 120 }),
      ];
    },
  },
  'speakers-groups': { place: 'speakers', set: house },
  'speakers-cast-group': { place: 'speakers', set: castGroup },
  'speakers-starting': {
    place: 'speakers',
    set(m) {
      m.speakers.list = [
        speakerRow(0, {
          on: true,
          state: 'playing',
          plays: 'room',
          steps: { askedMs: 140, acceptedMs: 450, playingMs: 2_570 },
        }),
        speakerRow(1, {
          on: true,
          state: 'buffering',
          plays: 'room',
          steps: { askedMs: 210, acceptedMs: 1_450, playingMs: null },
        }),
        speakerRow(2, {
          on: true,
          state: 'starting',
          plays: 'room',
          steps: { askedMs: 180, acceptedMs: null, playingMs: null },
        }),
        speakerRow(3, { on: true, steps: { askedMs: null, acceptedMs: null, playingMs: null } }),
      ];
    },
  },
  'speakers-trouble': {
    place: 'speakers',
    set(m) {
      m.speakers.list = [
        speakerRow(0, {
          on: true,
          state: 'error',
          failures: 3,
          error: 'It does not play this kind of stream.',
          steps: { askedMs: 160, acceptedMs: 580, playingMs: null },
        }),
        speakerRow(1, { state: 'playing', plays: 'other', title: 'Evening news' }),
        speakerRow(2, { byHand: true, state: 'stopped' }),
        speakerRow(0, {
          ...{ id: 'dlna:bath', name: 'Bath', on: true, state: 'playing', plays: 'room' },
          error: 'Its volume cannot be set from here.',
        }),
        speakerRow(3, AWAY),
      ];
    },
  },
  'speakers-stubborn': {
    place: 'speakers',
    set(m) {
      m.speakers.list = [
        speakerRow(0, {
          ...{ kind: 'home-assistant', state: 'playing', plays: 'room' },
          error: 'Home Assistant cannot stop it. Stop it at the device.',
        }),
        speakerRow(1, {
          ...{ on: true, state: 'buffering', plays: 'room', failures: 2 },
          error: 'It has the stream and does not begin to play.',
          steps: { askedMs: 0, acceptedMs: 240, playingMs: null },
        }),
        speakerRow(2, {
          ...{ on: true, state: 'error', plays: 'other', title: 'Evening news', failures: 3 },
          error: 'It took the stream and went on with something else.',
          steps: { askedMs: 160, acceptedMs: 580, playingMs: null },
        }),
        speakerRow(3, { state: 'playing', title: 'Evening news' }),
      ];
    },
  },
  'speakers-guest': {
    place: 'speakers',
    set(m) {
      m.speakers.canChange = false;
      m.people.me.role = 'guest';
    },
  },
  'speakers-no-host': {
    place: 'speakers',
    set(m) {
      m.host.host = null;
      m.speakers.hasHost = false;
      const steps = { askedMs: null, acceptedMs: null, playingMs: null };
      m.speakers.list = [speakerRow(0, { on: true, steps }), speakerRow(1), speakerRow(3, AWAY)];
    },
  },
  'speakers-looking': {
    place: 'speakers',
    set(m) {
      m.speakers.state = 'looking';
      m.speakers.list = [];
    },
  },
  'speakers-unseen': {
    place: 'speakers',
    set(m) {
      m.speakers.state = 'unreachable';
      m.speakers.list = [];
    },
  },
  'speakers-unseen-wanted': {
    place: 'speakers',
    set(m) {
      m.host.listeners = null;
      m.speakers.state = 'unreachable';
      m.speakers.list = [speakerRow(0, AWAY), speakerRow(3, AWAY)];
    },
  },
  'speakers-none': { place: 'speakers', set: emptyRoom },
  'now-volume': { place: 'now', press: [/^Volume/], isPressedOnPhone: true, set: () => undefined },
  invite: { place: 'now', press: ['Invite somebody'], set: () => undefined },
  'queue-menu': { place: 'queue', press: ['Move Kites, or open its menu'], set: () => undefined },
  'queue-order': { place: 'queue', press: [/^Order/], set: () => undefined },
  'queue-crossfade': {
    place: 'queue',
    press: [/^Order/],
    set(m) {
      m.queue.crossfadeMs = 8_000;
    },
  },
  'music-menu': { place: 'music', press: ['Menu of Slow Tram Home'], set: () => undefined },
  say: { place: 'speakers', press: [SAY], set: house },
  'say-recording': { place: 'speakers', press: [SAY, 'Record'], set: house },
  'say-said': {
    place: 'speakers',
    press: [SAY],
    set(m) {
      house(m);
      m.say.state = {
        kind: 'said',
        said: [
          { speakerId: 'sonos:0', error: null },
          { speakerId: 'sonos:2', error: 'It does not answer. Is it switched on, and on this network?' },
        ],
      };
    },
  },
  another: { place: 'speakers', press: [ANOTHER], set: () => undefined },
  'another-by-hand': { place: 'speakers', press: [ANOTHER, /^By hand/], set: () => undefined },
  'another-guest': {
    place: 'speakers',
    press: [ANOTHER],
    set(m) {
      m.speakers.canChange = false;
      m.people.me.role = 'guest';
    },
  },
  'another-not-set': { place: 'speakers', press: [ANOTHER, /^Home Assistant/], set: () => undefined },
  'another-echo': { place: 'speakers', press: [ANOTHER, /^Echo/], set: () => undefined },
  'another-set': { place: 'speakers', press: [ANOTHER, /^Home Assistant/, 'Forget…'], set: houseIsSet(null) },
  'another-trouble': {
    place: 'speakers',
    press: [ANOTHER, /^Home Assistant/],
    set: houseIsSet('Home Assistant refused the token. Make a new long-lived token in your profile there.'),
  },
  'another-elsewhere': {
    place: 'speakers',
    press: [ANOTHER, /^Echo/],
    set(m) {
      m.access.state = { kind: 'elsewhere', says: ELSEWHERE };
    },
  },
  rooms: { place: 'now', press: [ROOMS], set: () => undefined },
  'rooms-owner': { place: 'now', press: [ROOMS], set: owner },
  'rooms-long': {
    place: 'now',
    dir: 'rtl',
    press: [/^حفلة/],
    set(m) {
      longAndForeign(m);
      owner(m);
      m.rooms.list = [
        roomEntry(0, { name: m.room.name, isCurrent: true }),
        ...Array.from({ length: 14 }, (_, i) => roomEntry(i + 1, { name: `${LONG} ${i}`, lastSeenMs: 0 })),
      ];
    },
  },
  'rooms-menu': { place: 'now', press: [ROOMS, MENU], set: () => undefined },
  'rooms-make': { place: 'now', press: [ROOMS, 'Make a room'], set: () => undefined },
  'rooms-leave': { place: 'now', press: [ROOMS, MENU, 'Leave this room…'], set: () => undefined },
  'rooms-replace': { place: 'now', press: [ROOMS, 'Replace the link'], set: owner },
  'banner-empty-room': {
    place: 'now',
    set(m) {
      emptyRoom(m);
      m.room.connection = 'connected';
      m.room.banner = { text: 'Nobody is in this room yet, or the link is old.', action: null };
    },
  },
  'banner-app-old': {
    place: 'queue',
    set(m) {
      m.room.banner = {
        text: 'This app is older than the computer that runs Earshot, and no longer understands it.',
        action: { label: 'Update now', run: () => undefined },
      };
    },
  },
  'updated-elsewhere': { place: 'people', set: (m) => void (m.device.update = 'elsewhere') },
  ear: { place: 'people', press: BY_EAR, set: () => undefined },
  'ear-alone': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.others = [];
    },
  },
  'ear-opening': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = { kind: 'opening' };
    },
  },
  'ear-listening': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = { kind: 'listening', share: 0.62 };
    },
  },
  'ear-found': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = { kind: 'found', finding: earFinding(146.4, 62.1) };
    },
  },
  'ear-found-little': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = { kind: 'found', finding: earFinding(58.6, 62.1) };
    },
  },
  'ear-found-alone': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.others = [];
      m.ear.state = { kind: 'found', finding: earFinding(83.4, null) };
    },
  },
  'ear-in-step': {
    place: 'people',
    press: BY_EAR,
    dir: 'rtl',
    set(m) {
      longAndForeign(m);
      m.ear.state = { kind: 'found', finding: earFinding(62.3, 62.1, { comparedWith: LONG_ARTIST }) };
    },
  },
  'ear-too-far': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = {
        kind: 'found',
        finding: earFinding(702, 62.1, { proposedTrimMs: 500, tooFar: true }),
      };
    },
  },
  'ear-not-heard': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = {
        kind: 'problem',
        says: 'Anna’s laptop was not heard.',
        remedy: 'Turn Anna’s laptop up, or go nearer to it, then try again.',
      };
    },
  },
  'ear-refused': {
    place: 'people',
    press: BY_EAR,
    set(m) {
      m.ear.state = {
        kind: 'problem',
        says: 'The microphone stays closed.',
        remedy:
          'The browser does not let this page use the microphone. Allow it in the site’s settings, next to the address.',
      };
    },
  },
  doctor: { place: 'people', press: [/^Room doctor/], set: () => undefined },
  'doctor-problems': {
    place: 'people',
    press: [/^Room doctor/],
    set(m) {
      m.doctor.links = doctorLinks([{}, { path: 'none', roundTripMs: null }, {}, {}, { path: 'relayed' }]);
      m.doctor.findings = healthy({
        peers: m.doctor.links,
        stun: 'silent',
        turn: 'silent',
        microphone: 'denied',
        certificate: { validUntilMs: Date.UTC(2026, 4, 6), issuedBy: 'own' },
        storage: { usedBytes: 412e6, quotaBytes: 6e9, persistent: false },
      });
    },
  },
  'doctor-looking': {
    place: 'people',
    press: [/^Room doctor/],
    set(m) {
      m.doctor.state = 'looking';
      m.doctor.findings = [];
      m.doctor.links = [];
      m.doctor.report = '';
    },
  },
  'doctor-crowd': {
    place: 'people',
    press: [/^Room doctor/],
    set(m) {
      m.doctor.links = Array.from({ length: 24 }, (_, i) => ({
        ...person(i + 1),
        path: i % 3 === 0 ? ('relayed' as const) : ('direct' as const),
        roundTripMs: i * 3,
      }));
    },
  },
  moved: {
    place: 'now',
    set(m) {
      m.stage = 'moved';
      m.problem = 'Attic party has a new link, so this one leads nowhere any more. Ask Anna for the new one.';
    },
  },
  opening: {
    place: 'now',
    set(m) {
      m.stage = 'opening';
    },
  },
  'no-room': {
    place: 'now',
    set(m) {
      m.stage = 'no-room';
    },
  },
  unsupported: {
    place: 'now',
    set(m) {
      m.stage = 'unsupported';
      m.problem =
        'This page was opened without HTTPS, so the browser gives it neither microphone nor storage. Open the address that begins with https, or scan the QR code again.';
    },
  },
  naming: {
    place: 'now',
    set(m) {
      m.stage = 'naming';
    },
  },
};
