/** A room in the lab whose hosts are lost and come back, and the loudspeakers that hear it. */
import type { Browser, BrowserContext, Page } from '@playwright/test';
import * as v from 'valibot';
import { StatusReport, type StreamStatus } from '../../signaling/protocol/status.ts';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { LAPTOP } from '../e2e/support/people.ts';
import { importFiles, queueSong, sayName, seesPlaying, visit } from '../e2e/support/room.ts';
import { songReference } from '../fixtures/song-follower.ts';
import { noiseTrack } from '../fixtures/tones.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { request } from './http.ts';
import { createLab, type Lab, type LabHost } from './lab.ts';
import { openEar, type StreamEar } from './stream-ear.ts';

/** How a host can be lost: its power, its system's attention, its tab, its Wi-Fi. */
export const LOSSES = ['killed', 'frozen', 'closed', 'cut off'] as const;
export type Loss = (typeof LOSSES)[number];

export interface HostsLabOptions {
  /** Devices that offer host mode, each on a machine of its own. */
  hosts: readonly string[];
  /** Devices that are in the room and offer nothing; they are never lost. The first has the song. */
  guests?: readonly string[];
  /** Machines with nothing but a connection to the stream. */
  listeners: readonly string[];
  songSeconds: number;
}

export interface Device {
  readonly host: LabHost;
  browser: Browser;
  context: BrowserContext;
  page: Page;
}

export interface HostsLab {
  readonly lab: Lab;
  readonly node: RunningNode;
  readonly ears: readonly StreamEar[];
  device(name: string): Device;
  status(): Promise<StreamStatus>;
  /** Who feeds the stream, by the node's word; null: nobody. */
  hosting(): Promise<string | null>;
  /** @returns when it began; performance.now() */
  lose(name: string, how: Loss): Promise<number>;
  /** Makes up for `lose`: afterwards it is in the room again and offers host mode. */
  restore(name: string, how: Loss): Promise<void>;
  close(): Promise<void>;
}

const TITLE = 'Through every host';
const BACK_MS = 60_000;
/** Nothing here has a graphics card: what moves on three hosts' screens takes both cores to draw. */
const SEEN_BY = { viewport: LAPTOP, reducedMotion: 'reduce' } as const;

export async function openHostsLab(options: HostsLabOptions): Promise<HostsLab> {
  const { hosts, guests = [], listeners, songSeconds } = options;
  const track = await noiseTrack({ seconds: songSeconds, title: TITLE, seed: 5 });
  const song = await songReference(track);
  const lab = createLab(['node', ...guests, ...hosts, ...listeners]);
  const closing: (() => unknown)[] = [() => lab.close()];
  const devices = new Map<string, Device>();
  const everybody = hosts.length + guests.length;

  async function close(): Promise<void> {
    for (const one of closing.splice(0).reverse()) await one();
  }

  async function enter(context: BrowserContext, name: string): Promise<Page> {
    context.setDefaultTimeout(30_000);
    const page = await context.newPage();
    await page.goto(node.appLink);
    await sayName(page, name);
    return page;
  }

  async function launch(name: string): Promise<Device> {
    const host = lab.host(name);
    const browser = await launchOn(host, { caPath: node.caPath });
    const context = await browser.newContext(SEEN_BY);
    const page = await enter(context, name);
    return { host, browser, context, page };
  }

  function device(name: string): Device {
    const found = devices.get(name);
    if (found === undefined) throw new RangeError(`there is no device ${name}`);
    return found;
  }

  async function offer({ page }: Device): Promise<void> {
    await visit(page, 'Speakers');
    await page.getByRole('button', { name: /^Host from this/ }).click();
    await page.getByRole('button', { name: 'Stop hosting' }).waitFor();
  }

  async function sees(page: Page, people: number): Promise<void> {
    await page.getByRole('button', { name: `${people} here` }).waitFor({ timeout: BACK_MS });
  }

  async function status(): Promise<StreamStatus> {
    const text = await request(lab.host('node'), `${node.httpOrigin}/stream/status`);
    const [stream] = v.parse(StatusReport, JSON.parse(text)).streams;
    if (stream === undefined) throw new Error('the status names no stream');
    return stream;
  }

  /** The node says in its log where each host's connection came from. */
  function nameOf(peerId: string): string | null {
    const line = node
      .output()
      .split('\n')
      .findLast((one) => one.includes('"host-joined"') && one.includes(peerId));
    return hosts.find((name) => line?.includes(`"${lab.host(name).address}"`)) ?? null;
  }

  let node: RunningNode;
  try {
    const nodeHost = lab.host('node');
    node = await startNode({ spawn: (...args) => nodeHost.spawn(...args), bind: nodeHost.address });
    closing.push(() => node.close());
    let beganAtMs: number | null = null;
    const ears = listeners.map((name) =>
      openEar({ host: lab.host(name), url: node.streamUrl, song, beganAtMs: () => beganAtMs }),
    );
    closing.push(() => Promise.all(ears.map((ear) => ear.close())));
    closing.push(() => Promise.allSettled([...devices.values()].map(({ browser }) => browser.close())));
    for (const name of [...guests, ...hosts]) devices.set(name, await launch(name));
    for (const { page } of devices.values()) await sees(page, everybody);
    // Without a guest every host brings the song along: whoever had the only copy may be lost.
    const owners = (guests.length > 0 ? guests.slice(0, 1) : hosts).map(device);
    for (const { page } of owners) await importFiles(page, [track], 120_000);
    const [owner] = owners;
    if (owner === undefined) throw new RangeError('nobody is in the room');
    await queueSong(owner.page, TITLE);
    beganAtMs = performance.now();
    for (const { page } of devices.values()) await seesPlaying(page, TITLE);
    for (const name of hosts) await offer(device(name));

    return {
      lab,
      node,
      ears,
      device,
      status,
      async hosting() {
        const { host } = await status();
        return host === null ? null : nameOf(host.peerId);
      },
      async lose(name, how) {
        const { host, page } = device(name);
        const atMs = performance.now();
        if (how === 'killed') host.signal('SIGKILL');
        else if (how === 'frozen') host.signal('SIGSTOP');
        else if (how === 'cut off') host.setLink('down');
        else await page.close({ runBeforeUnload: true });
        return atMs;
      },
      async restore(name, how) {
        const lost = device(name);
        if (how === 'frozen') lost.host.signal('SIGCONT');
        else if (how === 'cut off') lost.host.setLink('up');
        else if (how === 'killed') {
          await lost.browser.close();
          devices.set(name, await launch(name));
        } else {
          await lost.context.close();
          lost.context = await lost.browser.newContext(SEEN_BY);
          lost.page = await enter(lost.context, name);
        }
        if (how === 'killed' || how === 'closed') await offer(device(name));
        for (const { page } of devices.values()) await sees(page, everybody);
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Waits until the node names a host whose device is known. */
export function someHost(lab: HostsLab, deadlineMs = 30_000): Promise<string> {
  return until('a host', () => lab.hosting(), { deadlineMs, everyMs: 100 });
}
