/** A node and phones of the lab that hold the contract's page: each answers what its mesh did and saw. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Browser, Page } from '@playwright/test';
import { buildHarness, randomRoom } from '../contract/browser-peers.ts';
import type { Driver } from '../contract/driver.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { createLab, type Lab, type LabHost } from './lab.ts';
import type { MeshNodeInfo } from './mesh-node.ts';

const START_MS = 30_000;

export interface MeshPhone {
  readonly host: LabHost;
  readonly page: Page;
  readonly selfId: string;
  /** Asks the page; rejects when it is frozen for longer than 30 s. */
  ask<Name extends keyof Driver>(name: Name, ...args: Parameters<Driver[Name]>): ReturnType<Driver[Name]>;
  close(): Promise<void>;
}

export interface MeshLab {
  readonly lab: Lab;
  readonly node: LabHost;
  startNode(): Promise<void>;
  /** At once, as when its plug is pulled. */
  stopNode(): Promise<void>;
  /** Another room for the phones that join from now on. */
  newRoom(): Promise<void>;
  join(name: string): Promise<MeshPhone>;
  close(): Promise<void>;
}

/** @param build names the folder of its page: one a test file */
export async function createMeshLab(names: readonly string[], build = 'lan'): Promise<MeshLab> {
  const distDir = await buildHarness(build);
  const dataDir = mkdtempSync(join(tmpdir(), 'earshot-lan-'));
  const lab = createLab(['node', ...names]);
  const node = lab.host('node');
  const browsers = new Map<string, Browser>();
  let ports: MeshNodeInfo['ports'] = { https: 0, http: 0, stun: 0 };
  let stop: (() => Promise<void>) | null = null;
  let keys = await randomRoom();

  async function startNode(): Promise<void> {
    const script = new URL('./mesh-node.ts', import.meta.url).pathname;
    const { https, http, stun } = ports;
    const args = [node.address, distDir, dataDir, `${https}`, `${http}`, `${stun ?? 0}`];
    const child = node.spawn(process.execPath, ['--import', 'tsx', script, ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    stop = async () => {
      node.signal('SIGKILL');
      await ended;
    };
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (output += text));
    const line = await until('the node to start', () => (output.includes('\n') ? output : null), {
      deadlineMs: START_MS,
    });
    ({ ports } = JSON.parse(line) as MeshNodeInfo);
  }

  async function browserOn(name: string): Promise<Browser> {
    const running = browsers.get(name);
    if (running?.isConnected()) return running;
    const browser = await launchOn(lab.host(name), { caPath: join(dataDir, 'ca.crt') });
    browsers.set(name, browser);
    return browser;
  }

  await startNode();
  return {
    lab,
    node,
    startNode,
    async stopNode() {
      await stop?.();
      stop = null;
    },
    async newRoom() {
      keys = await randomRoom();
    },
    async join(name) {
      const context = await (await browserOn(name)).newContext();
      const page = await context.newPage();
      const origin = `https://${node.address}:${ports.https}`;
      await page.goto(origin);
      await page.waitForFunction(() => window.harnessReady === true);
      const selfId = randomUUID();
      await page.evaluate((options) => window.joinRoom(options), {
        origin,
        stunPort: ports.stun,
        selfId,
        ...keys,
      });
      const ask = (method: keyof Driver, ...args: unknown[]) =>
        page.evaluate(
          ([called, values]) => (window.driver[called] as (...all: unknown[]) => unknown)(...values),
          [method, args] as const,
        );
      return {
        host: lab.host(name),
        page,
        selfId,
        ask: ask as MeshPhone['ask'],
        close: () => context.close(),
      };
    },
    async close() {
      await Promise.allSettled([...browsers.values()].map((browser) => browser.close()));
      await lab.close();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
