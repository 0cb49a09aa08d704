/** The composition root's first part: one open room, with every adapter and part that lives as long as it is open. */
import * as Y from 'yjs';
import { deriveRoomKeys } from '../signaling/protocol/secret.ts';
import { UPLINK_PATH } from '../signaling/protocol/uplink.ts';
import { createClockSync } from './clock/sync.ts';
import { candidateOf, leaderOf } from './host/election.ts';
import { createHosting } from './hosting.ts';
import type { Library } from './library/library.ts';
import { createBrowserMesh } from './mesh/browser.ts';
import { openPersistence } from './mesh/persistence.ts';
import { packRoom, unpackRoom } from './session/carry.ts';
import { isNeeded } from './playback/conductor.ts';
import { createCommands } from './session/commands.ts';
import { createFounding } from './session/founding.ts';
import { may } from './session/policy.ts';
import { parsePresences, personOf } from './session/presence.ts';
import { createQueries, type Queries } from './session/queries.ts';
import type { Presence } from './session/schema.ts';
import { createPatient } from './patient.ts';
import { createRoomEar } from './room-ear.ts';
import { createRoomLibrary } from './room-library.ts';
import { createRoomMeters } from './room-meters.ts';
import { createRoomSpeakers } from './room-speakers.ts';
import { createRoomVoice } from './room-voice.ts';
import { createSystemLink } from './system.ts';
import { createSound } from './sound.ts';
import type { RoomParts } from './state/app.svelte.ts';
import type { Device } from './state/device.svelte.ts';
import type { PatientRoom } from './state/doctor.svelte.ts';
import { Host } from './state/host.svelte.ts';
import type { KeptStore } from './state/kept.ts';
import { createMoving } from './state/moving.ts';
import { Music } from './state/music.svelte.ts';
import { readNodeInfo, watchNode } from './state/node.ts';
import type { Notices } from './state/notices.svelte.ts';
import { Now } from './state/now.svelte.ts';
import { People } from './state/people.svelte.ts';
import { createPresencePublisher } from './state/presence.ts';
import { Queue } from './state/queue.svelte.ts';
import { Reads } from './state/reads.svelte.ts';
import { Room } from './state/room.svelte.ts';
import { Desk } from './state/desk.svelte.ts';
import { Access } from './state/access.svelte.ts';
import { Say } from './state/say.svelte.ts';
import { RoomFile, downloadFile } from './state/room-file.svelte.ts';
import { Tracks } from './state/tracks.svelte.ts';
import { webCrypto } from './state/web-crypto.ts';
import type { AudioSession } from './voice/audio-session.ts';
import { openForSpeech } from './voice/microphone.ts';

export interface OpenRoomOptions {
  /** The page's: it outlives the room. */
  audioSession: AudioSession;
  secret: string;
  kept: KeptStore;
  notices: Notices;
  device: Device;
  newId: () => string;
  /** Monotonic. */
  localNowMs: () => number;
  /** What was taken along from the room's former place (`OpenRoom.pack`). */
  packed: Uint8Array | null;
  onNamed: () => void;
  /** The document's name, owner or mark changed. */
  onRoom: () => void;
  /** The owner asks this device to come along to another secret. */
  onCome: (secret: string) => void;
  onUpdate: () => void;
  /** Host mode is offered on this device, or no longer. */
  onOffer: (offering: boolean) => void;
}

export interface OpenRoom {
  readonly secret: string;
  readonly parts: RoomParts;
  readonly isNamed: boolean;
  readonly queries: Queries;
  readonly library: Library;
  readonly patient: PatientRoom;
  readonly isHosting: boolean;
  setListening(on: boolean): void;
  setVolume(volume: number): void;
  setTrim(trimMs: number): void;
  startHosting(): void;
  pack(): Uint8Array;
  /** Tells these peers where the room goes on; resolves with those who did not answer in time. */
  tell(peerIds: readonly string[], secret: string, deadlineMs: number): Promise<readonly string[]>;
  markMoved(): void;
  close(): void;
}

const setTimer = (run: () => void, ms: number): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

export async function openRoom(options: OpenRoomOptions): Promise<OpenRoom> {
  const { secret, audioSession, kept, notices, device, newId, localNowMs } = options;
  const { memberId, name, nodeInfo } = kept.read();
  const keys = await deriveRoomKeys(secret, webCrypto);
  const stops: (() => void)[] = [];
  const selfId = newId();
  const doc = new Y.Doc();
  if (options.packed !== null) unpackRoom(doc, options.packed);
  const persistence = openPersistence(doc, keys.roomId, () =>
    notices.problem(
      'This device could not keep the last change: its storage refuses. Until it takes them again, changes are here only while this page is.',
    ),
  );
  const knownNode = readNodeInfo(nodeInfo);
  const mesh = await createBrowserMesh({
    doc,
    keys,
    origin: location.origin,
    stunPort: knownNode?.stunPort ?? null,
    selfId,
    personOf,
  });
  const presences = (): ReadonlyMap<string, Presence> => parsePresences(mesh.presences());
  const queries = createQueries(doc);
  const leader = () =>
    leaderOf({
      peers: [...presences().values()].map(candidateOf),
      claim: queries.hostClaim(),
      alive: new Set([selfId, ...mesh.peers()]),
    });
  const clock = createClockSync({
    selfId,
    localNowMs,
    wallNowMs: () => Date.now(),
    send: (to, message) => void mesh.send(to, 'clock', message).catch(() => undefined),
    onMessage: (listener) => mesh.onMessage('clock', listener),
    leader,
    peers: () => mesh.peers(),
    setTimer,
    startOffsetMs: kept.room(secret)?.offsetMs ?? 0,
  });
  const commands = createCommands({
    doc,
    queries,
    actor: { memberId },
    nowMs: () => clock.nowMs(),
    newId,
    random: Math.random,
  });
  const { library, spreader } = createRoomLibrary({ selfId, mesh, queries, clock });
  const [lasts] = await Promise.all([library.loaded, persistence.whenLoaded]).catch(() => [false]);
  const tellWhatLasts = (): void => {
    if (lasts) return;
    notices.problem(
      'This device keeps nothing: its storage could not be opened. The room is here only while this page is.',
    );
  };
  // Before somebody has said their name, no notice is seen.
  if (name !== null) tellWhatLasts();

  // ---- state
  const reads = new Reads(queries, clock);
  const tracks = new Tracks(reads, library);
  const room = new Room({
    reads,
    commands,
    secret,
    origin: location.origin,
    roomId: keys.roomId,
    cameByLink: kept.room(secret)?.made !== true,
    present: () => people.here.length,
    onUpdate: options.onUpdate,
  });
  const host = new Host({
    roomId: keys.roomId,
    room,
    people: () => people,
    notices,
    onOffer: (offering) => {
      options.onOffer(offering);
      sound.unlock();
      hosting.offer(offering);
    },
    mayHandOver: () => may(reads.roleOf(memberId), 'name-host'),
    onHandOver: (peerId) => hosting.handOver(peerId),
  });
  const people: People = new People({
    reads,
    commands,
    memberId,
    selfId,
    name,
    notices,
    hostId: () => host.hostId,
    onName: (chosen, hue) => {
      if (kept.read().name === null) tellWhatLasts();
      kept.update({ name: chosen });
      commands.joinMember({ name: chosen, hue });
      presence.update({ name: chosen, hue });
      options.onNamed();
    },
  });
  const now = new Now({ reads, commands, people, tracks, notices });
  const queue = new Queue({ reads, commands, people, tracks, notices });
  const music = new Music({
    reads,
    commands,
    tracks,
    library,
    notices,
    nowMs: localNowMs,
    isNeeded: (trackId) =>
      (device.listening || host.isHost || hosting.isFollowing) &&
      isNeeded(queries.view(clock.nowMs()), queries.settings().loop, trackId),
  });
  const roomFile = new RoomFile({
    reads,
    commands,
    tracks,
    music,
    library,
    people,
    notices,
    roomId: keys.roomId,
    pack: () => new Uint8Array(packRoom(doc)),
    unpack: (packed) => Y.applyUpdate(doc, packed),
    nowMs: () => Date.now(),
    download: downloadFile,
  });
  const presence = createPresencePublisher(
    {
      memberId,
      peerId: selfId,
      name: name ?? 'Somebody new',
      hue: people.me.hue,
      device: device.kind,
      listening: false,
      candidate: null,
      talking: false,
      roundTripMs: null,
      joinedAtMs: clock.nowMs(),
    },
    (state) => mesh.setPresence(state),
  );

  // ---- sound
  const uplink = {
    url: `wss://${location.host}${UPLINK_PATH}`,
    roomId: keys.roomId,
    uplinkKey: keys.uplinkKey,
    peerId: selfId,
  };
  const sound = createSound({
    session: audioSession,
    volume: device.volume,
    trimMs: device.trimMs,
    clock,
    queries,
    library,
    uplink,
    onUplink: (state) => {
      host.setUplink(state);
      hosting.uplink(state);
    },
    onFailed: () =>
      notices.problem(
        'The part of the app that plays could not be loaded. Reload the page while the node is in reach.',
      ),
  });
  const desk = new Desk({
    kept,
    reads,
    commands,
    maySet: () => may(reads.roleOf(memberId), 'speakers'),
    levels: sound.hostLevels,
    onMix: sound.setMix,
    chime: sound.chime,
  });
  const voice = createRoomVoice({ selfId, mesh, presences, presence, sound, people, host });
  function setListening(on: boolean): void {
    sound.unlock();
    sound.setListening(on);
    presence.update({ listening: on });
  }

  const byEar = createRoomEar({ mesh, clock, sound, people, device, notices, audioSession, setTimer });

  // ---- host mode
  const speakers = createRoomSpeakers({ keys, selfId, clock, reads, commands, people, host });
  const access = new Access({
    requests: () =>
      import('./state/access.ts').then(({ createAccessRequests, postAccess }) =>
        createAccessRequests({ ...keys, post: postAccess }),
      ),
    may: () => may(reads.roleOf(memberId), 'speakers'),
  });
  const say = new Say({
    ...keys,
    may: () => may(reads.roleOf(memberId), 'speakers'),
    openMicrophone: () => openForSpeech({ devices: navigator.mediaDevices, session: audioSession }),
  });
  const hosting = createHosting({
    selfId,
    keys,
    uplink,
    handHeld: device.kind !== 'laptop',
    mesh,
    queries,
    commands,
    presences,
    presence,
    sound,
    roomNowMs: () => clock.nowMs(),
    localNowMs,
    onElection: (election) => {
      host.setElection(election);
      voice.look();
    },
    onOtherTab: (otherTab) => host.setOtherTab(otherTab),
    onHosting: (epoch) => speakers.setHosting(epoch),
  });

  // ---- what others do
  const onPresences = (): void => {
    people.setPresent([...presences().values()], [...parsePresences(mesh.asleep()).values()]);
    clock.look();
    hosting.look();
    voice.look();
  };
  mesh.onPresences(onPresences);
  mesh.onPeers(onPresences);
  mesh.onStatus((status) => room.setConnection(status));
  room.setConnection(mesh.status());
  clock.onChange(() => {
    kept.updateRoom(secret, { offsetMs: clock.offsetMs() });
    const roundTripMs = clock.estimate?.roundTripMs;
    presence.update({ roundTripMs: roundTripMs === undefined ? null : Math.round(roundTripMs) });
  });
  onPresences();

  const mine = kept.room(secret);
  // Nobody else can have the link of a room that was made here just now.
  if (mine?.made && mine.name !== '') commands.createRoom(mine.name, { made: true });
  const founding = createFounding({
    nowMs: localNowMs,
    setTimer,
    hasOwner: () => queries.room().owner !== null,
    isWhole: () => mesh.isWhole(),
    name() {
      const called = kept.read().name;
      return called === null ? null : `${called}’s room`;
    },
    found: (chosen) => void commands.createRoom(chosen),
  });
  if (name !== null) commands.joinMember({ name, hue: people.me.hue });

  const node = watchNode({
    kept,
    onFit: (fit) => room.setFit(fit),
    onInfo: (info) => {
      room.setNode(info);
      mesh.setStunPort(info.stunPort);
    },
    roomId: keys.roomId,
    onListeners: (listeners) => host.setListeners(listeners),
  });
  if (knownNode) room.setNode(knownNode);
  mesh.onStatus(() => node.look());

  const system = createSystemLink({
    now,
    sounds: () => device.listening || host.isHost,
    hosts: () => host.isHost,
  });
  const meters = createRoomMeters({ sound, device, tracks, now, talk: voice.model, people, system });

  const moving = createMoving({
    transport: mesh,
    isOwner: (peerId) => {
      const asked = presences().get(peerId);
      return asked !== undefined && asked.memberId === queries.room().owner;
    },
    onCome: options.onCome,
    setTimer,
  });
  const onPageHide = (event: PageTransitionEvent): void => {
    if (!event.persisted) hosting.release();
  };
  addEventListener('pagehide', onPageHide);
  stops.push(
    queries.onChange((changed) => {
      if (changed.has('room')) options.onRoom();
      if (changed.has('host')) clock.look();
    }),
    () => removeEventListener('pagehide', onPageHide),
    ...[
      meters,
      founding,
      speakers,
      access,
      say,
      spreader,
      roomFile,
      system,
      moving,
      byEar,
      voice,
      music,
      desk,
      sound,
      hosting,
      node,
      room,
      tracks,
      reads,
      clock,
      commands,
      library,
      queries,
    ].map((part) => () => part.close()),
  );

  const patient = createPatient({ keys, mesh, people, clock, library, leader });

  let closed = false;
  function close(): void {
    if (closed) return;
    closed = true;
    kept.updateRoom(secret, { offsetMs: clock.offsetMs() });
    hosting.release();
    for (const stop of stops.splice(0)) stop();
    mesh.close();
    persistence.close();
  }

  return {
    secret,
    parts: {
      room,
      people,
      now,
      queue,
      music,
      talk: voice.model,
      host,
      desk,
      speakers: speakers.model,
      access,
      roomFile,
      ear: byEar.model,
      say,
    },
    isNamed: name !== null,
    queries,
    library,
    patient,
    get isHosting() {
      return host.offering;
    },
    setListening,
    setVolume: (volume) => sound.setVolume(volume),
    setTrim: (trimMs) => sound.setTrim(trimMs),
    startHosting: () => host.startHosting(),
    pack: () => packRoom(doc),
    tell: moving.tell,
    markMoved: () => void commands.markMoved(),
    close,
  };
}
