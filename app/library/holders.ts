/** Who holds some of one track: what was asked of them, which chunks they have, and who had better not be asked now. */
import type { PeerId } from '../mesh/transport.ts';
import { hasBit } from './bitmap.ts';
import type { Neighbours } from './neighbours.ts';
import type { Timers } from './timers.ts';

const MAX_REST_MS = 60_000;
/** However much else its holder sends: a request that it passed over for so many times its time is lost. */
const MAX_WAITS = 10;
/** What a holder of a part told of it counts for so long. */
export const BITS_FRESH_MS = 1_000;

export interface Holder {
  outstanding: Map<number, { atMs: number; timer: ReturnType<typeof setTimeout> }>;
  /** Chunks that were given up as they did not come in time: welcome when they come after all. */
  late: Set<number>;
  /** Chunks of it that are being verified and stored. They count as outstanding, so that a liar gets no further. */
  verifying: number;
  lied: boolean;
  lapses: number;
  restUntilMs: number;
  bits: Uint8Array | null;
  bitsAskedAtMs: number;
}

export interface Holders {
  /** Known from now on, if it was not before. */
  of(peerId: PeerId): Holder;
  all(): IterableIterator<[PeerId, Holder]>;
  /** Whoever may be asked now. */
  usable(): [PeerId, Holder][];
  holds(peerId: PeerId, holder: Holder, index: number): boolean;
  /** Counts in what partial holders told; complete ones have every chunk alike. */
  copies(): (index: number) => number;
  /** Of how many a chunk was asked, and how long ago the last time. */
  outstanding(index: number): { peers: number; youngestMs: number };
  /** A chunk is asked of it; without an answer in time, `onLapsed` is told. */
  ask(peerId: PeerId, index: number): void;
  /** It did not answer: it rests, longer each time. Several requests that end while it rests are one silence. */
  lapse(peerId: PeerId): void;
  /** It sends: what is asked of it has its time anew, as it is slow and not silent. */
  heard(peerId: PeerId): void;
  /** It gave a good chunk: it may be asked again at once. */
  gave(peerId: PeerId): void;
  /** It gave a wrong one: nothing more is expected of it. */
  lied(peerId: PeerId): void;
  /** False: this is not asked of it. */
  drop(peerId: PeerId, index: number): boolean;
  /** The same, for what comes: also what was given up is taken. */
  take(peerId: PeerId, index: number): boolean;
  /** It is gone, and with it what was asked of it. False: it was not known. */
  remove(peerId: PeerId): boolean;
  clear(): void;
}

/** What is asked of a holder at the moment, chunks that it sent and that are not stored yet included. */
export const loadOf = ({ outstanding, verifying }: Holder): number => outstanding.size + verifying;

export function createHolders(options: {
  trackId: string;
  neighbours: Neighbours;
  timers: Timers;
  nowMs: () => number;
  /** A request is given up when its peer gave nothing for this long. */
  requestMs: number;
  /** How long who lapsed for the first time rests. */
  restMs: number;
  askBits(peerId: PeerId): void;
  /** A chunk was given up. */
  onLapsed(peerId: PeerId, index: number): void;
  /** Somebody may be asked again. */
  onRested(): void;
}): Holders {
  const { trackId, neighbours, timers, nowMs } = options;
  const holders = new Map<PeerId, Holder>();

  function of(peerId: PeerId): Holder {
    let known = holders.get(peerId);
    if (!known) {
      known = {
        outstanding: new Map(),
        late: new Set(),
        verifying: 0,
        lied: false,
        lapses: 0,
        restUntilMs: 0,
        bits: null,
        bitsAskedAtMs: -1e9,
      };
      holders.set(peerId, known);
    }
    return known;
  }

  function refreshBits(peerId: PeerId, holder: Holder): void {
    if (nowMs() - holder.bitsAskedAtMs < BITS_FRESH_MS) return;
    holder.bitsAskedAtMs = nowMs();
    options.askBits(peerId);
  }

  /** The timer of a chunk that was asked for at `atMs`. */
  function lapseTimer(peerId: PeerId, index: number, atMs: number): ReturnType<typeof setTimeout> {
    const longestMs = atMs + MAX_WAITS * options.requestMs - nowMs();
    return timers.after(Math.max(0, Math.min(options.requestMs, longestMs)), () => {
      const holder = of(peerId);
      holder.outstanding.delete(index);
      holder.late.add(index);
      lapse(peerId);
      options.onLapsed(peerId, index);
    });
  }

  function lapse(peerId: PeerId): void {
    const holder = of(peerId);
    if (holder.restUntilMs > nowMs()) return;
    const restMs = Math.min(MAX_REST_MS, options.restMs * 2 ** holder.lapses++);
    const untilMs = nowMs() + restMs;
    holder.restUntilMs = untilMs;
    timers.after(restMs, () => {
      // A timer may come a little before its time, and there is no second one.
      if (holder.restUntilMs === untilMs) holder.restUntilMs = 0;
      options.onRested();
    });
  }

  function drop(peerId: PeerId, index: number): boolean {
    const request = of(peerId).outstanding.get(index);
    if (!request) return false;
    timers.cancel(request.timer);
    of(peerId).outstanding.delete(index);
    return true;
  }

  return {
    of,
    all: () => holders.entries(),
    usable: () =>
      neighbours
        .holders(trackId)
        .map((peerId): [PeerId, Holder] => [peerId, of(peerId)])
        .filter(([, holder]) => !holder.lied && holder.restUntilMs <= nowMs()),
    holds(peerId, holder, index) {
      if (neighbours.have(peerId, trackId) === 'all') return true;
      refreshBits(peerId, holder);
      return holder.bits !== null && hasBit(holder.bits, index);
    },
    copies() {
      const partial: Uint8Array[] = [];
      for (const peerId of neighbours.holders(trackId)) {
        const holder = of(peerId);
        if (holder.lied || neighbours.have(peerId, trackId) === 'all') continue;
        refreshBits(peerId, holder);
        if (holder.bits) partial.push(holder.bits);
      }
      return (index) => partial.reduce((sum, bits) => sum + (hasBit(bits, index) ? 1 : 0), 0);
    },
    outstanding(index) {
      let peers = 0;
      let youngestMs = Infinity;
      for (const { outstanding: requests } of holders.values()) {
        const request = requests.get(index);
        if (!request) continue;
        peers++;
        youngestMs = Math.min(youngestMs, nowMs() - request.atMs);
      }
      return { peers, youngestMs };
    },
    ask(peerId, index) {
      const atMs = nowMs();
      of(peerId).outstanding.set(index, { atMs, timer: lapseTimer(peerId, index, atMs) });
    },
    lapse,
    heard(peerId) {
      for (const [index, request] of holders.get(peerId)?.outstanding ?? []) {
        timers.cancel(request.timer);
        request.timer = lapseTimer(peerId, index, request.atMs);
      }
    },
    gave(peerId) {
      const holder = of(peerId);
      holder.lapses = 0;
      holder.restUntilMs = 0;
    },
    lied(peerId) {
      const holder = of(peerId);
      holder.lied = true;
      holder.late.clear();
      for (const index of [...holder.outstanding.keys()]) drop(peerId, index);
    },
    drop,
    take(peerId, index) {
      const wasGivenUp = of(peerId).late.delete(index);
      return drop(peerId, index) || wasGivenUp;
    },
    remove(peerId) {
      const holder = holders.get(peerId);
      if (!holder) return false;
      for (const index of [...holder.outstanding.keys()]) drop(peerId, index);
      return holders.delete(peerId);
    },
    clear: () => holders.clear(),
  };
}
