/**
 * Several machines on one LAN without a way out: each is a network namespace with an address of its own, all hang on one
 * bridge, which has a namespace to itself, and there is no default route. Nothing touches the real network. Every name
 * carries the process id of its maker, so that what a crash left behind is found and removed the next time.
 */
import { execFileSync, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { until } from '../fixtures/until.ts';

export interface LabHost {
  readonly name: string;
  /** 10.77.0.x */
  readonly address: string;
  readonly netns: string;
  /** Starts a program on this host; whatever still runs when the lab closes is ended then. */
  spawn(command: string, args: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Runs a program on this host to its end; rejects with what it complained about. */
  output(command: string, args: readonly string[], input?: string): Promise<Buffer>;
  /** Takes the cable out, or puts it back. */
  setLink(state: 'up' | 'down'): void;
  /** As Wi-Fi client isolation does: isolated hosts reach those that are not, and not each other. */
  setIsolated(on: boolean): void;
  /** As access points do that pass on no multicast: what others send to a group no longer arrives here. */
  setMulticast(on: boolean): void;
  /** Nothing leaves this host for that address any more, or again; what comes from there still arrives. */
  setUnreachable(address: string, on: boolean): void;
  /** As a DHCP server does that gives it another one. */
  changeAddress(address: string): void;
  /** Stops everything that runs on this host in mid-instruction, or lets it go on. */
  signal(signal: 'SIGSTOP' | 'SIGCONT' | 'SIGKILL'): void;
}

export interface Lab {
  host(name: string): LabHost;
  close(): Promise<void>;
}

const PREFIX = 'earshot';
const RUN_FOLDER = '/run/netns';
const DEVICE = 'eth0';
const NOBODYS_CARD = '02:00:00:00:00:01';
let labs = 0;

/** Why there can be no lab here, in one line; null when there can. */
export function labProblem(): string | null {
  if (process.getuid?.() !== 0) return 'the LAN lab needs root';
  if (!existsSync('/usr/sbin/ip') && !existsSync('/sbin/ip'))
    return 'the LAN lab needs ip (Debian: iproute2)';
  try {
    ip('netns', 'add', `${PREFIX}${process.pid}-try`);
    ip('netns', 'del', `${PREFIX}${process.pid}-try`);
    return null;
  } catch (error) {
    return `the LAN lab may not make network namespaces here: ${String(error).split('\n').at(-1)}`;
  }
}

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

function namespaces(): string[] {
  return existsSync(RUN_FOLDER) ? readdirSync(RUN_FOLDER) : [];
}

function processesIn(netns: string): number[] {
  return ip('netns', 'pids', netns).split('\n').filter(Boolean).map(Number);
}

function signalAll(netns: string, signal: NodeJS.Signals): void {
  for (const pid of processesIn(netns)) {
    try {
      process.kill(pid, signal);
    } catch {
      // It ended between the two lines.
    }
  }
}

/** Works in an exit handler too: nothing is awaited. */
function removeNow(netns: string): void {
  if (!namespaces().includes(netns)) return;
  signalAll(netns, 'SIGKILL');
  ip('netns', 'del', netns);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

function removeLeftovers(): void {
  for (const netns of namespaces()) {
    const owner = new RegExp(`^${PREFIX}(\\d+)-`).exec(netns)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) removeNow(netns);
  }
}

/** SSDP and mDNS: without a default route the kernel must be told where groups are. A link that goes down forgets it. */
function routeGroups(netns: string): void {
  ip('-n', netns, 'route', 'replace', '224.0.0.0/4', 'dev', DEVICE);
}

/**
 * For two seconds the kernel looks for another holder of the IPv6 address that it gave itself. A browser that began
 * meanwhile learns of a new address in mid-page, and throws away what it is loading (ERR_NETWORK_CHANGED).
 */
function useIpv6AtOnce(netns: string): void {
  const file = `/proc/sys/net/ipv6/conf/${DEVICE}/accept_dad`;
  ip('netns', 'exec', netns, 'sh', '-c', `if [ -e ${file} ]; then echo 0 >${file}; fi`);
}

function createHost(
  name: string,
  netns: string,
  firstAddress: string,
  port: { lan: string; device: string },
): LabHost {
  let address = firstAddress;
  const start = (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess =>
    spawn('ip', ['netns', 'exec', netns, command, ...args], options);
  return {
    name,
    get address() {
      return address;
    },
    netns,
    spawn: start,
    output(command, args, input = '') {
      return new Promise((resolve, reject) => {
        const child = start(command, args, { stdio: ['pipe', 'pipe', 'pipe'] });
        const out: Buffer[] = [];
        let complaint = '';
        child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
        child.stderr?.setEncoding('utf8').on('data', (text: string) => (complaint += text));
        child.on('error', reject);
        child.on('close', (code) => {
          if (code === 0) resolve(Buffer.concat(out));
          else reject(new Error(`${command} on ${name} ended with ${code}: ${complaint.trim()}`));
        });
        child.stdin?.on('error', () => undefined);
        child.stdin?.end(input);
      });
    },
    setLink(state) {
      ip('-n', netns, 'link', 'set', DEVICE, state);
      if (state === 'up') routeGroups(netns);
    },
    setIsolated(on) {
      ip('-n', port.lan, 'link', 'set', port.device, 'type', 'bridge_slave', 'isolated', on ? 'on' : 'off');
    },
    setMulticast(on) {
      const flood = on ? 'on' : 'off';
      ip('-n', port.lan, 'link', 'set', port.device, 'type', 'bridge_slave', 'mcast_flood', flood);
    },
    setUnreachable(to, on) {
      // Sent to a card that nobody has. A blackhole route would tell whoever sends: Chromium then closes the socket, through
      // which it also reaches everybody else.
      const neighbour = ['neigh', on ? 'replace' : 'del', to, 'dev', DEVICE];
      ip('-n', netns, ...neighbour, ...(on ? ['lladdr', NOBODYS_CARD, 'nud', 'permanent'] : []));
    },
    changeAddress(next) {
      ip('-n', netns, 'addr', 'add', `${next}/24`, 'brd', '+', 'dev', DEVICE);
      ip('-n', netns, 'addr', 'del', `${address}/24`, 'dev', DEVICE);
      address = next;
      // With the first address of a subnet the kernel takes away the others too, and the routes.
      ip('-n', netns, 'addr', 'replace', `${next}/24`, 'brd', '+', 'dev', DEVICE);
      routeGroups(netns);
    },
    signal: (signal) => signalAll(netns, signal),
  };
}

/** Builds the LAN. Throws what `ip` said when that fails; ask `labProblem` first. */
export function createLab(names: readonly string[]): Lab {
  removeLeftovers();
  labs += 1;
  const serial = labs;
  const netnsOf = (name: string): string => `${PREFIX}${process.pid}-${serial}-${name}`;
  const all = [netnsOf('lan'), ...names.map(netnsOf)];
  const removeAllNow = (): void => all.forEach(removeNow);
  process.once('exit', removeAllNow);

  const [lan = ''] = all;
  const hosts = new Map<string, LabHost>();
  try {
    ip('netns', 'add', lan);
    ip('-n', lan, 'link', 'add', 'bridge', 'type', 'bridge');
    ip('-n', lan, 'link', 'set', 'bridge', 'up');
    names.forEach((name, index) => {
      const netns = netnsOf(name);
      const address = `10.77.0.${10 + index}`;
      ip('netns', 'add', netns);
      ip('-n', netns, 'link', 'set', 'lo', 'up');
      ip('-n', netns, 'link', 'add', DEVICE, 'type', 'veth', 'peer', 'name', `port${index}`, 'netns', lan);
      ip('-n', lan, 'link', 'set', `port${index}`, 'master', 'bridge', 'up');
      ip('-n', netns, 'addr', 'add', `${address}/24`, 'brd', '+', 'dev', DEVICE);
      useIpv6AtOnce(netns);
      ip('-n', netns, 'link', 'set', DEVICE, 'up', 'multicast', 'on');
      routeGroups(netns);
      hosts.set(name, createHost(name, netns, address, { lan, device: `port${index}` }));
    });
  } catch (error) {
    removeAllNow();
    throw error;
  }

  return {
    host(name) {
      const host = hosts.get(name);
      if (host === undefined) throw new RangeError(`the lab has no host ${name}`);
      return host;
    },
    async close() {
      process.off('exit', removeAllNow);
      const living = all.filter((netns) => namespaces().includes(netns));
      for (const netns of living)
        for (const signal of ['SIGTERM', 'SIGCONT'] as const) signalAll(netns, signal);
      try {
        const areEmpty = (): boolean => living.every((netns) => processesIn(netns).length === 0);
        await until('the lab to be empty', areEmpty, { deadlineMs: 5000 });
      } finally {
        removeAllNow();
      }
    },
  };
}
