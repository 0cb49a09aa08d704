/** Sonos against a household of players with the vendor's services and events, in its own process at its own address. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import type { DriverSpeaker, SpeakerDriver } from '../../signaling/speakers/port.ts';
import { createSonosDriver } from '../../signaling/speakers/sonos/driver.ts';
import { parseTopology } from '../../signaling/speakers/sonos/topology.ts';
import type { SonosSettings } from '../counterparts/sonos.ts';
import { type Counterpart, startCounterpart } from '../fixtures/counterpart.ts';
import { driverOptions } from '../fixtures/driver-options.ts';
import { type EndlessSound, startEndlessSound } from '../fixtures/endless-sound.ts';
import { freePort } from '../fixtures/ports.ts';
import { until } from '../fixtures/until.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';

interface Rig {
  driver: SpeakerDriver;
  house: Counterpart;
  sound: EndlessSound;
  kitchen: { uuid: string; name: string };
  bath: { uuid: string; name: string };
  heard(): Promise<string | null>;
  seen(): DriverSpeaker | undefined;
  seenBath(): DriverSpeaker | undefined;
  changes(): number;
  plugIn(): Promise<void>;
  close(): Promise<void>;
}

let spare: { settings: SonosSettings; house: Counterpart } | null = null;
afterAll(async () => spare?.house.kill());

async function newSettings(): Promise<SonosSettings> {
  const tail = randomBytes(5).toString('hex').toUpperCase();
  const player = async (name: string, first: string): Promise<SonosSettings['players'][number]> => ({
    uuid: `RINCON_${first}${tail}01400`,
    name: `${name} & ${tail}`,
    port: await freePort(),
  });
  return { address: '127.0.1.10', players: [await player('Kitchen', 'AA'), await player('Bath', 'BB')] };
}

async function start(): Promise<Rig> {
  const settings = spare?.settings ?? (await newSettings());
  let house = spare?.house ?? (await startCounterpart('sonos.ts', settings));
  spare = null;
  const sound = await startEndlessSound();
  const [kitchen, bath] = settings.players;
  let changes = 0;
  const driver = createSonosDriver(driverOptions(() => changes++));
  const byName = (name: string): DriverSpeaker | undefined =>
    driver.speakers().find((one) => one.name === name);
  return {
    driver,
    get house() {
      return house;
    },
    sound,
    kitchen: kitchen!,
    bath: bath!,
    async heard() {
      const uri = await house.call<string | null>('heard', kitchen!.uuid);
      return uri?.replace('x-rincon-mp3radio://', 'http://') ?? null;
    },
    seen: () => byName(kitchen!.name),
    seenBath: () => byName(bath!.name),
    changes: () => changes,
    async plugIn() {
      house = await startCounterpart('sonos.ts', settings);
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

describe('Sonos', () => {
  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      const rig = await start();
      const { uuid, name } = rig.kitchen;
      return {
        driver: rig.driver,
        device: {
          name,
          heard: rig.heard,
          volume: () => rig.house.call('volume', uuid),
          muted: () => rig.house.call('muted', uuid),
          delayMs: null,
          pressStop: () => rig.house.call('pressStop', uuid),
          turnKnob: (volume) => rig.house.call('turnKnob', uuid, volume),
          unplug: () => rig.house.kill(),
          plugIn: () => rig.plugIn(),
          refuse: () => rig.house.call('refuse', 714),
        },
        changes: rig.changes,
        streams: rig.sound.mp3,
        close: rig.close,
      };
    },
  });

  async function inHouse(body: (rig: Rig & { ids: [string, string] }) => Promise<void>): Promise<void> {
    const rig = await start();
    try {
      const kitchen = await until('the kitchen', rig.seen);
      const bath = await until('the bath', rig.seenBath);
      // A copy would read the house before it was plugged in anew.
      await body(
        Object.assign(Object.create(rig) as Rig, { ids: [kitchen.id, bath.id] as [string, string] }),
      );
    } finally {
      await rig.close();
    }
  }

  test('the room comes as radio, with its title; hidden players are none', () =>
    inHouse(async ({ driver, house, sound, kitchen, seen, ids }) => {
      await driver.play(ids[0], { url: () => sound.mp3[0], title: 'The <room> & all' });
      await until('it to play', () => seen()?.state === 'playing');
      expect(await house.call('heard', kitchen.uuid)).toBe(sound.mp3[0].replace('http', 'x-rincon-mp3radio'));
      expect(seen()).toMatchObject({ title: 'The <room> & all', model: 'Sonos One', address: '127.0.1.10' });
      expect(driver.speakers().length).toBe(2);
    }));

  test('a group plays as one: its leader is told, each room keeps its volume', () =>
    inHouse(async ({ driver, house, sound, kitchen, bath, seen, seenBath, ids }) => {
      await house.call('group', bath.uuid, kitchen.uuid);
      await until('the group', () => seenBath()?.group === kitchen.name && seen()?.group === bath.name);
      await driver.play(ids[1], { url: () => sound.mp3[0], title: '' });
      await until('both to play', () => seen()?.state === 'playing' && seenBath()?.state === 'playing');
      expect(seenBath()?.url).toBe(sound.mp3[0]);
      await driver.setVolume?.(ids[1], 0.6);
      await until('the volume', () => seenBath()?.volume === 0.6);
      expect(seen()?.volume).toBe(0.25);
      await driver.stop(ids[1]);
      await until('silence', () => seen()?.state === 'stopped' && seenBath()?.state === 'stopped');
      const asked = await house.call<string[]>('asked');
      expect(asked.filter((one) => one.startsWith(bath.uuid))).toEqual([`${bath.uuid} SetVolume`]);
      await house.call('group', bath.uuid, bath.uuid);
      await until('them apart', () => seenBath()?.group === null && seen()?.group === null);
    }));

  test('an announcement returns to the music, and is not taken for a hand meanwhile', () =>
    inHouse(async (rig) => {
      const { driver, house, sound, kitchen, seen, ids } = rig;
      await driver.play(ids[0], { url: () => sound.mp3[0], title: 'The room' });
      await until('music', () => seen()?.state === 'playing');
      await driver.announce?.(ids[0], { url: () => sound.announcement, durationMs: 1_000 });
      await until('the announcement', async () => (await rig.heard()) === sound.announcement);
      expect(seen()).toMatchObject({ state: 'playing', url: sound.mp3[0], title: 'The room' });
      await until('music again', async () => (await rig.heard()) === sound.mp3[0]);
      await until('it to be seen', () => seen()?.state === 'playing' && seen()?.url === sound.mp3[0]);
      expect(await house.call('metadata', kitchen.uuid)).toContain('<dc:title>The room</dc:title>');
    }));

  test('an announcement returns to the place in a song of its own, and to silence', () =>
    inHouse(async ({ driver, house, sound, kitchen, bath, heard, ids }) => {
      await house.call('playQueue', kitchen.uuid);
      await driver.announce?.(ids[0], { url: () => sound.announcement, durationMs: 1_000 });
      await driver.announce?.(ids[1], { url: () => sound.announcement, durationMs: 1_000 });
      await until(
        'it in the bath',
        async () => (await house.call('heard', bath.uuid)) === sound.announcement,
      );
      await until('the song again', async () => (await heard())?.startsWith('x-rincon-queue:'));
      expect(await house.call('place', kitchen.uuid)).toEqual(['3', '0:01:23']);
      await until('silence again', async () => (await house.call('heard', bath.uuid)) === null);
    }));

  test('players that have changed their addresses are found again, each as itself', () =>
    inHouse(async ({ driver, house, kitchen, bath, seen, ids }) => {
      await house.call('swap');
      await until('the kitchen to be told, and nobody else', async () => {
        await driver.setVolume?.(ids[0], 0.77).catch(() => undefined);
        return (await house.call('volume', kitchen.uuid)) === 0.77 && seen()?.volume === 0.77;
      });
      await driver.setVolume?.(ids[1], 0.11);
      await until('the bath', async () => (await house.call('volume', bath.uuid)) === 0.11);
      expect(await house.call('volume', kitchen.uuid)).toBe(0.77);
    }));

  test('what a player says of others makes the node ask no other machine’s pages', async () => {
    const asked: string[] = [];
    const router = createServer((request, response) => {
      asked.push(request.url ?? '');
      response.end();
    }).listen(0, '127.0.0.1');
    await once(router, 'listening');
    const origin = `http://127.0.0.1:${(router.address() as AddressInfo).port}`;
    try {
      await inHouse(async ({ house, bath, kitchen, driver, seen, seenBath }) => {
        const tellAnew = async (location: string, leader: string): Promise<void> => {
          await house.call('invent', location);
          await house.call('group', bath.uuid, leader);
        };
        await tellAnew(`${origin}/reboot?now`, kitchen.uuid);
        await until('that to be told', () => seenBath()?.group === kitchen.name);
        await tellAnew(`${origin}/xml/device_description.xml`, bath.uuid);
        await until('it to be tried', () => asked.length > 0);
        expect(new Set(asked)).toEqual(new Set(['/xml/device_description.xml']));
        expect(driver.speakers().length).toBe(2);
        expect(seen()?.name).toBe(kitchen.name);
      });
    } finally {
      router.closeAllConnections();
      router.close();
    }
  });

  test('answers that make no sense change nothing', () =>
    inHouse(async ({ driver, house, bath, kitchen, seen, ids }) => {
      await house.call('babble', true);
      await house.call('group', bath.uuid, kitchen.uuid);
      await driver.setVolume?.(ids[0], 0.33);
      await until('the volume', () => seen()?.volume === 0.33);
      expect(driver.speakers().length).toBe(2);
    }));
});

test('no topology makes its reader throw', () => {
  const pieces = [
    '<ZoneGroup ',
    'Coordinator="',
    'RINCON_AABBCCDDEEFF01400',
    '"',
    '>',
    '<ZoneGroupMember ',
    'UUID="',
    '&',
    '<',
    '/>',
    ' ',
  ];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 60 }), (parts) => {
      for (const { uuid, name } of parseTopology(parts.join('')))
        expect([uuid, name].includes('')).toBe(false);
    }),
    { numRuns: 1_000 },
  );
});

test('a topology that ends nowhere takes no time', () => {
  for (const piece of ['<ZoneGroup ', '<ZoneGroup "', '<ZoneGroup "" ', '<ZoneGroupMember a="" "']) {
    const startedAtMs = performance.now();
    expect(parseTopology(piece.repeat(250_000 / piece.length))).toEqual([]);
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
  }
});
