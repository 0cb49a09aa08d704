/**
 * The room on a LAN without a way out, from the first start to the last song: the node, two phones and a loudspeaker, each
 * on a host of its own. One room lives through all of it, so the tests stand in the order in which people do these things.
 */
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { PHONE } from '../e2e/support/people.ts';
import {
  holdToTalk,
  importFiles,
  listenHere,
  queueSong,
  sayName,
  seesPlaying,
  songRow,
  startHosting,
  stopHosting,
  visit,
} from '../e2e/support/room.ts';
import { heardHere, tapSound } from '../e2e/support/tap.ts';
import {
  isSilent,
  rmsDbfs,
  strongestHz,
  toneDbfs,
  toneMedianDbfs,
  toneShare,
  type Sound,
} from '../fixtures/listen.ts';
import { scanQr } from '../fixtures/qr.ts';
import { microphoneWav, taggedTones, textNamedMp3, tone, type Tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { recordOn, request } from './http.ts';
import { createLab, labProblem, type Lab, type LabHost } from './lab.ts';
import { startRenderer, type Renderer } from './renderer.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const VOICE_HZ = 1730;
/** Above everything that MP3 leaves between tones, below every tone that is meant. */
const AUDIBLE_DBFS = -40;

interface Phone {
  host: LabHost;
  browser: Browser;
  context: BrowserContext;
  page: Page;
}

interface Status {
  uptimeSeconds: number;
  streams: {
    host: { peerId: string; epoch: number } | null;
    listeners: number;
    bitrateKbps: number;
    lastFrameAgeMs: number | null;
  }[];
}

describe.skipIf(problem !== null)('a room on a LAN', () => {
  let lab: Lab;
  let node: RunningNode;
  let ada: Phone;
  let ben: Phone;
  let renderer: Renderer;
  let song: Tone;
  let nextSong: Tone;
  let tones: Tone[];

  async function phone(name: string, wav?: string): Promise<Phone> {
    const host = lab.host(name);
    const browser = await launchOn(host, {
      caPath: node.caPath,
      ...(wav === undefined ? {} : { microphoneWav: wav }),
    });
    const context = await browser.newContext({ viewport: PHONE });
    context.setDefaultTimeout(20_000);
    await tapSound(context);
    return { host, browser, context, page: await context.newPage() };
  }

  async function status(): Promise<Status['streams'][number] & { uptimeSeconds: number }> {
    const report = JSON.parse(await request(lab.host('node'), `${node.httpOrigin}/stream/status`)) as Status;
    const [stream] = report.streams;
    if (stream === undefined) throw new Error('the status names no stream');
    return { ...stream, uptimeSeconds: report.uptimeSeconds };
  }

  /** The renderer's last second, once it satisfies what is asked of it. */
  function heard(what: string, condition: (sound: Sound) => boolean, deadlineMs = 20_000): Promise<Sound> {
    return until(
      what,
      () => {
        const sound = renderer.sound(1000);
        return sound.durationMs > 900 && condition(sound) ? sound : null;
      },
      { deadlineMs, everyMs: 200 },
    );
  }

  async function hearsOnPhone({ page }: Phone, hz: number): Promise<void> {
    await until(
      `${hz} Hz on the phone`,
      async () => {
        const sound = await heardHere(page);
        return sound.durationMs > 0 && toneMedianDbfs(sound, hz) > AUDIBLE_DBFS;
      },
      { deadlineMs: 20_000 },
    );
  }

  beforeAll(async () => {
    lab = createLab(['node', 'ada', 'ben', 'speaker']);
    tones = await taggedTones();
    const common = { format: 'mp3', amplitude: 0.25, artist: 'The Lab', cover: 'png' } as const;
    song = await tone({ ...common, hz: 440, seconds: 240, title: 'Four minutes of A' });
    nextSong = await tone({ ...common, hz: 660, seconds: 240, title: 'Four minutes of E' });
    const host = lab.host('node');
    node = await startNode({
      spawn: (...args) => host.spawn(...args),
      bind: host.address,
      entry: ['scripts/start.mjs'],
    });
    ada = await phone('ada');
    ben = await phone('ben', await microphoneWav(VOICE_HZ));
  }, 180_000);

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    const name = task.name.replace(/\W+/g, '-').slice(0, 40);
    for (const { host, page } of [ada, ben]) {
      await page.screenshot({ path: `test-results/lab/${name}-${host.name}.png` });
      console.log(
        `${host.name} saw: ${(await page.locator('body').innerText()).replace(/\s+/g, ' ').slice(0, 300)}`,
      );
    }
    console.log(node.output().split('\n').slice(-12).join('\n'));
  });

  afterAll(async () => {
    renderer?.close();
    await Promise.all([ada?.browser.close(), ben?.browser.close()]);
    await node?.close();
    await lab?.close();
  });

  test('1: npm start prints the addresses that the LAN can reach, and a QR code that can be scanned', async () => {
    const { address } = lab.host('node');
    for (const url of [node.appUrl, node.joinLink, node.streamUrl])
      expect(new URL(url).hostname).toBe(address);
    expect(scanQr(node.output(), 'light')).toBe(node.joinLink);
    expect(await request(ada.host, `${node.httpOrigin}/health`)).toContain('{');
  });

  test('2: two phones are in one room, and still are after a reload', async () => {
    await ada.page.goto(node.appLink);
    await sayName(ada.page, 'Ada');
    await ben.page.goto(node.appLink);
    await sayName(ben.page, 'Ben');
    for (const { page } of [ada, ben]) await page.getByRole('button', { name: '2 here' }).waitFor();
    await ben.page.reload();
    await ben.page.getByRole('button', { name: '2 here' }).waitFor();
    await visit(ben.page, 'People');
    await ben.page.getByRole('listitem').filter({ hasText: 'Ada' }).waitFor();
    await ben.page.getByRole('listitem').filter({ hasText: 'Ben' }).filter({ hasText: 'you' }).waitFor();
  });

  test('3: music of every format is imported with its tags; what is no music is named', async () => {
    const text = await textNamedMp3();
    const paths = [song, nextSong, ...tones].map(({ path }) => path);
    const says = await importFiles(ada.page, [...paths, text.path]);
    expect(says).toContain(`Added ${paths.length} songs`);
    expect(says).toContain(text.fileName);
    for (const { title = '' } of tones)
      await songRow(ada.page, title).filter({ hasText: 'The Oscillators' }).waitFor();
  });

  test('4: the other phone sees the music, queues it, and the first song starts for both', async () => {
    const { title = '' } = song;
    await queueSong(ben.page, title);
    await seesPlaying(ben.page, title);
    await seesPlaying(ada.page, title);
    await queueSong(ada.page, nextSong.title ?? '');
    await visit(ben.page, 'Queue');
    await songRow(ben.page, nextSong.title ?? '').waitFor();
  });

  test('7: before anybody hosts the loudspeaker plays silence; then the host’s song comes out of it', async () => {
    renderer = await startRenderer(lab.host('speaker'), lab.host('node'));
    await renderer.play(lab.host('node'), node.streamUrl);
    await heard('silence', (sound) => isSilent(sound));
    expect((await status()).host).toBeNull();

    await startHosting(ada.page);
    const sound = await heard('the song', (sound) => toneMedianDbfs(sound, song.hz) > AUDIBLE_DBFS);
    expect(Math.abs(strongestHz(sound) - song.hz)).toBeLessThan(song.hz / 100);
    expect(await renderer.state(lab.host('node'))).toBe('PLAYING');

    const now = await status();
    expect(now.host).not.toBeNull();
    expect(now.listeners).toBe(1);
    expect(now.lastFrameAgeMs).toBeLessThan(1000);
    const elsewhere = await recordOn(ben.host, node.streamUrl, 2);
    expect(toneShare(elsewhere, song.hz, AUDIBLE_DBFS)).toBeGreaterThan(0.9);
  });

  test('8: a voice from the other phone comes out of the loudspeaker, and the music ducks under it', async () => {
    const before = await heard('the song', (sound) => toneShare(sound, song.hz, AUDIBLE_DBFS) > 0.9);
    const release = await holdToTalk(ben.page);
    const during = await heard('the voice', (sound) => toneShare(sound, VOICE_HZ, AUDIBLE_DBFS) > 0.9);
    expect(toneMedianDbfs(during, song.hz)).toBeLessThan(toneMedianDbfs(before, song.hz) - 3);
    expect(toneMedianDbfs(during, song.hz)).toBeGreaterThan(-70);
    await release();
    await heard('the music alone', (sound) => toneDbfs(sound, VOICE_HZ) < AUDIBLE_DBFS - 10);
  });

  test('4: pause, play and skip from either phone are heard', async () => {
    const controls = (page: Page) => page.getByRole('group', { name: 'Playback' });
    await visit(ben.page, 'Now');
    await controls(ben.page).getByRole('button', { name: 'Pause' }).click();
    await heard('silence', (sound) => rmsDbfs(sound) < -60);
    await visit(ada.page, 'Now');
    await controls(ada.page).getByRole('button', { name: 'Play' }).click();
    await heard('the song again', (sound) => toneMedianDbfs(sound, song.hz) > AUDIBLE_DBFS);
    await controls(ben.page).getByRole('button', { name: 'Skip' }).click();
    await heard(
      'the next song',
      (sound) =>
        toneMedianDbfs(sound, nextSong.hz) > AUDIBLE_DBFS && toneMedianDbfs(sound, song.hz) < AUDIBLE_DBFS,
    );
  });

  test('5, 6: the phone that lacks the bytes fetches them from the other, listens, and can host them', async () => {
    const { title = '' } = nextSong;
    await visit(ben.page, 'Music');
    // Elsewhere, or here already: an idle phone takes a second copy of what is queued.
    await ben.page.getByRole('listitem').filter({ hasText: title }).waitFor();
    await listenHere(ben.page);
    await hearsOnPhone(ben, nextSong.hz);
    await stopHosting(ada.page);
    await startHosting(ben.page);
    const sound = await heard(
      'the song from the second host',
      (sound) => toneMedianDbfs(sound, nextSong.hz) > AUDIBLE_DBFS,
    );
    expect(Math.abs(strongestHz(sound) - nextSong.hz)).toBeLessThan(nextSong.hz / 100);
    await visit(ben.page, 'Music');
    const here = ben.page.getByRole('list', { name: /^On this/ });
    await here
      .getByRole('listitem')
      .filter({ hasText: nextSong.title ?? '' })
      .waitFor();
    expect((await status()).listeners).toBe(1);
  });

  test('9: with the node stopped and the cable out the app opens, shows the room, and takes edits', async () => {
    await node.stop();
    ada.host.setLink('down');
    await ada.page.reload();
    await ada.page.getByRole('navigation', { name: 'Places' }).waitFor();
    await visit(ada.page, 'Queue');
    await queueSong(ada.page, tones[0]?.title ?? '');
    await ada.page.reload();
    await visit(ada.page, 'Queue');
    await songRow(ada.page, tones[0]?.title ?? '').waitFor();
    await listenHere(ada.page);
    await seesPlaying(ada.page, nextSong.title ?? '');
    await hearsOnPhone(ada, nextSong.hz);
  });

  test('the node and the cable come back, and so do the room, the edit and the sound', async () => {
    ada.host.setLink('up');
    await node.start();
    await visit(ben.page, 'Queue');
    await songRow(ben.page, tones[0]?.title ?? '').waitFor({ timeout: 60_000 });
    await until('the host to be back', async () => (await status()).host !== null, { deadlineMs: 60_000 });
    const sound = await recordOn(lab.host('speaker'), node.streamUrl, 2);
    expect(toneShare(sound, nextSong.hz, AUDIBLE_DBFS)).toBeGreaterThan(0.8);
  });
});
