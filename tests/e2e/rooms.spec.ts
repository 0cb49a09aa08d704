/** Several rooms on one node: made, switched, left; and a room whose link is replaced. */
import type { Page } from '@playwright/test';
import { scanPicture } from '../fixtures/qr.ts';
import { tone } from '../fixtures/tones.ts';
import {
  importFiles,
  queueSong,
  sayName,
  seesPlaying,
  songRow,
  startHosting,
  visit,
} from './support/room.ts';
import { expect, test } from './support/test.ts';

async function openRooms(page: Page): Promise<void> {
  await page.getByRole('heading', { level: 1 }).getByRole('button').click();
  await page.getByRole('dialog', { name: 'Rooms' }).waitFor();
}

async function makeRoom(page: Page, name: string): Promise<void> {
  await openRooms(page);
  await page.getByRole('button', { name: 'Make a room' }).click();
  await page.getByLabel('What is it called?').fill(name);
  await page.getByRole('button', { name: 'Make the room' }).click();
  await inRoom(page, name);
}

async function inRoom(page: Page, name: string): Promise<void> {
  await expect(page.getByRole('heading', { level: 1, name })).toBeVisible();
}

async function goTo(page: Page, name: string): Promise<void> {
  await openRooms(page);
  await page.getByRole('button', { name: new RegExp(`^${name} Last here`) }).click();
  await inRoom(page, name);
}

async function leaveRoom(page: Page, name: string): Promise<void> {
  await openRooms(page);
  await page.getByRole('button', { name: `Menu of ${name}` }).click();
  await page.getByRole('button', { name: 'Leave this room…' }).click();
}

async function linkOf(page: Page): Promise<string> {
  return page.evaluate(() => location.href);
}

/** The address that stands where loudspeakers are given it by hand. */
async function expectStream(page: Page, address: RegExp): Promise<void> {
  await visit(page, 'Speakers');
  await page.getByRole('button', { name: 'Another loudspeaker' }).click();
  await page.getByRole('button', { name: /^By hand/ }).click();
  const sheet = page.getByRole('dialog', { name: 'Play it by hand' });
  await expect(sheet.getByText(address).first()).toBeVisible();
  await sheet.getByRole('button', { name: 'Close' }).click();
  await expect(sheet).toBeHidden();
}

/** Names of this origin's databases that hold a room. */
async function keptRooms(page: Page): Promise<string[]> {
  return page.evaluate(async () =>
    (await indexedDB.databases())
      .map(({ name = '' }) => name)
      .filter((name) => name.startsWith('earshot-room-')),
  );
}

test('two rooms on one node: each its own link, people, queue and stream; switching is quick and loses nothing', async ({
  people,
}) => {
  test.slow();
  const anna = await people.join('Anna');
  await inRoom(anna.page, 'Anna’s room');
  const song = await tone({ format: 'mp3', hz: 440, seconds: 90, amplitude: 0.2, title: 'Kitchen song' });
  await importFiles(anna.page, [song.path]);
  await queueSong(anna.page, 'Kitchen song');

  const first = await linkOf(anna.page);
  await makeRoom(anna.page, 'Attic');
  const second = await linkOf(anna.page);
  expect(second).not.toBe(first);
  await visit(anna.page, 'Queue');
  await expect(songRow(anna.page, 'Kitchen song')).toBeHidden();

  const bo = await people.arrive('Bo');
  await bo.page.goto(second);
  await sayName(bo.page, 'Bo');
  await inRoom(bo.page, 'Attic');
  for (const { page } of [anna, bo]) await expect(page.getByRole('button', { name: '2 here' })).toBeVisible();
  await startHosting(bo.page);
  await expectStream(anna.page, /\/stream\/[a-z2-7]{20}\.mp3/);

  await openRooms(anna.page);
  const tookMs = await anna.page.evaluate(async () => {
    const room = [...document.querySelectorAll('button')].find((one) => /^Anna’s room/.test(one.innerText));
    const beganMs = performance.now();
    room?.click();
    while (document.querySelector('h1 button')?.textContent?.includes('Anna’s room') !== true)
      await new Promise(requestAnimationFrame);
    return performance.now() - beganMs;
  });
  test.info().annotations.push({ type: 'switched in', description: `${Math.round(tookMs)} ms` });
  expect(tookMs).toBeLessThan(3_000);
  await seesPlaying(anna.page, 'Kitchen song');
  await expectStream(anna.page, /\/stream\.mp3/);
  await expect(bo.page.getByRole('button', { name: '1 here' })).toBeVisible();

  await goTo(anna.page, 'Attic');
  await expect(bo.page.getByRole('button', { name: '2 here' })).toBeVisible();
});

test('leaving a room says what goes, and takes only what no other room here uses', async ({ people }) => {
  const { page } = await people.join('Anna');
  await inRoom(page, 'Anna’s room');
  const [shared, own] = await Promise.all(
    ['In both', 'Only here'].map((title, n) =>
      tone({ format: 'mp3', hz: 400 + n * 100, seconds: 60, amplitude: 0.2, title }),
    ),
  );
  await importFiles(page, [shared!.path]);
  await makeRoom(page, 'Attic');
  await importFiles(page, [shared!.path, own!.path]);
  expect(await keptRooms(page)).toHaveLength(2);

  await leaveRoom(page, 'Attic');
  const dialog = page.getByRole('dialog', { name: 'Leave Attic?' });
  await expect(dialog.getByText('1 song', { exact: true })).toBeVisible();
  await expect(dialog.getByText('on no other device in reach')).toBeVisible();
  await dialog.getByRole('button', { name: 'Leave the room' }).click();
  await inRoom(page, 'Anna’s room');
  await visit(page, 'Music');
  await expect(page.getByRole('button', { name: 'Add In both to the queue' })).toBeVisible();
  await expect(page.getByText(/^1 song · /)).toBeVisible();
  expect(await keptRooms(page)).toHaveLength(1);
  await openRooms(page);
  await expect(page.getByRole('button', { name: /^Attic/ })).toBeHidden();
  await page.getByRole('button', { name: 'Close' }).click();

  await leaveRoom(page, 'Anna’s room');
  await page.getByRole('button', { name: 'Leave the room' }).click();
  await expect(page.getByText('This device knows no other')).toBeVisible();
  expect(await keptRooms(page)).toHaveLength(0);
  expect(new URL(await linkOf(page)).hash).toBe('');
});

test('an invite carries the link of the room it is for: as a code, in the share sheet, and copied', async ({
  node,
  people,
}) => {
  const { page, context } = await people.join('Anna');
  await page.addInitScript(() => {
    const shared: ShareData[] = [];
    Object.assign(window, { shared });
    navigator.share = async (data) => void shared.push(data ?? {});
  });
  await page.reload();
  await inRoom(page, 'Anna’s room');
  await makeRoom(page, 'Attic');
  const secret = new URL(await linkOf(page)).hash.slice(1);
  const link = `${node.httpOrigin}/#${secret}`;

  await page.getByRole('button', { name: 'Invite somebody' }).click();
  const invite = page.getByRole('dialog', { name: 'Come to Attic' });
  const code = invite.getByRole('img', { name: /^QR code/ });
  await expect.poll(async () => scanPicture(await code.screenshot())).toBe(link);
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  await invite.getByRole('button', { name: 'Copy the link' }).click();
  await expect(invite.getByRole('button', { name: 'Copied' })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(link);
  await invite.getByRole('button', { name: 'Share the link' }).click();
  await expect
    .poll(() => page.evaluate(() => (window as unknown as { shared: ShareData[] }).shared))
    .toEqual([{ title: 'Come to Attic', url: link }]);
});

test('a link to a room that nobody is in says so, quietly', async ({ node, people }) => {
  const { page } = await people.arrive('Bo');
  await page.goto(`${node.appUrl}#${'A'.repeat(22)}`);
  await sayName(page, 'Bo');
  await expect(page.getByText('Nobody is in this room yet, or the link is old.')).toBeVisible({
    timeout: 15_000,
  });
  await visit(page, 'Queue');
});

test('an app that is too old for the node offers the update; a node that is too old is named', async ({
  node,
  people,
}) => {
  const { page } = await people.arrive('Bo');
  const versions = { protocol: 99, minProtocol: 99 };
  const info = (await (await fetch(`${node.httpOrigin}/node.json`)).json()) as object;
  await page.route('**/node.json', async (route) => {
    await route.fulfill({ json: { ...info, ...versions } });
  });
  await page.goto(node.appLink);
  await sayName(page, 'Bo');
  await expect(page.getByText('older than the computer that runs Earshot')).toBeVisible();
  await Promise.all([page.waitForEvent('load'), page.getByRole('button', { name: 'Update now' }).click()]);
  Object.assign(versions, { protocol: 0, minProtocol: 0 });
  await page.reload();
  await expect(page.getByText('has an older version than this app')).toBeVisible();
});

test('the owner replaces the link: who is chosen comes along, the others are shut out, and the old link says so', async ({
  node,
  people,
}) => {
  test.slow();
  const anna = await people.join('Anna');
  await inRoom(anna.page, 'Anna’s room');
  const bo = await people.join('Bo');
  const mallory = await people.join('Mallory');
  for (const { page } of [anna, bo, mallory])
    await expect(page.getByRole('button', { name: '3 here' })).toBeVisible();
  await openRooms(bo.page);
  await expect(bo.page.getByRole('button', { name: 'Replace the link' })).toBeHidden();
  await bo.page.getByRole('button', { name: 'Close' }).click();

  const song = await tone({ format: 'mp3', hz: 440, seconds: 120, amplitude: 0.2, title: 'Goes along' });
  await importFiles(anna.page, [song.path]);
  await queueSong(anna.page, 'Goes along');
  await seesPlaying(bo.page, 'Goes along');

  await startHosting(bo.page);
  await openRooms(anna.page);
  await anna.page.getByRole('button', { name: 'Replace the link' }).click();
  await anna.page.getByRole('checkbox', { name: /Mallory/ }).uncheck();
  await anna.page.getByRole('button', { name: 'Replace the link' }).click();

  await expect(bo.page.getByText('Anna gave Anna’s room a new link. You came along.')).toBeVisible();
  for (const { page } of [anna, bo]) {
    await expect(page.getByRole('button', { name: '2 here' })).toBeVisible();
    await seesPlaying(page, 'Goes along');
  }
  // The host goes on hosting without a tap, at the new place.
  await visit(bo.page, 'Speakers');
  await expect(bo.page.getByRole('region', { name: 'Host' }).getByText('on the air')).toBeVisible();
  const secret = new URL(await linkOf(anna.page)).hash.slice(1);
  expect(secret).not.toBe(node.secret);
  expect(new URL(await linkOf(bo.page)).hash.slice(1)).toBe(secret);

  // Edits go both ways in the new place.
  await visit(bo.page, 'Music');
  await bo.page.getByRole('button', { name: 'Goes along is in the queue; add it again' }).click();
  await visit(anna.page, 'Queue');
  await expect(songRow(anna.page, 'Goes along')).toHaveCount(1);

  const closed = mallory.page.getByRole('heading', { name: 'This room has a new link' });
  await expect(closed).toBeVisible();
  await expect(mallory.page.getByText('Ask Anna for the new one')).toBeVisible();
  expect(await everythingKept(mallory.page)).not.toContain(secret);
  await mallory.page.getByRole('button', { name: 'Rooms on this device' }).click();
  await mallory.page.getByRole('button', { name: 'Menu of Anna’s room' }).click();
  await mallory.page.getByRole('button', { name: 'Leave this room…' }).click();
  await mallory.page.getByRole('button', { name: 'Leave the room' }).click();
  await expect(mallory.page.getByText('That room is forgotten here')).toBeVisible();
  expect(await keptRooms(mallory.page)).toHaveLength(0);
  expect(await everythingKept(bo.page)).toContain(secret);

  // Somebody who comes late, with nothing on the device, by the old link.
  const late = await people.arrive('Late');
  await late.page.goto(node.appLink);
  await expect(late.page.getByRole('heading', { name: 'This room has a new link' })).toBeVisible({
    timeout: 15_000,
  });
  expect(await everythingKept(late.page)).not.toContain(secret);
  await expect(anna.page.getByRole('button', { name: '2 here' })).toBeVisible();

  // The old link still leads those home who came along.
  await bo.page.goto('about:blank');
  await bo.page.goto(node.appLink);
  await seesPlaying(bo.page, 'Goes along');
  expect(new URL(await linkOf(bo.page)).hash.slice(1)).toBe(secret);

  // Leaving takes along what was kept of the former place, and nobody waits there any more.
  await leaveRoom(anna.page, 'Anna’s room');
  await anna.page.getByRole('button', { name: 'Leave the room' }).click();
  await expect(anna.page.getByText('This device knows no other')).toBeVisible();
  expect(await keptRooms(anna.page)).toHaveLength(0);
  const rest = await everythingKept(anna.page);
  for (const left of [secret, node.secret]) expect(rest).not.toContain(left);
});

/** Everything a page has written down on its device, as text. */
async function everythingKept(page: Page): Promise<string> {
  return page.evaluate(async () => {
    const texts = [JSON.stringify(localStorage), JSON.stringify(sessionStorage), location.href];
    const open = (name: string): Promise<IDBDatabase> =>
      new Promise((resolve, reject) => {
        const request = indexedDB.open(name);
        request.onsuccess = () => resolve(request.result);
        request.onerror = () => reject(request.error ?? new Error(name));
      });
    for (const { name = '' } of await indexedDB.databases()) {
      const database = await open(name);
      for (const store of database.objectStoreNames) {
        const all = await new Promise<unknown[]>((resolve, reject) => {
          const request = database.transaction(store).objectStore(store).getAll();
          request.onsuccess = () => resolve(request.result as unknown[]);
          request.onerror = () => reject(request.error ?? new Error(store));
        });
        for (const one of all)
          texts.push(one instanceof Uint8Array ? new TextDecoder('latin1').decode(one) : JSON.stringify(one));
      }
      database.close();
    }
    return texts.join('\n');
  });
}
