/** The short form of `npm run bench:crowd`, with bounds: the app's real mesh, peers in Node, over WebRTC, through the real node. */
import { spawn } from 'node:child_process';
import * as v from 'valibot';
import { expect, test } from 'vitest';

const PEERS = 16;
/** An edit goes once to each other peer. What is fetched beside that, under load, is a few. */
const MESSAGES_AN_EDIT = PEERS - 1 + 0.5;
const CONVERGED_MS = 5_000;
const NODE_MIB = 300;

const Figures = v.object({
  peers: v.number(),
  convergeP95Ms: v.number(),
  messagesPerEdit: v.number(),
  nodeRssMiB: v.number(),
});

test('a crowd converges after every edit, and an edit costs one message to each', async () => {
  const bench = spawn(process.execPath, ['--import', 'tsx', 'scripts/bench/crowd.ts', '--quick'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  bench.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  const code = await new Promise((resolve) => bench.once('close', resolve));
  console.log(output);
  expect(code).toBe(0);
  const figures = v.parse(Figures, JSON.parse(output.trim().split('\n').at(-1) ?? ''));
  expect(figures.peers).toBe(PEERS);
  expect(figures.convergeP95Ms).toBeLessThan(CONVERGED_MS);
  expect(figures.messagesPerEdit).toBeLessThan(MESSAGES_AN_EDIT);
  expect(figures.nodeRssMiB).toBeLessThan(NODE_MIB);
});
