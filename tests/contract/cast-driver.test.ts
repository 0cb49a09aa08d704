/** Google Cast against a device of castv2's own server, in its own process at its own address. */
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, test } from 'vitest';
import { createCastDriver } from '../../signaling/speakers/cast/driver.ts';
import type { DriverSpeaker, SpeakerDriver } from '../../signaling/speakers/port.ts';
import type { CastSettings } from '../counterparts/cast.ts';
import { type Counterpart, startCounterpart } from '../fixtures/counterpart.ts';
import { driverOptions } from '../fixtures/driver-options.ts';
import { type EndlessSound, startEndlessSound } from '../fixtures/endless-sound.ts';
import { freePort } from '../fixtures/ports.ts';
import { until } from '../fixtures/until.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';

async function newSettings(name: string, more: Partial<CastSettings> = {}): Promise<CastSettings> {
  const deviceId = randomBytes(16).toString('hex');
  return {
    deviceId,
    name: `${name} ${deviceId.slice(0, 6)}`,
    address: '127.0.1.7',
    port: await freePort(),
    ...more,
  };
}

interface Rig {
  driver: SpeakerDriver;
  sound: EndlessSound;
  device: Counterpart;
  settings: CastSettings;
  changes(): number;
  replug(): Promise<void>;
  close(): Promise<void>;
}

/** One that nobody has unplugged is handed on, as new: starting a process takes longer than most tests. */
let spare: { settings: CastSettings; device: Counterpart } | null = null;
afterAll(async () => spare?.device.kill());

async function start(): Promise<Rig> {
  const known = spare?.settings ?? (await newSettings('Kitchen'));
  const sound = await startEndlessSound();
  let device = spare?.device ?? (await startCounterpart('cast.ts', known));
  spare = null;
  let changes = 0;
  const driver = createCastDriver(driverOptions(() => changes++));
  return {
    driver,
    sound,
    get device() {
      return device;
    },
    settings: known,
    changes: () => changes,
    async replug() {
      device = await startCounterpart('cast.ts', known);
    },
    async close() {
      await driver.close();
      if (device.isRunning) {
        await device.call('reset');
        spare = { settings: known, device };
      }
      await sound.close();
    },
  };
}

describe('Google Cast', () => {
  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      const rig = await start();
      return {
        driver: rig.driver,
        device: {
          name: rig.settings.name,
          heard: () => rig.device.call<string | null>('heard'),
          volume: () => rig.device.call<number>('volume'),
          muted: () => rig.device.call<boolean>('muted'),
          delayMs: null,
          pressStop: () => rig.device.call('pressStop'),
          turnKnob: (volume) => rig.device.call('turnKnob', volume),
          unplug: () => rig.device.kill(),
          plugIn: () => rig.replug(),
          refuse: () => rig.device.call('refuse'),
        },
        changes: rig.changes,
        streams: rig.sound.streams,
        close: rig.close,
      };
    },
  });
});

const speakerOf = ({ driver }: Rig, name: string): DriverSpeaker | undefined =>
  driver.speakers().find((speaker) => speaker.name === name);

async function found(rig: Rig, name = rig.settings.name): Promise<DriverSpeaker> {
  return until('the speaker', () => speakerOf(rig, name));
}

describe('a Cast device', () => {
  test('is given bare samples in place of MP3, which it would buffer for 22 s, and the title', async () => {
    const rig = await start();
    try {
      const { id } = await found(rig);
      const seenFrom: (string | null)[] = [];
      const url = (from: string | null): string => {
        seenFrom.push(from);
        return rig.sound.mp3[1];
      };
      await rig.driver.play(id, { url, title: 'The room' });
      await until('sound', async () => (await rig.device.call('heard')) === rig.sound.streams[1]);
      expect(rig.sound.asked).toEqual([new URL(rig.sound.streams[1]).pathname]);
      expect(await rig.device.call('title')).toBe('The room');
      expect(seenFrom).toEqual(['127.0.0.1']);
      expect((await found(rig)).title).toBe('The room');
      expect((await found(rig)).address).toBe('127.0.1.7');
    } finally {
      await rig.close();
    }
  });

  test('that says what makes no sense is left alone or left, and the node goes on', async () => {
    const rig = await start();
    try {
      const before = await found(rig);
      for (const babble of ['not JSON', 'other shapes', 'not protobuf'])
        await rig.device.call('babble', babble);
      await rig.driver.setVolume?.(before.id, 0.6);
      await until('the volume', async () => (await found(rig)).volume === 0.6);
      for (const babble of ['huge', 'flood']) {
        await rig.device.call('babble', babble);
        await until('it to be left', () => speakerOf(rig, before.name) === undefined);
        await until('it to be tried again', () => speakerOf(rig, before.name));
      }
    } finally {
      await rig.close();
    }
  });

  test('that answers no longer, with its connection still open, leaves the list in time', async () => {
    const rig = await start();
    try {
      const { id } = await found(rig);
      await rig.device.call('deafen');
      await expect(rig.driver.setVolume?.(id, 0.5)).rejects.toThrow(/does not answer/);
      await until('it to be missed', () => speakerOf(rig, rig.settings.name) === undefined, {
        deadlineMs: 20_000,
      });
    } finally {
      await rig.close();
    }
  }, 40_000);

  test('that can no longer reach the stream says so', async () => {
    const rig = await start();
    try {
      const { id } = await found(rig);
      await rig.driver.play(id, { url: () => 'http://127.0.0.1:9/stream.wav', title: '' });
      const { error } = await until('the error', async () => {
        const speaker = await found(rig);
        return speaker.state === 'error' ? speaker : null;
      });
      expect(error).toBe('It could not go on playing the stream.');
      await rig.driver.play(id, { url: () => rig.sound.streams[0], title: '' });
      await until('it to play', async () => (await found(rig)).state === 'playing');
    } finally {
      await rig.close();
    }
  });

  test('that takes a stream that broke off for its end says so: nobody has stopped it', async () => {
    const rig = await start();
    try {
      const { id } = await found(rig);
      await rig.driver.play(id, { url: () => rig.sound.streams[0], title: '' });
      await until('it to play', async () => (await found(rig)).state === 'playing');
      await rig.device.call('runDry');
      const { error } = await until('the error', async () => {
        const speaker = await found(rig);
        return speaker.state === 'playing' ? null : speaker;
      });
      expect(error).toBe('The stream broke off.');
      // Who stops it is somebody.
      await rig.driver.play(id, { url: () => rig.sound.streams[0], title: '' });
      await until('it to play again', async () => (await found(rig)).state === 'playing');
      await rig.device.call('cancel');
      await until('it to be stopped', async () => (await found(rig)).state === 'idle');
    } finally {
      await rig.close();
    }
  });

  test('in a group that plays shows its name; the group is a speaker of its own', async () => {
    const rig = await start();
    const port = await freePort();
    const group = await newSettings('Downstairs', { members: [rig.settings], port });
    const leader = await startCounterpart('cast.ts', group);
    try {
      const { id, model } = await found(rig, group.name);
      expect(model).toBe('Google Cast Group');
      expect((await found(rig)).group).toBeNull();
      await rig.driver.play(id, { url: () => rig.sound.streams[0], title: '' });
      await until('the group to play', async () => (await leader.call('heard')) === rig.sound.streams[0]);
      await until('the member to show it', async () => (await found(rig)).group === group.name);
      await rig.driver.stop(id);
      await until('the member to be alone', async () => (await found(rig)).group === null);
    } finally {
      await leader.kill();
      await rig.close();
    }
  });

  test('of a group that plays ends it by playing alone, and the other way round: who is in it is told before', async () => {
    const rig = await start();
    const bath = await newSettings('Bath');
    const other = await startCounterpart('cast.ts', bath);
    const group = await newSettings('Downstairs', { members: [rig.settings, bath] });
    const leader = await startCounterpart('cast.ts', group);
    const order = { url: () => rig.sound.streams[0], title: '' };
    const states = () => [group, rig.settings, bath].map(({ name }) => speakerOf(rig, name)?.state).join();
    const play = async (name: string): Promise<void> => rig.driver.play((await found(rig, name)).id, order);
    try {
      const members = await until('its members', async () => (await found(rig, group.name)).members);
      expect(members).toEqual([(await found(rig)).id, (await found(rig, bath.name)).id]);
      expect((await found(rig)).members).toBeUndefined();
      await play(bath.name);
      await until('the member', () => states() === 'idle,idle,playing');
      await play(group.name);
      await until('the group', () => states() === 'playing,idle,idle');
      await until('the member to show it', async () => (await found(rig, bath.name)).group === group.name);
      await play(bath.name);
      await until('the member again', () => states() === 'idle,idle,playing');
      expect(await found(rig, group.name)).toMatchObject({ members });
    } finally {
      await Promise.all([leader.kill(), other.kill()]);
      await rig.close();
    }
  });

  test('whose address another one has now is looked for at its own', async () => {
    const rig = await start();
    const bath = await newSettings('Bath');
    const other = await startCounterpart('cast.ts', bath);
    try {
      const { id } = await found(rig);
      await found(rig, bath.name);
      // What one alone says is not believed as long as it answers where it was.
      await rig.device.call('sayAt', bath.port);
      await rig.driver.setVolume?.(id, 0.5);
      expect(await rig.device.call('volume')).toBe(0.5);
      await other.call('sayAt', rig.settings.port);
      await until('it to be as loud as what answers there', async () => (await found(rig)).volume === 0.25);
      await rig.driver.setVolume?.(id, 0.9);
      expect(await other.call('volume')).toBe(0.9);
      expect(await rig.device.call('volume')).toBe(0.5);
      await rig.device.call('sayAt', rig.settings.port);
    } finally {
      await other.kill();
      await rig.close();
    }
  });

  test('announces, and returns to the room, to silence or to what it was told meanwhile', async () => {
    const rig = await start();
    const heard = (): Promise<string | null> => rig.device.call('heard');
    const { announcement, streams } = rig.sound;
    try {
      const { id } = await found(rig);
      const say = (): Promise<void> =>
        rig.driver.announce!(id, { url: () => announcement, durationMs: 1_000 });
      await say();
      await until('it to be said', async () => (await heard()) === announcement);
      expect((await found(rig)).state).toBe('idle');
      await until('silence again', () => rig.device.call('isIdle'));

      await rig.driver.play(id, { url: () => streams[0], title: 'The room' });
      await until('the room', async () => (await found(rig)).state === 'playing');
      await say();
      await until('it to be said', async () => (await heard()) === announcement);
      expect(await found(rig)).toMatchObject({ state: 'playing', url: streams[0], title: 'The room' });
      await until('the room again', async () => (await heard()) === streams[0]);
      await until('that to be seen', async () => (await found(rig)).state === 'playing');
      expect(await found(rig)).toMatchObject({ url: streams[0], title: 'The room' });

      // Whoever stops it means it, and whoever gives it something else, too.
      await say();
      await until('it to be said', async () => (await heard()) === announcement);
      await rig.device.call('cancel');
      await until('it to be stopped', async () => (await found(rig)).state === 'idle');
      await say();
      await rig.driver.play(id, { url: () => streams[1], title: '' });
      await until('the other', async () => (await heard()) === streams[1]);
      // Until it plays it looks idle, as it does when another app has the device.
      await until('that to be seen', async () => {
        const { state, url } = await found(rig);
        return state === 'playing' && url === streams[1];
      });

      await rig.device.call('startApp');
      // Silence is told before the other app is, and what comes after that says that both were heard.
      await rig.device.call('turnKnob', 0.31);
      await until('the other app', async () => {
        const { state, volume } = await found(rig);
        return state === 'idle' && Math.abs((volume ?? 0) - 0.31) < 0.02;
      });
      await expect(say()).rejects.toThrow(/could not be given back/);
    } finally {
      await rig.close();
    }
  });
});
