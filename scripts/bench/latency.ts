/**
 * `npm run bench:latency [-- --quick | --brief]`: from the microphone to the first byte of its frame on an HTTP listener. Clicks go
 * into a PulseAudio source, through a real browser's microphone, mixer and encoder (for the second figure through another
 * browser and WebRTC first), the real node, and are looked for in what a listener decoded. The music is paused. Beside it
 * the same way without what was done about it: the encoder with a bit reservoir, and the browser's queue that only grows
 * (not with `--brief`, which `npm test` runs).
 *
 * A click's moment is when its sample was handed to the sound server, on the clock by which the listener notes when bytes
 * come. The frame that counts is the one which a decoder needs to play the click's first sample, decoder's delay included.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { Page } from '@playwright/test';
import { BATCH_SAMPLES, FIRST_BATCH_SAMPLES } from '../../app/host/mp3/shared.ts';
import { startNode, type RunningNode } from '../../tests/e2e/support/node.ts';
import { createPeople, type Person } from '../../tests/e2e/support/people.ts';
import { sayName, startHosting } from '../../tests/e2e/support/room.ts';
import { decodeMp3, encodeAll, ENCODERS, measureHold } from '../../tests/fixtures/encoders.ts';
import { favourProcess, favourSound } from '../../tests/sync/favour.ts';
import { pulseMissing, startPulse, type Pulse } from '../../tests/sync/pulse.ts';
import { CHIRP, findChirp, RATE_HZ } from './latency-clicks.ts';
import { FRAME_SAMPLES, type Heard, listenTimed } from './latency-listener.ts';
import {
  type Click,
  type ClickingMicrophone,
  microphoneModule,
  openMicrophone,
  recordSource,
  SOURCE,
} from './latency-microphone.ts';
import { clicksSeen, jitterBufferMs, probe, withoutSettings } from './latency-probe.ts';

const quick = process.argv.includes('--quick');
const brief = process.argv.includes('--brief');
const SECONDS = brief ? 4 : quick ? 9 : 90;
const BASELINE_SECONDS = quick ? 5 : 30;
/** Until a browser's gain and noise suppression know the room, and a jitter buffer the way. */
const SETTLE_MS = quick || brief ? 1_500 : 5_000;
const LEAST_PAUSE_MS = 700;
const MOST_PAUSE_MS = 900;
/** A click that came later than this would be taken for the next one. */
const REACH_MS = 680;

const missing = pulseMissing();
if (missing !== null) {
  console.error(`Can't measure: ${missing}`);
  process.exit(1);
}

const at = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
const median = (values: readonly number[]): number =>
  at(
    [...values].sort((a, b) => a - b),
    0.5,
  );

/** What the finder itself is off by: a chirp that was encoded by the same encoder, and decoded. */
async function finderBias(): Promise<number> {
  const places = [20_000, 40_333, 61_001];
  const sound = new Float32Array(90_000);
  for (const place of places) sound.set(CHIRP, place);
  const encoder = await ENCODERS.lame.create(128);
  const { left } = await decodeMp3(Buffer.concat(encodeAll(encoder, sound, sound, BATCH_SAMPLES)));
  const { codecDelaySamples } = await measureHold(await ENCODERS.lame.create(128), BATCH_SAMPLES, 12);
  const off = places.map(
    (place) => (findChirp(left, place, place + 3_000) ?? NaN) - place - codecDelaySamples,
  );
  if (off.some((samples) => !(Math.abs(samples) < 48))) throw new Error(`the finder is off by ${off.join()}`);
  return median(off);
}

interface Measured {
  ms: number[];
  lost: number;
}

function latencies(clicks: readonly Click[], { samples, arrivedMs }: Heard, bias: number): Measured {
  const ms: number[] = [];
  let lost = 0;
  for (const { atMs } of clicks) {
    // A burst holds what is older than its arrival; what arrives from the click on can hold it.
    const first = arrivedMs.findIndex((arrived) => arrived > atMs);
    const end = arrivedMs.findIndex((arrived) => arrived > atMs + REACH_MS);
    const found =
      first < 0
        ? null
        : findChirp(samples, first * FRAME_SAMPLES, (end < 0 ? arrivedMs.length : end) * FRAME_SAMPLES);
    if (found === null) lost++;
    else ms.push(arrivedMs[Math.floor((found - bias) / FRAME_SAMPLES)]! - atMs);
  }
  return { ms: ms.sort((a, b) => a - b), lost };
}

interface Scene extends Measured {
  clicks: number;
  /** From the click to the host's voice bus; NaN when it was not seen there. */
  toMixerMs: number;
  /** The sound server's own share. */
  sourceMs: number;
  jitterBufferMs: number | null;
}

interface Stage {
  pulse: Pulse;
  microphone: ClickingMicrophone;
  node: RunningNode;
}

/** Two who meet, one of whom hosts; what is done is closed with them. */
async function meet<T>(
  { pulse, node }: Stage,
  prepare: ((person: Person) => Promise<void>) | null,
  play: (host: Person, guest: Person) => Promise<T>,
): Promise<T> {
  const people = createPeople(node);
  try {
    const arrive = async (name: string, output: number): Promise<Person> => {
      const heard = { ...pulse.env(output), PULSE_SOURCE: SOURCE };
      const person = await people.arrive(name, { noMicrophone: true, heard });
      await probe(person.context);
      await prepare?.(person);
      await person.page.goto(node.appLink);
      await sayName(person.page, name);
      return person;
    };
    const [host, guest] = await Promise.all([arrive('Host', 0), arrive('Guest', 1)]);
    await host.page.getByRole('button', { name: '2 here' }).waitFor();
    await startHosting(host.page);
    return await play(host, guest);
  } finally {
    await people.close();
  }
}

async function talk(stage: Stage, talker: Page, host: Page, seconds: number, bias: number): Promise<Scene> {
  const { pulse, microphone, node } = stage;
  const listener = await listenTimed(node.streamUrl);
  // As assistive technology does it: what comes between the two ends of a tap here, and makes it a hold, is the load.
  await talker
    .getByRole('button', { name: 'Hold to talk' })
    .evaluate((button: HTMLElement) => button.click());
  const talking = talker.getByRole('button', { name: /^Talking to/ });
  await talking.waitFor();
  const recorded = recordSource(pulse.server);
  // The microphone and the ear, like the sound server between them (tests/sync/pulse.ts); what is measured is not favoured.
  favourProcess(process.pid);
  try {
    await wait(SETTLE_MS);
    await clicksSeen(host);
    const stop = microphone.click(LEAST_PAUSE_MS, MOST_PAUSE_MS);
    await wait(seconds * 1_000);
    const clicks = stop();
    await wait(REACH_MS);
    favourProcess(process.pid, false);
    const seen = await clicksSeen(host);
    const toMixerMs = clicks.flatMap(({ atMs }) => {
      const there = seen.find((ms) => ms > atMs - 5 && ms < atMs + REACH_MS);
      return there === undefined ? [] : [there - atMs];
    });
    const waitedMs = talker === host ? null : await jitterBufferMs(host);
    const sourceMs = sourceDelays(clicks, await recorded());
    await talking.click();
    const measured = latencies(clicks, await listener.heard(), bias);
    console.log(`  ${measured.ms.length} of ${clicks.length} clicks: ${at(measured.ms, 0.5).toFixed(1)} ms`);
    return {
      ...measured,
      clicks: clicks.length,
      toMixerMs: median(toMixerMs),
      sourceMs: median(sourceMs),
      jitterBufferMs: waitedMs,
    };
  } finally {
    listener.close();
    await recorded();
  }
}

/** How much later than it was handed over a click was in what `parec` recorded, with the pieces that it hands out. */
function sourceDelays(
  clicks: readonly Click[],
  { samples, endsMs }: { samples: Float32Array; endsMs: readonly [number, number][] },
): number[] {
  return clicks.flatMap(({ atMs }) => {
    const from = endsMs.findLast(([, ms]) => ms <= atMs)?.[0] ?? 0;
    const found = findChirp(samples, from - RATE_HZ / 20, from + RATE_HZ / 5);
    const piece = found === null ? undefined : endsMs.find(([end]) => end > found);
    return piece === undefined ? [] : [piece[1] - atMs];
  });
}

const folder = mkdtempSync(join(tmpdir(), 'earshot-latency-'));
const pipe = join(folder, 'microphone');
const open: { close(): unknown }[] = [];
const opened = <T extends { close(): unknown }>(one: T): T => {
  open.push(one);
  return one;
};

interface Scenes {
  host: Scene;
  guest: Scene;
  baseline: { host: Scene; guest: Scene } | null;
}

async function measure(): Promise<Scenes> {
  const bias = await finderBias();
  const pulse = opened(await startPulse(2, [microphoneModule(pipe)]));
  opened(favourSound(pulse.server));
  const microphone = opened(openMicrophone(pipe));
  // Somebody always wants the microphone's sound, so that it is never found waiting in the pipe.
  opened({ close: recordSource(pulse.server) });
  const stage: Stage = { pulse, microphone, node: opened(await startNode()) };
  const both = async (seconds: number, host: Person, guest: Person): Promise<Omit<Scenes, 'baseline'>> => ({
    host: await talk(stage, host.page, host.page, seconds, bias),
    guest: await talk(stage, guest.page, host.page, seconds, bias),
  });
  const scenes = await meet(stage, null, (h, g) => both(SECONDS, h, g));
  if (brief) return { ...scenes, baseline: null };
  const baseline = await meet(stage, withoutSettings, (h, g) => both(BASELINE_SECONDS, h, g));
  return { ...scenes, baseline };
}

let scenes: Scenes;
try {
  scenes = await measure();
} finally {
  for (const one of open.reverse()) await one.close();
  rmSync(folder, { recursive: true, force: true });
}

const hold = await measureHold(await ENCODERS.lame.create(128), BATCH_SAMPLES, 36, FIRST_BATCH_SAMPLES);
const cell = (ms: number | null): string =>
  (ms === null || Number.isNaN(ms) ? '-' : ms.toFixed(1)).padStart(9);
console.log('\nMicrophone to the first byte of its frame on an HTTP listener, in ms:\n');
console.log('                          p50      p95      max  lost of clicks   to the mixer');
for (const [name, scene] of [
  ["the host's microphone", scenes.host],
  ["another's microphone", scenes.guest],
  ['  without, host', scenes.baseline?.host],
  ['  without, another', scenes.baseline?.guest],
] as const) {
  if (scene === undefined) continue;
  const cells = [at(scene.ms, 0.5), at(scene.ms, 0.95), at(scene.ms, 1)].map(cell).join('');
  console.log(
    `${name.padEnd(22)}${cells}${String(scene.lost).padStart(6)} of ${String(scene.clicks).padEnd(8)}${cell(scene.toMixerMs)}`,
  );
}
console.log(`
Of this, the sound server, as parec sees it, takes ${scenes.host.sourceMs.toFixed(1)} ms; the encoder holds a click for
${((1_000 * hold.meanSamples) / RATE_HZ).toFixed(1)} ms on average (${((1_000 * hold.maxSamples) / RATE_HZ).toFixed(1)} at most), after the mixer's compressor (6 ms) and limiter (2 ms); WebRTC's jitter buffer
held another's voice for ${cell(scenes.guest.jitterBufferMs).trim()} ms on average (${cell(scenes.baseline?.guest.jitterBufferMs ?? null).trim()} in the runs without). "To the mixer"
is when the page saw the click at its voice bus (median, within some 5 ms); the rest is mixing, encoding and the two hops.
`);
const round = (ms: number): number => Math.round(ms * 10) / 10;
const p95 = (scene: Scene | undefined): number | null => (scene ? round(at(scene.ms, 0.95)) : null);
console.log(
  JSON.stringify({
    bench: 'latency',
    hostMicP50Ms: round(at(scenes.host.ms, 0.5)),
    hostMicP95Ms: p95(scenes.host),
    remoteMicP50Ms: round(at(scenes.guest.ms, 0.5)),
    remoteMicP95Ms: p95(scenes.guest),
    baselineHostP95Ms: p95(scenes.baseline?.host),
    baselineRemoteP95Ms: p95(scenes.baseline?.guest),
    lost: scenes.host.lost + scenes.guest.lost,
    clicks: scenes.host.clicks + scenes.guest.clicks,
  }),
);
