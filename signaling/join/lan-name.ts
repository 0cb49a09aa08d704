/** The name under which the LAN knows this node, as its address changes. */
import { isIP } from 'node:net';
import { createMdns, type Mdns, type MdnsOptions } from './mdns.ts';

export interface LanName {
  /** `earshot.local` or a numbered one; null where nothing is announced. */
  current(): string | null;
  /** Announces this address from now on. Resolves when the name stands, or when it is known that there is none. */
  follow(address: string): Promise<void>;
  close(): Promise<void>;
}

export interface LanNameOptions extends Pick<MdnsOptions, 'httpsPort' | 'counters' | 'log' | 'now'> {
  isOn: boolean;
  onChange: () => void;
}

export function createLanName({ isOn, onChange, ...mdnsOptions }: LanNameOptions): LanName {
  let mdns: Mdns | null = null;
  let followed = '';
  let name: string | null = null;

  function set(next: string | null): void {
    if (next === name) return;
    name = next;
    onChange();
  }

  return {
    current: () => name,
    async follow(address) {
      if (!isOn || address === followed) return mdns?.ready;
      followed = address;
      const before = mdns;
      // Nobody else's business on loopback; and phones ask for IPv4.
      const isHeard = isIP(address) === 4 && !address.startsWith('127.');
      mdns = isHeard ? createMdns({ ...mdnsOptions, address, onName: set }) : null;
      if (!isHeard) set(null);
      await before?.close();
      await mdns?.ready;
    },
    async close() {
      await mdns?.close();
    },
  };
}
