/** `npm run dev`: rebuilds the app and restarts the node whenever a source changes. */
import { spawn } from 'node:child_process';
import { ROOT, inRepo } from './stage.mjs';

const children = [
  ['node_modules/vite/bin/vite.js', 'build', '--watch', '--logLevel', 'warn'],
  ['--watch', '--import', 'tsx', 'signaling/main.ts', ...process.argv.slice(2)],
].map(([first = '', ...rest]) =>
  spawn(process.execPath, [first.startsWith('node_modules') ? inRepo(first) : first, ...rest], {
    cwd: ROOT,
    stdio: 'inherit',
  }),
);

const stop = () => {
  for (const child of children) child.kill('SIGTERM');
};
process.on('SIGINT', stop);
process.on('SIGTERM', stop);
for (const child of children) child.on('exit', stop);
