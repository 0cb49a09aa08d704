/**
 * A sound card for each browser, and one recorder for all of them: a PulseAudio daemon of our own whose null sinks are
 * pairs of channels of one, so that a single recording holds them sample by sample side by side.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../fixtures/until.ts';
import { favourProcess } from './favour.ts';

export const RATE_HZ = 48_000;
const PAIRS = [
  ['front-left', 'front-right'],
  ['rear-left', 'rear-right'],
  ['front-center', 'lfe'],
  ['side-left', 'side-right'],
] as const;
/** Of two outputs. */
export const CHANNELS = 4;
const START_MS = 15_000;
/**
 * What a program may be behind by before its output is torn, for comparing outputs: a good part of a second, as wireless
 * loudspeakers have it. The browser is told, and plays that much earlier. With what Chromium asks for by itself (some 20 ms) two busy
 * cores tore 50 to 57 of 60 seconds.
 */
export const PATIENT_MS = 200;

export interface Pulse {
  /** As in PULSE_SERVER. */
  server: string;
  /**
   * For a program that is to play into output `index`: PULSE_SERVER and PULSE_SINK.
   * @param bufferMs how much sound it is to have waiting there; left out: as it wants
   */
  env(index: number, bufferMs?: number): Record<string, string>;
  /** Hands out what is heard, interleaved, two channels an output at RATE_HZ, until the returned function is called. */
  record(onFrames: (interleaved: Float32Array) => void): () => Promise<void>;
  close(): Promise<void>;
}

/** What is missing to measure at the sound card, in words; null when everything is here. */
export function pulseMissing(): string | null {
  const missing = ['pulseaudio', 'parec'].filter((name) => !existsSync(`/usr/bin/${name}`));
  return missing.length === 0
    ? null
    : `no ${missing.join(', no ')}: apt-get install pulseaudio pulseaudio-utils`;
}

/**
 * Rejects with what the daemon said when it ends at once or has no socket within 15 s.
 * @param outputs 2 to 4
 * @param modules what else it is to load
 */
export async function startPulse(outputs = 2, modules: readonly string[] = []): Promise<Pulse> {
  const pairs = PAIRS.slice(0, outputs);
  const channels = 2 * pairs.length;
  const map = pairs.flat().join();
  const home = mkdtempSync(join(tmpdir(), 'earshot-pulse-'));
  const socket = join(home, 'native');
  const server = `unix:${socket}`;
  const env = { ...process.env, HOME: home, XDG_RUNTIME_DIR: home, PULSE_RUNTIME_PATH: home };
  const load = [
    // In front of the socket, whose coming says that everything is there.
    ...modules,
    `module-native-protocol-unix socket=${socket} auth-anonymous=1`,
    `module-null-sink sink_name=all rate=${RATE_HZ} channels=${channels} channel_map=${map}`,
    ...pairs.map(
      (pair, index) =>
        `module-remap-sink sink_name=out${index} master=all channels=2 channel_map=front-left,front-right ` +
        `master_channel_map=${pair.join()} remix=no`,
    ),
  ];
  const daemon = spawn(
    'pulseaudio',
    [
      ...['-n', '--daemonize=no', '--use-pid-file=no', '--exit-idle-time=120', '--log-target=stderr'],
      ...load.flatMap((module) => ['-L', module]),
    ],
    { env, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let words = '';
  daemon.stderr.setEncoding('utf8').on('data', (text: string) => (words = (words + text).slice(-4_000)));
  const ended = endOf(daemon);
  let recording: ChildProcess | null = null;

  async function close(): Promise<void> {
    recording?.kill();
    if (daemon.exitCode === null && daemon.signalCode === null) daemon.kill();
    await ended;
    rmSync(home, { recursive: true, force: true });
  }

  try {
    await until('the sound server', () => existsSync(socket), { deadlineMs: START_MS });
    // The sound card of a real device does not wait for a processor. Not sooner: it begins by giving up what it was started with.
    if (daemon.pid !== undefined) favourProcess(daemon.pid);
  } catch (error) {
    await close();
    throw new Error(`pulseaudio: ${words}`, { cause: error });
  }

  return {
    server,
    env: (index, bufferMs) => ({
      PULSE_SERVER: server,
      PULSE_SINK: `out${index}`,
      ...(bufferMs === undefined ? {} : { PULSE_LATENCY_MSEC: `${bufferMs}` }),
    }),
    record(onFrames) {
      // Without the map and --no-remix the channels are mixed into each other, and everything seems in step.
      const args = [
        ...['--server', server, '--device=all.monitor', '--raw', '--format=float32le', `--rate=${RATE_HZ}`],
        ...[`--channels=${channels}`, `--channel-map=${map}`, '--no-remix', '--latency-msec=100'],
      ];
      const recorder = spawn('parec', args, {
        env,
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      recording = recorder;
      if (recorder.pid !== undefined) favourProcess(recorder.pid);
      let rest: Buffer = Buffer.alloc(0);
      recorder.stdout.on('data', (chunk: Buffer) => {
        const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
        const whole = bytes.length - (bytes.length % (4 * channels));
        rest = bytes.subarray(whole);
        onFrames(new Float32Array(Uint8Array.from(bytes.subarray(0, whole)).buffer));
      });
      const over = endOf(recorder);
      return async () => {
        recorder.kill();
        await over;
      };
    },
    close,
  };
}

function endOf(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.on('error', () => resolve());
    child.on('close', () => resolve());
  });
}
