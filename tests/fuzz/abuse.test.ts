/**
 * A machine on the LAN that runs wild, beside people who listen, signal and call: they notice nothing, the node's memory
 * stays where it was, and the status says what was refused. In the lab, as each has an address of its own there.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as v from 'valibot';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StatusReport } from '../../signaling/protocol/status.ts';
import { request } from '../lan/http.ts';
import { createLab, type Lab, labProblem } from '../lan/lab.ts';
import { hello, keysOf, newSecret, temporaryFolder } from '../unit/signaling/support.ts';
import type { Suffered } from './victim.ts';

const HERE = import.meta.dirname;
const TSX = ['--import', 'tsx'];
/** A node that serves nobody has some 90 MB, one that has seen some traffic twice that; without bounds it would be gigabytes. */
const MAX_GROWTH_MB = 256;
/** The listener has 480 ms in hand from the start, and two cores are shared by everybody here. */
const MAX_GAP_MS = 2_000;
const NORMAL_BYTES_PER_SECOND = 16_000;
const MAX_TRIP_MS = 3_000;
/** Lower than the node's own, so that it takes less of a shared machine to reach them. */
const LIMITS = `{ open: 500, opening: { burst: 300, perSecond: 50 }, requests: { burst: 500, perSecond: 100 },
  introductions: { burst: 300, perSecond: 50 } }`;

const ATTACKS: [string, string[]][] = [
  ['sockets that stay', ['/uplink too-many-sockets-of-one', '/signaling too-many-sockets-of-one']],
  ['listeners of invented rooms', ['/stream too-many-rooms']],
  ['rooms of its own', ['/uplink too-many-rooms-of-one']],
  ['noise on /signaling', ['/signaling bad-message']],
  ['a flood of topics', ['/signaling too-many-topics']],
  ['a flood of messages to a full topic', []],
  ['a room that shouts', []],
  ['subscribers that do not read', ['/signaling too-slow']],
  ['giants on every path', ['/signaling protocol-error', '/uplink protocol-error', '/broker protocol-error']],
  ['offers for nobody', ['/broker too-many-waiting', '/broker slowed-down']],
  ['noise on an uplink', ['/uplink bad-frames', '/uplink too-fast']],
  ['a flood of connections', ['https connecting-too-fast']],
  ['connections that say half a word', ['http connecting-too-fast']],
  ['downloads that are not read', []],
  ['listeners that do not read', []],
  ['a flood of requests', ['http asking-too-fast']],
  ['a flood of datagrams', ['stun too-many-requests', 'stun bad-datagram', 'turn unexpected']],
];

const problem = labProblem();
if (problem !== null) console.log(`Skipped: ${problem}.`);

describe.skipIf(problem !== null)('somebody on the LAN runs wild with', () => {
  const folder = temporaryFolder();
  let lab: Lab;
  let node: ChildProcess;
  let victim: (line: string) => Promise<unknown>;
  let attacker: (line: string) => Promise<unknown>;
  let startMb = 0;

  beforeAll(async () => {
    lab = createLab(['node', 'victim', 'attacker']);
    // What the app would be: large, and nothing that a code shrinks.
    const dist = join(folder.path, 'dist');
    mkdirSync(dist);
    writeFileSync(join(dist, 'index.html'), '<!doctype html>');
    writeFileSync(join(dist, 'big.js'), randomBytes(1_500_000).toString('hex'));
    const run = `import { createNode } from '${join(HERE, '../../signaling/node.ts')}';
      import { silentLog } from '${join(HERE, '../../signaling/ops/log.ts')}';
      await createNode({ version: '1', log: silentLog(), notice: () => {}, limits: ${LIMITS}, config: {
        port: 8443, httpPort: 8097, stunPort: 3478, relayPorts: undefined, mdns: false, speakers: false, bind: undefined,
        dataDir: ${JSON.stringify(folder.path)}, ownCertificate: undefined, publicUrl: undefined, streamUrl: undefined,
    icecast: undefined,
    snapcast: undefined,
        strictPorts: true, distDir: ${JSON.stringify(dist)} } });
      console.log('ready');`;
    node = lab.host('node').spawn(process.execPath, [...TSX, '--input-type=module', '-e', run], {
      stdio: ['ignore', 'pipe', 'inherit'],
      cwd: join(HERE, '../..'),
    });
    await new Promise((resolve) => node.stdout?.once('data', resolve));
    const hostHello = JSON.stringify(hello(await keysOf(newSecret()), { epoch: 0 }));
    const { address } = lab.host('node');
    [victim, attacker] = await Promise.all([
      talkTo('victim', 'victim.ts', address),
      talkTo('attacker', 'attacker.ts', address, hostHello),
    ]);
    startMb = rssMb();
  }, 60_000);
  afterAll(async () => {
    await lab.close();
    folder.remove();
  });

  const rssMb = (): number =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${node.pid}/status`, 'utf8'))?.[1]) / 1024;
  const rejected = async (): Promise<Record<string, number>> => {
    const text = await request(lab.host('victim'), `http://${lab.host('node').address}:8097/stream/status`);
    return v.parse(StatusReport, JSON.parse(text)).rejected;
  };

  /** A process that answers each line with a line of JSON. */
  async function talkTo(
    host: string,
    script: string,
    ...args: string[]
  ): Promise<(line: string) => Promise<unknown>> {
    const child = lab.host(host).spawn(process.execPath, [...TSX, join(HERE, script), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    await lines.next();
    return async (line) => {
      child.stdin?.write(`${line}\n`);
      return JSON.parse(String((await lines.next()).value)) as unknown;
    };
  }

  it.each(ATTACKS)(
    '%s',
    async (attack, counted) => {
      const before = await rejected();
      await victim('from now on');
      let peakMb = rssMb();
      const watch = setInterval(() => (peakMb = Math.max(peakMb, rssMb())), 50);
      const { done, wanted } = (await attacker(attack)) as { done: number; wanted: number };
      clearInterval(watch);
      const grown = async (): Promise<string[]> => {
        const after = await rejected();
        return counted.filter((key) => (after[key] ?? 0) > (before[key] ?? 0));
      };
      // What the attacker sent last may still be on its way.
      await expect.poll(grown, { timeout: 10_000 }).toEqual(counted);
      const { listener, signaling, broker, stun, newcomer, seconds } = (await victim(
        'how was it?',
      )) as Suffered;

      expect(newcomer).toEqual({ signaling: true, broker: true, host: 'welcome', heard: true });
      expect(done).toBeGreaterThanOrEqual(wanted / 4);
      expect(listener.ended).toBe(false);
      expect(listener.worstGapMs).toBeLessThan(MAX_GAP_MS);
      expect(listener.bytes / seconds).toBeGreaterThan(NORMAL_BYTES_PER_SECOND / 2);
      for (const trips of [signaling, broker]) {
        // What is on its way right now is not lost.
        expect(trips.came).toBeGreaterThanOrEqual(trips.sent - MAX_TRIP_MS / 100);
        expect(trips.came).toBeGreaterThan(0);
        expect(trips.worstMs).toBeLessThan(MAX_TRIP_MS);
      }
      // Datagrams get lost when somebody fills the socket's buffer; but some come.
      expect(stun.came).toBeGreaterThan(stun.sent / 10);
      expect(peakMb - startMb).toBeLessThan(MAX_GROWTH_MB);
      if (process.env['ABUSE_REPORT'] !== undefined) {
        console.log(
          attack,
          JSON.stringify({ done, wanted, seconds, startMb, peakMb, listener, signaling, broker, stun }),
        );
      }
    },
    60_000,
  );
});
