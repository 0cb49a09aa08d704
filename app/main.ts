/** Composition root: what lives as long as the page. What lives as long as a room is wired in room.ts. */
import { mount } from 'svelte';
import { createSole } from './playback/sole.ts';
import { createRooms } from './rooms.ts';
import { App } from './state/app.svelte.ts';
import { Device } from './state/device.svelte.ts';
import { Doctor } from './state/doctor.svelte.ts';
import { missingFrom } from './state/entry.ts';
import { createKeptStore } from './state/kept.ts';
import { Notices } from './state/notices.svelte.ts';
import AppView from './ui/App.svelte';
import { createAudioSession } from './voice/audio-session.ts';

/** A browser may forbid even the look at its storage. */
function storageOrNull(of: () => Storage): Storage | null {
  try {
    return of();
  } catch {
    return null;
  }
}

/** Hex, as PeerJS takes nearly nothing else; not `randomUUID`: a page without HTTPS must get as far as saying so. */
const newId = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join(
    '',
  );

const kept = createKeptStore(
  storageOrNull(() => localStorage),
  newId,
);
const notices = new Notices();
const device = new Device({
  kept,
  version: __APP_VERSION__,
  onListening(on) {
    if (on) sole.take();
    else sole.release();
    rooms.current()?.setListening(on);
  },
  onVolume: (volume) => rooms.current()?.setVolume(volume),
  onTrim: (trimMs) => rooms.current()?.setTrim(trimMs),
  onApplyUpdate: () => void updates.then((known) => (known ? known.apply() : location.reload())),
});
const sole = createSole({
  name: 'earshot-listening',
  locks: navigator.locks,
  onLost() {
    device.yieldListening();
    notices.info('Another tab of this browser plays the room now.');
  },
});
/** In Safari alone; not in TypeScript's DOM library. */
const { audioSession } = navigator as { audioSession?: { type: string } };
const rooms = createRooms({
  audioSession: createAudioSession(audioSession),
  kept,
  tab: storageOrNull(() => sessionStorage),
  soundsElsewhere: () => sole.isTaken(),
  notices,
  device,
  newId,
  stage: {
    open: (parts, isNamed) => app.open(parts, isNamed),
    named: () => app.named(),
    shut: () => app.shut(),
    fail: (stage, problem) => app.fail(stage, problem),
  },
});
const doctor = new Doctor({
  origin: location.origin,
  version: __APP_VERSION__,
  room: () => rooms.current()?.patient ?? null,
  remedies: {
    'keep-storage': () => navigator.storage.persist(),
    reload: () => location.reload(),
    update: () => device.applyUpdate(),
  },
});
const app: App = new App({ device, notices, rooms: rooms.model, doctor });

/** Not needed for the first picture. Out of reach: then there is nothing newer to be had, and the old worker goes on. */
const updates =
  import.meta.env.PROD && 'serviceWorker' in navigator
    ? import('./updates.ts').then(
        ({ offerUpdates }) =>
          offerUpdates({
            onReady: () => device.offerUpdate('ready'),
            onElsewhere: () => device.offerUpdate('elsewhere'),
            onProblem: (text) => notices.problem(text),
          }),
        () => null,
      )
    : Promise.resolve(null);

const target = document.getElementById('app');
if (target === null) throw new Error('index.html has no #app');
mount(AppView, { target, props: { model: app } });

const missing = missingFrom({
  isSecureContext,
  hasCrypto: 'subtle' in crypto,
  hasWebRtc: 'RTCPeerConnection' in globalThis,
  hasIndexedDb: 'indexedDB' in globalThis,
});
if (missing === null) rooms.start();
else app.fail('unsupported', missing);
