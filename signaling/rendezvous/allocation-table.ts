/** Every relayed address of this node, within bounds: by client, by relayed address, and how many each client has. */
import { isIP } from 'node:net';
import type { Socket } from 'node:dgram';
import { type Allocation, keyOf } from './allocation.ts';
import type { Endpoint } from './stun-message.ts';
import { boundSocket } from './udp.ts';

/** A browser opens one for each of its connections, whether it will need it or not. */
export const MAX_ALLOCATIONS = 4_096;
export const MAX_ALLOCATIONS_PER_ADDRESS = 512;
const SWEEP_MS = 1_000;
const RANGE_ATTEMPTS = 20;

export interface PortRange {
  first: number;
  last: number;
}

export interface AllocationTable {
  of(client: Endpoint): Allocation | undefined;
  isRelayed(peer: Endpoint): boolean;
  /** A place and a socket for one more, bound to `address`. A second call for the same client while the first waits gets `busy`. */
  open(client: Endpoint, address: string): Promise<Socket | 'busy' | 'quota' | 'full'>;
  add(allocation: Allocation): void;
  drop(allocation: Allocation): void;
  dropWhere(isOver: (allocation: Allocation) => boolean): void;
  size(): number;
  close(): void;
}

/** @param ports undefined: whatever the system gives */
export function createAllocationTable(ports: PortRange | undefined, now: () => number): AllocationTable {
  const byClient = new Map<string, Allocation>();
  const byRelayed = new Map<string, Allocation>();
  const perAddress = new Map<string, number>();
  const opening = new Set<string>();
  let isClosed = false;

  function leave({ address }: Endpoint): void {
    const left = (perAddress.get(address) ?? 1) - 1;
    if (left === 0) perAddress.delete(address);
    else perAddress.set(address, left);
  }

  async function bindRelay(address: string): Promise<Socket | null> {
    const type = isIP(address) === 6 ? { type: 'udp6' as const, ipv6Only: true } : { type: 'udp4' as const };
    for (let attempt = 0; attempt < (ports === undefined ? 1 : RANGE_ATTEMPTS); attempt++) {
      const port =
        ports === undefined ? 0 : ports.first + Math.floor(Math.random() * (ports.last - ports.first + 1));
      try {
        return await boundSocket(type, port, address);
      } catch {
        // Taken, or out of descriptors: the client is told that there is no capacity.
      }
    }
    return null;
  }

  const table: AllocationTable = {
    of: (client) => byClient.get(keyOf(client)),
    isRelayed: (peer) => byRelayed.has(keyOf(peer)),
    async open(client, address) {
      const key = keyOf(client);
      if (opening.has(key)) return 'busy';
      const mine = perAddress.get(client.address) ?? 0;
      if (mine >= MAX_ALLOCATIONS_PER_ADDRESS) return 'quota';
      if (byClient.size + opening.size >= MAX_ALLOCATIONS) return 'full';
      opening.add(key);
      perAddress.set(client.address, mine + 1);
      const socket = await bindRelay(address);
      opening.delete(key);
      if (socket !== null && !isClosed) return socket;
      socket?.close();
      leave(client);
      return isClosed ? 'busy' : 'full';
    },
    add(allocation) {
      byClient.set(allocation.key, allocation);
      byRelayed.set(keyOf(allocation.relayed), allocation);
    },
    drop(allocation) {
      if (byClient.get(allocation.key) !== allocation) return;
      byClient.delete(allocation.key);
      byRelayed.delete(keyOf(allocation.relayed));
      leave(allocation.client);
      allocation.close();
    },
    dropWhere(isOver) {
      for (const allocation of byClient.values()) if (isOver(allocation)) table.drop(allocation);
    },
    size: () => byClient.size,
    close() {
      isClosed = true;
      clearInterval(sweep);
      table.dropWhere(() => true);
    },
  };
  const sweep = setInterval(() => {
    const nowMs = now();
    table.dropWhere((allocation) => allocation.expiresAtMs <= nowMs);
  }, SWEEP_MS);
  sweep.unref();
  return table;
}
