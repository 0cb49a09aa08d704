/** One relayed address (RFC 8656, section 3): its socket, whom it may talk to, and how much it may carry. */
import type { Socket } from 'node:dgram';
import { type Budget, createBudget } from '../ops/budget.ts';
import type { Endpoint } from './stun-message.ts';
import { plainAddress } from './udp.ts';

/** Section 9 and 12. */
const PERMISSION_MS = 300_000;
const CHANNEL_MS = 600_000;
const MAX_PERMISSIONS = 64;
const MAX_CHANNELS = 32;
/** Songs go through it too where phones are isolated: some 64 Mbit/s, and a burst of a quarter of a second. */
const CARRIED = { burst: 2_097_152, perSecond: 8_388_608 };

export interface Allocation {
  /** `address:port` of the client. */
  readonly key: string;
  readonly client: Endpoint;
  readonly relayed: Endpoint;
  readonly username: string;
  /** Of the request that made it: who repeats it gets the same answer. */
  readonly transactionId: Buffer;
  expiresAtMs: number;
  /** False: there are too many. */
  permit(address: string, nowMs: number): boolean;
  permits(address: string, nowMs: number): boolean;
  /** False: the number or the peer is bound otherwise, or there are too many. Permits the peer too. */
  bindChannel(channel: number, peer: Endpoint, nowMs: number): boolean;
  peerOf(channel: number, nowMs: number): Endpoint | null;
  channelOf(peer: Endpoint, nowMs: number): number | null;
  /** False: over what it may carry, to be dropped. */
  carry(bytes: number, nowMs: number): boolean;
  toPeer(data: Buffer, peer: Endpoint): void;
  close(): void;
}

export interface AllocationOptions {
  client: Endpoint;
  relayed: Endpoint;
  username: string;
  transactionId: Buffer;
  socket: Socket;
  expiresAtMs: number;
  nowMs: number;
  /** A datagram came from a peer. */
  onData(data: Buffer, peer: Endpoint): void;
}

export const keyOf = (endpoint: Endpoint): string => `${endpoint.address} ${endpoint.port}`;

export function createAllocation(options: AllocationOptions): Allocation {
  const { socket } = options;
  const permissions = new Map<string, number>();
  const channels = new Map<number, { peer: Endpoint; untilMs: number }>();
  const byPeer = new Map<string, number>();
  const budget: Budget = createBudget(CARRIED, options.nowMs);
  let isClosed = false;

  socket.on('message', (data, from) =>
    options.onData(data, { address: plainAddress(from.address), port: from.port }),
  );
  // A peer that is not there any more, or a link that went: the next refresh or the sweep ends the allocation.
  socket.on('error', () => {});

  function dropOld(nowMs: number): void {
    for (const [address, untilMs] of permissions) if (untilMs <= nowMs) permissions.delete(address);
    for (const [channel, { peer, untilMs }] of channels) {
      if (untilMs > nowMs) continue;
      channels.delete(channel);
      byPeer.delete(keyOf(peer));
    }
  }

  const allocation: Allocation = {
    key: keyOf(options.client),
    client: options.client,
    relayed: options.relayed,
    username: options.username,
    transactionId: Buffer.from(options.transactionId),
    expiresAtMs: options.expiresAtMs,
    permit(address, nowMs) {
      if (!permissions.has(address) && permissions.size >= MAX_PERMISSIONS) dropOld(nowMs);
      if (!permissions.has(address) && permissions.size >= MAX_PERMISSIONS) return false;
      permissions.set(address, nowMs + PERMISSION_MS);
      return true;
    },
    permits: (address, nowMs) => (permissions.get(address) ?? 0) > nowMs,
    bindChannel(channel, peer, nowMs) {
      dropOld(nowMs);
      const bound = channels.get(channel);
      if (bound !== undefined && keyOf(bound.peer) !== keyOf(peer)) return false;
      if ((byPeer.get(keyOf(peer)) ?? channel) !== channel) return false;
      if (bound === undefined && channels.size >= MAX_CHANNELS) return false;
      if (!allocation.permit(peer.address, nowMs)) return false;
      channels.set(channel, { peer, untilMs: nowMs + CHANNEL_MS });
      byPeer.set(keyOf(peer), channel);
      return true;
    },
    peerOf(channel, nowMs) {
      const bound = channels.get(channel);
      return bound !== undefined && bound.untilMs > nowMs ? bound.peer : null;
    },
    channelOf(peer, nowMs) {
      const channel = byPeer.get(keyOf(peer));
      return channel !== undefined && allocation.peerOf(channel, nowMs) !== null ? channel : null;
    },
    carry: (bytes, nowMs) => budget.spend(bytes, nowMs),
    toPeer(data, peer) {
      // An unreachable peer is its own business: without a callback the error would be thrown.
      if (!isClosed) socket.send(data, peer.port, peer.address, () => {});
    },
    close() {
      if (isClosed) return;
      isClosed = true;
      socket.close();
    },
  };
  return allocation;
}
