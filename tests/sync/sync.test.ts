/** One minute of what `npm run bench:sync` measures for ten, at the sound card. */
import { expect, test } from 'vitest';
import { calm, figures, measureSync, told } from './measure.ts';
import { pulseMissing } from './pulse.ts';

const SECONDS = 60;
const P95_MS = 20;
/** After a gap in an output a browser may take this long to come back into step. */
const RECOVERY_SECONDS = 8;
const ENOUGH_SECONDS = 20;

const missing = pulseMissing();
if (missing !== null) console.warn(`In step is not measured: ${missing}`);

test.skipIf(missing !== null)(
  `two browsers sound within ${P95_MS} ms of each other in 95 % of a minute, as far as the machine feeds their outputs`,
  async ({ skip }) => {
    const heard = await measureSync({ seconds: SECONDS, hog: { from: 25, to: 40 }, driftPpm: -50 });
    const steady = calm(heard, RECOVERY_SECONDS);
    const words = (key: 'appMs' | 'naiveMs'): string => {
      const { p50Ms, p95Ms, maxMs } = figures(steady.map((second) => second[key]));
      return `p50 ${p50Ms.toFixed(2)}, p95 ${p95Ms.toFixed(2)}, max ${maxMs.toFixed(2)} ms`;
    };
    console.log(
      `in step: ${words('appMs')}; naive: ${words('naiveMs')}; ${steady.length} of ${SECONDS} s counted`,
    );
    console.log(`app, second by second (- no match, ! torn): ${told(heard)}`);
    if (steady.length < ENOUGH_SECONDS) {
      skip(`this machine is too busy to measure: its outputs had gaps, ${steady.length} s were left`);
    }
    expect(figures(steady.map(({ appMs }) => appMs)).p95Ms).toBeLessThan(P95_MS);
  },
);
