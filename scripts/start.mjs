/** `npm start`: what is missing is installed and built, then the node runs. Flags go on to it: `npm start -- --help`. */
import { spawn } from 'node:child_process';
import { ensureBuilt, ensureInstalled, nodeProblem } from './install.mjs';
import { ROOT } from './stage.mjs';

const problem = nodeProblem();
if (problem !== null) {
  console.error(problem);
  process.exit(2);
}

try {
  await ensureInstalled();
  await ensureBuilt();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(1);
}

const node = spawn(process.execPath, ['--import', 'tsx', 'signaling/main.ts', ...process.argv.slice(2)], {
  cwd: ROOT,
  stdio: 'inherit',
});

// A terminal's Ctrl-C reaches the child by itself; a signal sent to npm or to this process does not.
/** @type {NodeJS.Signals[]} */
const FORWARDED = ['SIGTERM', 'SIGHUP'];
for (const signal of FORWARDED) process.on(signal, () => node.kill(signal));
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) node.kill('SIGINT');
});

// npm passes a SIGTERM on to its shell, which ends without passing it on to us: whose parent is gone is to stop.
const parent = process.ppid;
const orphaned = setInterval(() => {
  if (process.ppid !== parent) node.kill('SIGTERM');
}, 250);

node.on('exit', (code, signal) => {
  clearInterval(orphaned);
  process.exitCode = code ?? (signal === 'SIGINT' || signal === 'SIGTERM' ? 0 : 1);
});
