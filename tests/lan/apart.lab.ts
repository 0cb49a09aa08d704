/**
 * Three phones without any network, each edited for itself: queue, order, loop, and where the music stands. They come
 * together in every order, two first and then the third, and must end up with one room. The screens are what is compared.
 */
import type { Browser, BrowserContext, Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { PHONE } from '../e2e/support/people.ts';
import { importFiles, queueSong, sayName, seesPlaying, visit } from '../e2e/support/room.ts';
import { tone } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { createLab, labProblem, type Lab, type LabHost } from './lab.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const NAMES = ['ada', 'ben', 'cleo'] as const;
type Name = (typeof NAMES)[number];
const SONGS = ['One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven'].map((word) => `Song ${word}`);
const SONG_SECONDS = 400;
const TOGETHER_MS = 45_000;
/** Screens are read one after the other while the music goes on. */
const READING_MS = 3_000;

interface Phone {
  host: LabHost;
  browser: Browser;
  context: BrowserContext;
  page: Page;
}

interface Seen {
  upNext: string[];
  title: string;
  playing: boolean;
  positionMs: number;
  loop: string | null;
}

describe.skipIf(problem !== null)('a room that was apart', () => {
  let lab: Lab;
  let node: RunningNode;
  const phones = new Map<Name, Phone>();
  const phone = (name: Name): Phone => phones.get(name)!;

  beforeAll(async () => {
    lab = createLab(['node', ...NAMES]);
    const host = lab.host('node');
    node = await startNode({ spawn: (...args) => host.spawn(...args), bind: host.address });
    for (const name of NAMES) {
      const browser = await launchOn(lab.host(name), { caPath: node.caPath });
      const context = await browser.newContext({ viewport: PHONE });
      context.setDefaultTimeout(20_000);
      const page = await context.newPage();
      phones.set(name, { host: lab.host(name), browser, context, page });
      await page.goto(node.appLink);
      await sayName(page, name);
    }
    const files = await Promise.all(
      SONGS.map((title, at) =>
        tone({ format: 'mp3', hz: 300 + 50 * at, seconds: SONG_SECONDS, amplitude: 0.2, title }),
      ),
    );
    const { page } = phone('ada');
    await importFiles(
      page,
      files.map(({ path }) => path),
    );
    for (const title of SONGS) await queueSong(page, title);
    for (const name of NAMES) await seesPlaying(phone(name).page, 'Song One');
  }, 180_000);

  afterEach(async ({ task }) => {
    if (task.result?.state !== 'fail') return;
    for (const [name, { page }] of phones) {
      await page.screenshot({ path: `test-results/lab/apart-${name}.png` });
      console.log(`${name} saw: ${JSON.stringify(await seen(page))}`);
    }
  });

  afterAll(async () => {
    await Promise.all([...phones.values()].map(({ browser }) => browser.close()));
    await node?.close();
    await lab?.close();
  });

  const controls = (page: Page) => page.getByRole('group', { name: 'Playback' });

  async function seen(page: Page): Promise<Seen> {
    await visit(page, 'Queue');
    const rows = await page.getByRole('list', { name: 'Up next' }).getByRole('listitem').allInnerTexts();
    await visit(page, 'Now');
    const slider = page.getByRole('slider', { name: 'Position in the song' });
    const [minutes = 0, seconds = 0] = ((await slider.getAttribute('aria-valuetext')) ?? '')
      .split(' of ')[0]!
      .split(':')
      .map(Number);
    return {
      upNext: rows.map((text) => SONGS.find((title) => text.includes(title)) ?? text),
      title: await page.getByRole('heading', { name: /^Song / }).innerText(),
      playing: await controls(page).getByRole('button', { name: 'Pause' }).isVisible(),
      positionMs: (minutes * 60 + seconds) * 1_000,
      loop: await controls(page)
        .getByRole('button', { name: /^Loop: / })
        .getAttribute('aria-label'),
    };
  }

  function areOne([first, ...others]: readonly Seen[]): boolean {
    return others.every(
      (other) =>
        JSON.stringify({ ...other, positionMs: 0 }) === JSON.stringify({ ...first, positionMs: 0 }) &&
        Math.abs(other.positionMs - (first?.positionMs ?? NaN)) <= READING_MS,
    );
  }

  /** One screen for all of them; gives it. */
  async function together(names: readonly Name[]): Promise<Seen> {
    return until(
      `${names.join(' and ')} to show one room`,
      async () => {
        const all = await Promise.all(names.map((name) => seen(phone(name).page)));
        return areOne(all) ? all[0]! : null;
      },
      { deadlineMs: TOGETHER_MS, everyMs: 500 },
    );
  }

  async function remove(page: Page, title: string): Promise<void> {
    await visit(page, 'Queue');
    const row = page.getByRole('list', { name: 'Up next' }).getByRole('listitem').filter({ hasText: title });
    await row.getByText(title).first().click();
    await page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await row.waitFor({ state: 'hidden' });
  }

  async function again(page: Page, title: string): Promise<void> {
    await visit(page, 'Music');
    await page
      .getByRole('button', { name: new RegExp(`^(Add ${title} to the queue|${title} is in the queue)`) })
      .click();
  }

  async function press(page: Page, name: string | RegExp): Promise<void> {
    await visit(page, 'Now');
    await controls(page).getByRole('button', { name }).click();
  }

  /** What each of them does alone; the last thing is always about where the music stands. */
  const edits: Record<Name, (page: Page, round: number) => Promise<void>> = {
    async ada(page) {
      await again(page, 'Song Seven');
      await press(page, 'Pause');
    },
    async ben(page, round) {
      await remove(page, SONGS[3 + round] ?? '');
      await press(page, 'Skip');
    },
    async cleo(page) {
      await again(page, 'Song One');
      await press(page, /^Loop: /);
      await page.getByRole('slider', { name: 'Position in the song' }).press('Home');
    },
  };

  test.each([
    [0, 'ada', ['ben', 'cleo', 'ada']],
    [1, 'ben', ['cleo', 'ada', 'ben']],
    [2, 'cleo', ['ada', 'ben', 'cleo']],
  ] as const)(
    'round %i: edited apart, %s comes back last',
    async (round, last, order) => {
      const before = await together(NAMES);
      expect(before.playing).toBe(true);
      for (const name of NAMES) phone(name).host.setLink('down');
      for (const name of NAMES) {
        const { page } = phone(name);
        await page
          .getByText(/still yours/)
          .first()
          .waitFor({ timeout: 40_000 });
      }
      // Whoever comes back first edits last, so that what counts is when it was done, not when it was told.
      const editing = [...order].reverse();
      for (const name of editing) await edits[name](phone(name).page, round);
      const alone = await Promise.all(NAMES.map((name) => seen(phone(name).page)));
      for (const [a, b] of [
        [0, 1],
        [1, 2],
        [2, 0],
      ] as const)
        expect(areOne([alone[a]!, alone[b]!])).toBe(false);

      const [first, second] = order;
      for (const name of [first, second]) phone(name).host.setLink('up');
      await together([first, second]);
      phone(last).host.setLink('up');
      const after = await together(NAMES);

      const count = (all: Seen, title: string): number =>
        [...all.upNext, all.title].filter((one) => one === title).length;
      const decider = editing.at(-1)!;
      const removed = SONGS[3 + round]!;
      expect(count(after, removed)).toBe(count(before, removed) - 1 + (removed === 'Song Seven' ? 1 : 0));
      if (removed !== 'Song Seven') expect(count(after, 'Song Seven')).toBe(count(before, 'Song Seven') + 1);
      expect(after.upNext.filter((title) => title === 'Song One')).toHaveLength(round + 1);
      expect(after.loop).not.toBe(before.loop);
      expect(after.title).toBe(decider === 'ben' ? before.upNext[0] : before.title);
      expect(after.playing).toBe(decider !== 'ada');
      if (!after.playing) await press(phone('ada').page, 'Play');
    },
    240_000,
  );
});
