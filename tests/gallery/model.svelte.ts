/** A model of plain `$state` that behaves: what a control asks for is what is then shown. */
import type {
  AccessModel,
  AppModel,
  DeskModel,
  DeviceModel,
  DoctorModel,
  EarModel,
  HostModel,
  MusicModel,
  Notice,
  NowModel,
  PeopleModel,
  QueueModel,
  RoomModel,
  RoomsModel,
  SayModel,
  SpeakersModel,
  TalkModel,
} from '../../app/state/model.ts';
import {
  doctorLinks,
  GLASS_HARBOUR,
  speakerRow,
  healthy,
  hue,
  musicRow,
  person,
  queueRow,
  roomEntry,
} from './fixtures.ts';

type Plain<T> = { -readonly [K in keyof T]: T[K] };

/** Everything that was asked for, oldest first: what the tests look at. */
export const asked: string[] = [];
function note(what: string, ...args: unknown[]): void {
  asked.push([what, ...args.map(String)].join(' '));
}

export interface GalleryModel extends AppModel {
  stage: AppModel['stage'];
  problem: string | null;
  rooms: Plain<RoomsModel>;
  doctor: Plain<DoctorModel>;
  room: Plain<RoomModel>;
  people: Plain<PeopleModel>;
  now: Plain<NowModel>;
  queue: Plain<QueueModel>;
  music: Plain<MusicModel>;
  talk: Plain<TalkModel>;
  host: Plain<HostModel>;
  speakers: Plain<SpeakersModel>;
  access: Plain<AccessModel>;
  device: Plain<DeviceModel>;
  desk: Plain<DeskModel>;
  ear: Plain<EarModel>;
  say: Plain<SayModel>;
  notices: AppModel['notices'] & { list: Notice[] };
}

export function createGalleryModel(): GalleryModel {
  const model: GalleryModel = $state({
    stage: 'ready',
    problem: null,
    rooms: {
      list: [
        roomEntry(0, { isCurrent: true }),
        roomEntry(1, { name: 'Kitchen', lastSeenMs: Date.now() - 26 * 3_600_000 }),
        roomEntry(2, { name: 'Grandma’s birthday', lastSeenMs: Date.now() - 40 * 86_400_000 }),
      ],
      open: (id) => note('open', id),
      make: (name) => note('make', name),
      lossesOf: () => Promise.resolve({ songs: 12, bytes: 84_000_000, onlyHere: 3 }),
      leave(id) {
        note('leave', id);
        return Promise.resolve();
      },
      canReplaceLink: false,
      replaceLink(peerIds) {
        note('replaceLink', peerIds.join(','));
        return Promise.resolve();
      },
    },
    doctor: {
      state: 'done',
      findings: healthy(),
      links: doctorLinks(),
      report: 'Earshot 0.1.0, room doctor',
      look: () => note('look'),
      remedy(remedy) {
        note('remedy', remedy);
        return Promise.resolve();
      },
    },
    room: {
      banner: null,
      name: 'Attic party',
      connection: 'connected',
      joinLink: 'http://192.168.1.20:8097/join#yK3vQ0m9Zp5sT1xL8wB2dA',
      appLink: 'https://192.168.1.20:8443/#yK3vQ0m9Zp5sT1xL8wB2dA',
      rename(name) {
        note('rename', name);
        model.room.name = name;
      },
    },
    people: {
      me: { memberId: 'm1', name: 'Bo', hue: 250, role: 'dj' },
      here: [1, 0, 2, 3, 4, 5].map((i) =>
        person(i, { isMe: i === 1, isHost: i === 0, isTalking: i === 3, level: i === 3 ? 0.6 : 0 }),
      ),
      setName(name) {
        note('setName', name);
        model.people.me.name = name;
        model.stage = 'ready';
      },
      hueFor: hue,
      canHandTo: ({ isMe, isAsleep }) => model.people.me.role === 'owner' && !isMe && !isAsleep,
      handTo(person) {
        note('handTo', person.name);
        model.people.me.role = 'dj';
      },
      nameOf: (id) => person(Number(id.slice(1))).name,
      hueOf: (id) => person(Number(id.slice(1))).hue,
    },
    now: {
      track: GLASS_HARBOUR,
      itemId: 'now',
      addedBy: { memberId: 'm1', name: 'Bo', hue: 250 },
      playing: true,
      positionMs: 93_000,
      loop: 'all',
      sound: { state: 'in-step', errorMs: 3 },
      level: 0.4,
      canControl: true,
      play() {
        note('play');
        model.now.playing = true;
      },
      pause() {
        note('pause');
        model.now.playing = false;
      },
      skip: () => note('skip'),
      back: () => note('back'),
      seek(ms) {
        note('seek', Math.round(ms));
        model.now.positionMs = ms;
      },
      cycleLoop() {
        const next = { off: 'all', all: 'one', one: 'off' } as const;
        model.now.loop = next[model.now.loop];
      },
      shuffle: () => note('shuffle'),
    },
    queue: {
      upNext: [0, 1, 2, 3, 4].map((i) => queueRow(i)),
      played: [queueRow(6)],
      upNextDurationMs: 1_128_000,
      order: 'manual',
      canOrder: true,
      setOrder(order) {
        note('setOrder', order);
        model.queue.order = order;
      },
      crossfadeMs: 0,
      setCrossfade(crossfadeMs) {
        note('setCrossfade', crossfadeMs);
        model.queue.crossfadeMs = crossfadeMs;
      },
      add: (id) => note('add', id.slice(0, 8)),
      playNext: (id) => note('playNext', id.slice(0, 8)),
      jumpTo: (id) => note('jumpTo', id),
      remove(id) {
        note('remove', id);
        model.queue.upNext = model.queue.upNext.filter((row) => row.itemId !== id);
        model.queue.played = model.queue.played.filter((row) => row.itemId !== id);
      },
      move(id, index) {
        note('move', id, index);
        const rows = model.queue.upNext.filter((row) => row.itemId !== id);
        const row = model.queue.upNext.find((r) => r.itemId === id);
        if (row) rows.splice(index, 0, row);
        model.queue.upNext = rows;
      },
      toggleVote(id) {
        note('toggleVote', id);
        model.queue.upNext = model.queue.upNext.map((row) =>
          row.itemId === id
            ? { ...row, myVote: row.myVote === 1 ? 0 : 1, votes: row.votes + (row.myVote === 1 ? -1 : 1) }
            : row,
        );
      },
      clearPlayed() {
        note('clearPlayed');
        model.queue.played = [];
      },
    },
    music: {
      search: '',
      setSearch(text) {
        model.music.search = text;
      },
      rows: Array.from({ length: 24 }, (_, i) => musicRow(i)),
      totalTracks: 214,
      hereCount: 61,
      hereBytes: 412_000_000,
      batch: null,
      importFiles: (files) => note('importFiles', files.map((f) => f.name).join(',')),
      cancelImport: () => note('cancelImport'),
      dismissBatch() {
        model.music.batch = null;
      },
      removeFromDevice: (id) => note('removeFromDevice', id.slice(0, 8)),
      toggleCopy: (id) => note('toggleCopy', id.slice(0, 8)),
      storage: { freeBytes: 1_640_000_000, nearlyFull: false, persistent: true },
      keepHere: (id) => note('keepHere', id.slice(0, 8)),
    },
    talk: {
      state: 'idle',
      latched: false,
      message: null,
      level: 0,
      audience: '4 speakers',
      press() {
        note('press');
        model.talk.state = 'live';
      },
      release() {
        note('release');
        model.talk.state = 'idle';
      },
      toggleLatch() {
        note('toggleLatch');
        model.talk.latched = !model.talk.latched;
        model.talk.state = model.talk.latched ? 'live' : 'idle';
      },
      dismiss() {
        model.talk.state = 'idle';
        model.talk.message = null;
      },
    },
    host: {
      offering: false,
      isHost: false,
      host: {
        peerId: 'p0',
        name: 'Anna',
        device: 'laptop',
        isMe: false,
        why: 'Plugged in, on screen, here longest',
      },
      otherTab: false,
      isOutOfSight: false,
      next: [],
      mayHandOver: true,
      handOver(peerId) {
        note('handOver', peerId);
      },
      uplink: { state: 'off' },
      streamUrl: 'http://192.168.1.20:8097/stream.mp3',
      listeners: 2,
      startHosting() {
        note('startHosting');
        model.host.offering = true;
      },
      stopHosting() {
        note('stopHosting');
        model.host.offering = false;
        model.host.isHost = false;
      },
    },
    speakers: {
      state: 'ready',
      list: [
        speakerRow(0, { on: true, state: 'playing', plays: 'room', title: 'Saturday' }),
        speakerRow(1),
        speakerRow(2, { on: true, state: 'playing', plays: 'room', delayMs: 120 }),
      ],
      canChange: true,
      hasHost: true,
      setOn(ids, on) {
        note('setOn', ids.join(), on);
        for (const row of model.speakers.list) if (ids.includes(row.id)) row.on = on;
      },
      setAll(on) {
        note('setAll', on);
        for (const row of model.speakers.list) row.on = on;
      },
      setVolumes(volumes) {
        note('setVolumes', JSON.stringify([...volumes]));
        for (const row of model.speakers.list) row.volume = volumes.get(row.id) ?? row.volume;
      },
      setMuted(ids, muted) {
        note('setMuted', ids.join(), muted);
        for (const row of model.speakers.list) if (ids.includes(row.id)) row.muted = muted;
      },
      setDelay(id, delayMs) {
        note('setDelay', id, delayMs);
        for (const row of model.speakers.list) if (row.id === id) row.delayMs = delayMs;
      },
    },
    desk: {
      mix: { music: 0.9, voice: 1, duckDb: 12 },
      mostDuckDb: 24,
      maySet: true,
      previewMix(change) {
        model.desk.mix = { ...model.desk.mix, ...change };
      },
      setMix(change) {
        note('setMix', JSON.stringify(change));
        model.desk.mix = { ...model.desk.mix, ...change };
      },
      levels: () => ({ music: 0, voice: 0, effects: 0, output: 0, limitedDb: 0 }),
      chime: () => note('chime'),
    },
    access: {
      state: {
        kind: 'ready',
        list: [
          { kind: 'home-assistant', url: null, trouble: null },
          { kind: 'alexa', url: null, trouble: null },
        ],
      },
      watch() {
        note('watch');
        return () => note('unwatch');
      },
      give(kind, given) {
        note('give', kind, ...Object.values(given));
        const list = model.access.state.kind === 'ready' ? model.access.state.list : [];
        model.access.state = {
          kind: 'ready',
          list: list.map((one) => (one.kind === kind ? { ...one, url: given['url'] ?? '' } : one)),
        };
        return Promise.resolve(null);
      },
      forget(kind) {
        note('forget', kind);
        const list = model.access.state.kind === 'ready' ? model.access.state.list : [];
        model.access.state = {
          kind: 'ready',
          list: list.map((one) => (one.kind === kind ? { kind, url: null, trouble: null } : one)),
        };
        return Promise.resolve(null);
      },
    },
    device: {
      kind: matchMedia('(min-width: 1024px)').matches ? 'laptop' : 'phone',
      listening: true,
      setListening(on) {
        note('setListening', on);
        model.device.listening = on;
      },
      volume: 0.8,
      background: 'Earshot plays on behind other windows. When the computer sleeps, it stops.',
      trimMs: 0,
      mostTrimMs: 500,
      setTrim(trimMs) {
        model.device.trimMs = trimMs;
      },
      setVolume(volume) {
        model.device.volume = volume;
      },
      online: true,
      theme: 'system',
      setTheme(theme) {
        model.device.theme = theme;
      },
      install: 'offered',
      promptInstall: () => note('promptInstall'),
      version: '0.1.0',
      update: 'none',
      applyUpdate: () => note('applyUpdate'),
      copy: () => Promise.resolve(true),
      share: () => Promise.resolve(true),
    },
    say: {
      state: { kind: 'ready' },
      record() {
        note('record');
        model.say.state = { kind: 'recording', ms: 7_200, mostMs: 20_000 };
      },
      send(ids) {
        note('send', ids.join());
        model.say.state = { kind: 'said', said: ids.map((speakerId) => ({ speakerId, error: null })) };
      },
      reset() {
        note('reset');
        if (model.say.state.kind !== 'problem') model.say.state = { kind: 'ready' };
      },
    },
    ear: {
      state: { kind: 'asking' },
      others: [
        { peerId: 'p0', name: 'Anna', device: 'laptop' },
        { peerId: 'p2', name: 'Chidi', device: 'phone' },
      ],
      start(peerId) {
        note('start', peerId);
        model.ear.state = { kind: 'listening', share: 0.4 };
      },
      reset() {
        note('reset');
        model.ear.state = { kind: 'asking' };
      },
      take: () => note('take'),
    },
    notices: {
      list: [],
      dismiss(id) {
        model.notices.list = model.notices.list.filter((n) => n.id !== id);
      },
      hold: (id) => note('hold', id),
      release: (id) => note('release-notice', id),
    },
    roomFile: {
      share: null,
      audioBytes: 412_000_000,
      canOpen: true,
      save: (withAudio) => note('save', withAudio),
      open: (file) => note('open', file.name),
      cancel: () => note('cancel'),
    },
  } satisfies GalleryModel);
  return model;
}
