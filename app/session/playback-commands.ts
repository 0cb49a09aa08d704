/** Commands that move the cursor or the position. */
import type { Editor, Result } from './edit.ts';
import type { Ranked } from './ranks.ts';
import type { Anchor } from './schema.ts';
import { endedAnchor, lineThrough, type Settled } from './settle.ts';

/** `back` goes to the item before only this early in a track; later it goes to the track's start. */
const BACK_WINDOW_MS = 3000;

export interface PlaybackCommands {
  /** Goes on, or starts an idle room: with what is up next, or from the beginning. */
  play(): Result;
  pause(): Result;
  /** To the next item; paused stays paused. After the last: the first when looping, else the room is idle. */
  /**
   * `from`: the item that the one who skips sees: if another has become the current one meanwhile, somebody else has
   * skipped already, and nothing is done.
   */
  skip(from?: string): Result;
  /** To the start of the track, or within its first 3 s to the item before. */
  back(): Result;
  /** Clamped to the track. */
  seek(positionMs: number): Result;
  /** Plays this item from its start; what was skipped over counts as played. */
  jumpTo(itemId: string): Result;
}

export function createPlaybackCommands(editor: Editor): PlaybackCommands {
  function control(act: (settled: Settled) => Result): Result {
    if (!editor.allowed('control')) return { ok: false, reason: 'not-allowed' };
    return act(editor.settled());
  }

  function goTo(settled: Settled, index: number, playing: boolean): Result {
    const entry = settled.order[index];
    if (entry === undefined) return { ok: false, reason: 'nothing-to-play' };
    const line = lineThrough(settled.order, index + 1, settled.line, editor.queries.settings().order);
    editor.write(settled, { line, anchor: startOf(entry, editor.nowMs(), playing) });
    return { ok: true };
  }

  function anchorAt(settled: Settled, positionMs: number, playing: boolean): Result {
    if (settled.moment === null || settled.anchor === null) return { ok: false, reason: 'nothing-to-play' };
    const { itemId, rank } = settled.anchor;
    const anchor: Anchor = { itemId, rank, positionMs, atMs: editor.nowMs(), playing };
    editor.write(settled, { anchor });
    return { ok: true };
  }

  return {
    play: () =>
      control((settled) => {
        const { moment, order, upNextIndex } = settled;
        if (moment?.playing) return { ok: true };
        if (moment !== null) return anchorAt(settled, moment.positionMs, true);
        return goTo(settled, upNextIndex < order.length ? upNextIndex : 0, true);
      }),
    pause: () =>
      control((settled) => {
        if (settled.moment === null) return { ok: false, reason: 'nothing-to-play' };
        return settled.moment.playing ? anchorAt(settled, settled.moment.positionMs, false) : { ok: true };
      }),
    skip: (from) =>
      control((settled) => {
        const { moment, order } = settled;
        const current = moment && order[moment.index];
        if (moment === null || !current) return { ok: false, reason: 'nothing-to-play' };
        if (from !== undefined && from !== current.itemId) return { ok: true };
        if (moment.index + 1 < order.length) return goTo(settled, moment.index + 1, moment.playing);
        if (editor.queries.settings().loop !== 'off') return goTo(settled, 0, moment.playing);
        editor.write(settled, { anchor: endedAnchor(current, editor.nowMs()) });
        return { ok: true };
      }),
    back: () =>
      control((settled) => {
        const { moment, order, upNextIndex } = settled;
        // Idle: back into what was played last.
        if (moment === null) return goTo(settled, upNextIndex - 1, true);
        if (moment.positionMs >= BACK_WINDOW_MS) return goTo(settled, moment.index, moment.playing);
        if (moment.index > 0) return goTo(settled, moment.index - 1, moment.playing);
        const wraps = editor.queries.settings().loop === 'all';
        return goTo(settled, wraps ? order.length - 1 : 0, moment.playing);
      }),
    seek: (positionMs) =>
      control((settled) => {
        if (!Number.isFinite(positionMs)) return { ok: false, reason: 'invalid' };
        if (settled.moment === null) return { ok: false, reason: 'nothing-to-play' };
        const { item, playing } = settled.moment;
        return anchorAt(settled, Math.min(Math.max(0, positionMs), item.durationMs), playing);
      }),
    jumpTo: (itemId) =>
      control((settled) => {
        const index = settled.order.findIndex((entry) => entry.itemId === itemId);
        if (index < 0) return { ok: false, reason: 'unknown-item' };
        return goTo(settled, index, true);
      }),
  };
}

export function startOf({ itemId, rank }: Ranked, atMs: number, playing: boolean): Anchor {
  return { itemId, rank, positionMs: 0, atMs, playing };
}
