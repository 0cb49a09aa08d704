/**
 * A microphone whose every sample's moment is known: a PulseAudio source that takes what is written into a pipe, as a sound
 * card would deliver it, 5 ms at a time. It is silent but for clicks.
 */
import { constants, openSync, closeSync, write } from 'node:fs';
import { spawn } from 'node:child_process';
import { CHIRP, RATE_HZ } from './latency-clicks.ts';

export const SOURCE = 'microphone';
const PERIOD_FRAMES = 240;
const PERIOD_MS = (1_000 * PERIOD_FRAMES) / RATE_HZ;
/** What a quiet room is for a microphone: some −80 dBFS. */
const NOISE = 1e-4;

/** What PulseAudio has to load for it. */
export function microphoneModule(pipe: string): string {
  return `module-pipe-source source_name=${SOURCE} file=${pipe} format=float32le rate=${RATE_HZ} channels=1`;
}

export interface Click {
  /** When its first sample reached the sound server, as `performance.now()` here. */
  atMs: number;
}

export interface ClickingMicrophone {
  /** Clicks from now on, with random pauses between, until the returned function is called, which tells what it clicked. */
  click(leastPauseMs: number, mostPauseMs: number): () => Click[];
  close(): void;
}

export function openMicrophone(pipe: string): ClickingMicrophone {
  // The sound server holds the other end open, so this waits for nobody, and a full pipe is an error instead of a wait.
  const file = openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
  const startedMs = performance.now();
  let period = 0;
  let clicks: Click[] | null = null;
  let pauses: [number, number] = [0, 0];
  let nextMs = Infinity;
  /** How much of a chirp has gone out; null between two. */
  let sounding: number | null = null;
  let failure: Error | null = null;

  function take(): void {
    const samples = Float32Array.from({ length: PERIOD_FRAMES }, () => (2 * Math.random() - 1) * NOISE);
    const dueMs = startedMs + (period + 1) * PERIOD_MS;
    let begins: number | null = null;
    if (sounding === null && clicks && dueMs >= nextMs) {
      // Anywhere in the period: a voice does not wait for one.
      begins = Math.floor(Math.random() * PERIOD_FRAMES);
      sounding = 0;
      const [least, most] = pauses;
      nextMs = dueMs + least + Math.random() * (most - least);
    }
    if (sounding !== null) {
      const from = begins ?? 0;
      const part = CHIRP.subarray(sounding, sounding + PERIOD_FRAMES - from);
      part.forEach((value, n) => (samples[from + n] = samples[from + n]! + value));
      sounding += part.length;
      if (sounding === CHIRP.length) sounding = null;
    }
    const listening = clicks;
    write(file, new Uint8Array(samples.buffer), (error) => {
      // A server from whom nobody wants a microphone's sound may not read it.
      if (clicks) failure ??= error;
    });
    // A sample is as old as those behind it in its period are long: so a sound card would have taken it.
    if (begins !== null) {
      listening?.push({ atMs: performance.now() - (1_000 * (PERIOD_FRAMES - begins)) / RATE_HZ });
    }
    period++;
  }

  const timer = setInterval(() => {
    while (performance.now() >= startedMs + (period + 1) * PERIOD_MS) take();
  }, 1);

  return {
    click(leastPauseMs, mostPauseMs) {
      const mine: Click[] = [];
      clicks = mine;
      pauses = [leastPauseMs, mostPauseMs];
      nextMs = performance.now() + leastPauseMs;
      return () => {
        clicks = null;
        if (failure) throw failure;
        return mine;
      };
    },
    close() {
      clearInterval(timer);
      closeSync(file);
    },
  };
}

/**
 * What the sound server itself adds: the source is recorded by `parec`, with 5 ms asked for, and each of its pieces is
 * dated when it comes. Gives the recorded samples and when each piece's last one was here.
 */
export function recordSource(
  server: string,
): () => Promise<{ samples: Float32Array; endsMs: [number, number][] }> {
  const args = ['--server', server, `--device=${SOURCE}`, '--raw', '--format=float32le', `--rate=${RATE_HZ}`];
  const recorder = spawn('parec', [...args, '--channels=1', '--latency-msec=5'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const parts: Buffer[] = [];
  const endsMs: [number, number][] = [];
  let bytes = 0;
  recorder.stdout.on('data', (chunk: Buffer) => {
    parts.push(chunk);
    bytes += chunk.length;
    endsMs.push([Math.floor(bytes / 4), performance.now()]);
  });
  const over = new Promise<void>((resolve) => recorder.once('close', () => resolve()));
  return async () => {
    recorder.kill();
    await over;
    const all = Buffer.concat(parts);
    const samples = new Float32Array(Uint8Array.from(all.subarray(0, bytes - (bytes % 4))).buffer);
    return { samples, endsMs };
  };
}
