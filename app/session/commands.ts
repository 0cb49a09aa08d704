/**
 * The only writers of the room's document. Each command checks the policy, settles (settle.ts) and writes in one
 * transaction with COMMAND_ORIGIN. Rules C1… and P1… in tests/SPEC.md.
 */
import type * as Y from 'yjs';
import { roomDocument } from './document.ts';
import { createEditor, type Result } from './edit.ts';
import { createMergeCommands, type MergeCommands } from './merge-commands.ts';
import { createPlaybackCommands, type PlaybackCommands } from './playback-commands.ts';
import { createQueries, type Queries } from './queries.ts';
import { createQueueCommands, type QueueCommands } from './queue-commands.ts';
import { createSpeakerCommands, type SpeakerCommands } from './speaker-commands.ts';
import { createRoomCommands, type RoomCommands } from './room-commands.ts';

export { COMMAND_ORIGIN, type Refusal, type Result } from './edit.ts';
export type { Undo } from './queue-commands.ts';

export interface Commands
  extends PlaybackCommands, QueueCommands, RoomCommands, MergeCommands, SpeakerCommands {
  close(): void;
}

export interface CommandsOptions {
  doc: Y.Doc;
  /** Of the same doc; without it the commands keep their own. Not closed by `close()` when it was passed in. */
  queries?: Queries;
  /** In whose name; read at each command. */
  actor: { readonly memberId: string };
  /** Room time (clock.ts), in ms. */
  nowMs: () => number;
  /** A new unique id of 1…64 characters without '/'. */
  newId: () => string;
  /** 0 ≤ random() < 1, for shuffle. */
  random: () => number;
}

/** Don't call a command inside a transaction of your own: it reads what the last finished transaction left. */
export function createCommands(options: CommandsOptions): Commands {
  const queries = options.queries ?? createQueries(options.doc);
  const editor = createEditor({ ...options, queries, shared: roomDocument(options.doc) });
  const commands = {
    ...createPlaybackCommands(editor),
    ...createQueueCommands(editor),
    ...createRoomCommands(editor),
    ...createMergeCommands(editor),
    ...createSpeakerCommands(editor),
  };
  return {
    ...refusedOnce(() => queries.room().moved !== null, commands),
    close() {
      if (options.queries === undefined) queries.close();
    },
  };
}

/** The same commands, each refused while `isMoved` holds. */
function refusedOnce<T extends object>(isMoved: () => boolean, commands: T): T {
  const guarded = Object.entries(commands).map(([name, run]: [string, (...args: unknown[]) => Result]) => [
    name,
    (...args: unknown[]): Result => (isMoved() ? { ok: false, reason: 'moved' } : run(...args)),
  ]);
  return Object.fromEntries(guarded) as T;
}
