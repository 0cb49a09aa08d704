/** A new version of the app is offered, never forced: the old one goes on until somebody says so. */
import { cpSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test as base } from '@playwright/test';
import { createNode } from '../../signaling/node.ts';
import { parseCommand } from '../../signaling/ops/config.ts';
import { silentLog } from '../../signaling/ops/log.ts';
import { createPeople } from './support/people.ts';
import { expect } from './support/test.ts';

const ROOT = new URL('../..', import.meta.url).pathname;

base('a new version waits until it is asked for, and nothing is lost by it', async () => {
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
    writeFileSync(
      index,
      readFileSync(index, 'utf8').replace('</head>', '<meta name="generation" content="2"></head>'),
    );
    const worker = join(distDir, 'sw.js');
    const changed = readFileSync(worker, 'utf8').replace(
      /(url:"index\.html",revision:")[0-9a-f]+/,
      '$1' + 'f'.repeat(32),
    );
    expect(changed).toContain('f'.repeat(32));
    writeFileSync(worker, changed);
    const later = new Date(Date.now() + 5_000);
    utimesSync(index, later, later);

    await page.evaluate(async () => {
      document.documentElement.dataset['sameLoad'] = 'yes';
      await (await navigator.serviceWorker.ready).update();
    });
    const update = page.getByRole('button', { name: 'Update now' });
    await expect(update).toBeVisible({ timeout: 20_000 });
    expect(await page.evaluate(() => document.documentElement.dataset['sameLoad'])).toBe('yes');
    await update.click();
    await expect
      .poll(
        () =>
          page
            .evaluate(() => document.querySelector<HTMLMetaElement>('meta[name=generation]')?.content)
            .catch(() => null),
        {
          timeout: 20_000,
        },
      )
      .toBe('2');
    await expect(page.getByRole('navigation', { name: 'Places' })).toBeVisible();
  } finally {
    await people.close();
    await node.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
