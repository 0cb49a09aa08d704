/** The short form of `npm run bench:listeners`, with bounds: a thousand listeners, the real node, beside Debian's Icecast. */
import { spawn } from 'node:child_process';
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { icecastMissing } from '../fixtures/icecast.ts';

const LISTENERS = 1_000;
const KBPS = 128;
/** The bench's own figures are what counts; a machine that does other things at the same time is late by itself. */
const GAP_MS = 500;
const CPU_RATIO = 3;
const NODE_MIB = 300;

const Figures = v.object({
  listeners: v.number(),
  cpuRatio: v.number(),
  worstGapMs: v.number(),
  kbps: v.number(),
  rssMiB: v.number(),
  lost: v.number(),
  tornFrames: v.number(),
});

const missing = icecastMissing();
test.skipIf(missing !== null)(
  `a thousand listeners hear every frame${missing === null ? '' : `: ${missing}`}`,
  async () => {
    const bench = spawn(process.execPath, ['--import', 'tsx', 'scripts/bench/listeners.ts', '--quick'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    bench.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const code = await new Promise((resolve) => bench.once('close', resolve));
    console.log(output);
    expect(code).toBe(0);
    const figures = v.parse(Figures, JSON.parse(output.trim().split('\n').at(-1) ?? ''));
    expect(figures).toMatchObject({ listeners: LISTENERS, lost: 0, tornFrames: 0 });
    expect(Math.abs(figures.kbps - KBPS)).toBeLessThan(KBPS * 0.05);
    expect(figures.worstGapMs).toBeLessThan(GAP_MS);
    expect(figures.cpuRatio).toBeLessThan(CPU_RATIO);
    expect(figures.rssMiB).toBeLessThan(NODE_MIB);
  },
);
