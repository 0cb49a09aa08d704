/**
 * First-load script: what index.html's module script pulls in before anything can be seen, that is the script, its
 * module preloads and everything that these import statically. Compressed as a careful server would (gzip, level 9).
 */
import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ensureBuilt } from './install.mjs';
import { inRepo } from './stage.mjs';

const LIMIT_KB = 150;

try {
  await ensureBuilt();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}
const html = readFileSync(inRepo('dist/index.html'), 'utf8');

/** @param {RegExp} pattern with a group named `path` */
const found = (/** @type {string} */ text, /** @type {RegExp} */ pattern) =>
  [...text.matchAll(pattern)].map((match) => match.groups?.['path'] ?? '');

const tags = html.match(/<(?:script|link)\b[^>]*>/g) ?? [];
const entries = tags
  .filter((tag) => /^<script/.test(tag) || /rel="modulepreload"/.test(tag))
  .flatMap((tag) => found(tag, /(?:src|href)="(?<path>[^"]+\.js)"/g))
  .map((path) => posix.join('dist', path));

/** Rolldown keeps static imports as `import…from"./x.js"` or `import"./x.js"` at the start of a statement. */
const STATIC_IMPORT =
  /(?:^|[;\n}])\s*(?:import|export)\s*(?:[\w$*{][^;'"()]*?from\s*)?["'](?<path>\.{0,2}\/[^"']+\.js)["']/g;

/** @type {Set<string>} */
const closure = new Set();
const queue = [...entries];
for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
  if (closure.has(path)) continue;
  if (!existsSync(inRepo(path))) throw new Error(`${path} is referenced but was not built`);
  closure.add(path);
  const from = path;
  queue.push(
    ...found(readFileSync(inRepo(path), 'utf8'), STATIC_IMPORT).map((to) =>
      to.startsWith('/') ? posix.join('dist', to) : posix.join(posix.dirname(from), to),
    ),
  );
}
if (closure.size === 0) throw new Error('dist/index.html loads no script: nothing was measured');

const rows = [...closure]
  .map((path) => ({ path, gzipKb: gzipSync(readFileSync(inRepo(path)), { level: 9 }).length / 1000 }))
  .sort((a, b) => b.gzipKb - a.gzipKb);
const totalKb = rows.reduce((sum, row) => sum + row.gzipKb, 0);

for (const { path, gzipKb } of rows) console.log(`${gzipKb.toFixed(1).padStart(8)} KB  ${path}`);
console.log(`${totalKb.toFixed(1).padStart(8)} KB  first-load script, gzipped (limit ${LIMIT_KB} KB)`);
if (totalKb > LIMIT_KB) {
  console.error(`First-load script is ${(totalKb - LIMIT_KB).toFixed(1)} KB over its budget.`);
  process.exitCode = 1;
}
