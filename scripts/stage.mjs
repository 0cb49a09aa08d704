/** What the scripts share: running a program quietly, hashing sources, stamps in `node_modules/.cache/earshot`. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const ROOT = dirname(import.meta.dirname);
const STAMPS = join(ROOT, 'node_modules', '.cache', 'earshot');

/** @param {string} path relative to the repository */
export function inRepo(path) {
  return join(ROOT, path);
}

/** @param {number} ms */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

/**
 * Runs a program to its end. `quiet` keeps its output and hands it back, for when it failed.
 * @param {string} command
 * @param {string[]} args
 * @param {{ quiet?: boolean, env?: Record<string, string>, cwd?: string }} [options]
 * @returns {Promise<{ code: number, output: string }>} 127 when there is no such program, 128 when a signal ended it
 */
export function run(command, args, { quiet = false, env = {}, cwd = ROOT } = {}) {
  return new Promise((resolve) => {
    let output = '';
    const child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ['ignore', quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (/** @type {string} */ text) => (output += text));
    }
    child.on('error', (error) => resolve({ code: 127, output: `${command}: ${error.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 128, output }));
  });
}

/**
 * SHA-256 over the names and bytes of files and folders, in a fixed order.
 * @param {string[]} paths relative to the repository; what is missing counts as missing
 */
export function hashOf(paths) {
  const hash = createHash('sha256');
  /** @param {string} path */
  const take = (path) => {
    const full = inRepo(path);
    if (!existsSync(full)) return;
    if (statSync(full).isDirectory()) {
      for (const name of readdirSync(full).sort()) take(join(path, name));
    } else {
      hash.update(`${path}\0`).update(readFileSync(full)).update('\0');
    }
  };
  for (const path of paths) take(path);
  return hash.digest('hex');
}

/**
 * @param {string} name
 * @param {string} value
 */
export function isStamped(name, value) {
  const path = join(STAMPS, name);
  return existsSync(path) && readFileSync(path, 'utf8') === value;
}

/**
 * @param {string} name
 * @param {string} value
 */
export function stamp(name, value) {
  mkdirSync(STAMPS, { recursive: true });
  writeFileSync(join(STAMPS, name), value);
}

/**
 * Says what goes on only when it takes longer than a second.
 * @template T
 * @param {string} what
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function announced(what, work) {
  const startedAt = performance.now();
  let said = false;
  const timer = setTimeout(() => {
    said = true;
    console.log(`  ${what} …`);
  }, 1000);
  try {
    return await work();
  } finally {
    clearTimeout(timer);
    if (said) console.log(`  ${what}: ${seconds(performance.now() - startedAt)}`);
  }
}
