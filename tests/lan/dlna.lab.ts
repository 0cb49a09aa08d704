/** The driver's contract against a real renderer, Debian's gmediarender, across a LAN. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { runSpeakerDriverContract } from '../contract/speaker-driver.ts';
import { driverOn } from './driver-on.ts';
import { createLab, labProblem, type Lab } from './lab.ts';
import { startRenderer } from './renderer.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

describe.skipIf(problem !== null)('gmediarender', () => {
  let lab: Lab;
  let streams: readonly [string, string];

  beforeAll(async () => {
    lab = createLab(['node', 'remote', 'kitchen']);
    const node = lab.host('node');
    const script = new URL('./stream-server.ts', import.meta.url).pathname;
    const { path } = await tone({ format: 'mp3', hz: 523, seconds: 30, amplitude: 0.25, title: 'Endless' });
    for (const port of ['8097', '8098']) {
      const server = node.spawn(process.execPath, ['--import', 'tsx', script, path, port], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await new Promise((resolve) => server.stdout?.once('data', resolve));
    }
    streams = [`http://${node.address}:8097/one.mp3?a=1&b=2`, `http://${node.address}:8098/two.mp3`];
  });
  afterAll(() => lab.close());

  runSpeakerDriverContract({
    test,
    expect,
    deadlineMs: 15_000,
    async setup() {
      let changes = 0;
      const kitchen = lab.host('kitchen');
      // Another controller of the same LAN: what it does there is what somebody does at the device.
      const remote = lab.host('remote');
      const device = await startRenderer(kitchen, remote, 'Kitchen');
      const driver = driverOn(lab.host('node'), () => changes++);
      let isUp = true;
      const heard = async (): Promise<string | null> => {
        if ((await device.state(remote)) !== 'PLAYING') return null;
        const before = device.soundedMs();
        // It says so at once: it plays when something comes out of it.
        await until('sound', () => device.soundedMs() > before, { deadlineMs: 5_000 });
        return (await device.url(remote)).replaceAll('&amp;', '&');
      };
      return {
        driver,
        device: {
          name: 'Kitchen',
          heard,
          volume: async () => (await device.volume(remote)) / 100,
          muted: () => device.muted(remote),
          delayMs: null,
          pressStop: () => device.stop(remote),
          turnKnob: (volume) => device.setVolume(remote, Math.round(volume * 100)),
          async unplug() {
            kitchen.setLink('down');
            isUp = false;
          },
          async plugIn() {
            kitchen.setLink('up');
            isUp = true;
          },
          refuse: null,
        },
        changes: () => changes,
        streams,
        async close() {
          if (!isUp) kitchen.setLink('up');
          await driver.close();
          driver.end();
          device.close();
        },
      };
    },
  });
});
