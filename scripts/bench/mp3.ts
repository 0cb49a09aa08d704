/**
 * `npm run bench:mp3 [-- --quick]`: how fast the encoders behind the host's port are and how long they hold sound back,
 * beside Debian's `lame`, in one process at a time. All at 48 kHz, 128 kbit/s, joint stereo, constant bit rate, LAME's own
 * quality setting; ours and the native one without the bit reservoir, wasm-media-encoders with it, as it cannot do without.
 *
 * Speed: seconds of a real song a second of work, in the batches that the audio thread sends; for the native one the
 * wall time of the program, reading a WAV file. Hold: from a click's going in to the frame's coming out with which a
 * decoder can play it, counted in samples that went in, so no machine is too slow for it.
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
import type { EncoderName } from '../../app/host/mp3/shared.ts';

const quick = process.argv.includes('--quick');
const RATE_HZ = 48_000;
const BATCH = 384;
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

/** Seconds of sound a second; and the longest that one batch took. */
async function speed(name: EncoderName, sound: { left: Float32Array; right: Float32Array }) {
  const encoder = await ENCODERS[name].create(128);
  let longestMs = 0;
  let last = performance.now();
  const startedAt = last;
  for (let at = 0; at < sound.left.length; at += BATCH) {
    encoder.encode(sound.left.subarray(at, at + BATCH), sound.right.subarray(at, at + BATCH));
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
  }
  return { times: sound.left.length / RATE_HZ / ((last - startedAt) / 1_000), longestMs };
}

function nativeSpeed(wav: string): number {
  const startedAt = performance.now();
  execFileSync('lame', [...NATIVE, wav, '/dev/null'], { stdio: 'ignore' });
  return SONG_SECONDS / ((performance.now() - startedAt) / 1_000);
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
  for (let at = 0; at < input.samples.length; at += BATCH) {
    const batch = input.samples.subarray(at, at + BATCH);
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
  const longest = new Map<string, number[]>();
  const add = (to: Map<string, number[]>, name: string, value: number): void => {
    to.set(name, [...(to.get(name) ?? []), value]);
  };
  // The engine compiles a module for speed while it runs: the first round is for that.
  for (let round = quick ? 1 : 0; round <= ROUNDS; round++) {
    for (const name of names) {
      const one = await speed(name, sound);
      if (round === 0) continue;
      add(speeds, name, one.times);
      add(longest, name, one.longestMs);
    }
    if (hasNative && round > 0) add(speeds, 'native lame', nativeSpeed(wav));
  }
  const holds = new Map<string, Hold>();
  for (const name of names)
    holds.set(name, await measureHold(await ENCODERS[name].create(128), BATCH, CLICKS));
  if (hasNative) holds.set('native lame', await nativeHold());

  const ms = (samples: number): number => Math.round((10_000 * samples) / RATE_HZ) / 10;
  const table: Record<string, Record<string, number | string>> = {};
  for (const [name, hold] of holds) {
    table[name] = {
      '× real time': Math.round(median(speeds.get(name) ?? [])),
      'longest batch ms': longest.has(name) ? Math.max(...(longest.get(name) ?? [])).toFixed(1) : '',
      'first frame ms': ms(hold.firstFrameSamples),
      'hold mean ms': ms(hold.meanSamples),
      'hold max ms': ms(hold.maxSamples),
    };
  }
  console.log(
    `${SONG_SECONDS} s of ${source.path.split('/').at(-1)}, batches of ${BATCH} samples, median of ${ROUNDS}`,
  );
  console.table(table);
} finally {
  await rm(folder, { recursive: true, force: true });
}
