import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import { createCounters } from '../../signaling/ops/counters.ts';
import { silentLog } from '../../signaling/ops/log.ts';
import { createDlnaDriver, type DlnaOptions } from '../../signaling/speakers/dlna/driver.ts';
import { startEndlessStreams } from '../fixtures/endless.ts';
import { until } from '../fixtures/until.ts';
import { startUpnpRenderer, type UpnpRendererOptions } from '../fixtures/upnp-renderer.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';

const loopback = {
  lo: [{ address: '127.0.0.1', family: 'IPv4', internal: false, mac: '', cidr: '127.0.0.1/8' }],
};

function driverHere(onChange: () => void, options: Partial<DlnaOptions> = {}) {
  const counters = createCounters();
  const driver = createDlnaDriver({
    onChange,
    interfaces: () => loopback,
    now: () => performance.now(),
    counters,
    log: silentLog(),
    ...options,
  });
  return { driver, counters };
}

describe.each([
  ['that tells of changes', {}],
  ['that tells nothing, and counts its volume to 50', { tells: false, steps: 50 }],
])('a UPnP renderer %s', (_, how) => {
  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      let changes = 0;
      const streams = await startEndlessStreams();
      const name = `Kitchen ${randomUUID()}`;
      const device = await startUpnpRenderer({ name, udn: `uuid:${randomUUID()}`, ...how });
      const { driver } = driverHere(() => changes++);
      return {
        driver,
        device: {
          name,
          heard: async () => device.heard(),
          volume: async () => device.volume,
          muted: async () => device.muted,
          delayMs: null,
          pressStop: async () => device.pressStop(),
          turnKnob: async (volume) => device.turnKnob(volume),
          unplug: () => device.unplug(),
          plugIn: () => device.plugIn(),
          refuse: async () => device.refuse(714, 'Illegal MIME-type'),
        },
        changes: () => changes,
        streams: [`${streams.url}/one.mp3?a=1&b=2`, `${streams.url}/two.mp3`],
        async close() {
          await driver.close();
          await device.close();
          await streams.close();
        },
      };
    },
  });
});

describe('the DLNA driver', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function rig(how: Partial<UpnpRendererOptions> = {}, options: Partial<DlnaOptions> = {}) {
    const name = `Bath ${randomUUID()}`;
    const device = await startUpnpRenderer({ name, udn: `uuid:${randomUUID()}`, ...how });
    const lists: (string | undefined)[] = [];
    const mine = () => driver.speakers().find((speaker) => speaker.name === name);
    const { driver, counters } = driverHere(() => lists.push(mine()?.state), options);
    const streams = await startEndlessStreams();
    closing.push(
      () => streams.close(),
      () => device.close(),
      () => driver.close(),
    );
    const order = { url: () => `${streams.url}/stream.mp3`, title: 'Tom’s <room>' };
    return { device, driver, counters, mine, lists, order };
  }

  test('hears of a change at the device within a second, though it looks every eight only', async () => {
    const { device, driver, mine, order } = await rig();
    const { id } = await until('it', mine);
    await driver.play(id, order);
    await until('it to play', () => mine()?.state === 'playing');
    expect(mine()).toMatchObject({ title: 'Tom’s <room>', url: order.url(), model: 'Counterpart' });
    // Past the eight seconds after a deed in which it is looked at twice a second.
    await until('calm', () => device.asked.length, { deadlineMs: 100 });
    let looks = 0;
    await until(
      'a pause between two looks',
      () => {
        const before = looks;
        looks = device.asked.length;
        return before === looks;
      },
      { deadlineMs: 20_000, everyMs: 2_500 },
    );
    device.turnKnob(0.9);
    await until('the knob', () => mine()?.volume === 0.9, { deadlineMs: 1_000 });
  });

  test('a restart that nobody could see leaves the list and comes back; a stop button does not', async () => {
    const { device, driver, mine, lists, order } = await rig();
    const { id } = await until('it', mine);
    await driver.play(id, order);
    await until('it to play', () => mine()?.state === 'playing');
    device.pressStop();
    await until('it to stop', () => mine()?.state === 'stopped');
    expect(lists).not.toContain(undefined);
    await driver.play(id, order);
    await until('it to play again', () => mine()?.state === 'playing');
    device.reboot();
    await until('it to be new', () => lists.includes(undefined) && mine()?.state === 'idle');
  });

  test('who says goodbye is gone at once if it no longer answers, and stays if it does', async () => {
    const { device, mine } = await rig();
    await until('it', mine);
    const looks = device.asked.length;
    device.bye();
    await until('a look', () => device.asked.length > looks, { deadlineMs: 2_000 });
    expect(mine()).toBeDefined();
    const gone = device.unplug();
    device.bye();
    await gone;
    await until('it to be gone', () => mine() === undefined, { deadlineMs: 6_000 });
  });

  test('a description elsewhere than at who announced it is not fetched', async () => {
    for (const location of [
      'http://127.0.0.2:1/',
      'http://192.168.1.1/',
      'http://example.com/',
      'https://127.0.0.1/',
    ]) {
      const { counters, mine } = await rig({ location });
      await until('the refusal', () => (counters.report()['ssdp other-location'] ?? 0) > 0);
      expect(mine()).toBeUndefined();
    }
  });

  test('what is no renderer, or makes no sense, is left alone', async () => {
    const bomb = `<!DOCTYPE a [<!ENTITY b "${'x'.repeat(1000)}">]><root>&b;</root>`;
    const udn = `uuid:${randomUUID()}`;
    const elsewhere =
      '<root><device><deviceType>urn:schemas-upnp-org:device:MediaRenderer:1</deviceType>' +
      `<friendlyName>Far</friendlyName><UDN>${udn}</UDN><serviceList><service>` +
      '<serviceType>urn:schemas-upnp-org:service:AVTransport:1</serviceType>' +
      '<controlURL>http://192.168.7.7/admin</controlURL></service></serviceList></device></root>';
    for (const description of ['', 'no xml', bomb, '<root/>', 'x'.repeat(600_000), elsewhere]) {
      let told = 0;
      const { driver, mine } = await rig({ description, udn }, { onChange: () => told++ });
      const good = await rig();
      await until('the good one', good.mine);
      expect(mine()).toBeUndefined();
      expect(driver.speakers().filter((speaker) => speaker.name === 'Far')).toEqual([]);
    }
  });

  test('interfaces that come later are searched then', async () => {
    let interfaces: DlnaOptions['interfaces'] = () => ({});
    const { mine } = await rig({}, { interfaces: () => interfaces() });
    expect(mine()).toBeUndefined();
    interfaces = () => loopback;
    await until('it', mine);
  });

  test('one that needs a moment to load, tells of the track alone and writes addresses in the old way plays', async () => {
    const { device, driver, mine, order } = await rig({ loadMs: 700, tellsTrackOnly: true, base: '/old/' });
    const { id } = await until('it', mine);
    await driver.play(id, order);
    await until('it to be seen playing', () => mine()?.state === 'playing');
    expect(mine()).toMatchObject({ url: order.url(), title: 'Tom’s <room>' });
    expect(device.asked.filter((action) => action === 'Play').length).toBeGreaterThan(1);
  });

  test('when another device has its address, it is looked for where it says that it is', async () => {
    const { device, driver, mine } = await rig();
    const { id, name } = await until('it', mine);
    const udn = `uuid:${id.replace('dlna:', '')}`;
    const moved = await startUpnpRenderer({ name, udn });
    closing.push(() => moved.close());
    moved.hello();
    // Nobody has taken its address: what is said elsewhere is not believed.
    const looks = device.asked.length;
    await until('it to be asked', () => device.asked.length > looks);
    await driver.setVolume?.(id, 0.4);
    expect([device.volume, moved.volume]).toEqual([0.4, 0.5]);
    device.becomes(`uuid:${randomUUID()}`);
    await until('it to be found there', async () => {
      moved.hello();
      await driver.setVolume?.(id, 0.7).catch(() => undefined);
      return moved.volume === 0.7;
    });
  });
});
