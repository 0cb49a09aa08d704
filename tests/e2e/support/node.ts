/** Runs the real LAN node as `npm start` does, on free ports of the loopback interface, with a data folder of its own. */
import { spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface RunningNode {
  /** `https://…/` */
  readonly appUrl: string;
  /** The app's address with the room's secret in the fragment. */
  readonly appLink: string;
  /** The landing page with the secret in the fragment: what the QR code carries. */
  readonly joinLink: string;
  /** `http://…/stream.mp3` */
  readonly streamUrl: string;
  /** Origin of the plain-HTTP side, without a trailing slash. */
  readonly httpOrigin: string;
  readonly secret: string;
  readonly dataDir: string;
  /** PEM of the CA that signed the certificate. */
  readonly caPath: string;
  /** Everything it wrote since it started first: banner and log lines. */
  output(): string;
  /** Resolves with the exit code; null when a signal ended it. Harmless when it has stopped already. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
  /** After `stop`: again on the same ports with the same data. */
  start(): Promise<void>;
  /** Stops, and deletes the data folder if it was made here. */
  close(): Promise<void>;
}

export interface NodeOptions {
  /** On another host of the lab: its `spawn`. On this machine by default. */
  spawn?: (command: string, args: readonly string[], options: SpawnOptions) => ChildProcess;
  /** In addition to ports, address and data folder; a later one wins. */
  args?: readonly string[];
  bind?: string;
  dataDir?: string;
  /** What Node runs: `signaling/main.ts` by default; `scripts/start.mjs` for what `npm start` does. */
  entry?: readonly string[];
}

const ROOT = new URL('../../..', import.meta.url).pathname;
const START_MS = 60_000;

interface Banner {
  joinLink: string;
  appUrl: string;
  streamUrl: string;
  stunPort: number;
}

function bannerOf(output: string): Banner | null {
  const find = (label: string): string | undefined =>
    new RegExp(`^\\s*${label}\\s+(https?://\\S+)`, 'm').exec(output)?.[1];
  const [joinLink, appUrl, streamUrl] = [find('Join'), find('App'), find('Stream')];
  if (joinLink === undefined || appUrl === undefined || streamUrl === undefined) return null;
  // Stop is the banner's last line: what comes in pieces is complete then.
  if (!/^\s*Stop\s/m.test(output)) return null;
  return { joinLink, appUrl, streamUrl, stunPort: Number(/"stunPort":(\d+)/.exec(output)?.[1] ?? 0) };
}

/** Rejects with everything the node said when it ends before its banner, or has none within 60 s (a build included). */
export async function startNode(options: NodeOptions = {}): Promise<RunningNode> {
  const dataDir = options.dataDir ?? mkdtempSync(join(tmpdir(), 'earshot-data-'));
  let output = '';
  let child: ChildProcess | null = null;
  let ended: Promise<number | null> = Promise.resolve(null);
  const endNow = (): void => void child?.kill('SIGKILL');
  process.once('exit', endNow);

  async function launch(port: number, httpPort: number, stunPort: number): Promise<Banner> {
    const args = [
      ...(options.entry ?? ['--import', 'tsx', 'signaling/main.ts']),
      ...['--data', dataDir, '--bind', options.bind ?? '127.0.0.1'],
      ...['--port', `${port}`, '--http-port', `${httpPort}`, '--stun-port', `${stunPort}`],
      ...(options.args ?? []),
    ];
    const started = (options.spawn ?? spawn)(process.execPath, args, {
      cwd: ROOT,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    child = started;
    const from = output.length;
    ended = new Promise((resolve) => {
      started.on('error', (error) => (output += error.message));
      started.on('close', resolve);
    });
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => {
        started.kill('SIGKILL');
        reject(new Error(`the node ${why}:\n${output.slice(from)}`));
      };
      const timer = setTimeout(() => fail(`had no banner in ${START_MS} ms`), START_MS);
      void ended.then((code) => {
        clearTimeout(timer);
        fail(`ended with ${code} before its banner`);
      });
      for (const stream of [started.stdout, started.stderr]) {
        stream?.setEncoding('utf8').on('data', (text: string) => {
          output += text;
          const banner = bannerOf(output.slice(from));
          if (banner === null) return;
          clearTimeout(timer);
          resolve(banner);
        });
      }
    });
  }

  const stop = (signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> => {
    if (child !== null && child.exitCode === null && child.signalCode === null) child.kill(signal);
    return ended;
  };
  const { stunPort, ...banner } = await launch(0, 0, 0);
  const { hash } = new URL(banner.joinLink);
  return {
    ...banner,
    appLink: `${banner.appUrl}${hash}`,
    httpOrigin: new URL(banner.streamUrl).origin,
    secret: hash.slice(1),
    dataDir,
    caPath: join(dataDir, 'ca.crt'),
    output: () => output,
    stop,
    async start() {
      const [port, httpPort] = [new URL(banner.appUrl).port, new URL(banner.streamUrl).port];
      await launch(Number(port), Number(httpPort), stunPort);
    },
    async close() {
      process.off('exit', endNow);
      await stop();
      if (options.dataDir === undefined) rmSync(dataDir, { recursive: true, force: true });
    },
  };
}
