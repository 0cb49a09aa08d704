import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vite';
import { VitePWA } from 'vite-plugin-pwa';

export default defineConfig({
  build: { target: 'es2022', outDir: 'dist', sourcemap: false },
  plugins: [svelte(), VitePWA({ registerType: 'prompt', injectRegister: false })],
  worker: { format: 'es' },
});
