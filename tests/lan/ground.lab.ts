/** The lab itself, before anything of Earshot is put into it. */
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { strongestHz, toneDbfs, toneShare } from '../fixtures/listen.ts';
import { tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { recordOn, request } from './http.ts';
import { createLab, labProblem, type Lab } from './lab.ts';
import { startRenderer } from './renderer.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

describe.skipIf(problem !== null)('the ground', () => {
  let lab: Lab;
  let streamUrl: string;

  beforeAll(async () => {
    lab = createLab(['node', 'phone', 'renderer']);
    const { path } = await tone({ format: 'mp3', hz: 523, seconds: 30, amplitude: 0.25, title: 'Endless' });
    const script = new URL('./stream-server.ts', import.meta.url).pathname;
    const node = lab.host('node');
    const server = node.spawn(process.execPath, ['--import', 'tsx', script, path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => server.stdout?.once('data', resolve));
    streamUrl = `http://${node.address}:8097/stream.mp3`;
  });
  afterAll(() => lab.close());

  test('hosts reach each other and nothing else', async () => {
    const phone = lab.host('phone');
    const routes = (await phone.output('ip', ['route'])).toString();
    expect(routes).not.toContain('default');
    expect(routes).toContain(`src ${phone.address}`);
    await expect(request(phone, 'http://192.0.2.1/')).rejects.toThrow(
      /Couldn't connect|unreachable|Failed to connect/i,
    );
    const heard = await recordOn(phone, streamUrl, 2);
    expect(toneDbfs(heard, 523)).toBeCloseTo(-12, 0);
  });

  test('a cable that is out cuts a host off, and one that is back brings it back', async () => {
    const phone = lab.host('phone');
    phone.setLink('down');
    await expect(request(phone, 'http://10.77.0.10:8097/')).rejects.toThrow();
    phone.setLink('up');
    await until('the stream', async () => (await recordOn(phone, streamUrl, 0.5)).durationMs > 400);
  });

  test('what a killed lab left behind is removed by the next one', async () => {
    const script =
      "import { createLab } from './tests/lan/lab.ts';" +
      "createLab(['left']).host('left').spawn('sleep', ['600'], { stdio: 'ignore' });" +
      "console.log('built'); setInterval(() => undefined, 1000);";
    const maker = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => maker.stdout.once('data', resolve));
    const left = `earshot${maker.pid}-1-left`;
    expect(readdirSync('/run/netns')).toContain(left);
    const gone = new Promise((resolve) => maker.once('exit', resolve));
    maker.kill('SIGKILL');
    await gone;
    await createLab(['next']).close();
    expect(readdirSync('/run/netns').filter((name) => name.startsWith(`earshot${maker.pid}-`))).toEqual([]);
  });

  test('a browser runs on a host of its own', async () => {
    const browser = await launchOn(lab.host('phone'));
    try {
      const page = await browser.newPage();
      const status = await page.evaluate(async (url) => {
        const stop = new AbortController();
        const answer = await fetch(url, { mode: 'no-cors', signal: stop.signal });
        stop.abort();
        return answer.type;
      }, streamUrl);
      expect(status).toBe('opaque');
      await expect(page.goto('http://127.0.0.1:8097/', { timeout: 5000 })).rejects.toThrow(
        'ERR_CONNECTION_REFUSED',
      );
    } finally {
      await browser.close();
    }
  });

  test('the renderer is found, plays an endless MP3, and what comes out of it is the tone', async () => {
    const controller = lab.host('phone');
    const renderer = await startRenderer(lab.host('renderer'), controller);
    try {
      expect(renderer.soundedMs()).toBe(0);
      await renderer.play(controller, streamUrl);
      await until('three seconds of sound', () => renderer.soundedMs() > 3000);
      const heard = renderer.sound(2000);
      expect(toneDbfs(heard, 523)).toBeCloseTo(-12, 0);
      expect(strongestHz(heard)).toBeCloseTo(523, 0);
      expect(toneShare(heard, 523, -20)).toBeGreaterThan(0.95);
      await renderer.stop(controller);
      await until('the renderer to stop', async () => (await renderer.state(controller)) === 'STOPPED');
    } finally {
      renderer.close();
    }
  });
});
