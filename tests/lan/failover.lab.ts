/**
 * Hosts come and go, and nobody who listens notices more than a pause: three hosts and two loudspeakers, each on a machine
 * and an address of its own, the connections of both open from the first to the last line of this file. How fast the next
 * host is, is for `npm run bench:failover` to say; bounds here are those of a machine that is busy with something else.
 */
import type { Page } from '@playwright/test';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startHosting, stopHosting } from '../e2e/support/room.ts';
import { PIECE_MS } from '../fixtures/song-follower.ts';
import { until } from '../fixtures/until.ts';
import { failOver } from './failover.ts';
import { type HostsLab, type Loss, openHostsLab, someHost } from './hosts-lab.ts';
import { labProblem } from './lab.ts';
import { heardSince, type StreamEar } from './stream-ear.ts';

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

const HOSTS = ['ada', 'ben', 'cleo'] as const;
const SOUND_MS = 5_000;
/** The song's place, and the length of what was delivered. */
const OFF_MS = 1_000;
/** Where a host's sound breaks off or begins a piece is half silence; and a player that begins may jump once. */
const STRANGE_MS = 6 * PIECE_MS;
/** A host that wakes may be the host again. */
const BROKEN_MS = 1_500;

const LOST: readonly { how: Loss; told: string }[] = [
  { how: 'killed', told: 'its browser is killed' },
  { how: 'frozen', told: 'it freezes, and wakes' },
  { how: 'cut off', told: 'its cable is out for a while' },
  { how: 'closed', told: 'its tab is closed' },
];

describe.skipIf(problem !== null)('the stream, from host to host', () => {
  let lab: HostsLab;

  beforeAll(async () => {
    lab = await openHostsLab({
      hosts: HOSTS,
      listeners: ['speaker', 'radio'],
      songSeconds: 300,
    });
  }, 120_000);

  afterEach(({ task }) => {
    if (task.result?.state !== 'fail') return;
    const letters = { silence: '.', song: 's', other: 'X' };
    for (const ear of lab.ears) console.log(ear.pieces.map(({ heard }) => letters[heard]).join(''));
    console.log(lab.node.output().split('\n').slice(-12).join('\n'));
  });

  afterAll(async () => {
    await lab?.close();
  });

  test.each(LOST)(
    'the host is lost as $told: silence, then the next one at the right place',
    async ({ how }) => {
      const { from, to, heard } = await failOver(lab, how, 60_000);
      const told = heard.map(
        ({ soundMs, silentMs, shiftMs }) =>
          `${soundMs.toFixed(0)} ms (${silentMs} silent), shift ${shiftMs.toFixed(0)} ms`,
      );
      console.log(`${from} ${how}, ${to} after ${told.join('; ')}`);
      expect(to).not.toBe(from);
      expect(heard).toHaveLength(2);
      for (const one of heard) {
        expect(one.soundMs).toBeLessThan(SOUND_MS);
        expect(Math.abs(one.shiftMs)).toBeLessThan(OFF_MS);
        expect(Math.abs(one.holeMs)).toBeLessThan(OFF_MS);
        expect(one.strangeMs).toBeLessThanOrEqual(STRANGE_MS);
        expect(one.brokenAfterMs).toBeLessThan(BROKEN_MS);
      }
    },
  );

  test('the last host is killed and nobody follows: silence, everybody sees it, and whoever hosts next is heard', async () => {
    const last = await someHost(lab);
    const left = HOSTS.filter((name) => name !== last).map((name) => lab.device(name).page);
    for (const page of left) await stopHosting(page);
    await lab.lose(last, 'killed');
    for (const page of left) await page.getByRole('heading', { name: 'No host' }).waitFor();
    const seenAtMs = performance.now();
    const since = ({ pieces }: StreamEar) => pieces.filter(({ atMs }) => atMs >= seenAtMs);
    await until('two seconds of what came then', () =>
      lab.ears.every((ear) => since(ear).length * PIECE_MS >= 2_000),
    );
    for (const ear of lab.ears) expect(since(ear).filter(({ heard }) => heard !== 'silence')).toEqual([]);
    expect(await lab.hosting()).toBeNull();

    const [next] = left as [Page];
    const offeredAtMs = performance.now();
    await startHosting(next);
    for (const ear of lab.ears) await heardSince(ear, offeredAtMs, 30_000);
  });

  test('neither connection ended, no frame was torn, and never was anything heard but one song or silence', () => {
    for (const { log, pieces, reconnects } of lab.ears) {
      expect(reconnects).toBe(0);
      expect(log.tornFrames).toBe(0);
      const strange = pieces.filter(({ heard }) => heard === 'other');
      expect(strange.length * PIECE_MS).toBeLessThanOrEqual((LOST.length + 2) * STRANGE_MS);
      const { least, most } = log.leadMs((log.arrivedAtMs[0] ?? 0) + OFF_MS);
      expect(Math.max(-least, most)).toBeLessThan((LOST.length + 2) * OFF_MS);
    }
  });
});
