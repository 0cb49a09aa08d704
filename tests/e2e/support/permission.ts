import type { BrowserContext, Page } from '@playwright/test';

/**
 * What a person says to the browser's question, for one site and in one context only: Playwright's own `grantPermissions`
 * can say no more than yes, and refuses everything else with it.
 */
export async function setPermission(
  page: Page,
  name: 'microphone' | 'local-network' | 'local-network-access',
  setting: 'granted' | 'denied' | 'prompt',
  origin = new URL(page.url()).origin,
): Promise<void> {
  const context: BrowserContext = page.context();
  const session = await context.newCDPSession(page);
  const { targetInfo } = await session.send('Target.getTargetInfo');
  const { browserContextId } = targetInfo;
  await session.detach();
  const browser = context.browser();
  if (browser === null || browserContextId === undefined) throw new Error('the page has no browser to ask');
  const whole = await browser.newBrowserCDPSession();
  await whole.send('Browser.setPermission', { permission: { name }, setting, origin, browserContextId });
  // The session is left open: what it has set goes with it.
}
