/** axe finds nothing in any state, at both sizes, in both themes; and nothing is cut off at 320 px. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from '@playwright/test';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { launch, SIZES } from './browser.ts';
import { enter } from './stage.ts';
import { STATES } from './states.ts';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
/** Which theme gets the whole examination; in the other one only its colours can differ. */
const WHOLE = { phone: 'dark', laptop: 'light' } as const;

function readable(violations: Awaited<ReturnType<AxeBuilder['analyze']>>['violations']): string[] {
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  );
}

/** No frames here: the mode that opens a page of its own for each run is only slower. */
function examine(page: Page): AxeBuilder {
  return new AxeBuilder({ page }).setLegacyMode().options({ resultTypes: ['violations'] });
}

async function switchTheme(page: Page, theme: 'dark' | 'light'): Promise<void> {
  await page.evaluate((name) => {
    document.documentElement.dataset['theme'] = name;
    for (const animation of document.getAnimations())
      if (animation.effect?.getTiming().iterations !== Infinity) animation.finish();
  }, theme);
}

/** Scrolled boxes are no fault; a page that is wider than the window is. */
function tooWide(page: Page): Promise<string[]> {
  return page.evaluate(() =>
    [...document.querySelectorAll('html, body, main, header, nav, dialog')]
      .filter((box) => box.scrollWidth > box.clientWidth + 1)
      .map((box) => `${box.tagName} ${box.scrollWidth} > ${box.clientWidth}`),
  );
}

/** A test for each state, at one size. */
export function examineStates(size: keyof typeof SIZES): void {
  let browser: Browser;
  let page: Page;
  beforeAll(async () => {
    browser = await launch();
    page = await (await browser.newContext(SIZES[size])).newPage();
  });
  afterAll(() => browser?.close());

  it.each(Object.keys(STATES))(`on a ${size}: %s`, async (state) => {
    await enter(page, inject('galleryUrl'), state, WHOLE[size]);
    const whole = await examine(page).withTags(TAGS).analyze();
    await switchTheme(page, WHOLE[size] === 'dark' ? 'light' : 'dark');
    const colours = await examine(page).withRules(['color-contrast']).analyze();
    expect(readable([...whole.violations, ...colours.violations])).toEqual([]);
    if (size === 'laptop') return;
    await page.setViewportSize({ width: 320, height: 568 });
    const wide = await tooWide(page);
    await page.setViewportSize(SIZES.phone.viewport);
    expect(wide).toEqual([]);
  });
}
