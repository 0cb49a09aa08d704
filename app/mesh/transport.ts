/**
 * The one port through which the rest of the app reaches other peers. Adapters: `browser.ts` (WebRTC,
 * introduced by the node) and `memory.ts` (in-process, for tests).
 * One contract suite, `tests/contract/transport.ts`, runs against every adapter.
 */

/** One open tab or app. A person's two devices are two peers. */
export type PeerId = string;

/** `control` and `bytes` are reliable and ordered; `clock` is neither, so that a lost probe never delays the next. */
export type ChannelName = 'control' | 'bytes' | 'clock';

/** `alone`: the node or the network is out of reach; the room goes on here and merges later. */
export type MeshStatus = 'connecting' | 'connected' | 'alone';

/** `relayed`: through the node, because the two devices cannot reach each other. `unknown`: not measured yet. */
export interface Connection {
  peerId: PeerId;
  path: 'direct' | 'relayed' | 'unknown';
  /** Of the last keepalive; null before the first one. */
  roundTripMs: number | null;
}

export type Unsubscribe = () => void;

/** Rejection of `send` when the peer is gone or its queue did not drain in time. */
export class PeerUnreachableError extends Error {
  override readonly name = 'PeerUnreachableError';
}

export interface Transport {
  readonly selfId: PeerId;

  status(): MeshStatus;
  onStatus(listener: (status: MeshStatus) => void): Unsubscribe;

  /** Replaces what this peer tells the others about itself. JSON only, at most a few KiB. */
  setPresence(state: unknown): void;
  /** What every reachable peer, self included, tells. Values come from others: parse them before use. */
  presences(): ReadonlyMap<PeerId, unknown>;
  /**
   * What peers told last that went silent after they had said that nobody looks at them: phones in pockets. Not in
   * `presences()`. Kept for twelve hours, and told to who comes later. Who goes silent without that word is gone at once (within 5 s).
   */
  asleep(): ReadonlyMap<PeerId, unknown>;
  /** Either of the two has changed. */
  onPresences(listener: () => void): Unsubscribe;

  /** Peers that proved that they know the room's secret and whose channels are open. Never includes self. */
  peers(): readonly PeerId[];
  onPeers(listener: (peers: readonly PeerId[]) => void): Unsubscribe;
  /**
   * One for each of `peers()`. Reading this has the paths measured, `unknown` until then: who shows them reads it about
   * once a second.
   */
  connections(): readonly Connection[];

  /** Peers that have announced themselves for `patienceMs` and are not in `peers()`: in sight, and not in reach. */
  unreached(patienceMs: number): readonly PeerId[];
  /**
   * As far as can be known the document is what everybody in the room holds: the first contact was made or given up, who
   * announces itself is linked, and no linked peer holds what is missing here.
   */
  isWhole(): boolean;

  /**
   * Sends one message of at most `MAX_MESSAGE_BYTES`. Resolves when the send queue has room again (backpressure: await
   * it before the next), rejects with PeerUnreachableError when the peer is not in `peers()` or goes meanwhile.
   */
  send(to: PeerId, channel: ChannelName, message: Uint8Array<ArrayBuffer>): Promise<void>;
  /** `receivedAtMs`: when it came in on `performance.timeOrigin + performance.now()`'s scale. */
  onMessage(
    channel: ChannelName,
    listener: (from: PeerId, message: Uint8Array<ArrayBuffer>, receivedAtMs: number) => void,
  ): Unsubscribe;

  /** Offers this microphone to the given peers from now on, replacing what was offered before; null ends it. */
  offerVoice(stream: MediaStream | null, to: readonly PeerId[]): void;
  /** Another peer's voice arrived (stream) or ended (null). Only authenticated peers get through. */
  onVoice(listener: (from: PeerId, stream: MediaStream | null) => void): Unsubscribe;

  /** Drops and rebuilds every connection: the seam for the guard that wakes a peer that slept. */
  reconnect(): void;
  /** Tells the others that this peer leaves, then frees everything. Closing twice is harmless. */
  close(): void;
}

/** Chromium throws at 262,145 bytes in one data channel message (measured, FACTS.md); this leaves room for headers. */
export const MAX_MESSAGE_BYTES = 256 * 1024 - 1024;
