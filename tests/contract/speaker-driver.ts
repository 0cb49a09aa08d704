/**
 * What every driver of `signaling/speakers/port.ts` must do. Whatever can be asked of the device itself is asked there, by its
 * own means (`SpeakerDevice`), never of the driver. Framework-agnostic, like `transport.ts`.
 */
import * as v from 'valibot';
import type { ExpectStatic } from 'vitest';
import { SpeakerError, type DriverSpeaker, type SpeakerDriver } from '../../signaling/speakers/port.ts';
import { MAX_SPEAKERS, SpeakerAbilities, SpeakerId } from '../../signaling/protocol/speakers.ts';
import { until } from '../fixtures/until.ts';

/** The device, from its own side. What it cannot do is null, and the rules about it are left out. */
export interface SpeakerDevice {
  readonly name: string;
  /** What it would be heard to play: the address that it fetches, null when it is silent. */
  heard(): Promise<string | null>;
  /** 0…1. */
  volume: (() => Promise<number>) | null;
  muted: (() => Promise<boolean>) | null;
  delayMs: (() => Promise<number>) | null;
  /** What somebody does in front of it. */
  pressStop: (() => Promise<void>) | null;
  turnKnob: ((volume: number) => Promise<void>) | null;
  /** Gone from the network without a word, and back. */
  unplug: (() => Promise<void>) | null;
  plugIn: (() => Promise<void>) | null;
  /** From now on it refuses to play with an error of its own. */
  refuse: (() => Promise<void>) | null;
}

export interface DriverRig {
  driver: SpeakerDriver;
  device: SpeakerDevice;
  /** How often the driver has called `onChange` so far. */
  changes(): number;
  /** Two addresses of real sound that the device can fetch. */
  streams: readonly [string, string];
  close(): Promise<void>;
}

export interface DriverContract {
  test(name: string, body: () => Promise<void>): void;
  expect: ExpectStatic;
  /** One device that is on and silent, and a driver that has just begun to look. */
  setup(): Promise<DriverRig>;
  /** For the device to do what it was told; gone and back are given 25 s. */
  deadlineMs?: number;
}

const GONE_MS = 25_000;
/** Devices count in steps, of 1 % at the coarsest. */
const VOLUME_STEP = 0.011;

export function runSpeakerDriverContract({ test, expect, setup, deadlineMs = 10_000 }: DriverContract): void {
  interface Found extends DriverRig {
    id: string;
    seen(): DriverSpeaker | undefined;
    /** Waits until what the driver shows fits. */
    sees(what: string, fits: (speaker: DriverSpeaker) => boolean, waitMs?: number): Promise<DriverSpeaker>;
    play(url: string): Promise<void>;
  }

  function withDevice(name: string, body: (found: Found) => Promise<void>): void {
    test(name, async () => {
      const rig = await setup();
      try {
        const { driver, device } = rig;
        const byName = (): DriverSpeaker | undefined =>
          driver.speakers().find((speaker) => speaker.name === device.name);
        const { id } = await until('the speaker to be found', byName, { deadlineMs });
        const seen = (): DriverSpeaker | undefined => driver.speakers().find((speaker) => speaker.id === id);
        await body({
          ...rig,
          id,
          seen,
          async sees(what, fits, waitMs = deadlineMs) {
            const look = (): DriverSpeaker | undefined => {
              const speaker = seen();
              return speaker !== undefined && fits(speaker) ? speaker : undefined;
            };
            try {
              return await until(what, look, { deadlineMs: waitMs });
            } catch (error) {
              throw new Error(`${String(error)}; it shows ${JSON.stringify(seen())}`, { cause: error });
            }
          },
          play: (url) => driver.play(id, { url: () => url, title: 'The room' }),
        });
      } finally {
        await rig.close();
      }
    });
  }

  withDevice('D1 a speaker is found by itself, as its owner called it', async ({ driver, id, seen }) => {
    expect(v.is(SpeakerId, id)).toBe(true);
    expect(id.startsWith(`${driver.kind}:`)).toBe(true);
    const speaker = seen();
    expect(v.is(SpeakerAbilities, speaker?.can)).toBe(true);
    expect(['idle', 'stopped']).toContain(speaker?.state);
    const { can } = speaker!;
    expect(can.volume ? typeof driver.setVolume : 'function').toBe('function');
    expect(can.mute ? typeof driver.setMuted : 'function').toBe('function');
    expect(can.delay ? typeof driver.setDelay : 'function').toBe('function');
    expect(can.announce ? typeof driver.announce : 'function').toBe('function');
    expect(driver.speakers().length).toBeLessThanOrEqual(MAX_SPEAKERS);
  });

  withDevice('D2 told to play, the device plays what it was told, and that is seen', async (found) => {
    const before = found.changes();
    await found.play(found.streams[0]);
    await until('the device to play', async () => (await found.device.heard()) === found.streams[0], {
      deadlineMs,
    });
    const speaker = await found.sees('it to be seen playing', ({ state }) => state === 'playing');
    expect(speaker.url === null || speaker.url === found.streams[0]).toBe(true);
    expect(found.changes()).toBeGreaterThan(before);
  });

  withDevice('D3 told to stop, it is silent; what is silent may be told again', async (found) => {
    await found.play(found.streams[0]);
    await found.sees('it to play', ({ state }) => state === 'playing');
    await found.driver.stop(found.id);
    await until('the device to be silent', async () => (await found.device.heard()) === null, { deadlineMs });
    await found.sees('it to be seen silent', ({ state }) => state === 'stopped' || state === 'idle');
    await found.driver.stop(found.id);
    await found.play(found.streams[0]);
    await found.sees('it to play again', ({ state }) => state === 'playing');
  });

  withDevice('D4 what plays is replaced by what it is told next', async (found) => {
    await found.play(found.streams[0]);
    await found.sees('the first', ({ state }) => state === 'playing');
    await found.play(found.streams[1]);
    await until('the second', async () => (await found.device.heard()) === found.streams[1], { deadlineMs });
    await found.sees('the second to be seen', ({ state, url }) => {
      return state === 'playing' && (url === null || url === found.streams[1]);
    });
  });

  withDevice('D5 volume, mute and delay reach the device, and are seen', async (found) => {
    const { driver, device, id } = found;
    const { can } = found.seen()!;
    if (can.volume) {
      for (const volume of [0.42, 0.1]) {
        await driver.setVolume?.(id, volume);
        const near = (now: number | null): boolean => now !== null && Math.abs(now - volume) <= VOLUME_STEP;
        await until('the volume at the device', async () => near((await device.volume?.()) ?? null), {
          deadlineMs,
        });
        await found.sees('the volume to be seen', (speaker) => near(speaker.volume));
      }
    }
    if (can.mute) {
      for (const muted of [true, false]) {
        await driver.setMuted?.(id, muted);
        await until('mute at the device', async () => (await device.muted?.()) === muted, { deadlineMs });
        await found.sees('mute to be seen', (speaker) => speaker.muted === muted);
      }
    }
    if (can.delay) {
      await driver.setDelay?.(id, 120);
      await until('the delay at the device', async () => (await device.delayMs?.()) === 120, { deadlineMs });
      await found.sees('the delay to be seen', (speaker) => speaker.delayMs === 120);
    }
  });

  withDevice('D6 what is done at the device itself is seen', async (found) => {
    const { device } = found;
    await found.play(found.streams[0]);
    await found.sees('it to play', ({ state }) => state === 'playing');
    if (device.turnKnob) {
      await device.turnKnob(0.77);
      await found.sees('the knob', ({ volume }) => volume !== null && Math.abs(volume - 0.77) <= VOLUME_STEP);
    }
    if (device.pressStop) {
      await device.pressStop();
      await found.sees('its stop button', ({ state }) => state === 'stopped' || state === 'idle');
    }
  });

  withDevice(
    'D7 unplugged it leaves the list, and comes back as the same',
    async ({ device, seen, ...found }) => {
      if (!device.unplug || !device.plugIn) return;
      await device.unplug();
      await until('it to be missed', () => seen() === undefined, { deadlineMs: GONE_MS });
      await expect(found.play(found.streams[0])).rejects.toThrow(SpeakerError);
      await device.plugIn();
      await found.sees('it to be back', () => true, GONE_MS);
      await found.play(found.streams[0]);
      await until('it to play again', async () => (await device.heard()) === found.streams[0], {
        deadlineMs,
      });
    },
  );

  withDevice(
    'D8 a refusal is told in plain words, and the driver lives on',
    async ({ device, driver, ...found }) => {
      if (!device.refuse) return;
      await device.refuse();
      const refusal = await found.play(found.streams[0]).then(
        () => null,
        (error: unknown) => error,
      );
      if (refusal === null) {
        const { error } = await found.sees('the error', ({ state }) => state === 'error');
        expect(error).toMatch(/^[A-Z].{8,}\.$/);
      } else {
        expect(refusal).toBeInstanceOf(SpeakerError);
        expect((refusal as SpeakerError).message).toMatch(/^[A-Z].{8,}\.$/s);
      }
      expect(await device.heard()).toBeNull();
      await driver.stop(found.id).catch((error: unknown) => expect(error).toBeInstanceOf(SpeakerError));
    },
  );

  withDevice('D9 a speaker that nobody knows is an error of its own', async ({ driver }) => {
    const id = `${driver.kind}:nobody`;
    await expect(driver.play(id, { url: () => 'http://10.0.0.1/', title: '' })).rejects.toThrow(SpeakerError);
    await expect(driver.stop(id)).rejects.toThrow(SpeakerError);
    if (driver.setVolume) await expect(driver.setVolume(id, 0.5)).rejects.toThrow(SpeakerError);
  });

  withDevice(
    'D10 closed, it leaves the speaker playing and says nothing more; twice is harmless',
    async (found) => {
      await found.play(found.streams[0]);
      await found.sees('it to play', ({ state }) => state === 'playing');
      await found.driver.close();
      const told = found.changes();
      await found.driver.close();
      await expect(found.driver.stop(found.id)).rejects.toThrow(SpeakerError);
      expect(await found.device.heard()).toBe(found.streams[0]);
      await found.device.turnKnob?.(0.5);
      expect(found.changes()).toBe(told);
    },
  );
}
