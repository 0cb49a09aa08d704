import { svelte } from '@sveltejs/vite-plugin-svelte';
import { defineConfig } from 'vitest/config';

const DRIVES_A_BROWSER = ['tests/contract/**/*browser*.test.ts', 'tests/audio/**/*.test.ts'];

/** Minutes in which the machine has next to nothing to do: `npm test` runs it beside those who only look at screens. */
const WAITS_FOR_LONG = 'tests/lan/patience.lab.ts';

/** No retries anywhere: a test that passes the second time has found something. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'unit',
          include: ['tests/{unit,contract,fixtures,fuzz}/**/*.test.ts'],
          exclude: [...DRIVES_A_BROWSER, '**/*.svelte.test.ts'],
          testTimeout: 20_000,
          hookTimeout: 30_000,
        },
      },
      {
        plugins: [svelte()],
        resolve: { conditions: ['browser'] },
        test: {
          name: 'runes',
          environment: './tests/fixtures/client-environment.ts',
          include: ['tests/**/*.svelte.test.ts'],
          server: { deps: { inline: ['svelte'] } },
          testTimeout: 20_000,
        },
      },
      {
        test: {
          name: 'gallery',
          include: ['tests/gallery/**/*.test.ts'],
          globalSetup: 'tests/gallery/setup.ts',
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: DRIVES_A_BROWSER,
          // What is heard in time has the machine for itself.
          fileParallelism: false,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'bench',
          include: ['tests/{sync,bench}/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 240_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'lan',
          include: ['tests/lan/**/*.lab.ts'],
          exclude: [WAITS_FOR_LONG],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: 'patience', include: [WAITS_FOR_LONG] } },
    ],
  },
});
