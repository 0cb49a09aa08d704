/** One room's stream: at most one host feeds it, any number listen, and it never ends. */
import type { StreamStatus } from '../protocol/status.ts';
import { ExtraVariant, type StreamVariant } from '../protocol/uplink.ts';
import { createChannel, type Channel, type ListenOptions } from './channel.ts';
import { silentFrame } from './frames.ts';
import type { Listener } from './listener.ts';
import { EXTRA_FORMATS, mp3Format, pathOfVariant } from './variants.ts';

export interface Claim {
  epoch: number;
  peerId: string;
}

export interface HostInfo extends Claim {
  bitrateKbps: number;
}

/** A host that feeds this station. */
export interface Feed {
  /** Whole frames, in order. Ignored once the feed was replaced. */
  frames(frames: readonly Uint8Array[], variant?: StreamVariant): void;
  title(title: string): void;
  release(): void;
}

export interface Station {
  readonly roomId: string;
  /**
   * Takes over from the same host's older connection at once, and from a lower claim with its first frame: until then the
   * other one feeds on, so that nothing is missing in between. Null: another claim is higher.
   */
  claim(host: HostInfo, onSuperseded: () => void): Feed | null;
  /** @returns removes it again; harmless when called twice */
  listen(listener: Listener, options?: ListenOptions & { variant?: StreamVariant }): () => void;
  /** Of all variants, or of one. */
  listenerCount(variant?: StreamVariant): number;
  /** Variants that a host has to send beside the MP3 that always flows: somebody listens to them. */
  wanted(): ExtraVariant[];
  hasHost(): boolean;
  /** When it last had a host, now if it has one; null: never. Monotonic milliseconds. */
  hostedAtMs(): number | null;
  /** Called when the number of listeners changed, of any variant. */
  onListeners(callback: (listeners: number) => void): () => void;
  status(): StreamStatus;
  close(): void;
}

export interface StationOptions {
  roomId: string;
  path: string;
  /** Monotonic milliseconds. */
  now: () => number;
}

interface Hosting extends HostInfo {
  sinceMs: number;
  feed: Feed;
  title: string | null;
  onSuperseded(): void;
}

/** Until a host says otherwise. */
const USUAL_KBPS = 128;

/** `(epoch, peerId)` in order; the same claim again is the same host that reconnected. */
function outranks(current: Claim, next: Claim): boolean {
  return current.epoch !== next.epoch ? current.epoch > next.epoch : current.peerId > next.peerId;
}

export function createStation({ roomId, path, now }: StationOptions): Station {
  const watchers = new Set<(listeners: number) => void>();
  /** The extra ones from their first listener on. */
  const channels = new Map<StreamVariant, Channel>();
  let host: Hosting | null = null;
  /** The higher claim, whose first frame has not come yet. */
  let next: Hosting | null = null;
  let bitrateKbps = USUAL_KBPS;
  let releasedAtMs: number | null = null;

  function listenerCount(variant?: StreamVariant): number {
    const counted = variant === undefined ? [...channels.values()] : [channels.get(variant)];
    return counted.reduce((sum, channel) => sum + (channel?.stats().listeners ?? 0), 0);
  }

  function channelOf(variant: StreamVariant): Channel {
    const known = channels.get(variant);
    if (known !== undefined) return known;
    const channel = createChannel({
      format: variant === 'mp3' ? mp3Format('mp3', USUAL_KBPS) : EXTRA_FORMATS[variant],
      now,
      title: () => host?.title ?? '',
      onListeners: () => {
        const count = listenerCount();
        for (const watcher of watchers) watcher(count);
      },
    });
    channels.set(variant, channel);
    return channel;
  }
  const usual = channelOf('mp3');

  function begin(hosting: Hosting): void {
    const replaced = host;
    next = null;
    host = { ...hosting, sinceMs: now() };
    bitrateKbps = hosting.bitrateKbps;
    usual.setSilence(silentFrame(bitrateKbps));
    replaced?.onSuperseded();
  }

  function release(feed: Feed): void {
    if (next?.feed === feed) next = null;
    if (host?.feed !== feed) return;
    host = null;
    releasedAtMs = now();
    for (const channel of channels.values()) channel.hostGone();
    if (next !== null) begin(next);
  }

  return {
    roomId,
    claim(info, onSuperseded) {
      const highest = next ?? host;
      if (highest !== null && outranks(highest, info)) return null;
      const feed: Feed = {
        frames(frames, variant = 'mp3') {
          if (next?.feed === feed && variant === 'mp3' && frames.length > 0) begin(next);
          // What is sent of a variant that nobody ever asked for has no channel to go to.
          if (host?.feed === feed) channels.get(variant)?.frames(frames);
        },
        title(text) {
          for (const hosting of [host, next]) if (hosting?.feed === feed) hosting.title = text;
        },
        release: () => release(feed),
      };
      const claimed: Hosting = { ...info, sinceMs: now(), title: null, onSuperseded, feed };
      const passedOver = next;
      next = null;
      if (host === null || host.peerId === info.peerId) begin(claimed);
      else next = claimed;
      passedOver?.onSuperseded();
      return feed;
    },
    listen(listener, { variant = 'mp3', ...options } = {}) {
      return channelOf(variant).listen(listener, options);
    },
    listenerCount,
    wanted: () => ExtraVariant.options.filter((variant) => listenerCount(variant) > 0),
    hasHost: () => host !== null,
    hostedAtMs: () => (host === null ? releasedAtMs : now()),
    onListeners(callback) {
      watchers.add(callback);
      return () => void watchers.delete(callback);
    },
    status() {
      const all = [...channels].map(([variant, channel]) => ({
        path: pathOfVariant(path, variant),
        ...channel.stats(),
      }));
      const sum = (of: (one: (typeof all)[number]) => number): number =>
        all.reduce((total, one) => total + of(one), 0);
      const { lastFrameAtMs, silenceFrames } = usual.stats();
      return {
        roomId,
        path,
        host:
          host === null
            ? null
            : {
                peerId: host.peerId,
                epoch: host.epoch,
                connectedSeconds: Math.floor((now() - host.sinceMs) / 1000),
              },
        listeners: sum(({ listeners }) => listeners),
        bitrateKbps,
        bytesIn: sum(({ bytesIn }) => bytesIn),
        bytesOut: sum(({ bytesOut }) => bytesOut),
        lastFrameAgeMs: lastFrameAtMs === null ? null : Math.round(now() - lastFrameAtMs),
        silenceFrames,
        title: host?.title ?? null,
        variants: all.map(({ lastFrameAtMs: _, ...rest }) => rest),
      };
    },
    close() {
      for (const channel of channels.values()) channel.close();
      watchers.clear();
      host = null;
      next = null;
    },
  };
}
