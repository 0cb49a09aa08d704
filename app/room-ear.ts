/** Timing by ear in this room: this device chirps when another asks, and asks when its own timing is to be found. */
import type { ClockSync } from './clock/sync.ts';
import type { Transport } from './mesh/transport.ts';
import { createChirpRequests } from './playback/trim/requests.ts';
import type { Sound } from './sound.ts';
import type { Device } from './state/device.svelte.ts';
import { TrimByEar } from './state/ear.svelte.ts';
import type { Notices } from './state/notices.svelte.ts';
import type { People } from './state/people.svelte.ts';
import type { AudioSession } from './voice/audio-session.ts';
import { openUnprocessed } from './voice/microphone.ts';

export interface RoomEarOptions {
  mesh: Transport;
  clock: Pick<ClockSync, 'nowMs'>;
  sound: Sound;
  people: People;
  device: Device;
  notices: Notices;
  audioSession: AudioSession;
  setTimer: (run: () => void, ms: number) => () => void;
}

export function createRoomEar(options: RoomEarOptions): { readonly model: TrimByEar; close(): void } {
  const { mesh, clock, sound, people, device, notices, audioSession, setTimer } = options;
  const requests = createChirpRequests({
    send: (to, message) => mesh.send(to, 'control', message),
    onMessage: (listener) => mesh.onMessage('control', listener),
    nowMs: () => clock.nowMs(),
    chirp(from, firstRoomMs) {
      const stop = sound.ear()?.answer(firstRoomMs) ?? null;
      const asker = people.here.find((person) => person.peerId === from)?.name ?? 'Somebody';
      if (stop) notices.info(`${asker} sets the timing by ear: this ${device.kind} chirps for a moment.`);
      return stop;
    },
    setTimer,
  });
  const model = new TrimByEar({
    device,
    people,
    notices,
    requests,
    openMicrophone: () => openUnprocessed({ devices: navigator.mediaDevices, session: audioSession }),
    ear: () => sound.ear(),
  });
  return {
    model,
    close() {
      model.close();
      requests.close();
    },
  };
}
