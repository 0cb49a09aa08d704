/** Coming in, being seen, going, and coming back. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PHONE } from './support/people.ts';
import { visit } from './support/room.ts';
import { expect, test } from './support/test.ts';

const DIST = new URL('../../dist', import.meta.url).pathname;
const PLACES = { name: 'Places' };

test('the name is asked once; a reload and an address without the link lead back into the room', async ({
  node,
  people,
}) => {
  const { page } = await people.join('Anna');
  await page.reload();
  await expect(page.getByRole('navigation', PLACES)).toBeVisible();
  await page.goto('about:blank');
  await page.goto(node.appUrl);
  await expect(page.getByRole('navigation', PLACES)).toBeVisible();
  await visit(page, 'People');
  await expect(page.getByRole('textbox', { name: 'Your name' })).toHaveValue('Anna');
});

test('everybody sees who is here, a new name at once, and who left', async ({ people }) => {
  const anna = await people.join('Anna');
  const bo = await people.join('Bo');
  for (const { page } of [anna, bo]) await expect(page.getByRole('button', { name: '2 here' })).toBeVisible();
  await visit(bo.page, 'People');
  const name = bo.page.getByRole('textbox', { name: 'Your name' });
  await name.fill('Boris');
  await name.press('Enter');
  await visit(anna.page, 'People');
  await expect(anna.page.getByRole('listitem').filter({ hasText: 'Boris' })).toBeVisible();
  await bo.context.close();
  await expect(anna.page.getByRole('listitem').filter({ hasText: 'Boris' })).toBeHidden();
  await expect(anna.page.getByRole('listitem').filter({ hasText: 'Anna' })).toBeVisible();
});

test('the owner hands the room to another phone, which then names it', async ({ people }) => {
  const old = await people.join('Anna');
  await expect(old.page.getByRole('button', { name: 'Anna’s room' })).toBeVisible();
  const phone = await people.join('Anna again');
  await visit(old.page, 'People');
  await expect(phone.page.getByRole('button', { name: '2 here' })).toBeVisible();
  await visit(phone.page, 'People');
  await expect(phone.page.getByRole('textbox', { name: 'The room’s name' })).toBeHidden();
  await old.page.getByRole('button', { name: 'Menu of Anna again' }).click();
  await old.page.getByRole('button', { name: 'Make Anna again the owner…' }).click();
  await old.page.getByRole('button', { name: 'Hand the room over' }).click();
  await expect(old.page.getByText('Anna again is the owner of this room now.')).toBeVisible();
  await expect(old.page.getByRole('textbox', { name: 'The room’s name' })).toBeHidden();

  const name = phone.page.getByRole('textbox', { name: 'The room’s name' });
  await name.fill('Kitchen');
  await name.press('Enter');
  await expect(old.page.getByRole('button', { name: 'Kitchen' })).toBeVisible();
});

test('a link that is cut off, and no link at all, each say what to do', async ({ node, people }) => {
  const { page } = await people.arrive('Stranger');
  await page.goto(node.appLink.slice(0, -3));
  await expect(page.getByText('The link to this room is cut off')).toBeVisible();
  await page.goto('about:blank');
  await page.goto(node.appUrl);
  await expect(page.getByText('Scan the QR code of a room')).toBeVisible();
});

test('with the node gone the room says so quietly, and goes on', async ({ node, people }) => {
  const { page } = await people.join('Anna');
  await expect(page.getByText('You are in')).toBeVisible();
  await node.stop();
  await expect(page.getByText(/alone, still yours/i)).toBeVisible({ timeout: 20_000 });
  await node.start();
  await expect(page.getByText('You are in')).toBeVisible({ timeout: 40_000 });
});

test('a page that came without HTTPS says so instead of failing later', async ({ people }) => {
  const server = createServer((request, response) => {
    const path = request.url === '/' ? 'index.html' : (request.url ?? '').slice(1);
    readFile(join(DIST, path)).then(
      (body) =>
        response.setHeader('content-type', path.endsWith('.js') ? 'text/javascript' : 'text/html').end(body),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { page } = await people.arrive('Anna', { viewport: PHONE, insecureHost: 'earshot.local' });
  await page.goto(`http://earshot.local:${(server.address() as AddressInfo).port}/#${'A'.repeat(22)}`);
  await expect(page.getByText('was not opened over HTTPS')).toBeVisible();
  server.close();
});
