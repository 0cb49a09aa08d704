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
  /** Round trip to the LAN node; null: not measured. */
  nodeRoundTripMs: number | null;
  /** It has lost the node, and could feed nothing now. */
  cutOff: boolean;
  /** How often it stood still, or lost the node while it hosted, in the last ten minutes. */
  stumbles: number;
  /** It hosted within the last minute, and the node got none of its sound. */
  unheard: boolean;
  /** The room plays, and this peer's player is silent: it has still to fetch the song, cannot play it, or does not play along. */
  unready: boolean;
}

export interface ElectionInput {
  selfId: string;
  /** Peers that offer host mode, self included if it does. */
  candidates: readonly Candidate[];
  /** The highest claim of the document, or that the node knows of. */
  claim: HostClaim | null;
  /** The node gets this claim's frames: its holder hosts, even if it is out of this peer's sight. */
  isFed?: boolean;
  /** Peers that live (alive.ts), self included. A claim or candidate that is not among them counts for nothing. */
  alive: ReadonlySet<string>;
}

/** One who hosts or would, and why at this place: plain words for the screen, e.g. "plugged in, here longest". */
export interface Place {
  peerId: string;
  why: string;
}

export interface ElectionResult {
  /** Who hosts, or who is about to; null: nobody offers to. */
  host: string | null;
  /** Self is elected and its claim isn't in the document yet: call `commands.claimHost(selfId, epoch)`. */
  shouldClaim: boolean;
  /** Of the running host's claim, or of the claim to come. */
  epoch: number;
  why: string;
  /** Who would follow, best first; without the host. */
  next: readonly Place[];
  /** Who of them should play along, unheard, so that whoever fails, the next one is heard at once. */
  followers: readonly string[];
}

/** A round trip below this is as good as any: the link is not what delays the sound. */
const NEAR_MS = 30;
/**
 * A running host is left alone unless another is better by this many points: a change costs the listeners a short
 * gap. A hidden tab (3) or an unplugged charger (4) alone is no reason; a phone in a pocket, next to a plugged-in
 * laptop, is.
 */
const TAKEOVER_POINTS = 6;
/** More than all that speaks for a device: it will be heard, but not at once. */
const UNREADY_POINTS = 12;
/** More than all else together, readiness too: without the node it is of no use, and lets others go first. */
const CUT_OFF_POINTS = 32;
/** The same for who is connected and whose sound stands still: else two such devices take turns, and nobody is heard. */
const UNHEARD_POINTS = 32;
const MOST_FOLLOWERS = 2;
const MOST_STUMBLES = 3;

export function elect({ selfId, candidates, claim, isFed, alive }: ElectionInput): ElectionResult {
  const present = candidates.filter(({ peerId }) => alive.has(peerId));
  const ranked = rank(present);
  const best = ranked[0];
  const epoch = claim?.epoch ?? 0;
  const holder = claim === null || claim.released === true ? null : claim.peerId;
  const running = present.find((each) => each.peerId === holder);
  const after = (host: string | null): Pick<ElectionResult, 'next' | 'followers'> => {
    const others = ranked.filter(({ peerId }) => peerId !== host);
    return {
      next: others.map((each) => ({
        peerId: each.peerId,
        why: [...merits(each, present), ...drawbacks(each)].join(', '),
      })),
      followers: followersOf(others),
    };
  };

  if (holder !== null && running === undefined && isFed === true) {
    return {
      host: holder,
      shouldClaim: false,
      epoch,
      why: 'it feeds the loudspeakers',
      ...after(holder),
    };
  }
  if (best === undefined) {
    return { host: null, shouldClaim: false, epoch, why: 'nobody offers host mode', ...after(null) };
  }
  if (running !== undefined && !takesOver(best, running, claim?.named === true)) {
    const why = wordsFor(running, present, claim?.named === true ? 'named' : 'running');
    return { host: running.peerId, shouldClaim: false, epoch, why, ...after(running.peerId) };
  }
  if (best.cutOff) {
    return { host: null, shouldClaim: false, epoch, why: 'the node is out of reach', ...after(null) };
  }
  return {
    host: best.peerId,
    shouldClaim: best.peerId === selfId,
    epoch: epoch + 1,
    why: wordsFor(best, present, 'next'),
    ...after(best.peerId),
  };
}

/**
 * Who plays along is chosen by what is lasting: whoever is not ready gets so by playing along. Until then whoever
 * would follow now goes on.
 */
function followersOf(others: readonly Candidate[]): string[] {
  const lasting = rank(others.map((each) => ({ ...each, unready: false }))).slice(0, MOST_FOLLOWERS);
  return [...new Set([...others.slice(0, 1), ...lasting].map(({ peerId }) => peerId))];
}

/**
 * Whoever was named by hand stays. Who stumbled lately may follow a host that is gone, but pushes none away. That a host
 * is silent is no reason: most often it seeks or fetches, and the next one has to, too.
 */
export function takesOver(best: Candidate, running: Candidate, isNamed: boolean): boolean {
  const lead = points(best) - points({ ...running, unready: false });
  return !isNamed && best.stumbles === 0 && lead >= TAKEOVER_POINTS;
}

/**
 * Who leads the room's clock: the host while one runs, else the best of all peers by the same ranking. The way to the node
 * doesn't count here: the clock goes on without it.
 */
export function leaderOf(input: {
  peers: readonly Candidate[];
  claim: HostClaim | null;
  alive: ReadonlySet<string>;
}): string | null {
  const present = input.peers
    .filter(({ peerId }) => input.alive.has(peerId))
    .map((peer) => ({ ...peer, nodeRoundTripMs: null, cutOff: false, unheard: false, unready: false }));
  const { claim } = input;
  if (claim !== null && claim.released !== true && present.some(({ peerId }) => peerId === claim.peerId)) {
    return claim.peerId;
  }
  return rank(present)[0]?.peerId ?? null;
}

/** What a peer's presence says to the election; a peer that doesn't offer host mode can still lead the clock. */
export function candidateOf({ peerId, device, candidate, joinedAtMs }: Presence): Candidate {
  const nothing = {
    sinceMs: joinedAtMs,
    visible: false,
    pluggedIn: false,
    nodeRoundTripMs: null,
    cutOff: false,
    stumbles: 0,
    unheard: false,
    unready: false,
  };
  return { peerId, device, ...(candidate ?? nothing) };
}

/** Of two claims the higher; the document's if they are the same, as it says more. */
export function higherClaim(a: HostClaim | null, b: HostClaim | null): HostClaim | null {
  if (a === null || b === null) return a ?? b;
  if (a.epoch !== b.epoch) return a.epoch > b.epoch ? a : b;
  return a.peerId >= b.peerId ? a : b;
}

function rank(candidates: readonly Candidate[]): Candidate[] {
  return [...candidates].sort((a, b) => points(b) - points(a) || compareSeniority(a, b));
}

function points(candidate: Candidate): number {
  const { pluggedIn, visible, device, nodeRoundTripMs, cutOff, stumbles, unheard, unready } = candidate;
  const near = nodeRoundTripMs !== null && nodeRoundTripMs <= NEAR_MS;
  return (
    (pluggedIn ? 4 : 0) +
    (visible ? 3 : 0) +
    (device === 'laptop' ? 2 : device === 'tablet' ? 1 : 0) +
    (near ? 1 : 0) -
    2 * Math.min(stumbles, MOST_STUMBLES) -
    (cutOff ? CUT_OFF_POINTS : 0) -
    (unheard ? UNHEARD_POINTS : 0) -
    (unready ? UNREADY_POINTS : 0)
  );
}

function compareSeniority(a: Candidate, b: Candidate): number {
  return a.sinceMs - b.sinceMs || (a.peerId < b.peerId ? -1 : 1);
}

function merits(one: Candidate, present: readonly Candidate[]): string[] {
  const words: string[] = [];
  if (one.pluggedIn) words.push('plugged in');
  if (one.visible) words.push('on screen');
  const isLongest = present.every((other) => other === one || compareSeniority(one, other) < 0);
  if (isLongest && present.length > 1) words.push('here longest');
  return words;
}

function drawbacks(one: Candidate): string[] {
  const { pluggedIn, visible, nodeRoundTripMs, cutOff, stumbles, unheard, unready } = one;
  const words: string[] = [];
  if (!pluggedIn) words.push('on battery');
  if (!visible) words.push('in the background');
  if (cutOff) words.push('out of the node’s reach');
  else if (nodeRoundTripMs !== null && nodeRoundTripMs > NEAR_MS) words.push('a slow way to the node');
  if (unheard) words.push('its sound did not arrive');
  else if (stumbles > 0) words.push('stumbled lately');
  if (unready) words.push('not playing along yet');
  return words;
}

function wordsFor(
  host: Candidate,
  present: readonly Candidate[],
  role: 'named' | 'running' | 'next',
): string {
  const words = merits(host, present);
  if (role === 'named') return ['chosen by hand', ...words].join(', ');
  if (present.length === 1) return 'the only one that offers host mode';
  if (role === 'running' && words.length === 0) words.push('already hosting');
  if (words.length === 0) words.push(`the best ${host.device} there is`);
  return words.join(', ');
}
