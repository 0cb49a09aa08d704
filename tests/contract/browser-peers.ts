/** Pages of the contract harness, served by the real node with its real policy: one browser context a peer. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, type BrowserContext, type Page, chromium } from '@playwright/test';
import { build } from 'vite';
import { keysOf, newSecret, startNode } from '../unit/signaling/support.ts';

const HERE = import.meta.dirname;

const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--autoplay-policy=no-user-gesture-required',
];

export interface Harness {
  /** Where pages come from and peers meet. */
  node: { origin: string; stunPort: number | null };
  newContext(): Promise<BrowserContext>;
  /** CPU time that all of the browser's processes have taken, in seconds. */
  cpuSeconds(): Promise<number>;
  /** Folder that the node serves. */
  distDir: string;
  /** Opens the harness page; what its console calls an error ends up in `errors`. */
  newPage(context: BrowserContext, errors?: string[]): Promise<Page>;
  close(): Promise<void>;
}

/** Builds the harness with Vite; gives its folder. `name`: one a test file. */
export async function buildHarness(name: string): Promise<string> {
  const distDir = join(HERE, '..', '.cache', `harness-${name}`);
  const details = fileURLToPath(new URL('../../app/mesh/browser-details.ts', import.meta.url));
  await build({
    configFile: false,
    root: join(HERE, 'harness'),
    logLevel: 'error',
    resolve: { alias: { 'webrtc-adapter': details } },
    worker: { format: 'es' },
    build: { outDir: distDir, emptyOutDir: true, target: 'es2022' },
  });
  return distDir;
}

/** Builds the harness, starts a node that serves it, and Chromium. */
export async function startHarness(name: string): Promise<Harness> {
  const distDir = await buildHarness(name);
  const node = await startNode({ distDir });
  const browser: Browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: CHROMIUM_ARGS,
  });

  return {
    node: { origin: node.httpsUrl, stunPort: node.info.stunPort },
    distDir,
    async cpuSeconds() {
      const session = await browser.newBrowserCDPSession();
      const { processInfo } = await session.send('SystemInfo.getProcessInfo');
      await session.detach();
      return processInfo.reduce((sum, { cpuTime }) => sum + cpuTime, 0);
    },
    newContext: () => browser.newContext({ ignoreHTTPSErrors: true }),
    async newPage(context, errors = []) {
      const page = await context.newPage();
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error') errors.push(`${message.text()} (${message.location().url})`);
      });
      await page.goto(node.httpsUrl);
      await page.waitForFunction(() => window.harnessReady === true);
      return page;
    },
    async close() {
      await browser.close();
      await node.close();
    },
  };
}

/** Keys of a room that nobody else knows, as a page takes them. */
export async function randomRoom() {
  const { roomId, signalingKey, uplinkKey, meshKey } = await keysOf(newSecret());
  return { roomId, signalingKey, uplinkKey, meshKey: [...meshKey] };
}
