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
    ['Firefox', FIREFOX, 'Get the certificate', '/ca.crt'],
  ])('leads %s through its own steps, and only those', async (_, userAgent, button, href) => {
    const { page } = await visit(node.joinLink, { userAgent, viewport: { width: 390, height: 844 } });
    expect(await page.locator('section:visible').count()).toBe(1);
    expect(await page.getByRole('link', { name: button }).getAttribute('href')).toBe(href);
    const without = page.getByRole('link', { name: 'Go on without' });
    expect(await without.getAttribute('href')).toBe(`${node.httpsUrl}/${new URL(node.joinLink).hash}`);
    expect(await page.getByRole('heading', { name: 'You found the room' }).count()).toBe(1);
    await page.context().close();
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
    expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
    for (const link of await page.getByRole('link').all()) {
      expect((await link.boundingBox())?.height ?? 0).toBeGreaterThanOrEqual(48);
    }
    await page.context().close();
  });
});
