/** Composition root: the only file that constructs adapters and wires the parts to each other. */
import { mount } from 'svelte';
import { Workbox } from 'workbox-window';
import * as Y from 'yjs';
import { deriveRoomKeys, type RoomKeys } from '../signaling/protocol/secret.ts';
import { UPLINK_PATH } from '../signaling/protocol/uplink.ts';
import { createClockSync } from './clock/sync.ts';
import { watchCandidacy } from './host/candidacy.ts';
import { candidateOf, leaderOf } from './host/election.ts';
import { createHostRole } from './host/role.ts';
import { createAnalyser } from './library/analyse/client.ts';
import { createLibrary } from './library/create.ts';
import { createOpfsStore } from './library/opfs.ts';
import { createBrowserMesh } from './mesh/browser.ts';
import { openPersistence } from './mesh/persistence.ts';
import { createCommands } from './session/commands.ts';
import { parsePresences } from './session/presence.ts';
import { createQueries } from './session/queries.ts';
import type { Presence } from './session/schema.ts';
import { createSound } from './sound.ts';
import { App } from './state/app.svelte.ts';
import { Device } from './state/device.svelte.ts';
import { entryFrom, missingFrom } from './state/entry.ts';
import { Host } from './state/host.svelte.ts';
import { createKeptStore, type KeptStore } from './state/kept.ts';
import { Music } from './state/music.svelte.ts';
import { readNodeInfo, watchNode } from './state/node.ts';
import { Notices } from './state/notices.svelte.ts';
import { Now } from './state/now.svelte.ts';
import { People } from './state/people.svelte.ts';
import { createPresencePublisher } from './state/presence.ts';
import { Queue } from './state/queue.svelte.ts';
import { Reads } from './state/reads.svelte.ts';
import { Room } from './state/room.svelte.ts';
import { Talk } from './state/talk.svelte.ts';
import { Tracks } from './state/tracks.svelte.ts';
import { webCrypto } from './state/web-crypto.ts';
import AppView from './ui/App.svelte';

/** A room without an owner that stays so for this long is a new one, and this device founds it. */
const FOUND_AFTER_MS = 2_500;
/** How often levels are read while the page is seen. */
const METER_MS = 60;

const localNowMs = (): number => performance.timeOrigin + performance.now();
/** Hex, as PeerJS takes nearly nothing else; not `randomUUID`: a page without HTTPS must get as far as saying so. */
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );

/** The worker that makes the app start without a network; a new one waits until somebody asks for it. */
function offerUpdates(): void {
  const workbox = new Workbox('/sw.js');
  workbox.addEventListener('waiting', () => device.offerUpdate());
  // What another tab, or the browser by itself, has fetched is told like this.
  workbox.addEventListener('installed', (event) => {
    if (event.isUpdate === true || event.isExternal === true) device.offerUpdate();
  });
  workbox
    .register()
    .catch(() =>
      notices.problem('This device will not open the room offline: its certificate is not trusted here.'),
    );
}

/** Reloads when the new worker is active; a page of the first visit is controlled by none, so `controlling` never comes. */
async function applyUpdate(): Promise<void> {
  const waiting = (await navigator.serviceWorker.getRegistration())?.waiting;
  if (!waiting) {
    location.reload();
    return;
  }
  waiting.addEventListener('statechange', () => {
    if (waiting.state === 'activated') location.reload();
  });
  waiting.postMessage({ type: 'SKIP_WAITING' });
}

function localStorageOrNull(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}

const kept = createKeptStore(localStorageOrNull(), newId);
const notices = new Notices();
const device = new Device({
  kept,
  version: __APP_VERSION__,
  onListening: (on) => setListening(on),
  onVolume: (volume) => setVolume(volume),
  onApplyUpdate: () => void applyUpdate(),
});
const app = new App(device, notices);
/** Replaced once a room is open. */
let setListening: (on: boolean) => void = () => undefined;
let setVolume: (volume: number) => void = () => undefined;

if (import.meta.env.PROD && 'serviceWorker' in navigator) offerUpdates();
// A link to another room, opened in this very tab.
addEventListener('hashchange', () => location.reload());

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(AppView, { target, props: { model: app } });
void start();

async function start(): Promise<void> {
  const missing = missingFrom({
    isSecureContext,
    hasCrypto: 'subtle' in crypto,
    hasWebRtc: 'RTCPeerConnection' in globalThis,
    hasIndexedDb: 'indexedDB' in globalThis,
  });
  if (missing !== null) {
    app.fail('unsupported', missing);
    return;
  }
  const entry = entryFrom(location.hash, kept.read().secret);
  if ('problem' in entry) {
    app.fail('no-room', entry.problem);
    return;
  }
  kept.update({ secret: entry.secret });
  await openRoom(entry.secret, await deriveRoomKeys(entry.secret, webCrypto), kept);
}

async function openRoom(secret: string, keys: RoomKeys, kept: KeptStore): Promise<void> {
  const { memberId, name, nodeInfo, roomOffsetMs } = kept.read();
  const selfId = newId();
  const doc = new Y.Doc();
  const persistence = openPersistence(doc, keys.roomId);
  const knownNode = readNodeInfo(nodeInfo);
  const mesh = await createBrowserMesh({
    doc,
    keys,
    origin: location.origin,
    stunPort: knownNode?.stunPort ?? null,
    selfId,
  });
  const presences = (): ReadonlyMap<string, Presence> => parsePresences(mesh.presences());
  const queries = createQueries(doc);
  const clock = createClockSync({
    selfId,
    localNowMs,
    send: (to, message) => void mesh.send(to, 'clock', message).catch(() => undefined),
    onMessage: (listener) => mesh.onMessage('clock', listener),
    leader: () =>
      leaderOf({
        peers: [...presences().values()].map(candidateOf),
        claim: queries.hostClaim(),
        alive: new Set([selfId, ...mesh.peers()]),
      }),
    peers: () => mesh.peers(),
    setTimer: (run, ms) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    startOffsetMs: roomOffsetMs,
  });
  const commands = createCommands({
    doc,
    queries,
    actor: { memberId },
    nowMs: () => clock.nowMs(),
    newId,
    random: Math.random,
  });
  const library = createLibrary({
    store: createOpfsStore(),
    transport: mesh,
    analyser: createAnalyser(),
    storage: navigator.storage,
  });
  await Promise.all([persistence.whenLoaded, library.loaded]).catch(() =>
    notices.problem(
      'This device keeps nothing: its storage could not be opened. The room is here only while this page is.',
    ),
  );

  // ---- state
  const reads = new Reads(queries, clock);
  const tracks = new Tracks(reads, library);
  const room = new Room({ reads, commands, secret, origin: location.origin });
  const host = new Host({
    roomId: keys.roomId,
    room,
    people: () => people,
    onOffer: (offering) => {
      sound.unlock();
      offerHost(offering);
    },
  });
  const people: People = new People({
    reads,
    commands,
    memberId,
    selfId,
    name,
    hostId: () => host.hostId,
    onName: (chosen, hue) => {
      kept.update({ name: chosen });
      commands.joinMember({ name: chosen, hue });
      presence.update({ name: chosen, hue });
      app.named();
    },
  });
  const now = new Now({ reads, commands, people, tracks, notices });
  const queue = new Queue({ reads, commands, people, tracks, notices });
  const music = new Music({ reads, commands, tracks, library, notices, nowMs: localNowMs });
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
  const sound = createSound({
    volume: device.volume,
    clock,
    queries,
    library,
    uplink: {
      url: `wss://${location.host}${UPLINK_PATH}`,
      roomId: keys.roomId,
      uplinkKey: keys.uplinkKey,
      peerId: selfId,
    },
    onUplink: (uplink) => host.setUplink(uplink),
    onFailed: () =>
      notices.problem(
        'The part of the app that plays could not be loaded. Reload the page while the node is in reach.',
      ),
  });
  const talk = new Talk({
    microphone: () => sound.microphone(),
    onLive: (stream) => {
      liveVoice = stream;
      sound.setTalking(stream !== null);
      presence.update({ talking: stream !== null });
      offerVoice();
    },
    audience: () => audienceWords(people, host),
  });
  let liveVoice: MediaStream | null = null;
  const offerVoice = (): void => {
    const hears = [...presences().values()].filter((one) => one.listening || one.peerId === host.hostId);
    mesh.offerVoice(
      liveVoice,
      hears.map((one) => one.peerId).filter((peerId) => peerId !== selfId),
    );
  };
  mesh.onVoice((from, stream) => sound.setVoice(from, stream));
  setListening = (on) => {
    sound.unlock();
    sound.setListening(on);
    presence.update({ listening: on });
  };
  setVolume = (volume) => sound.setVolume(volume);

  // ---- host mode
  const candidacy = watchCandidacy({
    handHeld: device.kind !== 'laptop',
    onChange: () => offerHost(host.offering),
  });
  let offeringSinceMs = 0;
  function offerHost(offering: boolean): void {
    if (offering && presence.current().candidate === null) offeringSinceMs = clock.nowMs();
    presence.update({ candidate: offering ? { sinceMs: offeringSinceMs, ...candidacy.current() } : null });
    if (!offering) role.release();
    role.look();
  }
  const role = createHostRole({
    selfId,
    queries,
    commands,
    presences,
    onStart: (epoch) => sound.startHosting(epoch),
    onStop: () => sound.stopHosting(),
    onChange: (election) => host.setElection(election),
  });

  // ---- what others do
  const onPresences = (): void => {
    people.setPresent([...presences().values()], [...parsePresences(mesh.asleep()).values()]);
    clock.look();
    role.look();
    offerVoice();
  };
  mesh.onPresences(onPresences);
  mesh.onPeers(onPresences);
  mesh.onStatus((status) => room.setConnection(status));
  room.setConnection(mesh.status());
  clock.onChange(() => {
    kept.update({ roomOffsetMs: clock.offsetMs() });
    const roundTripMs = clock.estimate?.roundTripMs;
    presence.update({ roundTripMs: roundTripMs === undefined ? null : Math.round(roundTripMs) });
  });
  onPresences();

  const found = (): void => {
    if (queries.room().owner === null && name !== null) commands.createRoom(`${name}’s room`);
    else if (queries.room().owner === null && kept.read().name !== null)
      commands.createRoom(`${kept.read().name}’s room`);
    else if (queries.room().owner === null) setTimeout(found, FOUND_AFTER_MS);
  };
  setTimeout(found, FOUND_AFTER_MS);
  if (name !== null) commands.joinMember({ name, hue: people.me.hue });

  const node = watchNode({
    kept,
    onInfo: (info) => {
      room.setNode(info);
      mesh.setStunPort(info.stunPort);
    },
    roomId: keys.roomId,
    onListeners: (listeners) => host.setListeners(listeners),
  });
  if (knownNode) room.setNode(knownNode);
  mesh.onStatus(() => node.look());

  setInterval(() => {
    now.setSound(soundOf());
    if (document.visibilityState !== 'visible') return;
    now.setLevel(sound.level());
    const levels = sound.hostLevels();
    host.setLevels(levels.music, levels.voice);
    talk.measure();
    people.setLevels(sound.voiceLevels(), talk.level);
  }, METER_MS);

  function soundOf(): Now['sound'] {
    if (!device.listening) return { state: 'remote' };
    const player = sound.state();
    switch (player.kind) {
      case 'silent':
        return { state: 'paused' };
      case 'waiting':
        return {
          state: 'waiting',
          fetchedShare: tracks.holding(player.trackId)?.complete
            ? 1
            : (tracks.fetchedShare(player.trackId) ?? 0),
        };
      case 'missing':
        return { state: 'missing' };
      case 'playing':
        return { state: 'in-step', errorMs: player.errorMs };
    }
  }

  app.open({ room, people, now, queue, music, talk, host }, name !== null);
  if (kept.read().listening) resumeListening();
  addEventListener('pagehide', (event) => {
    if (!event.persisted) role.release();
  });
}

/** Browsers let a page sound only after a tap: whoever listened before a reload listens again from the first one on. */
function resumeListening(): void {
  const abort = new AbortController();
  const resume = (): void => {
    abort.abort();
    device.setListening(true);
  };
  addEventListener('pointerup', resume, { signal: abort.signal, capture: true });
  addEventListener('keydown', resume, { signal: abort.signal, capture: true });
}

function audienceWords(people: People, host: Host): string {
  const listening = people.here.filter(
    (person) => person.isListening && !person.isMe && !person.isHost,
  ).length;
  const ears = listening === 1 ? 'one person' : `${listening} people`;
  if (host.host !== null) return listening === 0 ? 'the speakers' : `the speakers and ${ears}`;
  return listening === 0 ? 'nobody yet: no device hosts or listens' : ears;
}
