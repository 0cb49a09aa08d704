/**
 * What takes long by its nature, and the machine hardly anything: phones asleep, a node that is away for minutes. `npm test`
 * runs it beside other stages. Each test has a LAN to itself.
 */
import { describe, expect, test } from 'vitest';
import { until } from '../fixtures/until.ts';
import { labProblem } from './lab.ts';
import { BACK_MS, converged, meet, present } from './meet.ts';
import { type MeshLab, createMeshLab } from './mesh-lab.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const SLEEPERS = ['ada', 'ben', 'dora', 'emil', 'fay'];
const FREEZES = 2;
const FROZEN_MS = 31_000;
const OUTAGE_MS = 300_000;
/** Longer than a silent link is held: it has to be made anew. */
const LINK_HELD_MS = 10_000;

const forMs = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function withLab(
  build: string,
  names: readonly string[],
  use: (mesh: MeshLab) => Promise<void>,
): Promise<void> {
  const mesh = await createMeshLab(names, build);
  try {
    await use(mesh);
  } finally {
    await mesh.close();
  }
}

describe.skipIf(problem !== null)('the mesh, patiently', { concurrent: true }, () => {
  test('five browsers frozen for 31 s, twice, are back and converged within 15 s, 10 times of 10', async () => {
    await withLab('lan-asleep', [...SLEEPERS, 'cleo'], async (mesh) => {
      const cleo = await mesh.join('cleo');
      const sleepers = await Promise.all(SLEEPERS.map((name) => mesh.join(name)));
      const all = [cleo, ...sleepers];
      await meet(all);
      const tookMs: number[] = [];
      for (let round = 0; round < FREEZES; round++) {
        for (const { host } of sleepers) host.signal('SIGSTOP');
        const frozen = forMs(FROZEN_MS);
        for (const sleeper of sleepers)
          await until(`${sleeper.host.name} to be missed`, async () => !(await present(cleo, sleeper)));
        await cleo.ask('docSet', `while asleep ${round}`, round);
        await frozen;
        for (const { host } of sleepers) host.signal('SIGCONT');
        const wokeAtMs = performance.now();
        const back = sleepers.map(async (sleeper) => {
          await sleeper.ask('docSet', `${sleeper.host.name} awake ${round}`, round);
          await converged([sleeper], [`while asleep ${round}`]);
          await converged(
            all.filter((one) => one !== sleeper),
            [`${sleeper.host.name} awake ${round}`],
          );
          return performance.now() - wokeAtMs;
        });
        await meet(all);
        const linkedMs = performance.now() - wokeAtMs;
        for (const ms of await Promise.all(back)) tookMs.push(Math.max(ms, linkedMs));
      }
      console.log(`back after a freeze of 31 s: ${tookMs.map((ms) => `${Math.round(ms)} ms`).join(', ')}`);
      expect(tookMs).toHaveLength(10);
      expect(Math.max(...tookMs)).toBeLessThan(BACK_MS);
    });
  }, 300_000);

  test(
    'after the node was away for five minutes and links broke, the room is whole within 15 s',
    async () => {
      await withLab('lan-outage', ['ada', 'ben', 'cleo'], async (mesh) => {
        const [ada, ben, cleo] = [await mesh.join('ada'), await mesh.join('ben'), await mesh.join('cleo')];
        await meet([ada, ben, cleo]);
        await mesh.stopNode();
        const over = forMs(OUTAGE_MS);
        ben.host.setLink('down');
        await until('ben to be missed', async () => !(await present(ada, ben)));
        // Without the node it cannot be made anew.
        await forMs(LINK_HELD_MS);
        ben.host.setLink('up');
        await ben.ask('docSet', 'ben during the outage', 1);
        await ada.ask('docSet', 'ada during the outage', 1);
        await converged([cleo], ['ada during the outage']);
        expect(await ben.ask('docJson')).not.toHaveProperty('ada during the outage');
        await over;
        await mesh.startNode();
        const startedAtMs = performance.now();
        await meet([ada, ben, cleo]);
        await converged([ada, ben, cleo], ['ben during the outage', 'ada during the outage']);
        const tookMs = performance.now() - startedAtMs;
        console.log(`whole after an outage of ${OUTAGE_MS / 1000} s: ${Math.round(tookMs)} ms`);
        expect(tookMs).toBeLessThan(BACK_MS);
      });
    },
    OUTAGE_MS + 120_000,
  );
});
