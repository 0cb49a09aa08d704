/** The app itself while its node is away: the song goes on, the room goes on, and who comes after it finds both. */
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningNode, startNode } from '../e2e/support/node.ts';
import { PHONE } from '../e2e/support/people.ts';
import {
  importFiles,
  listenHere,
  queueSong,
  sayName,
  seesPlaying,
  songRow,
  visit,
} from '../e2e/support/room.ts';
import { heardHere, tapSound } from '../e2e/support/tap.ts';
import { toneMedianDbfs } from '../fixtures/listen.ts';
import { type Tone, tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { createLab, labProblem, type Lab } from './lab.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const AUDIBLE_DBFS = -40;

describe.skipIf(problem !== null)('a song and its room', () => {
  let lab: Lab;
  let node: RunningNode;
  let song: Tone;
  let next: Tone;
  const browsers: Browser[] = [];

  async function phone(name: string): Promise<Page> {
    const browser = await launchOn(lab.host(name), { caPath: node.caPath });
    browsers.push(browser);
    const context: BrowserContext = await browser.newContext({ viewport: PHONE });
    context.setDefaultTimeout(30_000);
    await tapSound(context);
    const page = await context.newPage();
    await page.goto(node.appLink);
    await sayName(page, name);
    return page;
  }

  const hears = (page: Page, hz: number) =>
    until(
      `${hz} Hz`,
      async () => {
        const sound = await heardHere(page);
        return sound.durationMs > 0 && toneMedianDbfs(sound, hz) > AUDIBLE_DBFS;
      },
      { deadlineMs: 20_000 },
    );

  beforeAll(async () => {
    lab = createLab(['node', 'ada', 'ben', 'cleo']);
    const common = { format: 'mp3', amplitude: 0.25, artist: 'The Lab' } as const;
    song = await tone({ ...common, hz: 440, seconds: 240, title: 'Four minutes of A' });
    next = await tone({ ...common, hz: 660, seconds: 240, title: 'Four minutes of E' });
    const host = lab.host('node');
    node = await startNode({
      spawn: (...args) => host.spawn(...args),
      bind: host.address,
      entry: ['scripts/start.mjs'],
    });
  }, 180_000);

  afterAll(async () => {
    await Promise.all(browsers.map((browser) => browser.close()));
    await node?.close();
    await lab?.close();
  }, 60_000);

  test('the node restarts mid-song: phones play on, stay together, and let in who comes after', async () => {
    const [ada, ben] = [await phone('ada'), await phone('ben')];
    await importFiles(ada, [song.path, next.path]);
    await queueSong(ada, song.title ?? '');
    await seesPlaying(ben, song.title ?? '');
    await listenHere(ben);
    await hears(ben, song.hz);

    await node.stop();
    await queueSong(ada, next.title ?? '');
    await visit(ben, 'Queue');
    await songRow(ben, next.title ?? '').waitFor();
    await hears(ben, song.hz);
    for (const page of [ada, ben])
      expect(await page.getByRole('button', { name: '2 here' }).isVisible()).toBe(true);

    await node.start();
    const cleo = await phone('cleo');
    for (const page of [ada, ben, cleo])
      await page.getByRole('button', { name: '3 here' }).waitFor({ timeout: 30_000 });
    await seesPlaying(cleo, song.title ?? '');
    await listenHere(cleo);
    await hears(cleo, song.hz);
    await hears(ben, song.hz);
  }, 180_000);
});
