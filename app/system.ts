/** The composition root's third part: what the device's system is told, and asked for, while sound is made here. */
import { createWakeLock } from './host/wake-lock.ts';
import { createMediaControls } from './playback/media-controls.ts';
import type { NowModel } from './state/model.ts';

export interface SystemLink {
  /** Call now and then, and when something changed: tells only what is new. */
  look(): void;
  close(): void;
}

/** @param options.sounds this device listens or hosts. @param options.hosts it feeds the speakers. */
export function createSystemLink(options: {
  now: NowModel;
  sounds: () => boolean;
  hosts: () => boolean;
}): SystemLink {
  const { now } = options;
  const wakeLock = createWakeLock('wakeLock' in navigator ? navigator.wakeLock : null);
  const controls = createMediaControls({
    session: 'mediaSession' in navigator ? navigator.mediaSession : null,
    nowMs: () => performance.now(),
    actions: {
      play: () => now.play(),
      pause: () => now.pause(),
      skip: () => now.skip(),
      back: () => now.back(),
      seek: (positionMs) => now.seek(positionMs),
    },
  });
  return {
    look() {
      wakeLock.set(options.hosts());
      const { track, playing, positionMs } = now;
      controls.show(track && options.sounds() ? { ...track, playing, positionMs } : null);
    },
    close() {
      wakeLock.close();
      controls.close();
    },
  };
}
