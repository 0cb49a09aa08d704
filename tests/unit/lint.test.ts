/** The linter is what keeps the map true, so it is tested like a part of it. */
import { ESLint } from 'eslint';
import { expect, test } from 'vitest';

const eslint = new ESLint({ cwd: new URL('../..', import.meta.url).pathname });

/** Ids of the rules that object to this text, as if it stood in that (existing) file. */
async function objections(filePath: string, text: string): Promise<(string | null)[]> {
  const [result] = await eslint.lintText(text, { filePath });
  return (result?.messages ?? []).map(({ ruleId }) => ruleId).filter((id) => id !== null);
}

const PATHS = 'import-x/no-restricted-paths';
const PACKAGES = 'no-restricted-imports';

test.each([
  ['app/session/policy.ts', "import '../mesh/transport.ts';", PATHS],
  ['app/session/policy.ts', "import '../playback/context.ts';", PATHS],
  ['app/session/policy.ts', "import 'peerjs';", PACKAGES],
  ['app/session/policy.ts', "import 'node:fs';", PACKAGES],
  ['app/clock/clock.ts', "import '../mesh/transport.ts';", PATHS],
  ['app/mesh/transport.ts', "import '../session/policy.ts';", PATHS],
  ['app/mesh/transport.ts', "import '../../signaling/node.ts';", PATHS],
  ['app/library/library.ts', "import '../mesh/browser.ts';", PATHS],
  ['app/playback/context.ts', "import '../mesh/transport.ts';", PATHS],
  ['app/state/kept.ts', "import '../mesh/browser.ts';", PATHS],
  ['app/state/kept.ts', "import '../ui/format.ts';", PATHS],
  ['app/ui/format.ts', "import '../session/policy.ts';", PATHS],
  ['app/ui/format.ts', "import 'yjs';", PACKAGES],
  ['app/ui/format.ts', "import 'svelte-nonsense';", PACKAGES],
  ['signaling/protocol/status.ts', "import '../node.ts';", PATHS],
  ['signaling/protocol/status.ts', "import 'pino';", PACKAGES],
  ['signaling/node.ts', "import '../app/session/policy.ts';", PATHS],
  ['app/session/policy.ts', 'export const at = Date.now();', 'no-restricted-globals'],
  ['app/session/policy.ts', 'export const at = performance.now();', 'no-restricted-globals'],
  ['app/session/policy.ts', 'export const luck = Math.random();', 'no-restricted-properties'],
  ['app/playback/timeline.ts', 'setTimeout(() => undefined, 1);', 'no-restricted-globals'],
  ['app/ui/format.ts', 'export const loose: any = 1;', '@typescript-eslint/no-explicit-any'],
  ['app/ui/format.ts', 'Promise.resolve(1);', '@typescript-eslint/no-floating-promises'],
])('%s may not: %s', async (filePath, text, rule) => {
  expect(await objections(filePath, text)).toContain(rule);
});

test.each([
  ['app/session/policy.ts', "import '../playback/timeline.ts';"],
  ['app/session/policy.ts', "import 'yjs';"],
  ['app/library/library.ts', "import '../mesh/transport.ts';"],
  ['app/ui/format.ts', "import 'svelte/transition';"],
  ['app/mesh/transport.ts', "import '../../signaling/protocol/node-info.ts';"],
])('%s may: %s', async (filePath, text) => {
  const found = await objections(filePath, text);
  expect(found.filter((id) => id === PATHS || id === PACKAGES)).toEqual([]);
});
