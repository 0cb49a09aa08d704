/** Installs the packages and builds the app, each only when what it depends on has changed. */
import { existsSync, readFileSync } from 'node:fs';
import { announced, hashOf, inRepo, isStamped, run, stamp } from './stage.mjs';

const APP_SOURCES = [
  'app',
  'public',
  'index.html',
  'signaling/protocol',
  'vite.config.ts',
  'tsconfig.base.json',
  'tsconfig.browser.json',
  'tsconfig.worker.json',
  'package-lock.json',
];

/** @returns {string | null} one line that says what is wrong, or null */
export function nodeProblem(version = process.versions.node) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 20 || (major === 20 && minor >= 19)
    ? null
    : `Earshot needs Node 20.19 or newer, and this is ${version}: https://nodejs.org/`;
}

/**
 * npm keeps what it really installed in node_modules/.package-lock.json. Packages of other platforms are left out.
 * @returns {boolean} whether every package of package-lock.json is there in its version
 */
function isInstalled() {
  const installedPath = inRepo('node_modules/.package-lock.json');
  if (!existsSync(installedPath)) return false;
  /** @typedef {Record<string, { version?: string, optional?: boolean, devOptional?: boolean }>} Packages */
  /** @type {{ packages: Packages }} */
  const wanted = JSON.parse(readFileSync(inRepo('package-lock.json'), 'utf8'));
  /** @type {{ packages: Packages }} */
  const installed = JSON.parse(readFileSync(installedPath, 'utf8'));
  return Object.entries(wanted.packages).every(
    ([path, { version, optional, devOptional }]) =>
      path === '' ||
      installed.packages[path]?.version === version ||
      ((optional === true || devOptional === true) && installed.packages[path] === undefined),
  );
}

/** Brings `node_modules` to what package-lock.json says. Throws Error with npm's output when that fails. */
export async function ensureInstalled() {
  if (isInstalled()) return;
  const { code, output } = await announced('Installing packages', () =>
    run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true }),
  );
  if (code !== 0) throw new Error(`npm ci failed:\n${output.trim()}`);
}

/** Builds `dist/` when a source of the app has changed. Throws Error with Vite's output when that fails. */
export async function ensureBuilt() {
  const sources = hashOf(APP_SOURCES);
  if (existsSync(inRepo('dist/index.html')) && isStamped('built', sources)) return;
  const { code, output } = await announced('Building the app', () =>
    run(process.execPath, [inRepo('node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], {
      quiet: true,
      // Whoever calls it from a test has `test` here, and would get a service worker for development.
      env: { NO_COLOR: '1', NODE_ENV: 'production' },
    }),
  );
  if (code !== 0) throw new Error(`vite build failed:\n${output.trim()}`);
  stamp('built', sources);
}
