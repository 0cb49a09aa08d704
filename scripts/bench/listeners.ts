/**
 * `npm run bench:listeners [-- --quick] [--listeners=1000] [--seconds=60]`: how many listeners one process carries, beside
 * Debian's Icecast at the same load on the same machine. Both are fed the same MP3 frames at 128 kbit/s in real time, the
 * node over its uplink as a host does, Icecast as a source client does; the same crowd in another process listens to one,
 * then to the other, in turns.
 *
 * CPU: the server's own threads, user and system, from /proc, while counting. Delivered: sound that arrived, without the
 * framing of HTTP. Worst gap: the longest time in which any listener got nothing. Memory: resident, the most that was seen.
 */
import { type ChildProcess, fork, spawn, type SpawnOptions } from 'node:child_process';
import { createHash, hkdfSync } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { parseArgs } from 'node:util';
import { WebSocket } from 'ws';
import { deriveRoomKeys } from '../../signaling/protocol/secret.ts';
import { PROTOCOL_VERSION, type UplinkHello } from '../../signaling/protocol/uplink.ts';
import { startNode } from '../../tests/e2e/support/node.ts';
import { icecastMissing, SOURCE_PASSWORD, startIcecast } from '../../tests/fixtures/icecast.ts';
import { toneFrames } from '../../tests/unit/signaling/support.ts';
import type { CrowdOrder, CrowdReport } from './listener-crowd.ts';

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    listeners: { type: 'string', default: '1000' },
    seconds: { type: 'string' },
  },
});
const listeners = Number(values.listeners);
if (!(listeners >= 1 && listeners <= 2000)) throw new RangeError('--listeners: 1 to 2000');
const seconds = Number(values.seconds ?? (values.quick ? '8' : '60'));
if (!(seconds >= 2 && seconds <= 3600)) throw new RangeError('--seconds: 2 to 3600');
const rounds = values.quick ? 1 : 2;
const missing = icecastMissing();
if (missing !== null) {
  console.error(`Can't run: ${missing}`);
  process.exit(1);
}

const KBPS = 128;
const FRAME_MS = 24;
const SETTLE_MS = 3_000;
const TICKS_PER_SECOND = 100;
const frames = toneFrames(5, 440, KBPS);

/** A frame each 24 ms, on the clock, whatever the timer does. */
function feed(send: (frame: Buffer) => void): () => void {
  const startedAtMs = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    while (sent * FRAME_MS < performance.now() - startedAtMs) send(frames[sent++ % frames.length] as Buffer);
  }, 6);
  return () => clearInterval(timer);
}

/** User and system time of all its threads, in seconds (proc(5), /proc/pid/stat). */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

const crowd = fork(new URL('listener-crowd.ts', import.meta.url), { execArgv: ['--import', 'tsx'] });
async function order(what: CrowdOrder): Promise<CrowdReport> {
  crowd.send(what);
  const [report] = (await Promise.race([
    once(crowd, 'message'),
    once(crowd, 'exit').then(([code]) => {
      throw new Error(`the crowd ended with ${String(code)}`);
    }),
  ])) as [CrowdReport];
  return report;
}

interface Server {
  name: string;
  url: string;
  pid: number;
  /** @returns stops feeding it */
  feed(): Promise<() => void>;
}

interface Measured {
  cpu: number;
  rssMiB: number;
  report: Extract<CrowdReport, { kbps: unknown }>;
}

const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function measure(server: Server): Promise<Measured> {
  const stop = await server.feed();
  try {
    await order({ open: server.url, listeners });
    await wait(SETTLE_MS);
    let rssMiB = residentMiB(server.pid);
    const watching = setInterval(() => (rssMiB = Math.max(rssMiB, residentMiB(server.pid))), 500);
    const cpuBefore = cpuSeconds(server.pid);
    const startedAtMs = performance.now();
    const report = await order({ count: seconds });
    const cpu = ((cpuSeconds(server.pid) - cpuBefore) * 1000) / (performance.now() - startedAtMs);
    clearInterval(watching);
    if (!('kbps' in report)) throw new Error('the crowd did not count');
    return { cpu, rssMiB, report };
  } finally {
    await order({ leave: true });
    stop();
  }
}

async function hostFeed(secret: string, origin: string, caPath: string): Promise<() => void> {
  const keys = await deriveRoomKeys(secret, {
    sha256: (data) => Promise.resolve(new Uint8Array(createHash('sha256').update(data).digest())),
    hkdf: (key, info, bytes) =>
      Promise.resolve(new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, bytes))),
  });
  const socket = new WebSocket(`${origin.replace('https', 'wss')}/uplink`, { ca: readFileSync(caPath) });
  await once(socket, 'open');
  const hello: UplinkHello = {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    roomId: keys.roomId,
    uplinkKey: keys.uplinkKey,
    epoch: 1,
    peerId: 'bench',
    bitrateKbps: KBPS,
    sampleRateHz: 48_000,
  };
  socket.send(JSON.stringify(hello));
  await once(socket, 'message');
  const stop = feed((frame) => socket.send(frame));
  return () => {
    stop();
    socket.close();
  };
}

async function sourceFeed(port: number): Promise<() => void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true).on('error', () => {});
  const login = Buffer.from(`source:${SOURCE_PASSWORD}`).toString('base64');
  socket.write(
    `PUT /bench.mp3 HTTP/1.1\r\nHost: x\r\nAuthorization: Basic ${login}\r\nContent-Type: audio/mpeg\r\nExpect: 100-continue\r\n\r\n`,
  );
  await once(socket, 'data');
  const stop = feed((frame) => socket.write(frame));
  return () => {
    stop();
    socket.destroy();
  };
}

let nodeProcess: ChildProcess | null = null;
const node = await startNode({
  args: ['--no-mdns'],
  spawn: (command: string, args: readonly string[], options: SpawnOptions) =>
    (nodeProcess = spawn(command, args, options)),
});
const icecast = await startIcecast();
try {
  const servers: Server[] = [
    {
      name: 'Earshot',
      url: node.streamUrl,
      pid: (nodeProcess as ChildProcess | null)?.pid ?? 0,
      feed: () => hostFeed(node.secret, new URL(node.appUrl).origin, node.caPath),
    },
    {
      name: 'Icecast',
      url: `http://127.0.0.1:${icecast.port}/bench.mp3`,
      pid: icecast.pid,
      feed: () => sourceFeed(icecast.port),
    },
  ];
  const all = new Map<string, Measured[]>();
  for (let round = 0; round < rounds; round++)
    for (const server of servers)
      all.set(server.name, [...(all.get(server.name) ?? []), await measure(server)]);

  const most = (name: string, pick: (one: Measured) => number): number =>
    Math.max(...(all.get(name) ?? []).map(pick));
  const mean = (name: string, pick: (one: Measured) => number): number => {
    const picked = (all.get(name) ?? []).map(pick);
    return picked.reduce((sum, value) => sum + value, 0) / picked.length;
  };
  console.log(`${listeners} listeners at ${KBPS} kbit/s, ${rounds} × ${seconds} s each`);
  console.table(
    Object.fromEntries(
      servers.map(({ name }) => [
        name,
        {
          'CPU % of a core': (mean(name, ({ cpu }) => cpu) * 100).toFixed(1),
          'RSS MiB': Math.round(most(name, ({ rssMiB }) => rssMiB)),
          'kbit/s mean': mean(name, ({ report }) => report.kbps.mean).toFixed(1),
          'kbit/s least': (-most(name, ({ report }) => -report.kbps.least)).toFixed(1),
          'gap ms worst': Math.round(most(name, ({ report }) => report.worstGapMs)),
          'gap ms median': Math.round(mean(name, ({ report }) => report.medianGapMs)),
          'crowd late ms': Math.round(most(name, ({ report }) => report.ownDelayMs)),
          'torn frames': most(name, ({ report }) => report.tornFrames),
          lost: most(name, ({ report }) => report.lost),
        },
      ]),
    ),
  );
  const round = (value: number): number => Math.round(value * 100) / 100;
  console.log(
    JSON.stringify({
      bench: 'listeners',
      listeners,
      cpuRatio: round(mean('Earshot', ({ cpu }) => cpu) / mean('Icecast', ({ cpu }) => cpu)),
      worstGapMs: Math.round(most('Earshot', ({ report }) => report.worstGapMs)),
      icecastWorstGapMs: Math.round(most('Icecast', ({ report }) => report.worstGapMs)),
      kbps: round(mean('Earshot', ({ report }) => report.kbps.mean)),
      icecastKbps: round(mean('Icecast', ({ report }) => report.kbps.mean)),
      cpuPercent: round(mean('Earshot', ({ cpu }) => cpu) * 100),
      icecastCpuPercent: round(mean('Icecast', ({ cpu }) => cpu) * 100),
      rssMiB: Math.round(most('Earshot', ({ rssMiB }) => rssMiB)),
      icecastRssMiB: Math.round(most('Icecast', ({ rssMiB }) => rssMiB)),
      lost: most('Earshot', ({ report }) => report.lost),
      tornFrames: most('Earshot', ({ report }) => report.tornFrames),
    }),
  );
} finally {
  crowd.kill();
  await icecast.close();
  await node.close();
}
