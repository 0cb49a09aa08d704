/** The UDP port: STUN for everybody, TURN for those who have credentials. One datagram is told from the other by its first bits (RFC 7983). */
import type { RemoteInfo } from 'node:dgram';
import type { Counters } from '../ops/counters.ts';
import type { Visitors } from '../ops/visitors.ts';
import type { PortRange } from './allocation-table.ts';
import type { Reach } from './reach.ts';
import { answerBinding } from './stun.ts';
import { type Endpoint, METHOD, parseStun } from './stun-message.ts';
import { createTurn } from './turn.ts';
import type { TurnCredentials } from './turn-credentials.ts';
import { closed, openPort, plainAddress } from './udp.ts';

const CHANNEL_DATA = 0b01;

export interface IntroductionsOptions {
  port: number;
  bind: string | undefined;
  credentials: TurnCredentials;
  reach: () => Reach;
  relayPorts: PortRange | undefined;
  counters: Counters;
  /** Relayed sound and songs are counted elsewhere. */
  visitors: Pick<Visitors, 'introduce'>;
  /** Monotonic milliseconds. */
  now: () => number;
}

export interface Introductions {
  readonly port: number;
  /** Relayed addresses that are open. */
  relays(): number;
  /** The machine's addresses have changed. */
  readdressed(): void;
  close(): Promise<void>;
}

/** Rejects when the port cannot be had (`EADDRINUSE`, …). */
export async function createIntroductions(options: IntroductionsOptions): Promise<Introductions> {
  const { counters, visitors, now } = options;
  const socket = await openPort(options.port, options.bind);
  const isDualStack = socket.address().family === 'IPv6';
  let isClosed = false;

  function reply(bytes: Buffer, { address, port }: Endpoint): void {
    if (isClosed) return;
    const target = isDualStack && address.includes('.') ? `::ffff:${address}` : address;
    // An unreachable sender is its own business: without a callback the error would be thrown here.
    socket.send(bytes, port, target, () => {});
  }

  const turn = createTurn({
    credentials: options.credentials,
    reach: options.reach,
    relayPorts: options.relayPorts,
    reply,
    counters,
    now,
  });

  function receive(datagram: Buffer, from: RemoteInfo): void {
    // Port 0 can be forged, and sending to it would throw.
    if (from.port === 0) return counters.count('stun', 'bad-datagram');
    const client = { address: plainAddress(from.address), port: from.port };
    if ((datagram[0] ?? 0) >> 6 === CHANNEL_DATA) return turn.channelData(datagram, client);
    const message = parseStun(datagram);
    if (message === null) return counters.count('stun', 'bad-datagram');
    const isData = message.class === 'indication' && message.method === METHOD.send;
    if (!isData && !visitors.introduce(client.address)) return counters.count('stun', 'too-many-requests');
    const binding = answerBinding(message, client);
    if (binding !== null) return void socket.send(binding, from.port, from.address, () => {});
    // A keep-alive (RFC 8489, section 6.3.2).
    if (message.method === METHOD.binding && message.class === 'indication') return;
    turn.handle(message, client);
  }

  socket.on('message', receive);
  socket.on('error', () => counters.count('stun', 'socket-error'));
  return {
    port: socket.address().port,
    relays: () => turn.allocations(),
    readdressed: () => turn.dropUnreachable(),
    async close() {
      if (isClosed) return;
      isClosed = true;
      turn.close();
      await closed(socket);
    },
  };
}
