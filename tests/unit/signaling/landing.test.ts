import { existsSync } from 'node:fs';
import { AxeBuilder } from '@axe-core/playwright';
import { type Browser, type BrowserContextOptions, chromium, type Page } from '@playwright/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startNode, type TestNode } from './support.ts';

const CHROMIUM = '/usr/bin/chromium';
const IPHONE =
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Version/18.0 Mobile/15E148 Safari/604.1';
const ANDROID =
  'Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 Chrome/128.0 Mobile Safari/537.36';
const WINDOWS = 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/128.0 Safari/537.36';
const MAC =
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15';
const LINUX = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/128.0 Safari/537.36';
const FIREFOX = 'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0';

describe.skipIf(!existsSync(CHROMIUM))('the landing page in a browser', () => {
  let node: TestNode;
  let browser: Browser;
  beforeAll(async () => {
    node = await startNode();
    const quiet = [
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ];
    browser = await chromium.launch({
      executablePath: CHROMIUM,
      args: ['--no-sandbox', '--disable-gpu', '--disable-quic', ...quiet],
    });
  });
  afterAll(async () => {
    await browser.close();
    await node.close();
  });

  async function visit(
    url: string,
    options: BrowserContextOptions,
  ): Promise<{ page: Page; requests: string[] }> {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const requests: string[] = [];
    page.on('request', (request) => requests.push(`${request.url()} ${JSON.stringify(request.headers())}`));
    await page.goto(url);
    return { page, requests };
  }

  it('goes on by itself where the certificate is trusted, and the secret stays in the browser', async () => {
    const { page, requests } = await visit(node.joinLink, { ignoreHTTPSErrors: true });
    const secret = new URL(node.joinLink).hash;
    await page.waitForURL(`${node.httpsUrl}/${secret}`);
    expect(requests.length).toBeGreaterThan(2);
    for (const request of requests) {
      expect(request).toMatch(new RegExp(`^(${node.httpUrl}|${node.httpsUrl})/`));
      expect(request).not.toContain(secret.slice(1));
    }
    await page.context().close();
  });

  it.each([
    ['an iPhone', IPHONE, 'Get the profile', '/ca.mobileconfig'],
    ['an Android phone', ANDROID, 'Get the certificate', '/ca.crt'],
    ['Windows', WINDOWS, 'Get the certificate', '/ca.crt'],
    ['a Mac', MAC, 'Get the certificate', '/ca.crt'],
    ['Linux', LINUX, 'Get the certificate', '/ca.crt'],
    ['Firefox', FIREFOX, 'Get the certificate', '/ca.crt'],
  ])('leads %s through its own steps, with pictures, and only those', async (_, userAgent, button, href) => {
    const { page } = await visit(node.joinLink, { userAgent, viewport: { width: 390, height: 844 } });
    await page.getByRole('link', { name: button }).waitFor();
    expect(await page.locator('section:visible').count()).toBe(1);
    expect(await page.getByRole('link', { name: button }).getAttribute('href')).toBe(href);
    expect(await page.locator('section:visible svg.pic').count()).toBeGreaterThanOrEqual(2);
    for (const picture of await page.locator('section:visible svg.pic').all()) {
      // Nothing is drawn outside its card.
      const spill = await picture.evaluate((svg) => {
        const card = svg.querySelector('.card')!.getBoundingClientRect();
        return [...svg.querySelectorAll('*')]
          .map((part) => part.getBoundingClientRect())
          .filter(
            (box) => box.right > card.right + 1 || box.left < card.left - 1 || box.bottom > card.bottom + 1,
          ).length;
      });
      expect(spill).toBe(0);
      const covered = await picture.evaluate((svg) => {
        const boxes = (what: string): DOMRect[] =>
          [...svg.querySelectorAll(what)].map((part) => part.getBoundingClientRect());
        const hits = (a: DOMRect, b: DOMRect): boolean =>
          a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
        const labels = boxes('text:not(.mid)');
        return boxes('.press, .key, .on, .box, .end').filter((end) =>
          labels.some((l) => l.x !== end.x && hits(l, end)),
        ).length;
      });
      expect(covered).toBe(0);
    }
    const without = page.getByRole('link', { name: 'Go on without trusting' });
    expect(await without.getAttribute('href')).toBe(`${node.httpsUrl}/${new URL(node.joinLink).hash}`);
    expect(await page.getByRole('heading', { name: 'You found the room' }).count()).toBe(1);
    await page.context().close();
  });

  it('goes on at the moment the certificate is trusted, and does not ask who came back too often', async () => {
    const context = await browser.newContext({ userAgent: IPHONE });
    const page = await context.newPage();
    // Its clock stands still: what it asks every two seconds anyhow would hide whether it asks at the moment.
    await page.clock.install({ time: 0 });
    await page.clock.pauseAt(1_000);
    let isTrusted = false;
    // The device's own store cannot be changed while it runs: what the page can see of it, the answer to its question, can.
    await page.route(`${node.httpsUrl}/**`, (route) =>
      isTrusted
        ? route.fulfill({ status: 200, body: '{}', headers: { 'Access-Control-Allow-Origin': '*' } })
        : route.abort(),
    );
    await page.goto(node.joinLink);
    await page.getByRole('link', { name: 'Get the profile' }).waitFor();
    isTrusted = true;
    await page.evaluate(() => window.dispatchEvent(new Event('focus')));
    await page.waitForURL(`${node.httpsUrl}/${new URL(node.joinLink).hash}`);
    await context.close();
  });

  it('shows another device’s steps to who asks for them', async () => {
    const { page } = await visit(node.joinLink, { userAgent: WINDOWS });
    await page.getByLabel('Another device or browser?').selectOption('Firefox on a computer');
    expect(await page.locator('section:visible').innerText()).toContain('Trust this CA');
    expect(await page.locator('section:visible').innerText()).not.toContain('Current User');
    await page.context().close();
  });

  it('sees that a link was cut off, also where it is trusted, and leads nowhere with it', async () => {
    const half = node.joinLink.slice(0, -3);
    const { page } = await visit(half, { ignoreHTTPSErrors: true });
    await page.getByRole('heading', { name: 'This link is cut off' }).waitFor();
    await page.waitForFunction(() => document.querySelector('#trust')?.className === 'done');
    expect(page.url()).toBe(half);
    await page.context().close();
  });

  it('lists the node’s other addresses, with the secret kept in the browser', async () => {
    const entry = (address: string) => ({ address, family: 'IPv4', internal: false, cidr: `${address}/24` });
    const many = await startNode(
      { bind: undefined },
      { interfaces: () => ({ wlan0: [entry('192.168.1.20')], tun0: [entry('10.8.0.2')] }) },
    );
    const secret = new URL(many.joinLink).hash;
    const { page, requests } = await visit(`${many.httpUrl}/${secret}`, {});
    await page.getByText('other addresses').click();
    const links = await page
      .locator('#others a')
      .evaluateAll((all) => all.map((a) => (a as HTMLAnchorElement).href));
    const { http } = many.ports;
    expect(links).toEqual([`http://192.168.1.20:${http}/${secret}`, `http://10.8.0.2:${http}/${secret}`]);
    expect(requests.join()).not.toContain(secret.slice(1));
    await page.context().close();
    await many.close();
  });

  it('does not claim a room that the link does not name', async () => {
    const { page } = await visit(`${node.httpUrl}/`, {});
    expect(await page.locator('#found').innerText()).toContain('This link names no room');
    await page.context().close();
  });

  it.each(['dark', 'light'] as const)('is accessible, and fits a narrow screen (%s)', async (colorScheme) => {
    const { page } = await visit(node.joinLink, {
      colorScheme,
      userAgent: IPHONE,
      viewport: { width: 320, height: 568 },
    });
    await page.getByRole('link', { name: 'Get the profile' }).waitFor();
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    for (const link of await page.getByRole('link').all()) {
      expect((await link.boundingBox())?.height ?? 0).toBeGreaterThanOrEqual(48);
    }
    await page.context().close();
  });
});
