/** The shortest form of `npm run bench:latency`: clicks into a microphone are found again on the stream, and soon. */
import * as v from 'valibot';
import { expect, test } from 'vitest';
import { pulseMissing } from '../sync/pulse.ts';
import { figuresOf } from './figures.ts';

/** For half of the clicks; the bench's own figures are what counts, as a busy machine is late by itself. */
const HOST_MS = 350;
const REMOTE_MS = 550;
const LOST_SHARE = 1 / 3;
const LEAST_CLICKS = 6;

const Figures = v.object({
  hostMicP50Ms: v.number(),
  remoteMicP50Ms: v.number(),
  lost: v.number(),
  clicks: v.number(),
});

const missing = pulseMissing();
if (missing !== null) console.warn(`How fresh the sound is is not measured: ${missing}`);

test.skipIf(missing !== null)(
  `a click into the host's microphone is on the stream within ${HOST_MS} ms, into another's within ${REMOTE_MS}`,
  async () => {
    const figures = await figuresOf('scripts/bench/latency.ts', Figures, '--brief');
    expect(figures.clicks).toBeGreaterThanOrEqual(LEAST_CLICKS);
    expect(figures.lost).toBeLessThanOrEqual(figures.clicks * LOST_SHARE);
    expect(figures.hostMicP50Ms).toBeLessThan(HOST_MS);
    expect(figures.remoteMicP50Ms).toBeLessThan(REMOTE_MS);
  },
);
