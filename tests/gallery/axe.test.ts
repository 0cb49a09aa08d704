/** axe finds nothing in any state, at both sizes, in both themes; and nothing is cut off at 320 px. */
import { AxeBuilder } from '@axe-core/playwright';
import { describe, expect, it } from 'vitest';
import type { SIZES } from './browser.ts';
import { setStage } from './stage.ts';
import { STATES } from './states.ts';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
const stage = setStage();

function readable(violations: Awaited<ReturnType<AxeBuilder['analyze']>>['violations']): string[] {
  return violations.flatMap((violation) =>
    violation.nodes.map((node) => `${violation.id}: ${node.target.join(' ')} — ${node.failureSummary ?? ''}`),
  );
}

describe.each(['phone', 'laptop'] satisfies (keyof typeof SIZES)[])('on a %s', (size) => {
  it.each(Object.keys(STATES))('%s', async (state) => {
    const page = await stage.open(state, size, 'dark');
    const dark = await new AxeBuilder({ page }).withTags(TAGS).analyze();
    expect(readable(dark.violations)).toEqual([]);
    await page.evaluate(() => {
      document.documentElement.dataset['theme'] = 'light';
      for (const animation of document.getAnimations()) animation.finish?.call(animation);
    });
    const light = await new AxeBuilder({ page }).withRules(['color-contrast']).analyze();
    expect(readable(light.violations)).toEqual([]);
  });
});

describe('at 320 × 568', () => {
  it.each(Object.keys(STATES))('%s', async (state) => {
    const page = await stage.open(state, { viewport: { width: 320, height: 568 } });
    const cut = await page.evaluate(() => {
      const wide = [...document.querySelectorAll('html, body, main, header, nav, dialog')];
      return wide
        .filter((box) => box.scrollWidth > box.clientWidth + 1)
        .map((box) => box.tagName + box.className);
    });
    expect(cut).toEqual([]);
  });
});
