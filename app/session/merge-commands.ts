/** Taking a saved room into this one. */
import * as Y from 'yjs';
import { compositeKey } from './document.ts';
import type { Editor, Place, Result } from './edit.ts';
import { createQueries, type Queries } from './queries.ts';
import { MAX_QUEUE_ITEMS } from './queue-commands.ts';
import type { Anchor, QueueItem } from './schema.ts';
import { endedAnchor } from './settle.ts';

export interface MergeCommands {
  /**
   * Adds what `packRoom` (carry.ts) packed: tracks, and the queue with who added it and its votes: what was played there by
   * `atMs`, the room time at which it was packed, counts as played, the rest comes behind what is queued here. What is here
   * already stays as it is, so that the same file twice adds nothing twice. In a room without a queue the music stands,
   * paused, where it stood then. Roles, name and settings of the saved room stay behind.
   */
  mergeRoom(packed: Uint8Array, atMs: number): Result<{ items: number; tracks: number }>;
}

/** The saved room's anchor; when the queue had run out by itself, that is written nowhere yet. */
function anchorAt(from: Queries, atMs: number): Anchor | null {
  const stored = from.anchor();
  const last = from.order().at(-1);
  const ranOut = stored !== null && stored.ended !== true && from.moment(atMs) === null;
  return ranOut && last !== undefined ? endedAnchor(last, atMs) : stored;
}

export function createMergeCommands(editor: Editor): MergeCommands {
  const { queries, shared } = editor;
  return {
    mergeRoom(packed, atMs) {
      if (!editor.allowed('order')) return { ok: false, reason: 'not-allowed' };
      const saved = new Y.Doc();
      try {
        Y.applyUpdate(saved, packed);
      } catch {
        saved.destroy();
        return { ok: false, reason: 'invalid' };
      }
      const from = createQueries(saved);
      try {
        const settled = editor.settled();
        const { moment, played } = from.view(atMs);
        const before = new Set(played.map(({ itemId }) => itemId));
        const isEmpty = queries.queue().size === 0;
        const free = Math.max(0, MAX_QUEUE_ITEMS - queries.queue().size);
        const coming = from.order().filter(({ itemId }) => !queries.queue().has(itemId));
        const items = coming.slice(0, free);
        const added = new Map(
          items.map(({ itemId, trackId, by, at }): [string, Omit<QueueItem, 'rank'>] => [
            itemId,
            { trackId, by, at },
          ]),
        );
        const tracks = [...from.tracks()].filter(([trackId]) => !queries.tracks().has(trackId));
        const places = (wasPlayed: boolean): Place[] =>
          items
            .filter(({ itemId }) => before.has(itemId) === wasPlayed)
            .map(({ itemId }) => ({ itemId, rank: null }));
        const line: Place[] = [...places(true), ...settled.line, ...places(false)];
        const stored = anchorAt(from, atMs);
        const current = isEmpty && stored !== null ? (moment?.item.itemId ?? stored.itemId) : undefined;
        const anchor: Anchor | undefined =
          stored !== null && current !== undefined && added.has(current)
            ? {
                ...stored,
                itemId: current,
                positionMs: moment?.positionMs ?? stored.positionMs,
                atMs: editor.nowMs(),
                playing: false,
              }
            : undefined;
        editor.write(settled, {
          line,
          added,
          ...(anchor && { anchor }),
          also() {
            for (const [trackId, track] of tracks) shared.tracks.set(trackId, track);
            for (const { itemId, by } of items) {
              const member = from.members().get(by);
              if (member && !queries.members().has(by)) shared.members.set(by, member);
              for (const [memberId, vote] of from.votes(itemId))
                shared.votes.set(compositeKey(itemId, memberId), vote);
            }
          },
        });
        return { ok: true, items: items.length, tracks: tracks.length };
      } finally {
        from.close();
        saved.destroy();
      }
    },
  };
}
