/**
 * The mesh inside one process, for tests: delivers on microtasks, so that no test has to sleep; can be partitioned and
 * healed. Given documents are kept in step like the real mesh does.
 */
import * as Y from 'yjs';
import { listeners } from './listeners.ts';
import {
  type ChannelName,
  type MeshStatus,
  type PeerId,
  type Transport,
  MAX_MESSAGE_BYTES,
  PeerUnreachableError,
} from './transport.ts';

export interface MemoryPeerOptions {
  selfId: PeerId;
  /** Peers with another secret never see each other. */
  secret?: string;
  doc?: Y.Doc;
}

export interface MemoryHub {
  join(options: MemoryPeerOptions): Transport;
  /** From now on only peers of the same group reach each other; who is in no group is alone. */
  partition(...groups: readonly (readonly PeerId[])[]): void;
  heal(): void;
  /** This peer goes silent, having said that it might: asleep for the others until it wakes. */
  sleep(peerId: PeerId): void;
  wake(peerId: PeerId): void;
  /** This peer goes silent without a word. */
  kill(peerId: PeerId): void;
  close(): void;
}

export interface MemoryHubOptions {
  /** Scale of `receivedAtMs`; default: the process's monotonic clock. */
  nowMs?: () => number;
}

interface Member {
  options: MemoryPeerOptions;
  presence: unknown;
  reachable: Set<Member>;
  /** Whom this member knows to be asleep, and what they told last. */
  asleep: Map<Member, unknown>;
  voice: { stream: MediaStream | null; to: ReadonlySet<PeerId> };
  connected: boolean;
  /** Re-announces what changed around this member. */
  refresh(reachable: Set<Member>): void;
  presenceChanged(): void;
  deliver(channel: ChannelName, from: PeerId, message: Uint8Array<ArrayBuffer>): void;
  hear(from: Member): void;
  close(): void;
}

/** Marks updates that came from another document, so that they are not sent back. */
const FROM_HUB = Symbol('hub');

export function createMemoryHub({
  nowMs = () => performance.timeOrigin + performance.now(),
}: MemoryHubOptions = {}): MemoryHub {
  const members = new Set<Member>();
  let groups: readonly ReadonlySet<PeerId>[] | null = null;

  function reaches(a: Member, b: Member): boolean {
    if (a === b || !a.connected || !b.connected || a.options.secret !== b.options.secret) return false;
    const [x, y] = [a.options.selfId, b.options.selfId];
    return groups === null || groups.some((group) => group.has(x) && group.has(y));
  }

  function sync(a: Member, b: Member): void {
    const from = a.options.doc;
    const to = b.options.doc;
    if (from && to) Y.applyUpdate(to, Y.encodeStateAsUpdate(from, Y.encodeStateVector(to)), FROM_HUB);
  }

  function rewire(): void {
    const next = new Map(
      [...members].map((a) => [a, new Set([...members].filter((b) => reaches(a, b)))] as const),
    );
    for (const [a, reachable] of next) {
      for (const b of reachable) if (!a.reachable.has(b)) queueMicrotask(() => reaches(a, b) && sync(a, b));
    }
    for (const [a, reachable] of next) {
      for (const b of reachable)
        if (!a.reachable.has(b))
          for (const [sleeper, told] of b.asleep) if (sleeper !== a) a.asleep.set(sleeper, told);
    }
    for (const [a, reachable] of next) a.refresh(reachable);
  }

  function join(options: MemoryPeerOptions): Transport {
    const { selfId, doc } = options;
    const onStatus = listeners<[MeshStatus]>();
    const onPresences = listeners<[]>();
    const onPeers = listeners<[readonly PeerId[]]>();
    const onVoice = listeners<[PeerId, MediaStream | null]>();
    const onMessage = {
      control: listeners<[PeerId, Uint8Array<ArrayBuffer>, number]>(),
      bytes: listeners<[PeerId, Uint8Array<ArrayBuffer>, number]>(),
      clock: listeners<[PeerId, Uint8Array<ArrayBuffer>, number]>(),
    };
    const heard = new Map<Member, MediaStream>();
    let status: MeshStatus = 'connecting';

    const self: Member = {
      options,
      presence: null,
      reachable: new Set(),
      asleep: new Map(),
      voice: { stream: null, to: new Set() },
      connected: true,
      refresh(reachable) {
        const changed =
          reachable.size !== self.reachable.size ||
          [...reachable].some((other) => !self.reachable.has(other));
        self.reachable = reachable;
        for (const other of self.asleep.keys())
          if (reachable.has(other) || !members.has(other)) self.asleep.delete(other);
        const nextStatus: MeshStatus = groups !== null && reachable.size === 0 ? 'alone' : 'connected';
        const statusChanged = nextStatus !== status;
        status = nextStatus;
        queueMicrotask(() => {
          if (statusChanged) onStatus.emit(status);
          if (!changed) return;
          onPeers.emit(peers());
          onPresences.emit();
          for (const other of new Set([...members, ...heard.keys()])) self.hear(other);
        });
      },
      presenceChanged: () => onPresences.emit(),
      deliver: (channel, from, message) => onMessage[channel].emit(from, message, nowMs()),
      hear(from) {
        const now = self.reachable.has(from) && from.voice.to.has(selfId) ? from.voice.stream : null;
        if ((heard.get(from) ?? null) === now) return;
        if (now) heard.set(from, now);
        else heard.delete(from);
        onVoice.emit(from.options.selfId, now);
      },
      close() {
        if (!members.delete(self)) return;
        self.connected = false;
        doc?.off('update', onUpdate);
        for (const all of [onStatus, onPresences, onPeers, onVoice, ...Object.values(onMessage)]) all.clear();
        rewire();
        self.reachable = new Set();
      },
    };

    const peers = () => [...self.reachable].map((other) => other.options.selfId);

    function onUpdate(update: Uint8Array, origin: unknown): void {
      if (origin === FROM_HUB) return;
      for (const other of self.reachable) {
        queueMicrotask(() => {
          if (reaches(self, other) && other.options.doc) Y.applyUpdate(other.options.doc, update, FROM_HUB);
        });
      }
    }
    doc?.on('update', onUpdate);
    members.add(self);
    rewire();

    return {
      selfId,
      status: () => status,
      onStatus: onStatus.add,
      setPresence(state) {
        // What arrives elsewhere is a copy, and JSON only.
        self.presence = JSON.parse(JSON.stringify(state));
        for (const member of [self, ...self.reachable]) queueMicrotask(member.presenceChanged);
      },
      presences: () =>
        new Map([
          [selfId, self.presence],
          ...[...self.reachable].map((m) => [m.options.selfId, m.presence] as const),
        ]),
      asleep: () => new Map([...self.asleep].map(([other, told]) => [other.options.selfId, told])),
      onPresences: onPresences.add,
      peers,
      onPeers: onPeers.add,
      connections: () => peers().map((peerId) => ({ peerId, path: 'direct', roundTripMs: 0 })),
      // Who is out of reach cannot announce itself here either, and documents are equal as soon as peers meet.
      unreached: () => [],
      isWhole: () => status !== 'connecting',
      async send(to, channel, message) {
        const target = [...self.reachable].find((other) => other.options.selfId === to);
        if (!target) throw new PeerUnreachableError(`${to} is not connected`);
        if (message.length > MAX_MESSAGE_BYTES) throw new RangeError('the message is too large');
        const copy = message.slice();
        await Promise.resolve();
        if (!reaches(self, target)) throw new PeerUnreachableError(`${to} went away`);
        target.deliver(channel, selfId, copy);
      },
      onMessage: (channel, listener) => onMessage[channel].add(listener),
      offerVoice(stream, to) {
        self.voice = { stream, to: new Set(to) };
        for (const member of members) queueMicrotask(() => member.hear(self));
      },
      onVoice: onVoice.add,
      reconnect() {
        if (!members.has(self)) return;
        self.connected = false;
        rewire();
        queueMicrotask(() => {
          self.connected = members.has(self);
          rewire();
        });
      },
      close: self.close,
    };
  }

  const find = (peerId: PeerId) => [...members].find((member) => member.options.selfId === peerId);

  return {
    join,
    sleep(peerId) {
      const sleeper = find(peerId);
      if (!sleeper) return;
      for (const other of sleeper.reachable) other.asleep.set(sleeper, sleeper.presence);
      sleeper.connected = false;
      rewire();
    },
    wake(peerId) {
      const sleeper = find(peerId);
      if (!sleeper) return;
      sleeper.connected = true;
      rewire();
    },
    kill: (peerId) => find(peerId)?.close(),
    partition(...next) {
      groups = next.map((group) => new Set(group));
      rewire();
    },
    heal() {
      groups = null;
      rewire();
    },
    close() {
      for (const member of [...members]) member.close();
    },
  };
}
