/**
 * Draws what is committed under public/: the icons from the logo, and the manifest's two screenshots from the gallery.
 * `npx tsx tests/gallery/store.ts`, whenever the logo or the screens have changed.
 */
import type { Page } from '@playwright/test';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.ts';
import { serveGallery } from './serve.ts';

const shared = new URL('../../public/', import.meta.url);
const at = (path: string): string => fileURLToPath(new URL(path, shared));

/** The sign on a full-bleed ground: launchers cut it to their own shape, 80 % across is sure to be seen. */
async function drawIcon(page: Page, name: string, pixels: number, share: number): Promise<void> {
  const sign = (await readFile(at('favicon.svg'), 'utf8'))
    .replace(/<rect[^>]*>/, '')
    .replace('0 0 64 64', '4 4 56 56');
  await page.setViewportSize({ width: pixels, height: pixels });
  await page.setContent(
    `<body style="margin:0;background:#12100e"><div style="width:${share * 100}vw;margin:${(50 - share * 50).toFixed(2)}vw auto">${sign}`,
  );
  await page.screenshot({ path: at(`icons/${name}.png`) });
}

/** PNG to WebP by the browser itself. */
async function webp(page: Page, png: Buffer): Promise<Buffer> {
  const url = await page.evaluate(
    async (source) => {
      const bitmap = await createImageBitmap(await (await fetch(source)).blob());
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
      canvas.getContext('2d')?.drawImage(bitmap, 0, 0);
      const blob = await canvas.convertToBlob({ type: 'image/webp', quality: 0.86 });
      return new Promise<string>((done) => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result as string);
        reader.readAsDataURL(blob);
      });
    },
    `data:image/png;base64,${png.toString('base64')}`,
  );
  return Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
}

await mkdir(at('icons'), { recursive: true });
await mkdir(at('screenshots'), { recursive: true });
const browser = await launch();
const gallery = await serveGallery();
try {
  const page = await browser.newPage();
  await drawIcon(page, 'icon-192', 192, 0.74);
  await drawIcon(page, 'icon-512', 512, 0.74);
  await drawIcon(page, 'maskable-512', 512, 0.56);
  await drawIcon(page, 'apple-touch-icon', 180, 0.68);
  for (const [name, width, height, scale] of [
    ['narrow', 390, 844, 2],
    ['wide', 1280, 800, 1],
  ] as const) {
    const context = await browser.newContext({ viewport: { width, height }, deviceScaleFactor: scale });
    const shot = await context.newPage();
    await shot.goto(`${gallery.url}?state=now&theme=dark`);
    await shot.locator('h2').first().waitFor();
    await shot.evaluate(() => document.fonts.ready);
    await writeFile(
      at(`screenshots/${name}.webp`),
      await webp(page, await shot.screenshot({ animations: 'disabled' })),
    );
    await context.close();
  }
} finally {
  await browser.close();
  await gallery.close();
}
