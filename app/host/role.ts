/**
 * Whether this device is the host: offers it, follows the election, claims when elected, and starts or stops the engine.
 * Decides nothing itself: `election.ts` does, from what every peer knows.
 */
import type { Commands } from '../session/commands.ts';
import type { Queries } from '../session/queries.ts';
import type { Presence } from '../session/schema.ts';
import { candidateOf, elect, type ElectionResult } from './election.ts';

export interface HostRoleOptions {
  selfId: string;
  queries: Queries;
  commands: Commands;
  /** Everybody who is here, self included. */
  presences: () => ReadonlyMap<string, Presence>;
  /** This device is the host from now on, with this epoch; also called when only the epoch moved. */
  onStart: (epoch: number) => void;
  onStop: () => void;
  onChange: (result: ElectionResult) => void;
}

export interface HostRole {
  /** Call when presences changed. */
  look(): void;
  /**
   * Gives the role back at once, so that the next candidate need not wait for a time-out. Call it before this peer's
   * presence says that it no longer offers, which by itself would only stop the engine.
   */
  release(): void;
  close(): void;
}

export function createHostRole(options: HostRoleOptions): HostRole {
  const { selfId, queries, commands } = options;
  let runningEpoch: number | null = null;
  let closed = false;
  let looking = false;

  function stop(): void {
    if (runningEpoch === null) return;
    runningEpoch = null;
    options.onStop();
  }

  function look(): void {
    // Claiming changes the document, whose observers come back here.
    if (closed || looking) return;
    looking = true;
    try {
      const presences = options.presences();
      const candidates = [...presences.values()]
        .filter((presence) => presence.candidate !== null)
        .map(candidateOf);
      const input = { selfId, candidates, alive: new Set(presences.keys()) };
      let result = elect({ ...input, claim: queries.hostClaim() });
      if (result.shouldClaim && commands.claimHost(selfId).ok) {
        result = elect({ ...input, claim: queries.hostClaim() });
      }
      options.onChange(result);
      if (result.host !== selfId || result.shouldClaim) stop();
      else if (runningEpoch !== result.epoch) {
        runningEpoch = result.epoch;
        options.onStart(result.epoch);
      }
    } finally {
      looking = false;
    }
  }

  const unsubscribe = queries.onChange((changed) => {
    if (changed.has('host')) look();
  });
  return {
    look,
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
