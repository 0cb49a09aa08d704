/** A new version of the app is offered, never forced: the old one goes on until somebody says so. */
import { cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base, type Page } from '@playwright/test';
import { createNode } from '../../signaling/node.ts';
import { parseCommand } from '../../signaling/ops/config.ts';
import { silentLog } from '../../signaling/ops/log.ts';
import { createPeople } from './support/people.ts';
import { expect } from './support/test.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

interface Deployed {
  distDir: string;
  /** Of the node's plain-HTTP side. */
  httpOrigin: string;
  page: Page;
  /** Writes a new version: `index.html` of generation 2, and more to precache if wanted. Tells the page to look. */
  publish(alsoPrecached?: string): Promise<void>;
  /** Tells the page to look for a new version; resolves when it has one, or could not get it. */
  look(): Promise<void>;
}

async function deployed(run: (deployed: Deployed) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'earshot-update-'));
  const distDir = join(folder, 'dist');
  const dataDir = join(folder, 'data');
  cpSync(join(ROOT, 'dist'), distDir, { recursive: true });
  const flags = ['--bind', '127.0.0.1', '--data', dataDir, '--no-mdns'];
  const command = parseCommand(flags, {}, ROOT, ROOT);
  if (command.run !== 'start') throw new Error('the node was not asked to start');
  const config = { ...command.config, port: 0, httpPort: 0, stunPort: 0, distDir };
  const node = await createNode({ config, version: '0.0.0', log: silentLog(), notice: () => undefined });
  const secret = new URL(node.joinLink).hash.slice(1);
  const people = createPeople({
    appLink: `${node.info.appUrl}#${secret}`,
    caPath: join(dataDir, 'ca.crt'),
    secret,
  });
  try {
    const { page } = await people.join('Anna');
    await page.evaluate(async () => (await navigator.serviceWorker.ready).active?.state);
    const index = join(distDir, 'index.html');
    const look = async (): Promise<void> => {
      const later = new Date(Date.now() + 5_000);
      utimesSync(index, later, later);
      await page.evaluate(async () => {
        const registration = await navigator.serviceWorker.ready;
        await registration.update().catch(() => undefined);
        const installing = registration.installing;
        await new Promise<void>((resolve) => {
          if (!installing) return resolve();
          installing.addEventListener('statechange', () => resolve());
        });
      });
    };
    await run({
      distDir,
      httpOrigin: new URL(node.joinLink).origin,
      page,
      look,
      async publish(alsoPrecached) {
        writeFileSync(
          index,
          readFileSync(index, 'utf8').replace('</head>', '<meta name="generation" content="2"></head>'),
        );
        const worker = join(distDir, 'sw.js');
        const also = alsoPrecached === undefined ? '' : `{url:"${alsoPrecached}",revision:"1"},`;
        const changed = readFileSync(worker, 'utf8').replace(
          /\{url:"index\.html",revision:"[0-9a-f]+"\}/,
          `${also}{url:"index.html",revision:"${'f'.repeat(32)}"}`,
        );
        expect(changed).toContain('f'.repeat(32));
        writeFileSync(worker, changed);
        await page.evaluate(() => (document.documentElement.dataset['sameLoad'] = 'yes'));
        await look();
      },
    });
  } finally {
    await people.close();
    await node.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const generation = (page: Page): Promise<string | undefined | null> =>
  page
    .evaluate(() => document.querySelector<HTMLMetaElement>('meta[name=generation]')?.content)
    .catch(() => null);

base('a new version waits until it is asked for, and nothing is lost by it', () =>
  deployed(async ({ page, publish }) => {
    await publish();
    const update = page.getByRole('button', { name: 'Update now' });
    await expect(update).toBeVisible({ timeout: 20_000 });
    expect(await page.evaluate(() => document.documentElement.dataset['sameLoad'])).toBe('yes');
    await update.click();
    await expect.poll(() => generation(page), { timeout: 20_000 }).toBe('2');
    await expect(page.getByRole('navigation', { name: 'Places' })).toBeVisible();
  }),
);

base('a half-downloaded update harms nothing, and is completed later', () =>
  deployed(async ({ distDir, page, publish, look }) => {
    const late = join(distDir, 'assets', 'late.js');
    await publish('assets/late.js');
    await expect
      .poll(() =>
        page.evaluate(async () => {
          const { installing, waiting, active } = await navigator.serviceWorker.ready;
          return [installing?.state, waiting?.state, active?.state];
        }),
      )
      .toEqual([undefined, undefined, 'activated']);
    await page.context().setOffline(true);
    await page.reload();
    await expect(page.getByRole('navigation', { name: 'Places' })).toBeVisible();
    expect(await generation(page)).toBeUndefined();
    await expect(page.getByRole('button', { name: 'Update now' })).toBeHidden();
    await page.context().setOffline(false);

    writeFileSync(late, 'export {};');
    await look();
    await page.getByRole('button', { name: 'Update now' }).click({ timeout: 20_000 });
    await expect.poll(() => generation(page), { timeout: 20_000 }).toBe('2');
  }),
);

base('a tab that did not ask goes on, and is told that another one has updated', () =>
  deployed(async ({ page, publish }) => {
    const other = await page.context().newPage();
    await other.goto(page.url());
    await expect(other.getByRole('navigation', { name: 'Places' })).toBeVisible();
    await other.evaluate(() => (document.documentElement.dataset['sameLoad'] = 'yes'));
    await publish();
    await page.getByRole('button', { name: 'Update now' }).click({ timeout: 20_000 });
    await expect.poll(() => generation(page), { timeout: 20_000 }).toBe('2');
    await expect(page.getByText('updated in another tab')).toBeHidden();

    await expect(other.getByText('updated in another tab')).toBeVisible();
    expect(await other.evaluate(() => document.documentElement.dataset['sameLoad'])).toBe('yes');
    expect(await generation(other)).toBeUndefined();
    await other.getByRole('button', { name: 'Reload' }).click();
    await expect.poll(() => generation(other), { timeout: 20_000 }).toBe('2');
  }),
);

base('a newer version that does not arrive whole is not waited for: the one that is ready is taken', () =>
  deployed(async ({ page, publish }) => {
    await publish();
    const update = page.getByRole('button', { name: 'Update now' });
    await expect(update).toBeVisible({ timeout: 20_000 });
    await publish('assets/late.js');
    await update.click();
    await expect.poll(() => generation(page), { timeout: 20_000 }).toBe('2');
  }),
);

base('when no new version arrives whole, whoever asked for it is told', () =>
  deployed(async ({ httpOrigin, page, publish }) => {
    const info = (await (await fetch(`${httpOrigin}/node.json`)).json()) as object;
    await page.route('**/node.json', (route) =>
      route.fulfill({ json: { ...info, protocol: 99, minProtocol: 99 } }),
    );
    await page.reload();
    await publish('assets/late.js');
    await page.getByRole('button', { name: 'Update now' }).click({ timeout: 20_000 });
    await expect(page.getByText('did not arrive whole')).toBeVisible({ timeout: 20_000 });
    expect(await page.evaluate(() => document.documentElement.dataset['sameLoad'])).toBe('yes');
  }),
);
