/** The room doctor on a LAN that keeps devices apart, in each of the ways that LANs do: what it names, and that it goes again. */
import type { Browser, BrowserContext, Locator, Page } from '@playwright/test';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { NodeInfo } from '../../signaling/protocol/node-info.ts';
import { askDoctor, lookAgain, problem } from '../e2e/support/doctor.ts';
import { startNode, type RunningNode } from '../e2e/support/node.ts';
import { PHONE } from '../e2e/support/people.ts';
import { setPermission } from '../e2e/support/permission.ts';
import { sayName } from '../e2e/support/room.ts';
import { until } from '../fixtures/until.ts';
import { launchOn } from './browser.ts';
import { request } from './http.ts';
import { createLab, labProblem, type Lab, type LabHost } from './lab.ts';

const trouble = labProblem();
if (trouble !== null) console.log(`Skipped: ${trouble}.`);

/** What a room may take to find another way, or to find that there is none. */
const SETTLED_MS = 60_000;

interface Phone {
  host: LabHost;
  context: BrowserContext;
  page: Page;
}

describe.skipIf(trouble !== null)('the room doctor on a LAN', () => {
  let lab: Lab;
  let node: RunningNode;
  let stunPort: number;
  const browsers = new Map<string, Browser>();
  let phones: Phone[] = [];
  /** What a test has done to the LAN. */
  const repairs: (() => unknown)[] = [];

  beforeAll(async () => {
    lab = createLab(['node', 'ada', 'ben', 'cleo']);
    const host = lab.host('node');
    node = await startNode({ spawn: (...args) => host.spawn(...args), bind: host.address });
    const info = v.parse(NodeInfo, JSON.parse(await request(host, `${node.httpOrigin}/node.json`)));
    stunPort = info.stunPort ?? 0;
    expect(stunPort).toBeGreaterThan(0);
  }, 120_000);

  afterEach(async ({ task }) => {
    if (task.result?.state === 'fail')
      for (const { host, page } of phones)
        console.log(`${host.name} saw: ${(await page.locator('body').innerText()).replace(/\s+/g, ' ')}`);
    await Promise.all(phones.map(({ context }) => context.close()));
    phones = [];
    for (const repair of repairs.splice(0)) await repair();
  });

  afterAll(async () => {
    await Promise.all([...browsers.values()].map((browser) => browser.close()));
    await node?.close();
    await lab?.close();
  });

  /** `names`: the microphone was never granted, so the browser tells others a name ending in .local. */
  async function join(name: string, tells: 'addresses' | 'names' = 'addresses'): Promise<Phone> {
    const host = lab.host(name);
    const browser = browsers.get(name) ?? (await launchOn(host, { caPath: node.caPath }));
    browsers.set(name, browser);
    const context = await browser.newContext({ viewport: PHONE });
    context.setDefaultTimeout(20_000);
    const phone = { host, context, page: await context.newPage() };
    phones.push(phone);
    const { origin } = new URL(node.appUrl);
    await setPermission(phone.page, 'microphone', tells === 'names' ? 'prompt' : 'granted', origin);
    await phone.page.goto(node.appLink);
    await sayName(phone.page, name);
    return phone;
  }

  const isolate = (names: readonly string[]): void => {
    const hosts = names.map((name) => lab.host(name));
    for (const host of hosts) host.setIsolated(true);
    repairs.push(() => hosts.forEach((host) => host.setIsolated(false)));
  };

  /** As a firewall on the node's computer that drops what comes in for this port. */
  async function dropAtNode(udpPort: number): Promise<void> {
    const rule = (...args: string[]): Promise<Buffer> => lab.host('node').output('ip', ['rule', ...args]);
    const dropped = ['ipproto', 'udp', 'dport', `${udpPort}`, 'blackhole'];
    // Rules for what is addressed to the machine itself count before all others, unless they are moved back.
    await rule('add', 'pref', '100', 'lookup', 'local');
    await rule('del', 'pref', '0');
    await rule('add', 'pref', '10', ...dropped);
    repairs.push(async () => {
      await rule('add', 'pref', '0', 'lookup', 'local');
      await rule('del', 'pref', '10');
      await rule('del', 'pref', '100');
    });
  }

  const here = ({ page }: Phone, people: number): Promise<void> =>
    page.getByRole('button', { name: `${people} here` }).waitFor({ timeout: SETTLED_MS });

  /** Looks again until the doctor says it. */
  async function says(page: Page, what: string, isSaid: () => Promise<boolean>): Promise<void> {
    await until(
      `the doctor to say ${what}`,
      async () => {
        await lookAgain(page);
        return isSaid();
      },
      { deadlineMs: SETTLED_MS, everyMs: 500 },
    );
  }

  const whatWorks = (doctor: Locator): Promise<void> => doctor.getByText(/^What works/).click();

  test('clients that are isolated: the way by the node is named and drawn, until there is a direct one', async () => {
    isolate(['ada', 'ben']);
    const [ada, ben] = [await join('ada'), await join('ben')];
    await here(ada, 2);
    const doctor = await askDoctor(ada.page);
    await whatWorks(doctor);
    const relayed = doctor.getByText('to all of them by way of the node');
    await says(ada.page, 'that it is relayed', () => relayed.isVisible());
    const drawing = doctor.getByRole('figure');
    expect(await drawing.locator('li', { hasText: 'ben' }).innerText()).toMatch(
      /by way of the node · \d+ ms/,
    );
    expect(await drawing.locator('svg line.relayed').count()).toBe(1);
    expect(await drawing.locator('svg rect.node').count()).toBe(1);

    for (const { host } of [ada, ben]) host.setIsolated(false);
    await ada.page.reload();
    await here(ada, 2);
    const after = await askDoctor(ada.page);
    await whatWorks(after);
    await says(ada.page, 'that it is direct', () =>
      after.getByText('Connected to 1 other device, directly.').isVisible(),
    );
    expect(await drawing.locator('svg line.relayed').count()).toBe(0);
  });

  test('mDNS blocked and STUN dropped: names that lead nowhere are named; the microphone, granted once, helps', async () => {
    for (const host of ['ada', 'ben', 'cleo'].map((name) => lab.host(name))) {
      // A browser that may not list its addresses asks which one it would go out by; nothing is sent there.
      await host.output('ip', ['route', 'add', 'default', 'via', '10.77.0.1']);
      repairs.push(() => host.output('ip', ['route', 'del', 'default']));
      host.setMulticast(false);
      repairs.push(() => host.setMulticast(true));
    }
    await dropAtNode(stunPort);
    // Cleo tells her address, meets both, and passes on to each that the other is here.
    const [ada, cleo] = [await join('ada', 'names'), await join('cleo')];
    await here(ada, 2);
    await join('ben', 'names');
    await here(cleo, 3);
    await here(ada, 3);
    const doctor = await askDoctor(ada.page);
    const names = problem(doctor, 'Names ending in .local are not passed on');
    await says(ada.page, 'that names are lost', () => names.isVisible());
    expect(await names.innerText()).toMatch(/Wrong:[^]*allow the microphone[^]*multicast \(IGMP\)/);
    const apart = problem(doctor, '1 of 2 other devices has no connection');
    expect(await apart.innerText()).toContain('.local first');
    expect(await problem(doctor, 'does not answer when devices ask for their address').count()).toBe(1);
    expect(await doctor.getByRole('figure').locator('li', { hasText: 'ben' }).innerText()).toContain(
      'no connection',
    );

    await setPermission(ada.page, 'microphone', 'granted');
    await says(ada.page, 'nothing more of it', async () => !(await names.or(apart).first().isVisible()));
    await whatWorks(doctor);
    await doctor.getByText('Connected to 2 other devices, directly.').waitFor();
  });

  test('clients that are isolated, and a relay out of reach: who is here without a connection is named', async () => {
    isolate(['ada', 'ben']);
    await dropAtNode(stunPort);
    const ada = await join('ada');
    await join('ben');
    const doctor = await askDoctor(ada.page);
    // Nobody has told who it is: that somebody is there is known from the node's topic alone.
    const alone = problem(doctor, 'The only other device in sight has no connection');
    await says(ada.page, 'that somebody is out of reach', () => alone.isVisible());
    expect(
      await doctor.getByRole('figure').locator('li', { hasText: 'Another device' }).innerText(),
    ).toContain('no connection');
    const cleo = await join('cleo');
    await here(cleo, 3);
    const apart = problem(doctor, '1 of 2 other devices has no connection');
    await says(ada.page, 'who is apart', () => apart.isVisible());
    expect(await apart.innerText()).toContain('switch the isolation of clients off');
    expect(await problem(doctor, '.local').count()).toBe(0);
    for (const name of ['ada', 'ben']) lab.host(name).setIsolated(false);
    await says(ada.page, 'nothing more of it', async () => !(await apart.isVisible()));
  });
});
