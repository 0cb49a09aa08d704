/** Commands that change what is queued and in which order. */
import * as v from 'valibot';
import { compositeKey } from './document.ts';
import { sameAnchor, without, type Editor, type Place, type Result } from './edit.ts';
import { startOf } from './playback-commands.ts';
import { type Anchor, CrossfadeMs, type Loop, type OrderMode, type QueueItem } from './schema.ts';
import { endedAnchor, lineThrough, type Settled } from './settle.ts';

/** Twice what a room is designed for; beyond it every phone would slow down. */
export const MAX_QUEUE_ITEMS = 10_000;

/** What `restore` needs to take a command back. Plain data. */
export type Undo =
  | { kind: 'put-back'; items: readonly RemovedItem[]; resume: { instead: Anchor; at: Anchor } | null }
  | { kind: 'reorder'; itemIds: readonly string[] };

export interface RemovedItem {
  itemId: string;
  item: QueueItem;
  votes: readonly (readonly [memberId: string, vote: 1 | -1])[];
}

export interface QueueCommands {
  /** `startsNow`: the room was idle, and this made it play. */
  enqueue(trackId: string, where: 'end' | 'next'): Result<{ itemId: string; startsNow: boolean }>;
  /** When the item plays, the next one starts. */
  remove(itemId: string): Result<{ undo: Undo }>;
  /** Removes everything that was played. */
  clearPlayed(): Result<{ undo: Undo }>;
  /** Random order for what has not been played yet. */
  shuffle(): Result<{ undo: Undo }>;
  /** Takes a remove, clear or shuffle back as far as others haven't changed the same since. */
  restore(undo: Undo): Result;
  /** Manual order only. `index` of `upNext` (clamped) after the move; a played item may be moved there too. */
  move(itemId: string, index: number): Result;
  /** 0 takes the vote back. */
  vote(itemId: string, vote: 1 | -1 | 0): Result;
  setLoop(loop: Loop): Result;
  setOrder(order: OrderMode): Result;
  /** For how long a song sounds together with the next one; 0…12,000 ms. What plays goes on where it is. */
  setCrossfade(crossfadeMs: number): Result;
}

export function createQueueCommands(editor: Editor): QueueCommands {
  const { queries, shared } = editor;
  const refuse = (reason: 'not-allowed' | 'unknown-item'): Result<never> => ({ ok: false, reason });

  /** Anchor and line once the current item, at `index` of the order, is gone. */
  function leaveCurrent(settled: Settled, index: number, gone: QueueItem & { itemId: string }) {
    const { order, line, moment } = settled;
    const { loop, order: mode } = queries.settings();
    const follows = index + 1 < order.length ? index + 1 : loop !== 'off' && index > 0 ? 0 : -1;
    const next = order[follows];
    if (next === undefined) return { line, anchor: endedAnchor(gone, editor.nowMs()) };
    return {
      line: lineThrough(order, follows + 1, line, mode),
      anchor: startOf(next, editor.nowMs(), moment?.playing ?? false),
    };
  }

  function removed(itemId: string): RemovedItem | null {
    const item = queries.queue().get(itemId);
    return item === undefined ? null : { itemId, item, votes: [...queries.votes(itemId)] };
  }

  function deleteItem({ itemId, votes }: RemovedItem): void {
    shared.queue.delete(itemId);
    for (const [memberId] of votes) shared.votes.delete(compositeKey(itemId, memberId));
  }

  function putBack({ itemId, item, votes }: RemovedItem): void {
    if (queries.queue().has(itemId)) return;
    shared.queue.set(itemId, item);
    for (const [memberId, vote] of votes) shared.votes.set(compositeKey(itemId, memberId), vote);
  }

  function mayRemove({ item }: RemovedItem): boolean {
    return editor.allowed(item.by === editor.memberId ? 'edit-own' : 'edit-any');
  }

  return {
    enqueue(trackId, where) {
      if (!editor.allowed(where === 'next' ? 'order' : 'add')) return refuse('not-allowed');
      if (!queries.tracks().has(trackId)) return { ok: false, reason: 'unknown-track' };
      if (queries.queue().size >= MAX_QUEUE_ITEMS) return { ok: false, reason: 'full' };
      const settled = editor.settled();
      const itemId = editor.newId();
      const atMs = editor.nowMs();
      const added = new Map([[itemId, { trackId, by: editor.memberId, at: atMs }]]);
      const idle = settled.moment === null;
      // An idle room starts with what has waited longest; normally nothing has, and that is the new item.
      const waiting = idle && where === 'end' ? settled.order[settled.upNextIndex] : undefined;
      const { order: mode } = queries.settings();
      const before: readonly Place[] =
        waiting === undefined
          ? settled.line
          : lineThrough(settled.order, settled.upNextIndex + 1, settled.line, mode);
      const cursor = before.findIndex((place) => place.itemId === settled.anchor?.itemId);
      const index = where === 'next' ? cursor + 1 : before.length;
      const line = [...before.slice(0, index), { itemId, rank: null }, ...before.slice(index)];
      const opening = { ...startOf({ itemId, rank: '' }, atMs, true), opening: true } as const;
      const starts = waiting === undefined ? opening : startOf(waiting, atMs, true);
      editor.write(settled, { line, added, ...(idle ? { anchor: starts, opens: true } : { isLater: true }) });
      return { ok: true, itemId, startsNow: idle && waiting === undefined };
    },

    remove(itemId) {
      const gone = removed(itemId);
      if (gone === null) return refuse('unknown-item');
      if (!mayRemove(gone)) return refuse('not-allowed');
      const settled = editor.settled();
      const { moment, anchor } = settled;
      const also = (): void => deleteItem(gone);
      if (moment === null || anchor === null || moment.item.itemId !== itemId) {
        const at = settled.order.findIndex((entry) => entry.itemId === itemId);
        editor.write(settled, { also, isLater: at >= settled.upNextIndex });
        return { ok: true, undo: { kind: 'put-back', items: [gone], resume: null } };
      }
      const next = leaveCurrent(settled, moment.index, { itemId, ...gone.item });
      editor.write(settled, { ...next, also });
      const at: Anchor = { ...anchor, positionMs: moment.positionMs, playing: moment.playing };
      const instead = queries.storedAnchor() ?? next.anchor;
      return { ok: true, undo: { kind: 'put-back', items: [gone], resume: { instead, at } } };
    },

    clearPlayed() {
      if (!editor.allowed('order')) return refuse('not-allowed');
      const settled = editor.settled();
      const count = settled.moment === null ? settled.upNextIndex : settled.moment.index;
      // What still fades out is heard.
      const sounding = settled.moment?.fading?.item.itemId;
      const items = settled.order
        .slice(0, count)
        .filter(({ itemId }) => itemId !== sounding)
        .map(({ itemId }) => removed(itemId))
        .filter((item) => item !== null);
      editor.write(settled, { also: () => items.forEach(deleteItem) });
      return { ok: true, undo: { kind: 'put-back', items, resume: null } };
    },

    shuffle() {
      if (!editor.allowed('order')) return refuse('not-allowed');
      const settled = editor.settled();
      const upNext = new Set(settled.order.slice(settled.upNextIndex).map(({ itemId }) => itemId));
      const before = settled.line.filter(({ itemId }) => upNext.has(itemId)).map(({ itemId }) => itemId);
      const shuffled = [...before];
      for (let i = shuffled.length - 1; i > 0; i--) {
        const j = Math.floor(editor.random() * (i + 1));
        [shuffled[i], shuffled[j]] = [shuffled[j] as string, shuffled[i] as string];
      }
      editor.write(settled, { line: inSlots(settled.line, shuffled), isLater: true });
      return { ok: true, undo: { kind: 'reorder', itemIds: before } };
    },

    restore(undo) {
      const settled = editor.settled();
      if (undo.kind === 'reorder') {
        if (!editor.allowed('order')) return refuse('not-allowed');
        const upNext = new Set(settled.order.slice(settled.upNextIndex).map(({ itemId }) => itemId));
        editor.write(settled, {
          line: inSlots(
            settled.line,
            undo.itemIds.filter((itemId) => upNext.has(itemId)),
          ),
        });
        return { ok: true };
      }
      if (!undo.items.every(mayRemove)) return refuse('not-allowed');
      const { resume } = undo;
      const also = (): void => undo.items.forEach(putBack);
      const untouched = resume !== null && sameAnchor(resume.instead, queries.storedAnchor());
      editor.write(settled, {
        also,
        ...(untouched ? { anchor: { ...resume.at, atMs: editor.nowMs() } } : {}),
      });
      return { ok: true };
    },

    move(itemId, index) {
      if (!editor.allowed('order')) return refuse('not-allowed');
      if (queries.settings().order !== 'manual') return { ok: false, reason: 'not-manual' };
      if (!Number.isFinite(index)) return { ok: false, reason: 'invalid' };
      const settled = editor.settled();
      if (!settled.order.some((entry) => entry.itemId === itemId)) return refuse('unknown-item');
      if (settled.moment?.item.itemId === itemId) return { ok: false, reason: 'is-current' };
      const rest = without(settled.line, new Set([itemId]));
      const first = rest.findIndex((place) => place.itemId === settled.anchor?.itemId) + 1;
      const at = Math.min(first + Math.max(0, Math.trunc(index)), rest.length);
      const from = settled.order.findIndex((entry) => entry.itemId === itemId);
      editor.write(settled, {
        line: [...rest.slice(0, at), { itemId, rank: null }, ...rest.slice(at)],
        isLater: from >= settled.upNextIndex,
      });
      return { ok: true };
    },

    vote(itemId, vote) {
      if (!editor.allowed('vote')) return refuse('not-allowed');
      if (!queries.queue().has(itemId)) return refuse('unknown-item');
      const key = compositeKey(itemId, editor.memberId);
      editor.write(editor.settled(), {
        also: () => (vote === 0 ? shared.votes.delete(key) : void shared.votes.set(key, vote)),
      });
      return { ok: true };
    },

    setLoop(loop) {
      if (!editor.allowed('order')) return refuse('not-allowed');
      editor.write(editor.settled(), { also: () => shared.settings.set('loop', loop) });
      return { ok: true };
    },

    setOrder(order) {
      if (!editor.allowed('order')) return refuse('not-allowed');
      editor.write(editor.settled(), { also: () => shared.settings.set('order', order) });
      return { ok: true };
    },

    setCrossfade(crossfadeMs) {
      if (!editor.allowed('order')) return refuse('not-allowed');
      if (!v.is(CrossfadeMs, crossfadeMs)) return { ok: false, reason: 'invalid' };
      if (queries.settings().crossfadeMs === crossfadeMs) return { ok: true };
      const also = (): void => void shared.settings.set('crossfadeMs', crossfadeMs);
      editor.write(editor.settled(crossfadeMs), { also });
      return { ok: true };
    },
  };
}

/** Puts these items, in this order, into the places that they hold in the line; they get new ranks. */
function inSlots(line: readonly Place[], itemIds: readonly string[]): readonly Place[] {
  const moving = new Set(itemIds);
  let next = 0;
  return line.map((place) =>
    moving.has(place.itemId) ? { itemId: itemIds[next++] as string, rank: null } : place,
  );
}
