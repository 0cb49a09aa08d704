/**
 * Who hosts. A pure function of what all peers know, so that all come to the same answer without talking about it;
 * while they know different things two may claim, and the higher `(epoch, peerId)` wins. Rules E1… in tests/SPEC.md.
 */
import type { HostClaim, Presence } from '../session/schema.ts';

export interface Candidate {
  peerId: string;
  /** Room time since which this peer offers itself. */
  sinceMs: number;
  visible: boolean;
  pluggedIn: boolean;
  device: Presence['device'];
  /** Round trip to the clock leader; null: not measured. */
  roundTripMs: number | null;
}

export interface ElectionInput {
  selfId: string;
  /** Peers that offer host mode, self included if it does. */
  candidates: readonly Candidate[];
  /** The highest claim of the document. */
  claim: HostClaim | null;
  /** Peers that can be reached, self included. A claim or candidate that is not among them counts for nothing. */
  alive: ReadonlySet<string>;
}

export interface ElectionResult {
  /** Who hosts, or who is about to; null: nobody offers to. */
  host: string | null;
  /** Self is elected and its claim isn't in the document yet: call `commands.claimHost(selfId)`. */
  shouldClaim: boolean;
  /** Of the running host's claim, or of the claim to come. */
  epoch: number;
  /** Plain words for the screen, e.g. "plugged in, here longest". */
  why: string;
}

/** A round trip below this is as good as any: the link is not what delays the sound. */
const NEAR_MS = 30;
/**
 * A running host is left alone unless another is better by this many points: a change costs the listeners a short
 * gap. A hidden tab (3) or an unplugged charger (4) alone is no reason; a phone in a pocket, next to a plugged-in
 * laptop, is.
 */
const TAKEOVER_POINTS = 6;

export function elect({ selfId, candidates, claim, alive }: ElectionInput): ElectionResult {
  const present = candidates.filter(({ peerId }) => alive.has(peerId));
  const ranked = [...present].sort((a, b) => points(b) - points(a) || compareSeniority(a, b));
  const best = ranked[0];
  const epoch = claim?.epoch ?? 0;
  if (best === undefined) return { host: null, shouldClaim: false, epoch, why: 'nobody offers host mode' };

  const running =
    claim?.released === true ? undefined : present.find((each) => each.peerId === claim?.peerId);
  if (running !== undefined && points(best) - points(running) < TAKEOVER_POINTS) {
    return { host: running.peerId, shouldClaim: false, epoch, why: wordsFor(running, present, true) };
  }
  return {
    host: best.peerId,
    shouldClaim: best.peerId === selfId,
    epoch: epoch + 1,
    why: wordsFor(best, present, false),
  };
}

/**
 * Who leads the room's clock: the host while one runs, else the best of all peers by the same ranking. Round trips don't
 * count here: they are measured to the leader, so that counting them would let the lead go round in circles.
 */
export function leaderOf(input: {
  peers: readonly Candidate[];
  claim: HostClaim | null;
  alive: ReadonlySet<string>;
}): string | null {
  const present = input.peers
    .filter(({ peerId }) => input.alive.has(peerId))
    .map((peer) => ({ ...peer, roundTripMs: null }));
  const { claim } = input;
  if (claim !== null && claim.released !== true && present.some(({ peerId }) => peerId === claim.peerId)) {
    return claim.peerId;
  }
  const ranked = present.sort((a, b) => points(b) - points(a) || compareSeniority(a, b));
  return ranked[0]?.peerId ?? null;
}

/** What a peer's presence says to the election; a peer that doesn't offer host mode can still lead the clock. */
export function candidateOf(presence: Presence): Candidate {
  const { peerId, device, roundTripMs, candidate, joinedAtMs } = presence;
  const offer = candidate ?? { sinceMs: joinedAtMs, visible: false, pluggedIn: false };
  return { peerId, device, roundTripMs, ...offer };
}

function points({ pluggedIn, visible, device, roundTripMs }: Candidate): number {
  const near = roundTripMs !== null && roundTripMs <= NEAR_MS;
  return (
    (pluggedIn ? 4 : 0) +
    (visible ? 3 : 0) +
    (device === 'laptop' ? 2 : device === 'tablet' ? 1 : 0) +
    (near ? 1 : 0)
  );
}

function compareSeniority(a: Candidate, b: Candidate): number {
  return a.sinceMs - b.sinceMs || (a.peerId < b.peerId ? -1 : 1);
}

function wordsFor(host: Candidate, present: readonly Candidate[], isRunning: boolean): string {
  if (present.length === 1) return 'the only one that offers host mode';
  const words: string[] = [];
  if (host.pluggedIn) words.push('plugged in');
  if (host.visible) words.push('on screen');
  if (present.every((other) => other === host || compareSeniority(host, other) < 0))
    words.push('here longest');
  if (isRunning && words.length === 0) words.push('already hosting');
  if (words.length === 0) words.push(`the best ${host.device} there is`);
  return words.join(', ');
}
