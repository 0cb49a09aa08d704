/** `npm run fuzz [seconds]`: the fuzz of every wire message, that long for each kind (60). */
import { spawn } from 'node:child_process';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const seconds = process.argv[2] ?? process.env['FUZZ_SECONDS'] ?? '60';
if (!/^\d+$/.test(seconds)) {
  console.error(`fuzz: "${seconds}" is not a number of seconds`);
  process.exit(2);
}
const vitest = resolve(root, 'node_modules/vitest/vitest.mjs');
const run = spawn(process.execPath, [vitest, 'run', '--project', 'unit', 'tests/fuzz/wire.test.ts'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FUZZ_SECONDS: seconds },
});
run.on('close', (code) => (process.exitCode = code ?? 1));
