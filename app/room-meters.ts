/** What moves on the screen while it sounds, read often enough for an eye: levels, and what the player does. */
import type { Sound } from './sound.ts';
import type { Device } from './state/device.svelte.ts';
import type { Now } from './state/now.svelte.ts';
import type { People } from './state/people.svelte.ts';
import type { Talk } from './state/talk.svelte.ts';
import type { Tracks } from './state/tracks.svelte.ts';

/** How often levels are read while the page is seen. */
const METER_MS = 60;

export interface RoomMetersOptions {
  sound: Sound;
  device: Device;
  tracks: Tracks;
  now: Now;
  talk: Talk;
  people: People;
  /** The system's own display of what plays. */
  system: { look(): void };
}

export function createRoomMeters(options: RoomMetersOptions): { close(): void } {
  const { sound, device, tracks, now, talk, people, system } = options;

  function soundNow(): Now['sound'] {
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
        return { state: 'missing', why: player.why };
      case 'playing':
        return { state: 'in-step', errorMs: player.errorMs };
    }
  }

  const timer = setInterval(() => {
    now.setSound(soundNow());
    system.look();
    if (document.visibilityState !== 'visible') return;
    now.setLevel(sound.level());
    talk.measure();
    people.setLevels(sound.voiceLevels(), talk.level);
  }, METER_MS);
  return { close: () => clearInterval(timer) };
}
