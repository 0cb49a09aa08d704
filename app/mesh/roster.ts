/**
 * Who announces itself on the room's topic, and when this peer does. A newcomer is answered, because whoever has the
 * smaller id dials and must know of the other; many newcomers at once are answered together. Pure: time and chance are
 * arguments.
 */
import type { PeerId } from './transport.ts';

/** Announcements come at most `REPEAT_MS + many peers` apart; who missed several of them is not on the node any more. */
const KNOWN_MS = 120_000;
const MAX_KNOWN = 512;
const REPEAT_MS = 15_000;
/** So that a room of N peers costs the node some ten messages a second for each of them, not N. */
const REPEAT_MS_PER_PEER = 100;
const ANSWER_MS_PER_PEER = 5;
const LONGEST_ANSWER_MS = 400;
const STALE_MS = 5_000;

export interface Roster {
  /** Heard an announcement; gives when to announce oneself in answer, in ms from now, or null. */
  heard(from: PeerId, fresh: boolean, isLinked: boolean, nowMs: number): number | null;
  /** Said goodbye. */
  left(peerId: PeerId): void;
  /** Its connection ended without a word. */
  lost(peerId: PeerId, nowMs: number): void;
  announced(nowMs: number): void;
  isAnnouncementDue(nowMs: number): boolean;
  /** Everybody known, whoever is silent for too long left out. */
  known(nowMs: number): PeerId[];
  /** It has announced itself since it was lost, and had `patienceMs` to be reached. */
  isMissing(peerId: PeerId, patienceMs: number, nowMs: number): boolean;
}

interface Known {
  /** Of the first announcement since it was lost, and of the last one. */
  sinceMs: number;
  atMs: number;
  lostAtMs: number | null;
}

export function createRoster(random: () => number): Roster {
  const all = new Map<PeerId, Known>();
  let announcedAtMs = -Infinity;
  let nextMs = 0;

  return {
    heard(from, fresh, isLinked, nowMs) {
      const before = all.get(from);
      if (!before && all.size >= MAX_KNOWN) return null;
      const isBack = before?.lostAtMs !== null && before !== undefined;
      all.set(from, { sinceMs: before && !isBack ? before.sinceMs : nowMs, atMs: nowMs, lostAtMs: null });
      const knowsUs = !fresh && (isLinked || nowMs - announcedAtMs < STALE_MS);
      if (knowsUs) return null;
      return random() * Math.min(LONGEST_ANSWER_MS, ANSWER_MS_PER_PEER * all.size);
    },
    left: (peerId) => void all.delete(peerId),
    lost(peerId, nowMs) {
      const known = all.get(peerId);
      if (known) known.lostAtMs = nowMs;
    },
    announced(nowMs) {
      announcedAtMs = nowMs;
      nextMs = (REPEAT_MS + REPEAT_MS_PER_PEER * all.size) * (0.75 + 0.5 * random());
    },
    isAnnouncementDue: (nowMs) => nowMs - announcedAtMs >= nextMs,
    known(nowMs) {
      for (const [peerId, { atMs }] of all) if (nowMs - atMs > KNOWN_MS) all.delete(peerId);
      return [...all.keys()];
    },
    isMissing(peerId, patienceMs, nowMs) {
      const known = all.get(peerId);
      return known !== undefined && known.lostAtMs === null && nowMs - known.sinceMs >= patienceMs;
    },
  };
}
