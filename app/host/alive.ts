/**
 * Who counts as alive for the election, long before presence times out. The node's word on the host's feed goes first: it
 * gets the frames. Without it those live whose beats come. Times are arguments; monotonic milliseconds of this device.
 */
import type { FeedNews } from '../../signaling/protocol/uplink.ts';
import type { HostClaim } from '../session/schema.ts';

/** Each peer that offers host mode tells all others so often that it lives. */
export const BEAT_MS = 1_000;
/** One lost beat is no death: a Wi-Fi loses more than that now and then. */
export const MISSED_MS = 2_500;
/** From a claim to its first frame, on a slow phone that has to load everything first. */
export const FEED_DUE_MS = 4_000;
/** The same while the host before is still heard: nobody has to hurry, and one that begins may stand still for a while. */
export const BRIDGED_DUE_MS = 7_000;
const MOST_DOUBLINGS = 4;

/** When a peer was heard last, and the epoch that it said it hosts with. */
export interface Sign {
  atMs: number;
  epoch: number | null;
}

/** What the node says. */
export interface NodeWord {
  /** Since when this device hears from it; null: it doesn't. */
  sinceMs: number | null;
  /** Of the highest claim that it knows of; null: nobody has fed this room's stream. */
  feed: Pick<FeedNews, 'epoch' | 'peerId' | 'state'> | null;
}

export interface LifeInput {
  selfId: string;
  /** Whom presence tells of, directly or through others. */
  present: Iterable<string>;
  /** Whose beats could reach this device. */
  linked: ReadonlySet<string>;
  signs: ReadonlyMap<string, Sign>;
  claim: HostClaim | null;
  /** When this device first knew of it. */
  claimSinceMs: number;
  /** Its holder's: one whose feeds fail is given longer each time, so that two who both fail do not chase each other. */
  stumbles: number;
  node: NodeWord;
  nowMs: number;
}

export function aliveAt(input: LifeInput): Set<string> {
  const { selfId, linked, signs, claim, nowMs } = input;
  const alive = new Set([selfId]);
  const holder = claim === null || claim.released === true ? null : claim.peerId;
  for (const peerId of input.present) {
    const verdict = peerId === holder ? feedVerdict(input) : null;
    const sign = signs.get(peerId);
    // Whom this device only hears of through others may live well.
    const beats = sign === undefined ? !linked.has(peerId) : nowMs - sign.atMs <= MISSED_MS;
    if (verdict ?? beats) alive.add(peerId);
  }
  return alive;
}

/** Whether the claim's feed says that its holder lives; null: it says nothing. */
function feedVerdict({ claim, claimSinceMs, stumbles, node, signs, nowMs }: LifeInput): boolean | null {
  if (claim === null) return null;
  const { feed, sinceMs } = node;
  if (sinceMs !== null && feed?.epoch === claim.epoch && feed.peerId === claim.peerId)
    return feed.state !== 'lost';
  const dueMs = FEED_DUE_MS * 2 ** Math.min(stumbles, MOST_DOUBLINGS);
  const isBridged = sinceMs !== null && feed?.state === 'up' && feed.epoch < claim.epoch;
  if (isBridged && nowMs - claimSinceMs <= BRIDGED_DUE_MS) return true;
  if (sinceMs !== null) return nowMs - Math.max(claimSinceMs, sinceMs) > dueMs ? false : null;
  const says = signs.get(claim.peerId)?.epoch;
  return says === null && nowMs - claimSinceMs > dueMs ? false : null;
}

/** The node gets this claim's frames. */
export function isFed(claim: HostClaim | null, { feed, sinceMs }: NodeWord): boolean {
  return (
    sinceMs !== null &&
    feed?.state === 'up' &&
    feed.epoch === claim?.epoch &&
    feed.peerId === claim.peerId &&
    claim.released !== true
  );
}
