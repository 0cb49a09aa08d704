/** What all commands share: the settled present they start from, and the one transaction in which they write. */
import type * as Y from 'yjs';
import { compositeKey, type RoomDocument } from './document.ts';
import { may, type Action } from './policy.ts';
import type { Queries } from './queries.ts';
import { ranksFor, type Ranked } from './ranks.ts';
import { LATEST_MS, MOST_STEPS, type Anchor, type QueueItem } from './schema.ts';
import { settle, type Settled } from './settle.ts';

/** Origin of every transaction that a command makes: tells own edits from those of others. */
export const COMMAND_ORIGIN = 'earshot/command';

export type Refusal =
  | 'not-allowed'
  | 'unknown-item'
  | 'unknown-track'
  | 'unknown-member'
  | 'nothing-to-play'
  /** The order mode decides the place, not the hand. */
  | 'not-manual'
  /** The item plays now. */
  | 'is-current'
  /** A value is out of its bounds (schema.ts). */
  | 'invalid'
  /** MAX_QUEUE_ITEMS. */
  | 'full'
  /** The room goes on under another link. */
  | 'moved';

export type Result<T extends object = object> = ({ ok: true } & T) | { ok: false; reason: Refusal };

/** A place in a line; `rank: null` is a new item or one that must move. */
export interface Place {
  itemId: string;
  rank: string | null;
}

export interface Writes {
  /** Line to bring about, if it changed. */
  line?: readonly Place[];
  /** New records by itemId: their rank comes from the line. */
  added?: ReadonlyMap<string, Omit<QueueItem, 'rank'>>;
  anchor?: Anchor | null;
  /** The anchor is not what somebody chose to hear, but what something added started in a room that had run out. */
  opens?: boolean;
  /** Only what stands behind the current item is touched. */
  isLater?: boolean;
  /** Anything else, in the same transaction. */
  also?: () => void;
}

export interface Editor {
  readonly shared: RoomDocument;
  readonly queries: Queries;
  readonly memberId: string;
  allowed(action: Action): boolean;
  nowMs(): number;
  newId(): string;
  random(): number;
  /** `crossfadeMs`: the one that the edit sets, if it does. */
  settled(crossfadeMs?: number): Settled;
  /** Writes what has settled and the edit in one transaction. */
  write(settled: Settled, writes: Writes): void;
  /** For what has no bearing on the order: one transaction, nothing settled. */
  transact(writes: () => void): void;
}

export interface EditorOptions {
  doc: Y.Doc;
  shared: RoomDocument;
  queries: Queries;
  actor: { readonly memberId: string };
  nowMs: () => number;
  newId: () => string;
  random: () => number;
}

export function createEditor({ doc, shared, queries, actor, nowMs, newId, random }: EditorOptions): Editor {
  function writeRanks(line: readonly Place[], added: Writes['added'], anchor: Anchor | null): Anchor | null {
    const ranks = ranksFor(line);
    for (const [itemId, rank] of ranks) {
      const item = added?.get(itemId) ?? queries.queue().get(itemId);
      if (item !== undefined) shared.queue.set(itemId, { ...item, rank });
    }
    const rank = anchor && ranks.get(anchor.itemId);
    return anchor !== null && rank !== undefined && rank !== null ? { ...anchor, rank } : anchor;
  }

  function forget(which: (key: string) => boolean): void {
    for (const key of [...shared.playback.keys()]) if (which(key)) shared.playback.delete(key);
  }

  function writeAnchor(anchor: Anchor, why: 'decision' | 'opening' | 'settled'): void {
    const before = queries.decision();
    const mine = compositeKey(why === 'opening' ? 'opening' : 'anchor', actor.memberId);
    if (why !== 'decision' && before !== null) {
      const { decidedAtMs, steps } = before;
      if (why === 'settled') forget((key) => key.startsWith(compositeKey('opening', '')));
      shared.playback.set(mine, { ...anchor, decidedAtMs, steps: Math.min(steps + 1, MOST_STEPS) });
      return;
    }
    // Whoever saw the last decision decides after it, whatever the clocks say, and nothing of before counts any more.
    const decidedAtMs = Math.min(Math.max(nowMs(), (before?.decidedAtMs ?? -Infinity) + 1), LATEST_MS);
    if (why === 'decision') forget((key) => key !== mine);
    shared.playback.set(mine, { ...anchor, decidedAtMs, steps: 0 });
  }

  /**
   * Whether an edit of what stands behind the current item leaves all that is computed up to it as it is. Then nothing is
   * written about what plays: who is apart from the room may compute it from less than the room knows.
   */
  function staysComputed({ moment }: Settled): boolean {
    const { order, loop, crossfadeMs } = queries.settings();
    return moment !== null && order === 'manual' && loop !== 'all' && crossfadeMs === 0;
  }

  return {
    shared,
    queries,
    get memberId() {
      return actor.memberId;
    },
    allowed: (action) => may(queries.roleOf(actor.memberId), action),
    nowMs,
    newId,
    random,
    settled(next = 0) {
      const { order: mode, loop, crossfadeMs } = queries.settings();
      const settings = { mode, loop, crossfadeMs, mostCrossfadeMs: Math.max(crossfadeMs, next) };
      return settle(queries.byRank(), queries.storedAnchor(), queries.arrangement(), settings, nowMs());
    },
    write(settled, { line, added, anchor, opens, isLater, also }) {
      doc.transact(() => {
        const stored = queries.storedAnchor();
        let next = anchor === undefined ? settled.anchor : anchor;
        if (line !== undefined || settled.changed) next = writeRanks(line ?? settled.line, added, next);
        const isOpen = queries.isOpen();
        const isComputed = anchor === undefined && isLater === true && staysComputed(settled) && !isOpen;
        if (next !== null && !isComputed && (isOpen || !sameAnchor(next, stored)))
          writeAnchor(next, anchor === undefined ? 'settled' : opens === true ? 'opening' : 'decision');
        also?.();
      }, COMMAND_ORIGIN);
    },
    transact: (writes) => doc.transact(writes, COMMAND_ORIGIN),
  };
}

export function sameAnchor(a: Anchor | null, b: Anchor | null): boolean {
  if (a === null || b === null) return a === b;
  return (
    a.itemId === b.itemId &&
    a.positionMs === b.positionMs &&
    a.atMs === b.atMs &&
    a.playing === b.playing &&
    a.ended === b.ended &&
    a.opening === b.opening &&
    a.tail?.itemId === b.tail?.itemId &&
    a.tail?.overlapMs === b.tail?.overlapMs &&
    a.rank === b.rank
  );
}

/** The line without an item. */
export function without(line: readonly Ranked[], itemIds: ReadonlySet<string>): readonly Ranked[] {
  return line.filter((place) => !itemIds.has(place.itemId));
}
