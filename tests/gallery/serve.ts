/** Builds the gallery and serves it on a free loopback port. */
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { fileURLToPath } from 'node:url';
import { build, preview } from 'vite';

export async function serveGallery(): Promise<{ url: string; close(): Promise<void> }> {
  const config = {
    configFile: false as const,
    root: fileURLToPath(new URL('.', import.meta.url)),
    logLevel: 'error' as const,
    build: { outDir: fileURLToPath(new URL('../.cache/gallery/', import.meta.url)), emptyOutDir: true },
    plugins: [svelte({ configFile: false })],
  };
  await build(config);
  const server = await preview({ ...config, preview: { host: '127.0.0.1', port: 0 } });
  const url = server.resolvedUrls?.local[0];
  if (!url) throw new Error('the gallery got no address');
  return { url, close: () => server.close() };
}
