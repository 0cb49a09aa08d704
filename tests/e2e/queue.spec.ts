/** The shared queue: every control from either phone, by finger and by keyboard, with undo. */
import type { Page } from '@playwright/test';
import { tone } from '../fixtures/tones.ts';
import type { Person } from './support/people.ts';
import { importFiles, queueSong, seesPlaying, songRow, visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const TITLES = ['One', 'Two', 'Three', 'Four'] as const;

/** Imports four songs of a minute and a half; the first one plays, the others wait in order. */
async function fill(person: Person): Promise<void> {
  const songs = await Promise.all(
    TITLES.map((title, index) =>
      tone({
        format: 'mp3',
        hz: 300 + 100 * index,
        seconds: 90,
        amplitude: 0.2,
        title: `Song ${title}`,
        artist: 'The Test',
      }),
    ),
  );
  await importFiles(
    person.page,
    songs.map(({ path }) => path),
  );
  for (const title of TITLES) await queueSong(person.page, `Song ${title}`);
}

const upNext = (page: Page) => page.getByRole('list', { name: 'Up next' }).getByRole('listitem');

async function expectOrder(pages: readonly Page[], ...titles: string[]): Promise<void> {
  for (const page of pages) {
    await expect(upNext(page)).toHaveCount(titles.length);
    for (const [index, title] of titles.entries())
      await expect(upNext(page).nth(index)).toContainText(`Song ${title}`);
  }
}

async function choose(page: Page, title: string, action: string): Promise<void> {
  await upNext(page).filter({ hasText: title }).getByText(title).click();
  await page.getByRole('dialog').getByRole('button', { name: action }).click();
}

test('the queue is one for all: order, next, remove and undo, by finger and by keyboard', async ({
  people,
}) => {
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  await fill(anna);
  await seesPlaying(bo.page, 'Song One');
  const pages = [anna.page, bo.page];
  for (const page of pages) await visit(page, 'Queue');
  await expectOrder(pages, 'Two', 'Three', 'Four');

  await choose(bo.page, 'Song Four', 'Play next');
  await expectOrder(pages, 'Four', 'Two', 'Three');

  const grip = upNext(anna.page)
    .nth(0)
    .getByRole('button', { name: /^Move Song Four/ });
  await grip.focus();
  for (const key of ['Space', 'ArrowDown', 'ArrowDown', 'Space']) await anna.page.keyboard.press(key);
  await expectOrder(pages, 'Two', 'Three', 'Four');

  const from = await upNext(bo.page)
    .nth(2)
    .getByRole('button', { name: /^Move Song Four/ })
    .boundingBox();
  const to = await upNext(bo.page).nth(0).boundingBox();
  if (!from || !to) throw new Error('the rows have no place on the screen');
  await bo.page.mouse.move(from.x + from.width / 2, from.y + from.height / 2);
  await bo.page.mouse.down();
  await bo.page.mouse.move(from.x + from.width / 2, from.y - 40, { steps: 5 });
  await bo.page.mouse.move(from.x + from.width / 2, to.y + 10, { steps: 8 });
  await bo.page.mouse.up();
  await expectOrder(pages, 'Four', 'Two', 'Three');

  await choose(anna.page, 'Song Two', 'Remove');
  await expectOrder(pages, 'Four', 'Three');
  await anna.page.getByRole('button', { name: 'Undo' }).click();
  await expectOrder(pages, 'Four', 'Two', 'Three');

  await visit(bo.page, 'Music');
  await songRow(bo.page, 'Song Three').getByRole('button', { name: 'Menu of Song Three' }).click();
  await bo.page.getByRole('dialog').getByRole('button', { name: 'Play next' }).click();
  await visit(bo.page, 'Queue');
  await expectOrder(pages, 'Three', 'Four', 'Two', 'Three');
});

test('votes lift a song when the room goes by votes', async ({ people }) => {
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  await fill(anna);
  const pages = [anna.page, bo.page];
  for (const page of pages) await visit(page, 'Queue');
  await anna.page.getByRole('button', { name: /^Order:/ }).click();
  await anna.page.getByRole('dialog').getByRole('button', { name: 'By votes' }).click();
  await bo.page.getByRole('button', { name: 'Vote for Song Four: 0' }).click();
  await anna.page.getByRole('button', { name: 'Vote for Song Four: 1' }).click();
  await anna.page.getByRole('button', { name: 'Vote for Song Three: 0' }).click();
  await expectOrder(pages, 'Four', 'Three', 'Two');
});

test('play, pause, skip, back, seek, loop and shuffle work from either phone and show on both', async ({
  people,
}) => {
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  await fill(anna);
  const controls = (page: Page) => page.getByRole('group', { name: 'Playback' });
  const press = (person: Person, name: string) =>
    controls(person.page).getByRole('button', { name, exact: true }).click();
  const title = (person: Person) => person.page.getByRole('heading', { level: 2 }).first();
  for (const person of [anna, bo]) await seesPlaying(person.page, 'Song One');

  await press(bo, 'Pause');
  await expect(controls(anna.page).getByRole('button', { name: 'Play', exact: true })).toBeVisible();
  await press(anna, 'Play');
  await expect(controls(bo.page).getByRole('button', { name: 'Pause' })).toBeVisible();

  await press(bo, 'Skip');
  for (const person of [anna, bo]) await expect(title(person)).toHaveText('Song Two');
  await press(anna, 'Back');
  for (const person of [anna, bo]) await expect(title(person)).toHaveText('Song One');

  const seek = (person: Person) => person.page.getByRole('slider', { name: 'Position in the song' });
  await press(bo, 'Pause');
  await seek(bo).focus();
  await seek(bo).press('End');
  for (const person of [anna, bo])
    await expect(seek(person)).toHaveAttribute('aria-valuetext', '1:30 of 1:30');
  await seek(anna).focus();
  await seek(anna).press('Home');
  await expect(seek(bo)).toHaveAttribute('aria-valuetext', '0:00 of 1:30');

  for (const [before, after] of [
    ['Loop: off', 'Loop: everything'],
    ['Loop: everything', 'Loop: this song'],
    ['Loop: this song', 'Loop: off'],
  ] as const) {
    await press(anna, before);
    await expect(controls(bo.page).getByRole('button', { name: after })).toBeVisible();
  }

  await press(bo, 'Shuffle what comes next');
  await expect(bo.page.getByText('Shuffled the 3 songs that come next')).toBeVisible();
  await bo.page.getByRole('button', { name: 'Undo' }).click();
  for (const person of [anna, bo]) await visit(person.page, 'Queue');
  await expectOrder([anna.page, bo.page], 'Two', 'Three', 'Four');
});
