/** The room's shared types by name. Values are `unknown`: what is in there was written by others (see schema.ts). */
import type * as Y from 'yjs';

export interface RoomDocument {
  readonly room: Y.Map<unknown>;
  readonly members: Y.Map<unknown>;
  readonly tracks: Y.Map<unknown>;
  readonly queue: Y.Map<unknown>;
  readonly votes: Y.Map<unknown>;
  readonly playback: Y.Map<unknown>;
  readonly settings: Y.Map<unknown>;
  readonly host: Y.Map<unknown>;
  readonly speakers: Y.Map<unknown>;
}

export function roomDocument(doc: Y.Doc): RoomDocument {
  return {
    room: doc.getMap('room'),
    members: doc.getMap('members'),
    tracks: doc.getMap('tracks'),
    queue: doc.getMap('queue'),
    votes: doc.getMap('votes'),
    playback: doc.getMap('playback'),
    settings: doc.getMap('settings'),
    host: doc.getMap('host'),
    speakers: doc.getMap('speakers'),
  };
}

/** Joins ids to the key of a flat map; ids hold no '/'. */
export function compositeKey(first: string, second: string): string {
  return `${first}/${second}`;
}

/** The two ids of a composite key, or null when it isn't one. */
export function splitKey(key: string): readonly [string, string] | null {
  const at = key.indexOf('/');
  if (at <= 0 || at === key.length - 1 || key.indexOf('/', at + 1) !== -1) return null;
  return [key.slice(0, at), key.slice(at + 1)];
}
