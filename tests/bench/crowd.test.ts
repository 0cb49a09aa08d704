/** The short form of `npm run bench:crowd`, with bounds: the app's real mesh, peers in Node, over WebRTC, through the real node. */
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { figuresOf } from './figures.ts';

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
  const figures = await figuresOf('scripts/bench/crowd.ts', Figures);
  expect(figures.peers).toBe(PEERS);
  expect(figures.convergeP95Ms).toBeLessThan(CONVERGED_MS);
  expect(figures.messagesPerEdit).toBeLessThan(MESSAGES_AN_EDIT);
  expect(figures.nodeRssMiB).toBeLessThan(NODE_MIB);
});
