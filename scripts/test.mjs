/**
 * `npm test`: sets up, builds, and runs every check and every test. Without set-up, packages or a build it stops at once;
 * after that everything runs, whatever failed before. Ends with one line that adds up all of them: a test counts as one,
 * and so does each gate (format, lint, check).
 */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { ensureBuilt, ensureInstalled, nodeProblem } from './install.mjs';
import { setUp } from './setup.mjs';
import { inRepo, ROOT, run, seconds } from './stage.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */
/** @typedef {{ name: string, counts: Counts, ms: number }} Stage */
/** @typedef {{ test: string, why: string }} Failure */

const RESULTS = 'tests/.cache/results';
/** @type {Stage[]} */
const stages = [];
/** Named once more at the very end: who sees only the end of a long log must know what to mend. @type {Failure[]} */
const failures = [];

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

/**
 * None of them waits for anything but the processor, and none minds to share it.
 * @param {Record<string, string[]>} gates by name, with what node is started with
 */
async function gatesTogether(gates) {
  console.log(`\n── ${Object.keys(gates).join(', ')}`);
  const startedAt = performance.now();
  const running = Object.entries(gates).map(async ([name, args]) => {
    const { code, output } = await run(process.execPath, args, { quiet: true });
    return { name, code, output, ms: performance.now() - startedAt };
  });
  for (const { name, code, output, ms } of await Promise.all(running)) {
    if (output.trim() !== '') console.log(output.trimEnd());
    if (code !== 0) failures.push({ test: name, why: `exit ${code}` });
    note(name, gateCounts(code === 0), ms);
  }
}

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
  if (code === 0 || counts.failed > 0) return counts;
  failures.push({ test: file, why: `the runner ended with ${code} and names no test` });
  return { ...counts, failed: 1 };
}

/**
 * @param {string} test
 * @param {string | undefined} message with colours, as the runners write it
 */
function failed(test, message) {
  const lines = stripVTControlCharacters(message ?? '').split('\n');
  failures.push({
    test,
    why: lines
      .filter((line) => line.trim() !== '')
      .slice(0, 14)
      .join('\n'),
  });
}

/** @param {any} report as vitest writes it @returns {Counts} */
function vitestCounts(report) {
  let crashed = 0;
  for (const { name, status, message, assertionResults } of report.testResults) {
    const path = relative(ROOT, name);
    const broken = assertionResults.filter((/** @type {any} */ test) => test.status === 'failed');
    for (const test of broken) failed(`${path} > ${test.fullName}`, test.failureMessages[0]);
    // Neither loaded nor set up: the file itself failed.
    if (status === 'failed' && broken.length === 0) {
      crashed += 1;
      failed(path, message);
    }
  }
  return {
    passed: report.numPassedTests,
    failed: report.numFailedTests + crashed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** @param {any} report as Playwright writes it @returns {Counts} */
function playwrightCounts({ suites, stats }) {
  /** @param {any} suite */
  const look = (suite) => {
    for (const inner of suite.suites ?? []) look(inner);
    for (const spec of (suite.specs ?? []).filter((/** @type {any} */ spec) => !spec.ok)) {
      const result = spec.tests.flatMap((/** @type {any} */ test) => test.results).at(-1);
      failed(`${spec.file} > ${spec.title}`, result?.error?.message);
    }
  };
  for (const suite of suites) look(suite);
  return {
    passed: stats.expected,
    failed: stats.unexpected + stats.flaky,
    skipped: stats.skipped,
  };
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
  return { counts: countsOf(file, code, vitestCounts), output };
}

function playwright() {
  return stage('e2e', async () => {
    const file = `${RESULTS}/e2e.json`;
    const { code } = await run(
      process.execPath,
      [inRepo('node_modules/@playwright/test/cli.js'), 'test', '--reporter=list,json'],
      { env: { PLAYWRIGHT_JSON_OUTPUT_NAME: inRepo(file) } },
    );
    return countsOf(file, code, playwrightCounts);
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

await gatesTogether({
  lint: [inRepo('node_modules/eslint/bin/eslint.js'), '--max-warnings', '0', '.'],
  check: [inRepo('scripts/check.mjs')],
  format: [
    inRepo('node_modules/prettier/bin/prettier.cjs'),
    ...['--check', '--log-level', 'warn', '--cache', '.'],
  ],
});
await vitest('unit', ['unit', 'runes']);
// Whoever only looks at screens does not mind the company.
const patience = vitestBeside('patience', ['patience']);
await vitest('gallery', ['gallery']);
await patience();
await vitest('browser', ['browser']);
await playwright();
await vitest('lab', ['lan']);
await vitest('bench', ['bench']);

if (failures.length > 0) console.log('\n── what failed');
for (const { test, why } of failures) console.log(`${test}\n    ${why.replaceAll('\n', '\n    ')}`);

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
