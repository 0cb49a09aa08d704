/**
 * `npm run bench:sync [-- --quick]`: how far apart two browsers' outputs are, measured at the sound card, for ten minutes
 * (`--quick`: 25 s); beside it the naive method. `--seconds=N` chooses the length, `--buffer-ms=200` outputs that wait for a busy
 * machine, as wireless ones do.
 */
import { parseArgs } from 'node:util';
import { figures, measureSync } from '../../tests/sync/measure.ts';
import { plot } from '../../tests/sync/plot.ts';
import { pulseMissing } from '../../tests/sync/pulse.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    seconds: { type: 'string' },
    'buffer-ms': { type: 'string' },
  },
});
const missing = pulseMissing();
if (missing !== null) {
  console.error(`Can't measure: ${missing}`);
  process.exit(1);
}
const seconds = values.seconds === undefined ? (values.quick ? 25 : 600) : Number(values.seconds);
if (!(seconds >= 10 && seconds <= 3_600)) throw new RangeError('--seconds: 10 to 3600');
const bufferMs = values['buffer-ms'] === undefined ? undefined : Number(values['buffer-ms']);
if (bufferMs !== undefined && !(bufferMs >= 1 && bufferMs <= 2_000))
  throw new RangeError('--buffer-ms: 1 to 2000');
const hogSeconds = Math.min(60, Math.floor(seconds / 3));
const hog = { from: Math.floor(seconds / 2), to: Math.floor(seconds / 2) + hogSeconds };
const DRIFT_PPM = 50;

const heard = await measureSync({
  seconds,
  hog,
  driftPpm: DRIFT_PPM,
  ...(bufferMs === undefined ? {} : { bufferMs }),
  onSecond(second) {
    if (second % 60 === 0) console.log(`  ${second} s of ${seconds}`);
  },
});
const app = figures(heard.map(({ appMs }) => appMs));
const naive = figures(heard.map(({ naiveMs }) => naiveMs));

console.log(
  `\nTwo browsers, one clock two hours off and ${DRIFT_PPM} ppm fast; a processor hog from ${hog.from} to ${hog.to} s.`,
);
console.log('Distance of the outputs in ms:\n');
console.log('           p50      p95      max   seconds unmatched');
for (const [name, row, missed] of [
  ['Earshot', app, heard.filter(({ appMs }) => appMs === null).length],
  ['naive', naive, heard.filter(({ naiveMs }) => naiveMs === null).length],
] as const) {
  const cells = [row.p50Ms, row.p95Ms, row.maxMs].map((ms) => ms.toFixed(2).padStart(8));
  console.log(`${name.padEnd(7)}${cells.join(' ')}   ${missed}`);
}
const tornSeconds = heard.filter(({ torn }) => torn).length;
if (tornSeconds > 0) {
  console.log(
    `\nIn ${tornSeconds} s an output had gaps: the machine was too busy to feed it, which no player can mend.`,
  );
}
console.log(`\n${plot(heard, hog)}\n`);
const round = (ms: number): number => Math.round(ms * 1_000) / 1_000;
console.log(
  JSON.stringify({
    bench: 'sync',
    p50Ms: round(app.p50Ms),
    p95Ms: round(app.p95Ms),
    maxMs: round(app.maxMs),
    baselineP95Ms: round(naive.p95Ms),
    seconds: heard.length,
  }),
);
