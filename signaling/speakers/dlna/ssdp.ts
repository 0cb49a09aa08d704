/**
 * Finding (SSDP, UPnP Device Architecture 1.0 section 1): asks each link of the LAN, and hears what devices say of themselves.
 * It follows the machine's links as they come and go. What it hears is a hint and no more: anybody may say anything.
 */
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { createAddressBudgets } from '../../ops/address-budgets.ts';
import { lanLinks } from '../../ops/addresses.ts';
import { lanHost } from '../lan-request.ts';
import type { DriverOptions } from '../port.ts';

const GROUP = '239.255.255.250';
const PORT = 1900;
const WANTED = 'urn:schemas-upnp-org:device:MediaRenderer:1';
/** After a link came up: UDP gets lost, and a Wi-Fi may need a moment. Later each minute, as most devices tell by themselves. */
const SEARCH_AFTER_MS = [0, 400, 1_500, 5_000];
const SEARCH_EVERY_MS = 60_000;
const LOOK_MS = 3_000;
const MAX_LINKS = 8;
/** A device says a dozen lines at a time, and repeats them. */
const SAYS = { burst: 120, perSecond: 20 };

export interface Sighting {
  /** Of the device, e.g. `uuid:…`. */
  udn: string;
  /** Where its description is: at the address that said so, never elsewhere. */
  location: string;
}

export interface Ssdp {
  /** Asks every link now. */
  search(): void;
  close(): void;
}

export interface SsdpOptions extends Pick<DriverOptions, 'interfaces' | 'now' | 'counters'> {
  onSeen(sighting: Sighting): void;
  onBye(udn: string): void;
}

/** Header fields of a packet, names in lower case. */
function fieldsOf(packet: Buffer): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of packet.toString('latin1').split('\r\n').slice(0, 32)) {
    const at = line.indexOf(':');
    if (at > 0) fields.set(line.slice(0, at).trim().toLowerCase(), line.slice(at + 1).trim());
  }
  return fields;
}

/** What cannot be bound is closed: the next try comes within seconds, and is a socket of its own. */
function refused(socket: Socket, reject: (error: Error) => void): void {
  socket.once('error', (error) => {
    socket.close();
    reject(error);
  });
}

function openSearch(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  return new Promise((resolve, reject) => {
    refused(socket, reject);
    socket.bind(0, address, () => {
      try {
        socket.setMulticastInterface(address);
        socket.setMulticastTTL(4);
        resolve(socket);
      } catch (error) {
        socket.close();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

function openNotify(address: string): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  return new Promise((resolve, reject) => {
    refused(socket, reject);
    socket.bind(PORT, () => {
      try {
        socket.addMembership(GROUP, address);
        resolve(socket);
      } catch (error) {
        socket.close();
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    });
  });
}

export function createSsdp({ interfaces, now, counters, onSeen, onBye }: SsdpOptions): Ssdp {
  const links = new Map<string, { sockets: Socket[]; timers: NodeJS.Timeout[]; ask: () => void }>();
  const budgets = createAddressBudgets(SAYS);
  let closed = false;

  function hear(packet: Buffer, from: RemoteInfo): void {
    if (closed) return;
    if (!budgets.spend(from.address, 1, now())) return counters.count('ssdp', 'too-fast');
    const fields = fieldsOf(packet);
    const kind = fields.get('nt') ?? fields.get('st') ?? '';
    if (!kind.startsWith('urn:schemas-upnp-org:device:MediaRenderer:')) return;
    const udn = /^(uuid:[^:]{1,80})::/.exec(fields.get('usn') ?? '')?.[1];
    if (udn === undefined) return counters.count('ssdp', 'bad-packet');
    if (fields.get('nts') === 'ssdp:byebye') return onBye(udn);
    const location = fields.get('location') ?? '';
    if (lanHost(location) !== from.address) return counters.count('ssdp', 'other-location');
    onSeen({ udn, location });
  }

  async function open(address: string): Promise<void> {
    const link = { sockets: [] as Socket[], timers: [] as NodeJS.Timeout[], ask: (): void => {} };
    links.set(address, link);
    // Without the port for announcements the answers to our own questions must do.
    const opened = await Promise.allSettled([openSearch(address), openNotify(address)]);
    const [search] = opened;
    for (const one of opened) {
      if (one.status === 'rejected') {
        counters.count('ssdp', 'socket-error');
        continue;
      }
      one.value.removeAllListeners('error');
      one.value.on('error', () => counters.count('ssdp', 'socket-error'));
      one.value.on('message', hear);
      link.sockets.push(one.value);
    }
    if (links.get(address) !== link) return end(link);
    if (search.status === 'rejected') {
      end(link);
      links.delete(address);
      return;
    }
    const question = [
      'M-SEARCH * HTTP/1.1',
      `HOST: ${GROUP}:${PORT}`,
      'MAN: "ssdp:discover"',
      'MX: 1',
      `ST: ${WANTED}`,
      '',
      '',
    ].join('\r\n');
    const socket = search.value;
    link.ask = () => socket.send(question, PORT, GROUP, (error) => error && counters.count('ssdp', 'unsent'));
    link.timers = SEARCH_AFTER_MS.map((ms) => setTimeout(link.ask, ms));
    link.timers.push(setInterval(link.ask, SEARCH_EVERY_MS));
  }

  function end(link: { sockets: Socket[]; timers: NodeJS.Timeout[] }): void {
    for (const timer of link.timers.splice(0)) clearTimeout(timer);
    for (const socket of link.sockets.splice(0)) socket.close();
  }

  function look(): void {
    const addresses = new Set(
      lanLinks(interfaces())
        .map((link) => link.address)
        .filter((address) => isIPv4(address))
        .slice(0, MAX_LINKS),
    );
    for (const [address, link] of links) {
      if (addresses.has(address)) continue;
      links.delete(address);
      end(link);
    }
    for (const address of addresses) if (!links.has(address)) void open(address);
  }
  look();
  const looking = setInterval(look, LOOK_MS);

  return {
    search() {
      for (const link of links.values()) link.ask();
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(looking);
      for (const link of links.values()) end(link);
      links.clear();
    },
  };
}
