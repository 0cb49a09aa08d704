/** One browser for a test file; a fresh page a test. */
import type { Browser, BrowserContextOptions, Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, inject } from 'vitest';
import { launch, SIZES } from './browser.ts';
import { STATES } from './states.ts';

export interface Stage {
  /** Opens a state; `size` as in SIZES, or a context of one's own. Page errors fail the test. */
  open(
    state: string,
    size?: keyof typeof SIZES | BrowserContextOptions,
    theme?: 'dark' | 'light',
  ): Promise<Page>;
}

/** Goes to a state, and stands where it wants one to stand. */
export async function enter(page: Page, url: string, state: string, theme: 'dark' | 'light'): Promise<void> {
  await page.goto(`${url}?state=${state}&theme=${theme}#secret`);
  await settled(page);
  const { press = [], isPressedOnPhone = false } = STATES[state] ?? {};
  if (isPressedOnPhone && (page.viewportSize()?.width ?? 0) > SIZES.phone.viewport.width) return;
  for (const name of press) {
    // Waits for it: what the press before opens is loaded only then.
    await page.getByRole('button', { name }).first().click();
    await settled(page);
  }
}

/** The screen of `page` is there: fonts and lazy parts loaded, arrivals over. */
export async function settled(page: Page): Promise<void> {
  await page.locator('main').waitFor();
  await page.locator('.wait').waitFor({ state: 'detached' });
  await page.evaluate(async () => {
    await document.fonts.ready;
    const ending = document.getAnimations().filter((a) => a.effect?.getTiming().iterations !== Infinity);
    // An animation that is cancelled because its element went is over, too.
    await Promise.allSettled(ending.map((a) => a.finished));
  });
}

export function setStage(): Stage {
  let browser: Browser;
  let pages: Page[] = [];
  let errors: string[] = [];

  beforeAll(async () => {
    browser = await launch();
  });
  afterEach(async () => {
    await Promise.all(pages.map((page) => page.context().close()));
    const seen = errors;
    pages = [];
    errors = [];
    if (seen.length > 0) throw new Error(`the page complained: ${seen.join('; ')}`);
  });
  afterAll(async () => {
    await browser?.close();
  });

  return {
    async open(state, size = 'phone', theme = 'dark') {
      const context = await browser.newContext(typeof size === 'string' ? SIZES[size] : size);
      const page = await context.newPage();
      pages.push(page);
      page.on('pageerror', (error) => errors.push(error.message));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
      });
      await enter(page, inject('galleryUrl'), state, theme);
      return page;
    },
  };
}

export function asked(page: Page): Promise<string[]> {
  return page.evaluate(() => window.asked);
}
