/** `npm run check`: every TypeScript context, Svelte with warnings as failures, and the first-load budget. */
import { inRepo, run, seconds } from './stage.mjs';

const tsc = inRepo('node_modules/typescript/bin/tsc');
/** @type {[string, string[]][]} */
const CHECKS = [
  [
    'browser',
    [
      inRepo('node_modules/svelte-check/bin/svelte-check'),
      '--tsconfig',
      'tsconfig.browser.json',
      '--fail-on-warnings',
      '--output',
      'human',
    ],
  ],
  ...['tests', 'node', 'worker', 'pure'].map(
    /** @returns {[string, string[]]} */ (name) => [name, [tsc, '-p', `tsconfig.${name}.json`]],
  ),
  ['budget', [inRepo('scripts/budget.mjs')]],
];

let failed = 0;
const waiting = [...CHECKS];

async function work() {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const [name, args] = next;
    const startedAt = performance.now();
    const { code, output } = await run(process.execPath, args, { quiet: true });
    if (code !== 0) failed += 1;
    console.log(`${code === 0 ? 'ok  ' : 'FAIL'} ${name} (${seconds(performance.now() - startedAt)})`);
    if (code !== 0 || name === 'budget') console.log(output.trimEnd());
  }
}

await Promise.all([work(), work()]);
process.exitCode = failed === 0 ? 0 : 1;
