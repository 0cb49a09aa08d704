/** Finds the room's other peers over the node's topic, and is found there. */
import type { Announcement } from './announcement.ts';
import { createRoster } from './roster.ts';
import { type Signaling, createSignaling } from './signaling.ts';
import type { PeerId } from './transport.ts';

export interface DiscoveryOptions {
  url: string;
  topic: string;
  key: CryptoKey;
  selfId: PeerId;
  nowMs(): number;
  isLinked(peerId: PeerId): boolean;
  /** `known` has changed. `fresh`: this peer has just come, or come back. */
  onKnown(peerId: PeerId, fresh: boolean): void;
  onUp(isUp: boolean): void;
}

export interface Discovery {
  readonly isUp: boolean;
  known(): PeerId[];
  /** Announced since they were last linked, for longer than `patienceMs` ago, and still not linked. */
  missing(patienceMs: number): PeerId[];
  linkClosed(peerId: PeerId, left: boolean): void;
  /** Tells the topic that this peer is here. */
  announce(fresh: boolean): void;
  retryNow(): void;
  /** The network may have changed: is the node still there? */
  check(): void;
  reconnect(): void;
  /** Called every second. */
  tick(): void;
  close(): void;
}

export function createDiscovery(options: DiscoveryOptions): Discovery {
  const { selfId, nowMs, isLinked } = options;
  const roster = createRoster(Math.random);
  let answer: ReturnType<typeof setTimeout> | undefined;

  const signaling: Signaling = createSignaling({
    url: options.url,
    topic: options.topic,
    key: options.key,
    nowMs,
    onUp: options.onUp,
    onAnnouncement: hear,
  });

  function announce(fresh: boolean): void {
    clearTimeout(answer);
    answer = undefined;
    roster.announced(nowMs());
    signaling.announce({ type: 'announce', from: selfId, fresh });
  }

  function announceIn(ms: number): void {
    answer ??= setTimeout(() => announce(false), ms);
  }

  function hear({ from, fresh }: Announcement): void {
    if (from === selfId) return;
    const answerInMs = roster.heard(from, fresh, isLinked(from), nowMs());
    if (answerInMs !== null) announceIn(answerInMs);
    options.onKnown(from, fresh);
  }

  return {
    get isUp() {
      return signaling.isUp;
    },
    known: () => roster.known(nowMs()),
    missing: (patienceMs) =>
      roster
        .known(nowMs())
        .filter((peerId) => !isLinked(peerId) && roster.isMissing(peerId, patienceMs, nowMs())),
    linkClosed(peerId, left) {
      if (left) return roster.left(peerId);
      roster.lost(peerId, nowMs());
      // Only the smaller id dials: the other side may have to be told that it should.
      if (peerId < selfId && signaling.isUp) announceIn(Math.random() * 1_000);
    },
    announce,
    retryNow: signaling.retryNow,
    check: signaling.check,
    reconnect: signaling.reconnect,
    tick() {
      signaling.tick();
      if (signaling.isUp && roster.isAnnouncementDue(nowMs())) announce(false);
    },
    close() {
      clearTimeout(answer);
      signaling.close();
    },
  };
}
