/**
 * Keeps a second copy of what only one device holds, so that its owner may leave. Nobody is in charge: every device
 * computes whose turn it is, and takes the track when its own turn has come and the library has nothing else to do.
 */
import type { PeerId } from '../mesh/transport.ts';
import type { Library, TrackRef } from './library.ts';

export interface SpreadTimes {
  everyMs: number;
  /** A track must have been alone for this long: whoever listens fetches it anyway. */
  settleMs: number;
  /** Who is next in line waits this much longer, in case that the one before cannot. */
  turnMs: number;
}

export const SPREAD_TIMES: SpreadTimes = { everyMs: 2_000, settleMs: 4_000, turnMs: 15_000 };
/** What one session takes for others without being asked for it. */
const MAX_BYTES = 256 * 1024 * 1024;
/** A device with less than this share free takes nothing. */
const MIN_FREE = 0.25;

export interface Wish {
  ref: TrackRef;
  /** Somebody asked for a copy of this very track: it is not counted against what a session takes by itself. */
  asked: boolean;
}

export interface SpreadOptions {
  selfId: PeerId;
  peers(): readonly PeerId[];
  library: Library;
  /** What should be on two devices, the soonest needed first. */
  wishes(): readonly Wish[];
  times?: SpreadTimes;
}

/** FNV-1a, 32 bit (Fowler, Noll, Vo): spreads the work evenly; nothing depends on its strength. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

/** Place of `selfId` in the line of those who may take a track, 0 first. Every peer computes the same line. */
export function turnOf(trackId: string, selfId: PeerId, candidates: readonly PeerId[]): number {
  const key = (peerId: PeerId): [number, PeerId] => [fnv1a(`${peerId}/${trackId}`), peerId];
  const own = key(selfId);
  return candidates.filter((peerId) => {
    const other = key(peerId);
    return peerId !== selfId && (other[0] < own[0] || (other[0] === own[0] && other[1] < own[1]));
  }).length;
}

export function createSpreader(options: SpreadOptions): { close(): void } {
  const { selfId, peers, library, wishes, times = SPREAD_TIMES } = options;
  const aloneSinceMs = new Map<string, number>();
  /** Taken while they were alone: one that does not come must not keep the others from being taken. */
  const taken = new Set<string>();
  let takenBytes = 0;
  let closed = false;

  async function look(): Promise<void> {
    const alone = wishes().filter(({ ref: { trackId } }) => {
      const here = library.holdings().get(trackId)?.complete === true;
      return !here && library.holders(trackId) === 1;
    });
    const ids = new Set(alone.map(({ ref }) => ref.trackId));
    for (const id of aloneSinceMs.keys()) if (!ids.has(id)) aloneSinceMs.delete(id);
    for (const id of taken) if (!ids.has(id)) taken.delete(id);
    const nowMs = performance.now();
    for (const id of ids) if (!aloneSinceMs.has(id)) aloneSinceMs.set(id, nowMs);
    if (alone.length === 0 || !library.isIdle()) return;

    const due = alone.find(({ ref: { trackId, bytes }, asked }) => {
      if (taken.has(trackId)) return false;
      const holders = library.holderIds(trackId);
      const turn = turnOf(
        trackId,
        selfId,
        peers().filter((peerId) => !holders.includes(peerId)),
      );
      const waitedMs = nowMs - (aloneSinceMs.get(trackId) ?? nowMs);
      return waitedMs >= times.settleMs + turn * times.turnMs && (asked || takenBytes + bytes <= MAX_BYTES);
    });
    if (!due) return;
    const { usedBytes, quotaBytes } = await library.storage();
    const { ref, asked } = due;
    if (closed || taken.has(ref.trackId) || quotaBytes - usedBytes - ref.bytes < quotaBytes * MIN_FREE)
      return;
    taken.add(ref.trackId);
    if (!asked) takenBytes += ref.bytes;
    library.fetch(ref);
  }

  const timer = setInterval(() => void look().catch(() => {}), times.everyMs);
  return {
    close() {
      closed = true;
      clearInterval(timer);
    },
  };
}
