/** The short form of `npm run bench:listeners`, with bounds: a thousand listeners, the real node, beside Debian's Icecast. */
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { icecastMissing } from '../fixtures/icecast.ts';
import { figuresOf } from './figures.ts';

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
    const figures = await figuresOf('scripts/bench/listeners.ts', Figures);
    expect(figures).toMatchObject({ listeners: LISTENERS, lost: 0, tornFrames: 0 });
    expect(Math.abs(figures.kbps - KBPS)).toBeLessThan(KBPS * 0.05);
    expect(figures.worstGapMs).toBeLessThan(GAP_MS);
    expect(figures.cpuRatio).toBeLessThan(CPU_RATIO);
    expect(figures.rssMiB).toBeLessThan(NODE_MIB);
  },
);
