/** Runs beside a Transport, in this process or in a page, and says over JSON what it did and saw. */
import type * as Y from 'yjs';
import type { ChannelName, Connection, PeerId, Transport } from '../../app/mesh/transport.ts';

/** Test messages: [index u32][seed u32][bytes that follow from both]. */
const INDEX_OFFSET = 0;
const SEED_OFFSET = 4;
const BODY_OFFSET = 8;

export function testMessage(index: number, bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(Math.max(bytes, BODY_OFFSET));
  const view = new DataView(out.buffer);
  view.setUint32(INDEX_OFFSET, index);
  view.setUint32(SEED_OFFSET, seed);
  let x = (index * 2654435761 + seed * 40503 + 1) >>> 0;
  for (let i = BODY_OFFSET; i < out.length; i++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    out[i] = x >>> 24;
  }
  return out;
}

function isIntact(message: Uint8Array): boolean {
  if (message.length < BODY_OFFSET) return false;
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  const expected = testMessage(view.getUint32(INDEX_OFFSET), message.length, view.getUint32(SEED_OFFSET));
  return expected.length === message.length && expected.every((byte, i) => byte === message[i]);
}

export interface Received {
  count: number;
  bytes: number;
  intact: boolean;
  inOrder: boolean;
  from: PeerId[];
  beforePeer: boolean;
}

export interface VoiceHeard {
  here: boolean;
  /** Strongest frequency and its level, dBFS; null without an audio engine. */
  peakHz: number | null;
  peakDb: number | null;
}

export interface Driver {
  status(): Promise<string>;
  setPresence(state: unknown): Promise<void>;
  presences(): Promise<Record<PeerId, unknown>>;
  asleep(): Promise<Record<PeerId, unknown>>;
  isWhole(): Promise<boolean>;
  connections(): Promise<Connection[]>;
  peers(): Promise<PeerId[]>;
  /** Every peer that was ever listed. */
  everPeers(): Promise<PeerId[]>;
  /** Sends `count` messages one after the other; the name of the error that ended it, or null. */
  sendSeries(
    to: PeerId,
    channel: ChannelName,
    count: number,
    bytes: number,
    seed: number,
    awaitEach: boolean,
  ): Promise<string | null>;
  received(channel: ChannelName): Promise<Received>;
  docSet(key: string, value: unknown): Promise<void>;
  docDelete(key: string): Promise<void>;
  /** `count` keys of `bytes` of text each, in one transaction. */
  docFill(count: number, bytes: number): Promise<void>;
  docSize(): Promise<number>;
  docJson(): Promise<Record<string, unknown>>;
  offerTone(hz: number | null, to: PeerId[]): Promise<void>;
  voice(from: PeerId): Promise<VoiceHeard>;
  reconnect(): Promise<void>;
  close(): Promise<void>;
}

/** What turns sound into numbers; differs between a page and this process. */
export interface VoiceKit {
  tone(hz: number): MediaStream;
  listen(stream: MediaStream): () => { peakHz: number | null; peakDb: number | null };
}

export function createDriver(transport: Transport, doc: Y.Doc, kit: VoiceKit): Driver {
  const seen: Record<ChannelName, Received & { last: number }> = {
    control: fresh(),
    bytes: fresh(),
    clock: fresh(),
  };
  const ever = new Set<PeerId>();
  const voices = new Map<PeerId, () => { peakHz: number | null; peakDb: number | null }>();

  function fresh(): Received & { last: number } {
    return { count: 0, bytes: 0, intact: true, inOrder: true, from: [], beforePeer: false, last: -1 };
  }

  for (const channel of ['control', 'bytes', 'clock'] as const) {
    transport.onMessage(channel, (from, message) => {
      const s = seen[channel];
      const index = new DataView(message.buffer, message.byteOffset, message.byteLength).getUint32(
        INDEX_OFFSET,
      );
      s.count++;
      s.bytes += message.length;
      s.intact &&= isIntact(message);
      s.inOrder &&= index === s.last + 1;
      s.last = index;
      s.beforePeer ||= !ever.has(from);
      if (!s.from.includes(from)) s.from.push(from);
    });
  }
  transport.onPeers((peers) => peers.forEach((peer) => ever.add(peer)));
  transport.onVoice((from, stream) => {
    if (stream) voices.set(from, kit.listen(stream));
    else voices.delete(from);
  });

  return {
    status: async () => transport.status(),
    setPresence: async (state) => transport.setPresence(state),
    presences: async () => Object.fromEntries(transport.presences()),
    asleep: async () => Object.fromEntries(transport.asleep()),
    isWhole: async () => transport.isWhole(),
    connections: async () => [...transport.connections()],
    peers: async () => [...transport.peers()],
    everPeers: async () => [...ever],
    async sendSeries(to, channel, count, bytes, seed, awaitEach) {
      try {
        const pending: Promise<void>[] = [];
        for (let i = 0; i < count; i++) {
          const sent = transport.send(to, channel, testMessage(i, bytes, seed));
          if (awaitEach) await sent;
          else pending.push(sent);
        }
        await Promise.all(pending);
        return null;
      } catch (error) {
        return (error as Error).name;
      }
    },
    received: async (channel) => {
      const { last: _, ...rest } = seen[channel];
      return rest;
    },
    docSet: async (key, value) => void doc.getMap('contract').set(key, value),
    docDelete: async (key) => doc.getMap('contract').delete(key),
    async docFill(count, bytes) {
      const map = doc.getMap('contract');
      doc.transact(() => {
        for (let i = 0; i < count; i++) map.set(`item-${i}`, `${i} `.padEnd(bytes, '.'));
      });
    },
    docSize: async () => doc.getMap('contract').size,
    docJson: async () => doc.getMap('contract').toJSON(),
    offerTone: async (hz, to) => transport.offerVoice(hz === null ? null : kit.tone(hz), to),
    voice: async (from) => {
      const level = voices.get(from);
      return level ? { here: true, ...level() } : { here: false, peakHz: null, peakDb: null };
    },
    reconnect: async () => transport.reconnect(),
    close: async () => transport.close(),
  };
}
