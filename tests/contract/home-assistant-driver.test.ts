/** Home Assistant's documented WebSocket messages from the other side, in its own process at its own address. */
import { afterAll, describe, expect, test } from 'vitest';
import { createHomeAssistantDriver, speakerIdOf } from '../../signaling/speakers/home-assistant/driver.ts';
import type { DriverSpeaker, SpeakerDriver } from '../../signaling/speakers/port.ts';
import type { Credentials } from '../../signaling/protocol/credentials.ts';
import { type ObservedSpeaker, SpeakerId } from '../../signaling/protocol/speakers.ts';
import { createSpeakerWatch } from '../../signaling/speakers/watch.ts';
import type { HomeAssistantSettings } from '../counterparts/home-assistant.ts';
import { type Counterpart, startCounterpart } from '../fixtures/counterpart.ts';
import { driverOptions } from '../fixtures/driver-options.ts';
import { type EndlessSound, startEndlessSound } from '../fixtures/endless-sound.ts';
import { type Given, given } from '../fixtures/given.ts';
import { freePort } from '../fixtures/ports.ts';
import { until } from '../fixtures/until.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';
import * as v from 'valibot';

interface Rig {
  driver: SpeakerDriver;
  house: Counterpart;
  sound: EndlessSound;
  settings: HomeAssistantSettings;
  given: Given<Credentials['home-assistant']>;
  changes(): number;
  /** As it was shown first. */
  first(): DriverSpeaker | null;
  seen(): DriverSpeaker | undefined;
  restart(): Promise<void>;
  close(): Promise<void>;
}

let spare: { settings: HomeAssistantSettings; house: Counterpart } | null = null;
afterAll(async () => spare?.house.kill());

async function start(token?: string): Promise<Rig> {
  const settings = spare?.settings ?? {
    address: '127.0.1.8',
    port: await freePort(),
    token: 'a-long-lived-token',
    objectId: 'kitchen_speaker',
    name: 'Kitchen speaker',
  };
  const sound = await startEndlessSound();
  let house = spare?.house ?? (await startCounterpart('home-assistant.ts', settings));
  spare = null;
  const url = `http://${settings.address}:${settings.port}`;
  const settled = given<Credentials['home-assistant']>({ url, token: token ?? settings.token });
  let changes = 0;
  let first: DriverSpeaker | null = null;
  const driver: SpeakerDriver = createHomeAssistantDriver(
    driverOptions(() => {
      changes++;
      first ??= driver.speakers()[0] ?? null;
    }),
    settled,
  );
  return {
    driver,
    get house() {
      return house;
    },
    sound,
    settings,
    given: settled,
    changes: () => changes,
    first: () => first,
    seen: () => driver.speakers().find(({ name }) => name === settings.name),
    async restart() {
      house = await startCounterpart('home-assistant.ts', settings);
    },
    async close() {
      await driver.close();
      if (house.isRunning) {
        await house.call('reset');
        spare = { settings, house };
      }
      await sound.close();
    },
  };
}

describe('Home Assistant', () => {
  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      const rig = await start();
      const call = <T>(method: string, ...args: unknown[]): Promise<T> => rig.house.call(method, ...args);
      return {
        driver: rig.driver,
        device: {
          name: rig.settings.name,
          heard: () => call('heard'),
          volume: () => call('volume'),
          muted: () => call('muted'),
          delayMs: null,
          pressStop: () => call('pressStop'),
          turnKnob: (volume) => call('turnKnob', volume),
          unplug: () => call('vanish'),
          plugIn: () => call('comeBack'),
          refuse: () => call('refuse'),
        },
        changes: rig.changes,
        streams: rig.sound.streams,
        close: rig.close,
      };
    },
  });

  async function inHouse(body: (rig: Rig) => Promise<void>, token?: string): Promise<void> {
    const rig = await start(token);
    try {
      await body(rig);
    } finally {
      await rig.close();
    }
  }

  test('a speaker has its area and model; what cannot be told what to play is none; areas are followed', () =>
    inHouse(async (rig) => {
      const speaker = await until('the area', () => (rig.seen()?.area != null ? rig.seen() : null));
      expect(speaker).toMatchObject({ area: 'Kitchen corner', model: 'Beam', can: { announce: true } });
      // It is shown once it is known what it is, whatever changes meanwhile.
      expect(rig.first()).toMatchObject({ area: 'Kitchen corner', model: 'Beam' });
      expect(rig.driver.speakers().length).toBe(1);
      await rig.house.call('moveTo', 'Cellar');
      await until('the new area', () => rig.seen()?.area === 'Cellar');
    }));

  test('an announcement is played as one, and the music returns', () =>
    inHouse(async (rig) => {
      const { id } = await until('the speaker', rig.seen);
      const url = rig.sound.mp3[0].replace('stream', 'announcement');
      await rig.driver.play(id, { url: () => rig.sound.streams[0], title: 'The room' });
      await until('music', () => rig.seen()?.title === 'The room' && rig.seen()?.state === 'playing');
      await rig.driver.announce?.(id, { url: () => url, durationMs: 1_000 });
      expect(await rig.house.call('announcements')).toEqual([url]);
      await rig.house.call('endAnnouncement');
      await until('music again', () => rig.seen()?.url === rig.sound.streams[0]);
    }));

  test('a wrong token is told in plain words and not tried again and again; a right one works at once', () =>
    inHouse(async (rig) => {
      await until('the refusal', () => rig.given.trouble !== null);
      expect(rig.given.trouble).toBe(
        'Home Assistant refused the token. Make a new long-lived token in your profile there.',
      );
      const logins = await rig.house.call<number>('logins');
      await rig.house.call('acceptToken', 'another');
      rig.given.give({ url: `http://${rig.settings.address}:${rig.settings.port}`, token: 'another' });
      await until('the speaker', rig.seen);
      expect(await rig.house.call('logins')).toBe(logins + 1);
      expect(rig.given.trouble).toBeNull();
      rig.given.give(null);
      await until('it to leave', () => rig.driver.speakers().length === 0);
    }, 'not-the-token'));

  test('what makes no sense is passed over, and it goes on', () =>
    inHouse(async (rig) => {
      const { id } = await until('the speaker', rig.seen);
      await rig.house.call('babble');
      await rig.driver.setVolume?.(id, 0.66);
      await until('the volume', () => rig.seen()?.volume === 0.66);
      // Left to itself, the library answers for each event that nobody asked for.
      expect(await rig.house.call('unsubscribed')).toBe(0);
    }));

  test('a lost connection and a restart take its speakers away, and they come back', () =>
    inHouse(async (rig) => {
      const { id } = await until('the speaker', rig.seen);
      const told = rig.changes();
      await rig.house.call('hangUp');
      await until('it to leave and to be back', () => rig.changes() >= told + 2 && rig.seen());
      await rig.house.kill();
      await until('it to be gone', () => rig.seen() === undefined);
      await expect(rig.driver.play(id, { url: () => rig.sound.streams[0], title: '' })).rejects.toThrow(
        /does not answer/,
      );
      await until('the reason', () => rig.given.trouble);
      expect(rig.given.trouble).toBe('Home Assistant does not answer at this address.');
      await rig.restart();
      await until('it to be back', rig.seen);
      expect(rig.given.trouble).toBeNull();
    }));

  test.each(['nothing', 'name'])(
    'a player that tells %s of what it plays counts as playing the room',
    (what) =>
      inHouse(async (rig) => {
        const ROOM = 'abcdefghijklmnopqrst';
        await rig.house.call('tell', what);
        let aheadMs = 0;
        const watch = createSpeakerWatch({
          ...driverOptions(() => undefined),
          now: () => performance.now() + aheadMs,
          wallNow: Date.now,
          drivers: [(options) => createHomeAssistantDriver(options, rig.given)],
          listeners: () => new Set(),
          streams: {
            ...{ base: () => rig.sound.base, url: () => rig.sound.mp3[0], isGone: () => false },
            roomOf: (url) => (url === rig.sound.mp3[0] ? ROOM : null),
          },
        });
        try {
          // What another system tells is shown a few seconds after the start.
          const see = (what: string, fits: (one: ObservedSpeaker) => boolean): Promise<ObservedSpeaker> =>
            until(what, () => watch.observed(ROOM).find(fits), { deadlineMs: 15_000 });
          const { id } = await see('the speaker', ({ state }) => state === 'idle');
          const play = (): Promise<string | null> => watch.act(ROOM, id, { do: 'play', title: 'The room' });
          const isRoom = ({ plays, state }: ObservedSpeaker): boolean =>
            plays === 'room' && state === 'playing';
          expect(await play()).toBeNull();
          await see('the room', isRoom);

          // Home Assistant restarts, and it plays on.
          await rig.house.call('hangUp');
          await see('it to be back', ({ plays, state }) => plays === null && state === 'playing');
          expect(await play()).toBeNull();
          await see('the room again', isRoom);
          expect(watch.observed(ROOM)[0]).toMatchObject({ error: null, failures: 0, byHand: { on: null } });
          if (what === 'nothing') return;
          aheadMs = 60_000;
          await rig.house.call('give', rig.sound.streams[1]);
          await see(
            'what somebody chose',
            ({ plays, byHand }) => plays === 'other' && byHand.on?.on === false,
          );
        } finally {
          await watch.close();
        }
      }),
  );

  test(
    'silence without a hang-up is noticed in time',
    () =>
      inHouse(async (rig) => {
        await until('the speaker', rig.seen);
        await rig.house.call('deafen');
        await until('it to be missed', () => rig.seen() === undefined, { deadlineMs: 20_000 });
      }),
    30_000,
  );
});

test('a library that cannot be loaded disables this driver alone, with its reason', async () => {
  const settled = given<Credentials['home-assistant']>({ url: 'http://127.0.0.1:9', token: 'x' });
  const load = (): Promise<never> => Promise.reject(new Error('no such package'));
  const driver = createHomeAssistantDriver(
    driverOptions(() => {}),
    settled,
    load,
  );
  try {
    await until('the reason', () => settled.trouble);
    expect(settled.trouble).toBe('This part of Earshot could not be loaded. Run npm install again.');
    expect(driver.speakers()).toEqual([]);
    await expect(driver.stop('home-assistant:x')).rejects.toThrow(/does not answer/);
  } finally {
    await driver.close();
  }
});

test('entities have ids of the document, and keep them', () => {
  const long = `media_player.${'x'.repeat(200)}`;
  for (const entity of ['media_player.kitchen', long])
    expect(v.is(SpeakerId, speakerIdOf(entity))).toBe(true);
  expect(speakerIdOf(`${long}1`)).not.toBe(speakerIdOf(`${long}2`));
});
