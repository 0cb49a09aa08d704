/**
 * `earshot.local` on the LAN (multicast DNS, RFC 6762; IPv4, on the one interface that phones reach). Written on a socket
 * and a codec, as `bonjour-service` neither yields a host name that somebody else has nor follows an address that changes.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { decode, encode, type Packet } from 'dns-packet';
import { createAddressBudgets } from '../ops/address-budgets.ts';
import { createBudget } from '../ops/budget.ts';
import type { Counters } from '../ops/counters.ts';
import type { Log } from '../ops/log.ts';
import { announcement, conflicts, hostName, probe, responseTo, type Announced } from './mdns-records.ts';

const GROUP = '224.0.0.251';
const PORT = 5353;
/** Section 8.1: three probes, a quarter of a second apart. */
const PROBES = 3;
const PROBE_MS = 250;
/** Section 8.3: once more after a second. */
const ANNOUNCE_AGAIN_MS = 1_000;
const MAX_NAMES = 20;
/** Answers to everybody, and to plain resolvers. */
const MULTICAST = { burst: 20, perSecond: 5 };
const UNICAST = { burst: 20, perSecond: 5 };

export interface MdnsOptions {
  address: string;
  httpsPort: number;
  counters: Counters;
  log: Log;
  /** The name that is ours now; null while there is none. */
  onName: (name: string | null) => void;
  /** Monotonic milliseconds. */
  now: () => number;
}

export interface Mdns {
  /** The first name stands, or it is known that none will. */
  readonly ready: Promise<void>;
  /** Says goodbye. */
  close(): Promise<void>;
}

function open(address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port: PORT }, () => {
      try {
        socket.addMembership(GROUP, address);
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(255);
        socket.setMulticastLoopback(true);
        socket.removeAllListeners('error');
        resolve(socket);
      } catch (error) {
        socket.emit('error', error);
      }
    });
  });
}

/** Announces, answers, and takes another name where somebody has it. A LAN without multicast is no error: there is no name then. */
export function createMdns({ address, httpsPort, counters, log, onName, now }: MdnsOptions): Mdns {
  let announced: Announced = { hostNumber: 1, serviceNumber: 1, address, httpsPort };
  let state: 'probing' | 'announced' | 'closed' = 'probing';
  let socket: Socket | null = null;
  let timer: NodeJS.Timeout | null = null;
  let probesLeft = PROBES;
  let settle = (): void => {};
  const ready = new Promise<void>((resolve) => (settle = resolve));
  const toAll = createBudget(MULTICAST, now());
  const toOne = createAddressBudgets(UNICAST);

  function send(packet: Packet, to?: RemoteInfo, done: () => void = () => {}): void {
    const bytes = encode(packet);
    if (socket === null) done();
    else socket.send(bytes, to?.port ?? PORT, to?.address ?? GROUP, done);
  }

  function after(ms: number, work: () => void): void {
    if (timer !== null) clearTimeout(timer);
    timer = setTimeout(work, ms);
  }

  function probeOnce(): void {
    if (probesLeft === 0) return announce();
    probesLeft--;
    send(probe(announced));
    after(PROBE_MS, probeOnce);
  }

  function announce(): void {
    state = 'announced';
    send(announcement(announced, false));
    after(ANNOUNCE_AGAIN_MS, () => send(announcement(announced, false)));
    log.info({ event: 'mdns', name: hostName(announced), address });
    onName(hostName(announced));
    settle();
  }

  function startOver(conflict: { host: boolean; service: boolean }): void {
    counters.count('mdns', 'name-taken');
    const next = {
      ...announced,
      hostNumber: announced.hostNumber + (conflict.host ? 1 : 0),
      serviceNumber: announced.serviceNumber + (conflict.service ? 1 : 0),
    };
    if (state === 'announced') onName(null);
    if (Math.max(next.hostNumber, next.serviceNumber) > MAX_NAMES) {
      if (timer !== null) clearTimeout(timer);
      log.warn({ event: 'mdns', name: null, reason: 'every name is taken' });
      return settle();
    }
    announced = next;
    state = 'probing';
    probesLeft = PROBES;
    after(PROBE_MS, probeOnce);
  }

  function receive(bytes: Buffer, from: RemoteInfo): void {
    if (state === 'closed') return;
    // It can be forged, and nothing can be sent there: `send` would throw.
    if (from.port === 0) return counters.count('mdns', 'bad-packet');
    let packet: Packet;
    try {
      packet = decode(bytes);
    } catch {
      return counters.count('mdns', 'bad-packet');
    }
    // What we send comes back to us: the same name with the same data is no conflict.
    const conflict = conflicts(packet, announced);
    const isClaim = packet.type === 'response' || state === 'probing';
    if (isClaim && (conflict.host || conflict.service)) return startOver(conflict);
    if (packet.type !== 'query' || state !== 'announced') return;
    const isLegacy = from.port !== PORT;
    const response = responseTo(packet, announced, isLegacy);
    if (response === null) return;
    const mayAnswer = isLegacy ? toOne.spend(from.address, 1, now()) : toAll.spend(1, now());
    if (mayAnswer) send(response, isLegacy ? from : undefined);
    else counters.count('mdns', 'too-many-queries');
  }

  open(address).then(
    (opened) => {
      if (state === 'closed') return opened.close();
      socket = opened;
      socket.on('message', receive);
      socket.on('error', () => counters.count('mdns', 'socket-error'));
      probeOnce();
    },
    (error: unknown) => {
      log.warn({ event: 'mdns', name: null, reason: String((error as NodeJS.ErrnoException).code ?? error) });
      settle();
    },
  );

  return {
    ready,
    async close() {
      if (state === 'closed') return;
      const wasAnnounced = state === 'announced';
      state = 'closed';
      if (timer !== null) clearTimeout(timer);
      settle();
      if (socket === null) return;
      const open = socket;
      if (wasAnnounced)
        await new Promise<void>((resolve) => send(announcement(announced, true), undefined, resolve));
      await new Promise<void>((resolve) => open.close(() => resolve()));
      socket = null;
    },
  };
}
