/** What a person does in the app, by the names that everybody sees or hears. Each waits until it has shown its effect. */
import type { Locator, Page } from '@playwright/test';

export type Place = 'Now' | 'Queue' | 'Music' | 'People' | 'Speakers';

/** Answers the one question of the welcome screen. */
export async function sayName(page: Page, name: string): Promise<void> {
  await page.getByLabel('What shall we call you?').fill(name);
  await page.getByRole('button', { name: 'Come in' }).click();
  await page.getByRole('navigation', { name: 'Places' }).waitFor();
}

export async function visit(page: Page, place: Place): Promise<void> {
  const tab = page
    .getByRole('navigation', { name: 'Places' })
    .getByRole('button', { name: place, exact: true });
  await tab.click();
  await page.locator('nav [aria-current="page"]', { hasText: place }).waitFor();
}

/** Imports files through the picker and waits until the batch is over; gives what the card says then. */
export async function importFiles(
  page: Page,
  paths: readonly string[],
  deadlineMs = 60_000,
): Promise<string> {
  await visit(page, 'Music');
  const card = page.getByRole('region', { name: 'Import' });
  const done = card.getByRole('button', { name: 'Done' });
  if (await done.isVisible()) await done.click();
  await page
    .getByLabel('Music files')
    .first()
    .setInputFiles([...paths], { timeout: deadlineMs });
  await done.waitFor({ timeout: deadlineMs });
  return card.innerText();
}

export function songRow(page: Page, title: string): Locator {
  return page.getByRole('listitem').filter({ hasText: title });
}

/** Adds a song of the room's music to the queue. */
export async function queueSong(page: Page, title: string): Promise<void> {
  await visit(page, 'Music');
  await page.getByRole('button', { name: `Add ${title} to the queue`, exact: true }).click();
  await page.getByRole('button', { name: `${title} is in the queue; add it again`, exact: true }).waitFor();
}

/** Waits until the song is the current one on this device's screen. */
export async function seesPlaying(page: Page, title: string): Promise<void> {
  await visit(page, 'Now');
  await page.getByRole('heading', { name: title, exact: true }).waitFor();
  await page.getByRole('group', { name: 'Playback' }).getByRole('button', { name: 'Pause' }).waitFor();
}

export async function listenHere(page: Page): Promise<void> {
  await visit(page, 'Now');
  await page.getByRole('button', { name: 'Listen here' }).click();
  await page.getByRole('button', { name: 'Listening here' }).waitFor();
}

/** Switches host mode on and waits until the uplink is on the air. */
export async function startHosting(page: Page): Promise<void> {
  await visit(page, 'Speakers');
  await page.getByRole('button', { name: /^Host from this/ }).click();
  await page.getByRole('region', { name: 'Host' }).getByText('on the air').waitFor();
}

export async function stopHosting(page: Page): Promise<void> {
  await visit(page, 'Speakers');
  await page.getByRole('button', { name: 'Stop hosting' }).click();
  await page.getByRole('button', { name: /^Host from this/ }).waitFor();
}

/** Holds the talk button until the returned function is called. */
export async function holdToTalk(page: Page): Promise<() => Promise<void>> {
  const button = page.getByRole('button', { name: 'Hold to talk' });
  await button.hover();
  await page.mouse.down();
  await page.getByRole('button', { name: /^Talking to/ }).waitFor();
  return async () => {
    await page.mouse.up();
    await button.waitFor();
  };
}
