/**
 * `npm run bench:mp3 [-- --quick]`: how fast the encoders behind the host's port are and how long they hold sound back,
 * beside Debian's `lame`, in one process at a time. All at 48 kHz, 128 kbit/s, joint stereo, constant bit rate, LAME's own
 * quality setting; ours and the native one without the bit reservoir, wasm-media-encoders with it, as it cannot do without.
 *
 * Speed: seconds of a real song a second of processor time, which other work on the machine touches less than the clock
 * on the wall: ours in the batches that the audio thread sends, the native one's program reading a WAV file. Hold: from a
 * click's going in to the frame's coming out with which a decoder can play it, counted in samples that went in, so no
 * machine is too slow for it.
 */
import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ffmpeg } from '../../tests/audio/signals.ts';
import {
  clicks,
  decodeMp3,
  ENCODERS,
  framesOf,
  type Hold,
  holdOf,
  measureHold,
} from '../../tests/fixtures/encoders.ts';
import { realSongs } from '../../tests/fixtures/real.ts';
import { BATCH_SAMPLES, type EncoderName, FIRST_BATCH_SAMPLES } from '../../app/host/mp3/shared.ts';

const quick = process.argv.includes('--quick');
const RATE_HZ = 48_000;
const ROUNDS = quick ? 1 : 5;
const SONG_SECONDS = quick ? 20 : 60;
const CLICKS = quick ? 12 : 36;
const NATIVE = ['--quiet', '--cbr', '-b', '128', '-m', 'j', '--nores', '-t'];

const names = Object.keys(ENCODERS) as EncoderName[];
const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

async function song(path: string): Promise<{ left: Float32Array; right: Float32Array }> {
  const args = [
    '-t',
    String(SONG_SECONDS),
    '-i',
    path,
    '-f',
    'f32le',
    '-ar',
    String(RATE_HZ),
    '-ac',
    '2',
    '-',
  ];
  const raw = await ffmpeg(args, new Uint8Array(0));
  const both = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  return { left: both.filter((_, n) => n % 2 === 0), right: both.filter((_, n) => n % 2 === 1) };
}

/** Seconds of sound a second of this process; and what all but one in a hundred batches take at most. */
async function speed(name: EncoderName, sound: { left: Float32Array; right: Float32Array }) {
  const encoder = await ENCODERS[name].create(128);
  const batchesMs: number[] = [];
  const before = process.cpuUsage();
  for (let at = 0; at < sound.left.length; at += BATCH_SAMPLES) {
    const startedAt = performance.now();
    const end = at + BATCH_SAMPLES;
    encoder.encode(sound.left.subarray(at, end), sound.right.subarray(at, end));
    batchesMs.push(performance.now() - startedAt);
  }
  const { user, system } = process.cpuUsage(before);
  const p99Ms = batchesMs.sort((a, b) => a - b)[Math.floor(batchesMs.length * 0.99)] ?? Number.NaN;
  return { times: sound.left.length / RATE_HZ / ((user + system) / 1e6), p99Ms };
}

/** The shell's `times` says in its second line what its children took, e.g. `0m0.84s 0m0.01s`. */
function nativeSpeed(wav: string): number {
  const script = '"$@" >/dev/null 2>&1 || exit 1; times';
  const output = execFileSync('sh', ['-c', script, 'sh', 'lame', ...NATIVE, wav, '/dev/null']).toString();
  const spent = [...(output.split('\n')[1] ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  const seconds = spent.reduce((sum, [, minutes, rest]) => sum + 60 * Number(minutes) + Number(rest), 0);
  return SONG_SECONDS / seconds;
}

/** Clicks through the program, a batch at a time: the next goes in when it sleeps, having read the one before. */
async function nativeHold(): Promise<Hold> {
  const input = clicks(CLICKS);
  const raw = ['-r', '-s', '48', '--bitwidth', '16', '--signed', '--little-endian', '--flush', '-', '-'];
  const lame = spawn('lame', [...NATIVE, ...raw], { stdio: ['pipe', 'pipe', 'ignore'] });
  const closed = new Promise<void>((resolve, reject) => {
    lame.on('error', reject);
    lame.on('close', (code) => (code === 0 ? resolve() : reject(new Error(`lame ended with ${code}`))));
  });
  const parts: Buffer[] = [];
  lame.stdout.on('data', (part: Buffer) => parts.push(part));
  const asleep = (): boolean => {
    const stat = readFileSync(`/proc/${lame.pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] === 'S';
  };
  /** Bytes that were out after each batch, and after the end. */
  const outAfter: number[] = [];
  const fedAfter: number[] = [];
  const note = (fed: number): void => {
    outAfter.push(parts.reduce((sum, part) => sum + part.length, 0));
    fedAfter.push(fed);
  };
  for (let at = 0, end = FIRST_BATCH_SAMPLES; at < input.samples.length; at = end, end += BATCH_SAMPLES) {
    const batch = input.samples.subarray(at, end);
    const bytes = Buffer.alloc(batch.length * 4);
    batch.forEach((value, n) => {
      bytes.writeInt16LE(Math.round(value * 32_767), n * 4);
      bytes.writeInt16LE(Math.round(value * 32_767), n * 4 + 2);
    });
    await new Promise<void>((resolve, reject) =>
      lame.stdin.write(bytes, (error) => (error ? reject(error) : resolve())),
    );
    do await turn();
    while (!asleep());
    // What it wrote before it slept is in the pipe: one more turn of the loop reads it.
    await turn();
    await turn();
    note(at + batch.length);
  }
  lame.stdin.end();
  await closed;
  note(input.samples.length);
  const mp3 = Buffer.concat(parts);
  let end = 0;
  const fedAtFrame = framesOf(mp3).map(({ bytes }) => {
    end += bytes;
    return fedAfter[outAfter.findIndex((out) => out >= end)] ?? Number.NaN;
  });
  return holdOf(input, (await decodeMp3(mp3)).left, fedAtFrame);
}

const source = realSongs.find(({ format }) => format === 'flac');
if (!source) throw new Error('There is no song to encode: npm run setup fetches it.');
let hasNative = true;
try {
  execFileSync('lame', ['--version'], { stdio: 'ignore' });
} catch {
  hasNative = false;
  console.log('Debian’s lame is not here (apt-get install lame): its row is left out.');
}

const folder = await mkdtemp(join(tmpdir(), 'earshot-bench-'));
try {
  const sound = await song(source.path);
  const wav = join(folder, 'song.wav');
  await ffmpeg(
    ['-t', String(SONG_SECONDS), '-i', source.path, '-ar', String(RATE_HZ), '-ac', '2', wav],
    new Uint8Array(0),
  );
  const speeds = new Map<string, number[]>();
  const batches = new Map<string, number[]>();
  const add = (to: Map<string, number[]>, name: string, value: number): void => {
    to.set(name, [...(to.get(name) ?? []), value]);
  };
  // The engine compiles a module for speed while it runs: the first round is for that.
  for (let round = quick ? 1 : 0; round <= ROUNDS; round++) {
    for (const name of names) {
      const one = await speed(name, sound);
      if (round === 0) continue;
      add(speeds, name, one.times);
      add(batches, name, one.p99Ms);
    }
    if (hasNative && round > 0) add(speeds, 'native lame', nativeSpeed(wav));
  }
  const holds = new Map<string, Hold>();
  for (const name of names) {
    const encoder = await ENCODERS[name].create(128);
    holds.set(name, await measureHold(encoder, BATCH_SAMPLES, CLICKS, FIRST_BATCH_SAMPLES));
  }
  if (hasNative) holds.set('native lame', await nativeHold());

  const ms = (samples: number): number => Math.round((10_000 * samples) / RATE_HZ) / 10;
  const table: Record<string, Record<string, number | string>> = {};
  for (const [name, hold] of holds) {
    table[name] = {
      '× real time (CPU)': Math.round(median(speeds.get(name) ?? [])),
      'batch p99 ms': batches.has(name) ? median(batches.get(name) ?? []).toFixed(1) : '',
      'first frame ms': ms(hold.firstFrameSamples),
      'hold mean ms': ms(hold.meanSamples),
      'hold max ms': ms(hold.maxSamples),
    };
  }
  console.log(
    `${SONG_SECONDS} s of ${source.path.split('/').at(-1)}, batches of ${BATCH_SAMPLES} samples, median of ${ROUNDS}`,
  );
  console.table(table);
  const figures = [...holds].map(([name, hold]) => [
    name,
    { timesRealTime: Math.round(median(speeds.get(name) ?? [])), holdMeanMs: ms(hold.meanSamples) },
  ]);
  console.log(JSON.stringify({ bench: 'mp3', ...Object.fromEntries(figures) }));
} finally {
  await rm(folder, { recursive: true, force: true });
}
