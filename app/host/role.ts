/**
 * Whether this device is the host: follows the election, claims when elected, and starts or stops the engine. Decides
 * nothing itself: `election.ts` does from what every peer knows, `alive.ts` from what it hears.
 */
import type { Commands } from '../session/commands.ts';
import type { Queries } from '../session/queries.ts';
import type { HostClaim, Presence } from '../session/schema.ts';
import { aliveAt, isFed, MISSED_MS, type NodeWord, type Sign } from './alive.ts';
import {
  candidateOf,
  elect,
  higherClaim,
  takesOver,
  type Candidate,
  type ElectionResult,
} from './election.ts';

/**
 * Who was replaced feeds on until the next one is on the air, so that there is no gap; at most for so long when the node does
 * not say that it gets these frames.
 */
const LINGER_MS = 5_000;
/** After a pause of its own everybody looks dead to this device: it listens first. */
const OWN_GAP_MS = 1_500;
/** A look that comes so much after the one before says that this device stood still meanwhile. */
const PAUSED_MS = 700;
/** So soon after it stood still its sound is on the way again. */
const RECOVERS_MS = 2_500;
/** Whoever is elected claims well before that, unless it sees things differently: then what passes counts for nothing. */
const AWAITED_MS = 4_000;
/** Until all that befell a host is in its own presence: cut off, unheard, stumbled, or gone. */
const GIVEN_UP_MS = 10_000;

export interface HostRoleOptions {
  selfId: string;
  queries: Queries;
  commands: Commands;
  /** Everybody who is here, self included. */
  presences: () => ReadonlyMap<string, Presence>;
  /** Whose beats can reach this device. */
  linked: () => readonly string[];
  node: () => NodeWord;
  /** False while it is not known yet whether somebody feeds the stream already. */
  mayClaim: () => boolean;
  /** Monotonic. */
  nowMs: () => number;
  /** This device is the host from now on, with this epoch; also called when only the epoch moved. */
  onStart: (epoch: number) => void;
  onStop: () => void;
  /**
   * The node gets nothing of what this device feeds, once for each claim. Presence has to say so when this returns:
   * as good a candidate as before, it would push away whoever follows it.
   */
  onUnheard: () => void;
  /** The others lost this device while it hosted, or it stood still meanwhile. The same goes for presence. */
  onStumbled: () => void;
  onChange: (result: ElectionResult) => void;
}

export interface HostRole {
  /** Call when presences or the node's word changed, and twice a second: silence is no event. */
  look(): void;
  /** A beat came from this peer. */
  heard(peerId: string, epoch: number | null): void;
  /** With which this device feeds the stream; null: it does not. */
  epoch(): number | null;
  /** The node takes another's frames: there is nothing to wait for. */
  shutOut(): void;
  /**
   * Gives the role back at once, so that the next candidate need not wait for a time-out. Call it before this peer's
   * presence says that it no longer offers, which by itself would only stop the engine.
   */
  release(): void;
  close(): void;
}

export function createHostRole(options: HostRoleOptions): HostRole {
  const { selfId, queries, commands, nowMs } = options;
  const signs = new Map<string, Sign>();
  let runningEpoch: number | null = null;
  let unheardEpoch: number | null = null;
  let excused: { epoch: number; sinceMs: number } | null = null;
  let pausedAtMs = -Infinity;
  /** Since when somebody is elected and has not claimed. */
  let awaitedSinceMs: number | null = null;
  let claimed: { claim: HostClaim | null; sinceMs: number } = { claim: null, sinceMs: nowMs() };
  /**
   * Who was lost as a host, and since when. Its last beat is younger than that, and would have it back at once. Never this device:
   * it learns of its loss later than the others do, and who thinks less of itself than they do leaves the role to them while they
   * leave it to it.
   */
  const givenUp = new Map<string, number>();
  let lingersUntilMs: number | null = null;
  let lookedAtMs = nowMs();
  let listensUntilMs = -Infinity;
  let told = '';
  let closed = false;
  let looking = false;

  function stop(): void {
    lingersUntilMs = null;
    if (runningEpoch === null) return;
    runningEpoch = null;
    options.onStop();
  }

  /** After this device stood still, whoever is silent gets the time to be heard. */
  function forgiveOwnGap(): void {
    const atMs = nowMs();
    if (atMs - lookedAtMs > PAUSED_MS) pausedAtMs = atMs;
    if (atMs - lookedAtMs > OWN_GAP_MS) {
      listensUntilMs = atMs + MISSED_MS;
      for (const [peerId, sign] of signs) signs.set(peerId, { ...sign, atMs });
      claimed.sinceMs = atMs;
    }
    lookedAtMs = atMs;
  }

  function claimNow(): HostClaim | null {
    const { sinceMs, feed } = options.node();
    const told = sinceMs === null || feed === null ? null : { epoch: feed.epoch, peerId: feed.peerId };
    const claim = higherClaim(queries.hostClaim(), told);
    const before = claimed.claim;
    if (claim?.epoch !== before?.epoch || claim?.peerId !== before?.peerId) {
      claimed = { claim, sinceMs: nowMs() };
      if (claim) noteClaim(claim, before);
    } else claimed.claim = claim;
    return claim;
  }

  /** Nobody claims above a holder that is heard, unless named, or better by far. */
  function noteClaim(claim: HostClaim, before: HostClaim | null): void {
    // Who claims lives.
    if (signs.has(claim.peerId)) signs.set(claim.peerId, { atMs: nowMs(), epoch: claim.epoch });
    givenUp.delete(claim.peerId);
    if (before === null || before.released === true || claim.named === true) return;
    if (before.epoch === claim.epoch) return;
    const all = options.presences();
    const old = all.get(before.peerId);
    const next = all.get(claim.peerId);
    // Whether it is ready now says nothing of when it claimed.
    const winner = next && { ...candidateOf(next), unready: false };
    const madeWay = old && winner && takesOver(winner, candidateOf(old), before.named === true);
    if (madeWay === true) return;
    if (before.peerId === selfId) options.onStumbled();
    else givenUp.set(before.peerId, nowMs());
  }

  function candidateNow(presence: Presence): Candidate {
    const candidate = candidateOf(presence);
    const isLate = awaitedSinceMs !== null && nowMs() - awaitedSinceMs > AWAITED_MS;
    const unready = candidate.unready && !isLate;
    return { ...candidate, unready, unheard: candidate.unheard || givenUp.has(presence.peerId) };
  }

  function noteOwnSilence(): void {
    const { sinceMs, feed } = options.node();
    if (sinceMs === null || feed?.peerId !== selfId || feed.epoch !== runningEpoch) return;
    if (feed.state === 'up') excused = null;
    if (feed.state !== 'lost' || unheardEpoch === runningEpoch) return;
    if (excused === null && nowMs() - pausedAtMs < RECOVERS_MS) {
      excused = { epoch: runningEpoch, sinceMs: nowMs() };
      options.onStumbled();
    }
    if (excused?.epoch === runningEpoch && nowMs() - excused.sinceMs < RECOVERS_MS) return;
    unheardEpoch = runningEpoch;
    options.onUnheard();
  }

  function noteWhoOffers(presences: ReadonlyMap<string, Presence>, linked: ReadonlySet<string>): void {
    for (const { peerId, candidate } of presences.values()) {
      // Its first beat is on the way.
      if (candidate !== null && peerId !== selfId && linked.has(peerId) && !signs.has(peerId))
        signs.set(peerId, { atMs: nowMs(), epoch: null });
    }
    for (const peerId of signs.keys()) if (presences.get(peerId)?.candidate == null) signs.delete(peerId);
  }

  function electNow(): { result: ElectionResult; claim: HostClaim | null } {
    const claim = claimNow();
    // What befell this device by that claim is among them.
    const presences = options.presences();
    const linked = new Set(options.linked());
    noteWhoOffers(presences, linked);
    for (const [peerId, sinceMs] of givenUp) if (nowMs() - sinceMs > GIVEN_UP_MS) givenUp.delete(peerId);
    const candidates = [...presences.values()]
      .filter(({ candidate }) => candidate !== null)
      .map(candidateNow);
    const alive = aliveAt({
      selfId,
      present: candidates.map(({ peerId }) => peerId),
      linked,
      signs,
      claim,
      claimSinceMs: claimed.sinceMs,
      stumbles: candidates.find(({ peerId }) => peerId === claim?.peerId)?.stumbles ?? 0,
      node: options.node(),
      nowMs: nowMs(),
    });
    const result = elect({ selfId, candidates, claim, isFed: isFed(claim, options.node()), alive });
    if (result.host === null || result.host === claim?.peerId) awaitedSinceMs = null;
    else awaitedSinceMs ??= nowMs();
    return { result, claim };
  }

  /** Another hosts, or is about to: this device may feed on until the other is on the air. */
  function giveWay(claim: HostClaim | null, { host }: ElectionResult): void {
    if (runningEpoch === null) return;
    const offers = options.presences().get(selfId)?.candidate != null;
    if (host === null || !offers || claim?.released === true) return stop();
    if (claim?.peerId === selfId) return;
    const { sinceMs, feed } = options.node();
    const isHeard = sinceMs !== null && feed?.peerId === selfId && feed.state === 'up';
    if (isHeard) lingersUntilMs = nowMs() + LINGER_MS;
    lingersUntilMs ??= nowMs() + LINGER_MS;
    if (nowMs() >= lingersUntilMs || isFed(claim, options.node())) stop();
  }

  function look(): void {
    // Claiming changes the document, whose observers come back here.
    if (closed || looking) return;
    looking = true;
    try {
      forgiveOwnGap();
      noteOwnSilence();
      let { result, claim } = electNow();
      const mayClaim = nowMs() >= listensUntilMs && options.mayClaim();
      if (result.shouldClaim && mayClaim && commands.claimHost(selfId, result.epoch).ok) {
        ({ result, claim } = electNow());
      }
      if (result.host !== selfId || result.shouldClaim) giveWay(claim, result);
      else if (runningEpoch !== result.epoch) {
        lingersUntilMs = null;
        runningEpoch = result.epoch;
        options.onStart(result.epoch);
      }
      const text = JSON.stringify(result);
      if (text === told) return;
      told = text;
      options.onChange(result);
    } finally {
      looking = false;
    }
  }

  const unsubscribe = queries.onChange((changed) => {
    if (changed.has('host')) look();
  });
  return {
    look,
    heard(peerId, epoch) {
      forgiveOwnGap();
      signs.set(peerId, { atMs: nowMs(), epoch });
    },
    epoch: () => runningEpoch,
    shutOut() {
      if (lingersUntilMs !== null) stop();
    },
    release() {
      if (runningEpoch === null) return;
      stop();
      // The document tells its observers at once; while this peer still looks like a candidate it would claim again.
      looking = true;
      commands.releaseHost(selfId);
      looking = false;
    },
    close() {
      if (closed) return;
      this.release();
      closed = true;
      unsubscribe();
    },
  };
}
