/**
 * Finding by multicast DNS (RFC 6762) and DNS-SD (RFC 6763): asks each link of the LAN for one kind of service, and hears what
 * is announced. It follows the machine's links as they come and go. What it hears is a hint and no more: anybody may say
 * anything. On the codec that the node announces itself with (`join/mdns.ts`); `bonjour-service` follows no change of network.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { type Answer, decode, encode, type Packet } from 'dns-packet';
import { isSameName } from '../join/mdns-records.ts';
import { createAddressBudgets } from '../ops/address-budgets.ts';
import { isPrivateAddress, lanLinks } from '../ops/addresses.ts';
import type { DriverOptions } from './port.ts';

const GROUP = '224.0.0.251';
const PORT = 5353;
/** After a link came up (section 5.2: intervals that at least double); later each minute. */
const ASK_AFTER_MS = [0, 1_000, 3_000, 9_000, 27_000];
const ASK_EVERY_MS = 60_000;
const LOOK_MS = 3_000;
const MAX_LINKS = 8;
const MAX_SERVICES = 128;
/** So that one machine that invents services does not take the place of real ones; a router may speak for a whole house. */
const MAX_SERVICES_OF_ONE = 64;
/** Section 17. */
const MAX_PACKET_BYTES = 9_000;
/** A device says half a dozen packets when it comes, and answers others. */
const SAYS = { burst: 120, perSecond: 20 };
/** However short a lifetime it claims, so that it need not be asked all the time. */
const LEAST_TTL_SECONDS = 10;
const MOST_TTL_SECONDS = 4_500;

export interface MdnsService {
  /** E.g. `Chromecast-1234._googlecast._tcp.local`. */
  readonly instance: string;
  /** IPv4, private. */
  readonly address: string;
  readonly port: number;
  /** Keys in lower case. */
  readonly text: ReadonlyMap<string, string>;
}

export interface MdnsBrowser {
  /** Those that are announced now and whose address is known. */
  services(): readonly MdnsService[];
  /** Asks every link now. */
  ask(): void;
  close(): void;
}

export interface MdnsBrowserOptions extends Pick<DriverOptions, 'interfaces' | 'now' | 'counters'> {
  /** E.g. `_googlecast._tcp.local`. */
  service: string;
  onChange(): void;
}

interface Entry {
  instance: string;
  /** Address of who told of it first. */
  from: string;
  target: string | null;
  port: number;
  text: ReadonlyMap<string, string>;
  untilMs: number;
}

async function open(port: number, address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, () => {
      try {
        socket.addMembership(GROUP, address);
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(255);
        socket.setMulticastLoopback(true);
        resolve(socket);
      } catch (error) {
        socket.close();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

/** From another port everybody answers as to a plain resolver (section 6.7): where something else keeps 5353 to itself. */
const openAny = (address: string): Promise<Socket> => open(PORT, address).catch(() => open(0, address));

function textOf(data: unknown): ReadonlyMap<string, string> {
  const text = new Map<string, string>();
  const parts: readonly unknown[] = Array.isArray(data) ? data : [data];
  for (const part of parts.slice(0, 64)) {
    const pair = Buffer.isBuffer(part) ? part.toString('utf8') : String(part);
    const at = pair.indexOf('=');
    const key = (at < 0 ? pair : pair.slice(0, at)).toLowerCase();
    // The first of a kind counts (RFC 6763, section 6.4).
    if (key !== '' && !text.has(key)) text.set(key, at < 0 ? '' : pair.slice(at + 1));
  }
  return text;
}

export function createMdnsBrowser(options: MdnsBrowserOptions): MdnsBrowser {
  const { service, interfaces, now, counters, onChange } = options;
  const suffix = `.${service}`.toLowerCase();
  const links = new Map<string, { socket: Socket | null; timers: NodeJS.Timeout[] }>();
  const entries = new Map<string, Entry>();
  /** Addresses, as long as a service names them. */
  const hosts = new Map<string, string>();
  const budgets = createAddressBudgets(SAYS);
  let closed = false;
  let told = '[]';

  function services(): MdnsService[] {
    const nowMs = now();
    return [...entries.values()].flatMap(({ instance, target, port, text, untilMs }) => {
      const address = target === null ? undefined : hosts.get(target.toLowerCase());
      return address === undefined || untilMs < nowMs ? [] : { instance, address, port, text };
    });
  }

  function tell(): void {
    const found = JSON.stringify(services().map(({ text, ...rest }) => ({ ...rest, text: [...text] })));
    if (closed || found === told) return;
    told = found;
    onChange();
  }

  function untilOf(answer: Answer): number {
    const ttl = 'ttl' in answer ? (answer.ttl ?? 0) : 0;
    return now() + 1_000 * Math.min(MOST_TTL_SECONDS, Math.max(LEAST_TTL_SECONDS, ttl));
  }

  function entryOf(name: string, from: string): Entry | null {
    if (!name.toLowerCase().endsWith(suffix)) return null;
    const key = name.toLowerCase();
    const known = entries.get(key);
    if (known !== undefined) return known;
    const ofOne = [...entries.values()].filter((entry) => entry.from === from).length;
    if (entries.size >= MAX_SERVICES || ofOne >= MAX_SERVICES_OF_ONE) {
      counters.count('mdns-browse', 'too-many');
      return null;
    }
    const fresh = {
      instance: name,
      from,
      target: null,
      port: 0,
      text: new Map<string, string>(),
      untilMs: 0,
    };
    entries.set(key, fresh);
    return fresh;
  }

  /** This machine's own services are nobody's loudspeakers. */
  function isOfTheLan(address: string): boolean {
    const isLoopback = address.startsWith('127.');
    return (
      isPrivateAddress(address) && (!isLoopback || [...links.keys()].some((link) => link.startsWith('127.')))
    );
  }

  function learn(answer: Answer, from: string): void {
    if (answer.type === 'PTR' && isSameName(answer.name, service)) {
      if (answer.ttl === 0) entries.delete(answer.data.toLowerCase());
      else {
        const entry = entryOf(answer.data, from);
        if (entry !== null) entry.untilMs = untilOf(answer);
      }
    } else if (answer.type === 'SRV') {
      const entry = entryOf(answer.name, from);
      if (entry === null || answer.ttl === 0) return;
      entry.target = answer.data.target;
      entry.port = answer.data.port;
      entry.untilMs = Math.max(entry.untilMs, untilOf(answer));
    } else if (answer.type === 'TXT') {
      const entry = entryOf(answer.name, from);
      if (entry !== null && answer.ttl !== 0) entry.text = textOf(answer.data);
    }
  }

  const targets = (): ReadonlySet<string> =>
    new Set([...entries.values()].flatMap(({ target }) => target?.toLowerCase() ?? []));

  /** Of hosts only those are kept that a service names: the LAN has many, and more can be invented. */
  function learnHosts(answers: readonly Answer[]): void {
    const named = targets();
    for (const answer of answers) {
      if (answer.type !== 'A' || answer.ttl === 0 || !isOfTheLan(answer.data)) continue;
      const name = answer.name.toLowerCase();
      if (named.has(name)) hosts.set(name, answer.data);
    }
  }

  /** What is still missing of those that were announced: where they are. */
  function missing(): { name: string; type: 'SRV' | 'TXT' | 'A' }[] {
    type Wanted = { name: string; type: 'SRV' | 'TXT' | 'A' };
    return [...entries.values()].flatMap(({ instance, target }): Wanted[] => {
      if (target === null)
        return [
          { name: instance, type: 'SRV' },
          { name: instance, type: 'TXT' },
        ];
      return hosts.has(target.toLowerCase()) ? [] : [{ name: target, type: 'A' }];
    });
  }

  function hear(bytes: Buffer, from: RemoteInfo): void {
    if (closed) return;
    if (!budgets.spend(from.address, 1, now())) return counters.count('mdns-browse', 'too-fast');
    if (bytes.length > MAX_PACKET_BYTES) return counters.count('mdns-browse', 'bad-packet');
    let packet: Packet;
    try {
      packet = decode(bytes);
    } catch {
      return counters.count('mdns-browse', 'bad-packet');
    }
    if (packet.type !== 'response') return;
    const answers = [...(packet.answers ?? []), ...(packet.additionals ?? [])];
    const named = targets();
    const isOurs = answers.some(({ name }) => {
      const lower = name.toLowerCase();
      return lower === service.toLowerCase() || lower.endsWith(suffix) || named.has(lower);
    });
    if (!isOurs) return;
    try {
      for (const answer of answers) learn(answer, from.address);
      learnHosts(answers);
    } catch {
      return counters.count('mdns-browse', 'bad-packet');
    }
    tell();
    const wanted = missing().slice(0, 16);
    if (wanted.length > 0 && budgets.spend('our own questions', 1, now()))
      for (const { socket } of links.values()) if (socket !== null) send(socket, { questions: wanted });
  }

  function send(socket: Socket, packet: Packet): void {
    const failed = (error: Error | null): void => {
      if (error !== null) counters.count('mdns-browse', 'unsent');
    };
    socket.send(encode({ type: 'query', ...packet }), PORT, GROUP, failed);
  }

  /** Those that are known need not answer (section 7.1), unless they are about to be forgotten. */
  function question(): Packet {
    const known = [...entries.values()].slice(0, 24).flatMap(({ instance, untilMs }): Answer[] => {
      const ttl = Math.floor((untilMs - now()) / 1_000);
      return ttl < 2 * (ASK_EVERY_MS / 1_000) ? [] : [{ type: 'PTR', name: service, ttl, data: instance }];
    });
    return { questions: [{ name: service, type: 'PTR' }], answers: known };
  }

  function forget(): void {
    const nowMs = now();
    for (const [name, { untilMs }] of entries) if (untilMs < nowMs) entries.delete(name);
    const named = targets();
    for (const name of hosts.keys()) if (!named.has(name)) hosts.delete(name);
    tell();
  }

  async function follow(address: string): Promise<void> {
    const link: { socket: Socket | null; timers: NodeJS.Timeout[] } = { socket: null, timers: [] };
    links.set(address, link);
    try {
      const socket = await openAny(address);
      if (closed || links.get(address) !== link) return void socket.close();
      socket.removeAllListeners('error');
      socket.on('error', () => counters.count('mdns-browse', 'socket-error'));
      socket.on('message', hear);
      link.socket = socket;
      const ask = (): void => send(socket, question());
      link.timers = ASK_AFTER_MS.map((ms) => setTimeout(ask, ms));
      link.timers.push(setInterval(ask, ASK_EVERY_MS));
    } catch {
      counters.count('mdns-browse', 'socket-error');
      if (links.get(address) === link) links.delete(address);
    }
  }

  function leave(address: string): void {
    const link = links.get(address);
    links.delete(address);
    for (const timer of link?.timers ?? []) clearTimeout(timer);
    link?.socket?.close();
  }

  function look(): void {
    const ours = lanLinks(interfaces()).map(({ address }) => address);
    const addresses = new Set(ours.filter((address) => isIPv4(address)).slice(0, MAX_LINKS));
    for (const address of [...links.keys()]) if (!addresses.has(address)) leave(address);
    for (const address of addresses) if (!links.has(address)) void follow(address);
    forget();
  }
  look();
  const looking = setInterval(look, LOOK_MS);

  return {
    services,
    ask() {
      for (const { socket } of links.values()) if (socket !== null) send(socket, question());
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(looking);
      for (const address of [...links.keys()]) leave(address);
    },
  };
}
