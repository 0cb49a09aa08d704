/**
 * A TURN relay (RFC 8656) over UDP for browsers that cannot reach each other: client isolation, guest networks. Written
 * here because `turn-server` 0.6.6 lets anybody in who sends an Allocate as an indication, or who calls himself
 * `constructor`, opens TCP connections to peers, and keeps a session of minutes for every datagram from a new port. This one
 * knows nothing of anybody before the credentials are right, and what it keeps after that is bounded.
 */
import { isIP } from 'node:net';
import { createBudget } from '../ops/budget.ts';
import type { Counters } from '../ops/counters.ts';
import { type Allocation, createAllocation, keyOf } from './allocation.ts';
import { createAllocationTable, type PortRange } from './allocation-table.ts';
import type { Reach, Refusal } from './reach.ts';
import {
  ATTRIBUTE,
  attribute,
  buildStun,
  type Endpoint,
  errorCode,
  hasIntegrity,
  METHOD,
  readXorAddress,
  type StunMessage,
  uint32,
  xorAddress,
} from './stun-message.ts';
import { REALM, type TurnCredentials } from './turn-credentials.ts';

/** A phone that went without a word blocks a port for this long. Browsers refresh a minute before the end. */
const LIFETIME_SECONDS = 600;
/** What all of them carry together: some 400 Mbit/s, about half a core. */
const CARRIED_BY_ALL = { burst: 8_388_608, perSecond: 52_428_800 };
/** Of a peer's data in a Data indication, which counts its length in 16 bits: with addresses and padding it has to fit. */
const MAX_WRAPPED_BYTES = 65_000;
const UDP = 17;
const FIRST_CHANNEL = 0x4000;
const LAST_CHANNEL = 0x4fff;

export interface TurnOptions {
  credentials: TurnCredentials;
  reach: () => Reach;
  /** Ports for relayed addresses; undefined: whatever the system gives. */
  relayPorts: PortRange | undefined;
  /** To a client, from the port that it sent to. */
  reply(bytes: Buffer, client: Endpoint): void;
  counters: Counters;
  /** Monotonic milliseconds. */
  now: () => number;
}

export interface Turn {
  /** A request or indication other than Binding. */
  handle(message: StunMessage, client: Endpoint): void;
  /** ChannelData (section 12.4). */
  channelData(datagram: Buffer, client: Endpoint): void;
  allocations(): number;
  /** Ends what relays from addresses that this machine has no longer. */
  dropUnreachable(): void;
  close(): void;
}

type Attributes = readonly (readonly [number, Buffer])[];

export function createTurn(options: TurnOptions): Turn {
  const { credentials, counters, now } = options;
  const table = createAllocationTable(options.relayPorts, now);
  const carriedByAll = createBudget(CARRIED_BY_ALL, now());

  const count = (reason: string): void => counters.count('turn', reason);
  const refusalOf = (peer: Endpoint): Refusal | null => options.reach().refusal(peer, table.isRelayed);

  function answer(message: StunMessage, client: Endpoint, key: Buffer | null, attributes: Attributes): void {
    const { method, transactionId } = message;
    options.reply(buildStun({ method, class: 'success', transactionId, attributes }, key), client);
  }

  function refuse(
    message: StunMessage,
    client: Endpoint,
    key: Buffer | null,
    code: number,
    reason: string,
    more: Attributes = [],
  ): void {
    count(`refused-${code}`);
    const { method, transactionId } = message;
    const attributes: Attributes = [[ATTRIBUTE.errorCode, errorCode(code, reason)], ...more];
    options.reply(buildStun({ method, class: 'error', transactionId, attributes }, key), client);
  }

  /** The key and name of who sent it (RFC 8489, section 9.2.4); null: refused, and told so. */
  function authenticate(message: StunMessage, client: Endpoint): { key: Buffer; username: string } | null {
    const challenge = (code: number, reason: string): null => {
      refuse(message, client, null, code, reason, [
        [ATTRIBUTE.realm, Buffer.from(REALM)],
        [ATTRIBUTE.nonce, Buffer.from(credentials.nonceFor(keyOf(client)))],
      ]);
      return null;
    };
    if (message.integrityAt === null) return challenge(401, 'Unauthenticated');
    const username = attribute(message, ATTRIBUTE.username)?.toString();
    const nonce = attribute(message, ATTRIBUTE.nonce)?.toString();
    const realm = attribute(message, ATTRIBUTE.realm)?.toString();
    if (username === undefined || nonce === undefined || realm === undefined) {
      refuse(message, client, null, 400, 'Bad Request');
      return null;
    }
    if (!credentials.isFresh(nonce, keyOf(client))) return challenge(438, 'Stale Nonce');
    const key = credentials.keyOf(username);
    if (key === null || !hasIntegrity(message, key)) return challenge(401, 'Unauthenticated');
    return { key, username };
  }

  function onPeerData(allocation: Allocation, data: Buffer, peer: Endpoint): void {
    const nowMs = now();
    if (!allocation.permits(peer.address, nowMs)) return count('peer-without-permission');
    if (!mayCarry(allocation, data.length, nowMs)) return;
    const channel = allocation.channelOf(peer, nowMs);
    if (channel !== null) {
      const head = Buffer.alloc(4);
      head.writeUInt16BE(channel, 0);
      head.writeUInt16BE(data.length, 2);
      return options.reply(Buffer.concat([head, data]), allocation.client);
    }
    // With its envelope it would not fit: over IPv6 a datagram carries up to 65,527 bytes.
    if (data.length > MAX_WRAPPED_BYTES) return count('too-large');
    // An indication is answered by nobody, so its transaction id may repeat.
    const transactionId = Buffer.alloc(12);
    const attributes: Attributes = [
      [ATTRIBUTE.xorPeerAddress, xorAddress(peer, transactionId)],
      [ATTRIBUTE.data, data],
    ];
    const indication = { method: METHOD.data, class: 'indication' as const, transactionId, attributes };
    options.reply(buildStun(indication, null), allocation.client);
  }

  function mayCarry(allocation: Allocation, bytes: number, nowMs: number): boolean {
    if (allocation.carry(bytes, nowMs) && carriedByAll.spend(bytes, nowMs)) return true;
    count('too-fast');
    return false;
  }

  function toPeer(allocation: Allocation, data: Buffer, peer: Endpoint): void {
    const nowMs = now();
    if (!allocation.permits(peer.address, nowMs)) return count('no-permission');
    // Looked at again for each datagram: a permission is for an address, and the relayed port behind it may be gone.
    const refusal = refusalOf(peer);
    if (refusal !== null) return count(refusal);
    if (mayCarry(allocation, data.length, nowMs)) allocation.toPeer(data, peer);
  }

  const allocated = (allocation: Allocation, message: StunMessage): Attributes => [
    [ATTRIBUTE.xorRelayedAddress, xorAddress(allocation.relayed, message.transactionId)],
    [ATTRIBUTE.xorMappedAddress, xorAddress(allocation.client, message.transactionId)],
    [ATTRIBUTE.lifetime, uint32(LIFETIME_SECONDS)],
  ];

  async function allocate(
    message: StunMessage,
    client: Endpoint,
    key: Buffer,
    username: string,
  ): Promise<void> {
    const present = table.of(client);
    if (present !== undefined) {
      return present.transactionId.equals(message.transactionId)
        ? answer(message, client, key, allocated(present, message))
        : refuse(message, client, key, 437, 'Allocation Mismatch');
    }
    if (credentials.hasExpired(username)) return refuse(message, client, key, 401, 'Expired');
    const transport = attribute(message, ATTRIBUTE.requestedTransport)?.[0];
    if (transport === undefined) return refuse(message, client, key, 400, 'Bad Request');
    if (transport !== UDP) return refuse(message, client, key, 442, 'Unsupported Transport Protocol');
    const family = attribute(message, ATTRIBUTE.requestedAddressFamily)?.[0] ?? 1;
    const address = options.reach().relayAddress(client.address, family === 2 ? 6 : 4);
    if (family > 2 || address === null)
      return refuse(message, client, key, 440, 'Address Family not Supported');
    const socket = await table.open(client, address);
    // A repetition of a request whose socket is still being bound: the first one is answered.
    if (socket === 'busy') return;
    if (socket === 'quota') return refuse(message, client, key, 486, 'Allocation Quota Reached');
    if (socket === 'full') return refuse(message, client, key, 508, 'Insufficient Capacity');
    const nowMs = now();
    const allocation = createAllocation({
      client,
      relayed: { address, port: socket.address().port },
      username,
      transactionId: message.transactionId,
      socket,
      expiresAtMs: nowMs + LIFETIME_SECONDS * 1000,
      nowMs,
      onData: (data, peer) => onPeerData(allocation, data, peer),
    });
    table.add(allocation);
    answer(message, client, key, allocated(allocation, message));
  }

  function refresh(message: StunMessage, allocation: Allocation, key: Buffer): void {
    const asked = attribute(message, ATTRIBUTE.lifetime);
    if (asked !== undefined && asked.length !== 4) {
      return refuse(message, allocation.client, key, 400, 'Bad Request');
    }
    const seconds = asked?.readUInt32BE(0) === 0 ? 0 : LIFETIME_SECONDS;
    if (seconds === 0) table.drop(allocation);
    else allocation.expiresAtMs = now() + seconds * 1000;
    answer(message, allocation.client, key, [[ATTRIBUTE.lifetime, uint32(seconds)]]);
  }

  /** The peers that a request names, if each may be reached; otherwise it is refused. */
  function peersOf(message: StunMessage, allocation: Allocation, key: Buffer): Endpoint[] | null {
    const peers: Endpoint[] = [];
    for (const { type, value } of message.attributes) {
      if (type !== ATTRIBUTE.xorPeerAddress) continue;
      const peer = readXorAddress(value, message.transactionId);
      if (peer !== null) peers.push(peer);
      else peers.length = 0;
      if (peer === null) break;
    }
    const { client } = allocation;
    if (peers.length === 0) {
      refuse(message, client, key, 400, 'Bad Request');
      return null;
    }
    for (const peer of peers) {
      if (isIP(peer.address) !== isIP(allocation.relayed.address)) {
        refuse(message, client, key, 443, 'Peer Address Family Mismatch');
        return null;
      }
      const refusal = refusalOf(peer);
      if (refusal !== null) {
        count(refusal);
        refuse(message, client, key, 403, 'Forbidden');
        return null;
      }
    }
    return peers;
  }

  function createPermission(message: StunMessage, allocation: Allocation, key: Buffer): void {
    const peers = peersOf(message, allocation, key);
    if (peers === null) return;
    const nowMs = now();
    if (peers.every((peer) => allocation.permit(peer.address, nowMs)))
      answer(message, allocation.client, key, []);
    else refuse(message, allocation.client, key, 508, 'Insufficient Capacity');
  }

  function bindChannel(message: StunMessage, allocation: Allocation, key: Buffer): void {
    const peers = peersOf(message, allocation, key);
    if (peers === null) return;
    const value = attribute(message, ATTRIBUTE.channelNumber);
    const channel = value?.length === 4 ? value.readUInt16BE(0) : 0;
    const [peer] = peers;
    const isBound =
      peer !== undefined &&
      channel >= FIRST_CHANNEL &&
      channel <= LAST_CHANNEL &&
      allocation.bindChannel(channel, peer, now());
    if (isBound) answer(message, allocation.client, key, []);
    else refuse(message, allocation.client, key, 400, 'Bad Request');
  }

  function request(message: StunMessage, client: Endpoint): void {
    const sender = authenticate(message, client);
    if (sender === null) return;
    const { key, username } = sender;
    if (message.unknown.length > 0) {
      const types = Buffer.alloc(message.unknown.length * 2);
      message.unknown.forEach((type, at) => types.writeUInt16BE(type, at * 2));
      return refuse(message, client, key, 420, 'Unknown Attribute', [[ATTRIBUTE.unknownAttributes, types]]);
    }
    if (message.method === METHOD.allocate) return void allocate(message, client, key, username);
    const allocation = table.of(client);
    if (allocation === undefined) return refuse(message, client, key, 437, 'Allocation Mismatch');
    if (allocation.username !== username) return refuse(message, client, key, 441, 'Wrong Credentials');
    if (message.method === METHOD.refresh) refresh(message, allocation, key);
    else if (message.method === METHOD.createPermission) createPermission(message, allocation, key);
    else if (message.method === METHOD.channelBind) bindChannel(message, allocation, key);
    else refuse(message, client, key, 400, 'Bad Request');
  }

  return {
    handle(message, client) {
      if (message.class === 'request') return request(message, client);
      const allocation = table.of(client);
      if (message.class !== 'indication' || message.method !== METHOD.send || allocation === undefined) {
        return count('unexpected');
      }
      const peerValue = attribute(message, ATTRIBUTE.xorPeerAddress);
      const data = attribute(message, ATTRIBUTE.data);
      const peer = peerValue === undefined ? null : readXorAddress(peerValue, message.transactionId);
      if (peer === null || data === undefined || message.unknown.length > 0) return count('unexpected');
      toPeer(allocation, data, peer);
    },
    channelData(datagram, client) {
      const allocation = table.of(client);
      const size = datagram.length < 4 ? Number.POSITIVE_INFINITY : datagram.readUInt16BE(2);
      const peer =
        allocation === undefined || size > datagram.length - 4
          ? null
          : allocation.peerOf(datagram.readUInt16BE(0), now());
      if (allocation === undefined || peer === null) return count('unexpected');
      toPeer(allocation, datagram.subarray(4, 4 + size), peer);
    },
    allocations: () => table.size(),
    dropUnreachable: () => table.dropWhere(({ relayed }) => !options.reach().isOwn(relayed.address)),
    close: () => table.close(),
  };
}
