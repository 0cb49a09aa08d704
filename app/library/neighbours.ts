/** Who holds what: tells the peers what is on our shelf, and remembers what they tell. */
import type { PeerId, Transport } from '../mesh/transport.ts';
import { type Shelf, isComplete } from './shelf.ts';
import { type Have, type Message, MAX_HAVE_ENTRIES, PREFIX_DIGITS, encode } from './wire.ts';

/** Several chunks that come in a row are one announcement. */
const ANNOUNCE_EVERY_MS = 250;

export interface Neighbours {
  have(peerId: PeerId, id: string): Have;
  /** Peers that hold at least some of it. */
  holders(id: string): PeerId[];
  completeHolders(id: string): PeerId[];
  receive(from: PeerId, message: Extract<Message, { type: 'haves' }>): void;
  onChange(listener: () => void): () => void;
  close(): void;
}

export function createNeighbours(transport: Transport, shelf: Shelf): Neighbours {
  const told = new Map<PeerId, Map<string, Have>>();
  const announced = new Map<string, Have>();
  const greeted = new Set<PeerId>();
  const dirty = new Set<string>();
  const listeners = new Set<() => void>();
  let announcing: ReturnType<typeof setTimeout> | undefined;

  const prefixOf = (id: string) => id.slice(0, PREFIX_DIGITS);

  function own(id: string): Have {
    const blob = shelf.get(id);
    if (!blob || blob.heldChunks === 0) return 'none';
    return isComplete(blob) ? 'all' : 'some';
  }

  function tell(to: PeerId, entries: [string, Have][], reset: boolean): void {
    for (let at = 0; at === 0 || at < entries.length; at += MAX_HAVE_ENTRIES) {
      const part = entries.slice(at, at + MAX_HAVE_ENTRIES);
      const message = encode({ type: 'haves', reset: reset && at === 0, entries: part });
      // A peer that goes meanwhile is told everything when it returns.
      transport.send(to, 'control', message).catch(() => {});
    }
  }

  function announce(): void {
    announcing = undefined;
    const changes: [string, Have][] = [];
    for (const id of dirty) {
      const have = own(id);
      if ((announced.get(id) ?? 'none') === have) continue;
      if (have === 'none') announced.delete(id);
      else announced.set(id, have);
      changes.push([prefixOf(id), have]);
    }
    dirty.clear();
    if (changes.length > 0) for (const peerId of greeted) tell(peerId, changes, false);
  }

  function greetAll(): void {
    const peers = transport.peers();
    let left = false;
    for (const peerId of greeted) {
      if (peers.includes(peerId)) continue;
      greeted.delete(peerId);
      told.delete(peerId);
      left = true;
    }
    for (const peerId of peers) {
      if (greeted.has(peerId)) continue;
      greeted.add(peerId);
      tell(
        peerId,
        [...announced].map(([id, have]) => [prefixOf(id), have]),
        true,
      );
    }
    if (left) listeners.forEach((listener) => listener());
  }

  const unsubscribe = [
    transport.onPeers(greetAll),
    shelf.onChange((id) => {
      dirty.add(id);
      announcing ??= setTimeout(announce, ANNOUNCE_EVERY_MS);
    }),
  ];
  greetAll();

  return {
    have: (peerId, id) => told.get(peerId)?.get(prefixOf(id)) ?? 'none',
    holders: (id) => [...told].filter(([, haves]) => haves.has(prefixOf(id))).map(([peerId]) => peerId),
    completeHolders: (id) =>
      [...told].filter(([, haves]) => haves.get(prefixOf(id)) === 'all').map(([peerId]) => peerId),
    receive(from, { reset, entries }) {
      if (!transport.peers().includes(from)) return;
      const haves = (reset ? undefined : told.get(from)) ?? new Map<string, Have>();
      for (const [prefix, have] of entries) {
        if (have === 'none') haves.delete(prefix);
        else if (haves.size < MAX_HAVE_ENTRIES) haves.set(prefix, have);
      }
      told.set(from, haves);
      listeners.forEach((listener) => listener());
    },
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      clearTimeout(announcing);
      unsubscribe.forEach((off) => off());
      listeners.clear();
    },
  };
}
