import { fileURLToPath } from 'node:url';
import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig, type Plugin } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';
import manifest from './package.json' with { type: 'json' };

/** The two Latin fonts begin to load with the page, not when the styles have arrived. */
function preloadLatin(): Plugin {
  return {
    name: 'preload-latin-fonts',
    apply: 'build',
    transformIndexHtml: {
      order: 'post',
      handler: (_html, { bundle }) =>
        Object.keys(bundle ?? {})
          .filter((file) => /-latin-wght-normal.*\.woff2$/.test(file))
          .map((file) => ({
            tag: 'link',
            attrs: { rel: 'preload', as: 'font', type: 'font/woff2', href: `/${file}`, crossorigin: '' },
            injectTo: 'head',
          })),
    },
  };
}

export default defineConfig({
  build: { target: 'es2022', outDir: 'dist', sourcemap: false },
  resolve: {
    alias: { 'webrtc-adapter': fileURLToPath(new URL('app/mesh/browser-details.ts', import.meta.url)) },
  },
  define: { __APP_VERSION__: JSON.stringify(manifest.version) },
  plugins: [
    svelte(),
    preloadLatin(),
    VitePWA({
      registerType: 'prompt',
      injectRegister: false,
      manifest: {
        id: '/',
        name: 'Earshot',
        short_name: 'Earshot',
        description: 'Shared music and voice for everyone within earshot, without the internet.',
        lang: 'en',
        categories: ['music', 'social'],
        // The room's secret is kept on the device: a fragment here would put it into the manifest.
        start_url: '/',
        scope: '/',
        display: 'standalone',
        background_color: '#12100e',
        theme_color: '#12100e',
        icons: [
          { src: '/icons/icon-192.png', sizes: '192x192', type: 'image/png', purpose: 'any' },
          { src: '/icons/icon-512.png', sizes: '512x512', type: 'image/png', purpose: 'any' },
          { src: '/icons/maskable-512.png', sizes: '512x512', type: 'image/png', purpose: 'maskable' },
          { src: '/favicon.svg', sizes: 'any', type: 'image/svg+xml', purpose: 'any' },
        ],
        screenshots: [
          {
            src: '/screenshots/narrow.webp',
            sizes: '780x1688',
            type: 'image/webp',
            form_factor: 'narrow',
            label: 'The room plays',
          },
          {
            src: '/screenshots/wide.webp',
            sizes: '1280x800',
            type: 'image/webp',
            form_factor: 'wide',
            label: 'On a laptop',
          },
        ],
      },
      workbox: {
        // Everything that the app may need with the network off; of the fonts what Latin script needs.
        globPatterns: [
          '**/*.{js,css,html,wasm,webmanifest}',
          'favicon.svg',
          'icons/*.png',
          'assets/*-latin-wght-normal*.woff2',
        ],
        maximumFileSizeToCacheInBytes: 8 * 1024 * 1024,
        navigateFallback: 'index.html',
        navigateFallbackDenylist: [
          /^\/(stream|ca|join|node\.json|health|broker|signaling|uplink)(?=[./?]|$)/,
        ],
        // Also on the first visit whatever is loaded later comes from the device: the node may have gone by then.
        clientsClaim: true,
        cleanupOutdatedCaches: true,
        runtimeCaching: [
          {
            urlPattern: ({ request, sameOrigin }) => sameOrigin && request.destination === 'font',
            handler: 'CacheFirst',
            options: { cacheName: 'fonts', expiration: { maxEntries: 12 } },
          },
        ],
      },
    }),
  ],
  worker: { format: 'es' },
});
