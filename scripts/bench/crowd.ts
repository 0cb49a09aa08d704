/**
 * `npm run bench:crowd`: how many people one room carries. Peers in Node (@roamhq/wrtc) run the app's real mesh through
 * the real node and all link with each other; after each edit the bench waits until everybody has it. y-webrtc does the
 * same with fewer peers in the same run: it repeats every edit, and its processes hold one peer each. `-- --quick`: under
 * a minute.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { MAX_ALLOCATIONS } from '../../signaling/rendezvous/allocation-table.ts';
import { startNode } from '../../tests/e2e/support/node.ts';
import { keysOf, newSecret } from '../../tests/unit/signaling/support.ts';
import { until } from '../../tests/fixtures/until.ts';
import type { FromPeers, Mesh, ToPeers } from './crowd-wire.ts';
import type { SentMessages } from './rtc-globals.ts';

const QUICK = process.argv.includes('--quick');
const PEERS = QUICK ? 16 : 50;
const EDITS = QUICK ? 30 : 100;
const BASELINE_PEERS = QUICK ? 5 : 8;
const MESH_DEADLINE_MS = 240_000;
/** Some 50 file descriptors a connection, and abandoned ones go late: more peers than this run into a process’s limit. */
const PEERS_PER_PROCESS = 3;
const EDIT_DEADLINE_MS = 30_000;

interface Group {
  child: ChildProcess;
  peers: number;
  /** Others that each of its peers is linked with. */
  linked: number;
}

interface Result {
  mesh: Mesh;
  peers: number;
  meshedMs: number;
  convergeMs: number[];
  messagesPerEdit: number;
  bytesPerEdit: number;
  otherPerSecond: number;
  /** Of the process that holds a single peer. */
  peerRssMiB: number;
  nodeRssMiB: number;
}

const percentile = (values: readonly number[], share: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * share))] ?? 0;

/** Linux tells it in the process table; elsewhere `ps` does not stand in for it. */
function rssMiB(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kib ?? NaN) / 1024;
}

function crowdLost(cause: Error): never {
  console.error(cause.message);
  process.exit(1);
}

async function crowd(mesh: Mesh, sizes: readonly number[], edits: number): Promise<Result> {
  let nodeProcess: ChildProcess | undefined;
  const node = await startNode({
    spawn: (command, args, options) => (nodeProcess = spawn(command, args, options)),
  });
  const { roomId, signalingKey, meshKey } = await keysOf(newSecret());
  const everybody = sizes.reduce((sum, size) => sum + size, 0);
  const groups: Group[] = [];
  const editedAt = new Map<string, number>();
  const hasIt = new Map<string, number[]>();
  const counts: { sent: SentMessages; rssMiB: number; peers: number }[] = [];
  let ready = 0;
  let joined = 0;
  let lost: Error | null = null;
  /** A process that ends takes the bench with it: nothing is waited for then. */
  const whole = <T>(value: T): T => {
    if (lost !== null) crowdLost(lost);
    return value;
  };

  function receive(group: Group, message: FromPeers): void {
    if (message.type === 'ready') ready++;
    else if (message.type === 'linked') group.linked = message.others;
    else if (message.type === 'edited') editedAt.set(message.key, message.atMs);
    else if (message.type === 'has')
      hasIt.set(message.key, [...(hasIt.get(message.key) ?? []), message.atMs]);
    else counts.push({ ...message, peers: group.peers });
  }

  async function allLinked(): Promise<void> {
    const present = groups.slice(0, groups.findIndex((_, at) => sizesUpTo(at) >= joined) + 1);
    await until('everybody to be linked', () => whole(present.every(({ linked }) => linked >= joined - 1)), {
      deadlineMs: MESH_DEADLINE_MS,
    });
  }
  const sizesUpTo = (at: number) => sizes.slice(0, at + 1).reduce((sum, size) => sum + size, 0);

  const say = ({ child }: Group, message: ToPeers) => void child.send(message);

  async function count(): Promise<{ room: number; bytes: number; other: number; peerRssMiB: number }> {
    counts.length = 0;
    for (const group of groups) say(group, { type: 'count' });
    await until('the counts', () => counts.length === groups.length);
    const sum = (pick: (sent: SentMessages) => number) =>
      counts.reduce((total, { sent }) => total + pick(sent), 0);
    return {
      room: sum(({ room }) => room),
      bytes: sum(({ roomBytes }) => roomBytes),
      other: sum(({ other }) => other),
      peerRssMiB: counts.find(({ peers }) => peers === 1)?.rssMiB ?? NaN,
    };
  }

  try {
    for (const peers of sizes) {
      const child = fork(new URL('./crowd-peers.ts', import.meta.url), {
        execArgv: ['--import', 'tsx', '--import', new URL('./resolve.ts', import.meta.url).href],
        env: { ...process.env, NODE_EXTRA_CA_CERTS: node.caPath },
      });
      const group = { child, peers, linked: -1 };
      groups.push(group);
      child.once('exit', (code) => (lost = new Error(`a process of the crowd ended with ${code}`)));
      child.on('message', (message: FromPeers) => receive(group, message));
    }
    await until('the processes', () => whole(ready === sizes.length), { deadlineMs: 60_000 });
    const startedAtMs = performance.now();
    const { origin } = new URL(node.appUrl);
    for (const group of groups) {
      const selfIds = Array.from({ length: group.peers }, () => randomUUID());
      const keys = { roomId, signalingKey, meshKey: [...meshKey] };
      say(group, { type: 'join', mesh, selfIds, origin, keys });
      joined += group.peers;
      // One group after the other, as guests come: who meets in the same instant may stay apart for ever in y-webrtc.
      await allLinked();
    }
    const meshedMs = performance.now() - startedAtMs;

    const before = await count();
    const editsStartedAtMs = performance.now();
    const convergeMs: number[] = [];
    for (let edit = 0; edit < edits; edit++) {
      const group = groups[edit % groups.length];
      if (group === undefined) throw new Error('a crowd of none');
      const key = `edit${edit}`;
      say(group, { type: 'edit', at: edit % group.peers, key });
      await until(`everybody to have ${key}`, () => whole(hasIt.get(key)?.length === groups.length), {
        deadlineMs: EDIT_DEADLINE_MS,
        everyMs: 5,
      });
      convergeMs.push(Math.max(...(hasIt.get(key) ?? [])) - (editedAt.get(key) ?? NaN));
    }
    const seconds = (performance.now() - editsStartedAtMs) / 1000;
    const after = await count();
    return {
      mesh,
      peers: everybody,
      meshedMs,
      convergeMs,
      messagesPerEdit: (after.room - before.room) / edits,
      bytesPerEdit: (after.bytes - before.bytes) / edits,
      otherPerSecond: (after.other - before.other) / seconds,
      peerRssMiB: after.peerRssMiB,
      nodeRssMiB: rssMiB(nodeProcess?.pid ?? 0),
    };
  } finally {
    for (const { child } of groups) child.removeAllListeners('exit').kill('SIGKILL');
    await node.close();
  }
}

/** One process holds a single peer, so that its memory can be told; the others share the rest. */
function spread(peers: number): number[] {
  const rest = peers - 1;
  const processes = Math.ceil(rest / PEERS_PER_PROCESS);
  return [
    1,
    ...Array.from(
      { length: processes },
      (_, at) => Math.floor((rest * (at + 1)) / processes) - Math.floor((rest * at) / processes),
    ).filter((size) => size > 0),
  ];
}

function row(result: Result): Record<string, string | number> {
  const { peers, convergeMs } = result;
  return {
    mesh: result.mesh,
    peers,
    'all linked ms': Math.round(result.meshedMs),
    'converge p50 ms': Number(percentile(convergeMs, 0.5).toFixed(1)),
    'p95 ms': Number(percentile(convergeMs, 0.95).toFixed(1)),
    'messages an edit': Number(result.messagesPerEdit.toFixed(1)),
    'N-1': peers - 1,
    'N(N-1)': peers * (peers - 1),
    'KiB an edit': Number((result.bytesPerEdit / 1024).toFixed(1)),
    'keepalives a second': Math.round(result.otherPerSecond),
    'node MiB': Math.round(result.nodeRssMiB),
    'one peer MiB': Math.round(result.peerRssMiB),
  };
}

const baseline = await crowd(
  'y-webrtc',
  Array.from({ length: BASELINE_PEERS }, () => 1),
  Math.min(EDITS, 30),
);
const ours = await crowd('earshot', spread(PEERS), EDITS);
console.table([row(baseline), row(ours)]);
console.log(
  `y-webrtc costs ${(baseline.messagesPerEdit / (baseline.peers * (baseline.peers - 1))).toFixed(2)} × N(N-1) messages an edit: ` +
    `with ${PEERS} peers about ${Math.round((baseline.messagesPerEdit / (baseline.peers * (baseline.peers - 1))) * PEERS * (PEERS - 1))}.`,
);
const LARGE = 200;
const most = Math.floor((1 + Math.sqrt(1 + 4 * MAX_ALLOCATIONS)) / 2);
console.log(
  `Where ${LARGE} would break. First the relay: every connection reserves an address at each end, and the node gives ` +
    `${MAX_ALLOCATIONS}, which is ${most} peers; beyond them only who is not isolated gets in. Then the phones: ` +
    `${LARGE - 1} connections each, with ${LARGE - 1} handshakes at joining and as many keepalives in and out every second ` +
    `(${LARGE * (LARGE - 1)} in the room). An edit would cost ${LARGE - 1} messages, all sent by its author. A partial mesh is due then.`,
);
console.log(
  JSON.stringify({
    peers: PEERS,
    convergeP95Ms: Number(percentile(ours.convergeMs, 0.95).toFixed(1)),
    messagesPerEdit: Number(ours.messagesPerEdit.toFixed(1)),
    nodeRssMiB: Math.round(ours.nodeRssMiB),
    peerRssMiB: Math.round(ours.peerRssMiB),
  }),
);
process.exit(0);
