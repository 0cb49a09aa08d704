/**
 * `test` with a node of its own and people who join it. When a test ends, everybody leaves, and it fails if a browser
 * reached off the LAN, a page had an uncaught error, or the node did not stop cleanly.
 */
import { test as base, expect } from '@playwright/test';
import { startNode, type RunningNode } from './node.ts';
import { createPeople, type People } from './people.ts';

export const test = base.extend<{ node: RunningNode; people: People }>({
  node: async ({}, use) => {
    const node = await startNode();
    await use(node);
    await node.close();
  },
  people: async ({ node }, use) => {
    const people = createPeople(node);
    await use(people);
    await people.close();
  },
});

export { expect };
