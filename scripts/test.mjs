/**
 * `npm test`: sets up, builds, and runs every check and every test. Without set-up, packages or a build it stops at once;
 * after that everything runs, whatever failed before. Ends with one line that adds up all of them: a test counts as one,
 * and so does each gate (format, lint, check).
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { ensureBuilt, ensureInstalled, nodeProblem } from './install.mjs';
import { setUp } from './setup.mjs';
import { inRepo, run, seconds } from './stage.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ name: string, counts: Counts, ms: number }} Stage */

const RESULTS = 'tests/.cache/results';
/** @type {Stage[]} */
const stages = [];

/**
 * @param {string} name
 * @param {() => Promise<Counts>} work
 */
async function stage(name, work) {
  console.log(`\n── ${name}`);
  const startedAt = performance.now();
  note(name, await work(), performance.now() - startedAt);
}

/** @param {string} name @param {Counts} counts @param {number} ms */
function note(name, counts, ms) {
  stages.push({ name, counts, ms });
  console.log(`── ${name}: ${counts.failed === 0 ? 'passed' : 'FAILED'} in ${seconds(ms)}`);
}

/** @param {boolean} ok @returns {Counts} */
const gateCounts = (ok) => ({ passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 });

/** @param {string} name @param {string[]} args of node */
const gate = (name, args) =>
  stage(name, async () => gateCounts((await run(process.execPath, args)).code === 0));

/**
 * A runner that fails without naming a test (it crashed) counts as one failure.
 * @param {string} file
 * @param {number} code
 * @param {(report: any) => Counts} read
 * @returns {Counts}
 */
function countsOf(file, code, read) {
  const counts = existsSync(inRepo(file))
    ? read(JSON.parse(readFileSync(inRepo(file), 'utf8')))
    : { passed: 0, failed: 0, skipped: 0 };
  return code !== 0 && counts.failed === 0 ? { ...counts, failed: 1 } : counts;
}

/** @param {string} name @param {string[]} projects */
function vitest(name, projects) {
  return stage(name, async () => (await runVitest(projects)).counts);
}

/**
 * For what mostly waits: runs beside the stages that follow, and is shown once these are over.
 * @param {string} name
 * @param {string[]} projects
 * @returns {() => Promise<void>} waits for its end
 */
function vitestBeside(name, projects) {
  const startedAt = performance.now();
  const running = runVitest(projects, true).then((ended) => ({
    ...ended,
    ms: performance.now() - startedAt,
  }));
  return async () => {
    console.log(`\n── ${name}, beside the stages above`);
    const { counts, output, ms } = await running;
    console.log(output);
    note(name, counts, ms);
  };
}

/** @param {string[]} projects @param {boolean} [quiet] */
async function runVitest(projects, quiet = false) {
  const file = `${RESULTS}/${projects.join('-')}.json`;
  const args = [
    inRepo('node_modules/vitest/vitest.mjs'),
    'run',
    ...projects.flatMap((project) => ['--project', project]),
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${file}`,
  ];
  const { code, output } = await run(process.execPath, args, { quiet });
  const counts = countsOf(file, code, (report) => ({
    passed: report.numPassedTests,
    failed:
      report.numFailedTests +
      report.testResults.filter(
        (/** @type {{ status: string, assertionResults: { status: string }[] }} */ file) =>
          file.status === 'failed' && !file.assertionResults.some(({ status }) => status === 'failed'),
      ).length,
    skipped: report.numPendingTests + report.numTodoTests,
  }));
  return { counts, output };
}

function playwright() {
  return stage('e2e', async () => {
    const file = `${RESULTS}/e2e.json`;
    const { code } = await run(
      process.execPath,
      [inRepo('node_modules/@playwright/test/cli.js'), 'test', '--reporter=list,json'],
      { env: { PLAYWRIGHT_JSON_OUTPUT_NAME: inRepo(file) } },
    );
    return countsOf(file, code, ({ stats }) => ({
      passed: stats.expected,
      failed: stats.unexpected + stats.flaky,
      skipped: stats.skipped,
    }));
  });
}

const problem = nodeProblem();
if (problem !== null) {
  console.error(problem);
  process.exit(2);
}
const startedAt = performance.now();
try {
  if (!(await setUp())) process.exit(1);
  await ensureInstalled();
  await ensureBuilt();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
console.log(`Set up and built in ${seconds(performance.now() - startedAt)}.`);
rmSync(inRepo(RESULTS), { recursive: true, force: true });
mkdirSync(inRepo(RESULTS), { recursive: true });

await gate('format', [
  inRepo('node_modules/prettier/bin/prettier.cjs'),
  '--check',
  '--log-level',
  'warn',
  '--cache',
  '.',
]);
await gate('lint', [inRepo('node_modules/eslint/bin/eslint.js'), '--max-warnings', '0', '.']);
await gate('check', [inRepo('scripts/check.mjs')]);
await vitest('unit', ['unit', 'runes']);
await vitest('browser', ['browser']);
const patience = vitestBeside('patience', ['patience']);
await playwright();
await vitest('lab', ['lan']);
await patience();
await vitest('bench', ['bench']);

console.log('\n── summary');
for (const { name, counts, ms } of stages) {
  const { passed, failed, skipped } = counts;
  const cells = [
    name.padEnd(8),
    seconds(ms).padStart(8),
    `${passed} passed`.padStart(12),
    `${failed} failed`.padStart(10),
  ];
  console.log(cells.join('  ') + (skipped > 0 ? `  ${skipped} skipped` : ''));
}
/** @param {keyof Counts} kind */
const total = (kind) => stages.reduce((sum, { counts }) => sum + counts[kind], 0);
console.log(`total ${seconds(performance.now() - startedAt)}`);
const skipped = total('skipped');
console.log(
  `${total('passed')} passed, ${total('failed')} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
);
process.exitCode = total('failed') === 0 ? 0 : 1;
