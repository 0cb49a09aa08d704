/**
 * Pictures of every state at both sizes in both themes, into tests/.cache/shots/:
 * `npx tsx tests/gallery/shots.ts [part of a state's name] [phone|laptop] [dark|light]`.
 */
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch, SIZES } from './browser.ts';
import { serveGallery } from './serve.ts';
import { enter } from './stage.ts';
import { STATES } from './states.ts';

const [part = '', onlySize, onlyTheme] = process.argv.slice(2);
const out = fileURLToPath(new URL('../.cache/shots/', import.meta.url));
await mkdir(out, { recursive: true });
const gallery = await serveGallery();
const browser = await launch();
try {
  for (const size of ['phone', 'laptop'] as const) {
    if (onlySize && onlySize !== size) continue;
    const context = await browser.newContext(SIZES[size]);
    const page = await context.newPage();
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) console.log(message.text());
    });
    page.on('pageerror', (error) => console.log(error.message));
    for (const name of Object.keys(STATES)) {
      if (part !== '' && !new RegExp(part).test(name)) continue;
      for (const theme of ['dark', 'light'] as const) {
        if (onlyTheme && onlyTheme !== theme) continue;
        await enter(page, gallery.url, name, theme);
        await page.screenshot({ path: `${out}${name}-${size}-${theme}.png` });
      }
    }
    await context.close();
  }
} finally {
  await browser.close();
  await gallery.close();
}
