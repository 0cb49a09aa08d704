/** What no driver finds: the stream by hand, and what lets the node in at Home Assistant. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Locator, Page } from '@playwright/test';
import { visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const TOKEN = 'a-token-of-the-house';
/** Port 9 (discard) of this machine: nobody answers there. */
const NOBODY = 'http://127.0.0.1:9';

async function another(page: Page, way: RegExp, title: string): Promise<Locator> {
  await visit(page, 'Speakers');
  await page.getByRole('button', { name: 'Another loudspeaker' }).click();
  await page.getByRole('dialog').getByRole('button', { name: way }).click();
  const sheet = page.getByRole('dialog', { name: title });
  await sheet.waitFor();
  return sheet;
}

test('a token is given, tried, and forgotten; in another room it is not taken; the playlist is there', async ({
  node,
  people,
}) => {
  const { page } = await people.join('Anna');
  const kept = () => readFileSync(join(node.dataDir, 'speakers.json'), 'utf8');
  const house = await another(page, /^Home Assistant/, 'Home Assistant');
  await house.getByLabel('Address of Home Assistant').fill('127.0.0.1:9');
  await house.getByLabel('Token').fill(TOKEN);
  await house.getByRole('button', { name: 'Set', exact: true }).click();
  await expect(house.getByRole('alert')).toContainText('It begins with http:// or https://');
  await house.getByLabel('Address of Home Assistant').fill(NOBODY);
  await house.getByRole('button', { name: 'Set', exact: true }).click();
  await expect(house.getByText(NOBODY)).toBeVisible();
  await expect(house.getByRole('alert')).toContainText('does not answer at this address', {
    timeout: 15_000,
  });
  expect(kept()).toContain(TOKEN);
  expect(await page.content()).not.toContain(TOKEN);
  await house.getByRole('button', { name: 'Forget…' }).click();
  await house.getByRole('button', { name: 'Forget it' }).click();
  await expect(house.getByText('Not set')).toBeVisible();
  expect(kept()).not.toContain(TOKEN);
  await house.getByRole('button', { name: 'Close' }).click();

  const hand = await another(page, /^By hand/, 'Play it by hand');
  const link = hand.getByRole('link', { name: /m3u/ });
  const path = await link.getAttribute('href');
  const playlist = await page.evaluate(async (url) => (await fetch(url)).text(), path ?? '');
  expect(playlist).toContain(new URL(node.streamUrl).pathname);
  await hand.getByRole('button', { name: 'Close' }).click();

  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await page.getByRole('button', { name: 'Make a room' }).click();
  await page.getByLabel('What is it called?').fill('Kitchen');
  await page.getByRole('button', { name: 'Make the room' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'Kitchen' })).toBeVisible();
  const elsewhere = await another(page, /^Echo/, 'Echo (Alexa)');
  await expect(elsewhere.getByText('not in this one')).toBeVisible();
});
