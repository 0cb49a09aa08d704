/** The few things that this device keeps outside the document: who I am, which rooms, how loud. Parsed like any input. */
import * as v from 'valibot';
import { DEFAULT_MIX } from '../host/mix.ts';
import { Mix } from '../session/schema.ts';
import { isSecret } from '../../signaling/protocol/secret.ts';

const Secret = v.pipe(v.string(), v.check(isSecret));
const Millis = v.pipe(v.number(), v.finite());

const KeptRoom = v.object({
  secret: Secret,
  /** As it was called when this device was there last; empty before it has been. */
  name: v.pipe(v.string(), v.maxLength(80)),
  /** Wall clock. */
  lastSeenMs: Millis,
  /** Room time minus this device's own when it was last there: a lone device's room time goes on over a reload. */
  offsetMs: v.optional(Millis, 0),
  /** Made on this device, as opposed to come to by a link. */
  made: v.optional(v.boolean(), false),
  /** The link was replaced, and this device knows by what. */
  replacedBy: v.optional(v.nullable(Secret), null),
  /** This device replaced the link then (wall clock), and tells those who come late. */
  replacedAtMs: v.optional(v.nullable(Millis), null),
});
export type KeptRoom = v.InferOutput<typeof KeptRoom>;

/** Secrets of the places that a room was in before it was where `secret` leads. */
export function formerLinks(rooms: readonly KeptRoom[], secret: string): string[] {
  const found = new Set([secret]);
  for (const at of found) for (const room of rooms) if (room.replacedBy === at) found.add(room.secret);
  found.delete(secret);
  return [...found];
}

const Kept = v.object({
  memberId: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
  name: v.nullable(v.pipe(v.string(), v.minLength(1), v.maxLength(80))),
  /** Of the room that an address without a fragment leads to: the one this device was in last. */
  secret: v.nullable(v.string()),
  rooms: v.optional(v.array(KeptRoom), []),
  volume: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  /** By how much more this device's output is late than it says itself. */
  trimMs: v.optional(v.pipe(v.number(), v.minValue(-1_000), v.maxValue(1_000)), 0),
  /** For the loudspeakers, when this device hosts a room in which nobody has set it. */
  mix: v.optional(Mix, DEFAULT_MIX),
  listening: v.boolean(),
  theme: v.picklist(['system', 'light', 'dark']),
  /** The node's last answer to /node.json, so that the links are right while the node is away. */
  nodeInfo: v.nullable(v.unknown()),
});
export type Kept = v.InferOutput<typeof Kept>;

const KEY = 'earshot.device';

export interface KeptStore {
  /** What is kept now, by another tab, too. */
  read(): Kept;
  update(change: Partial<Kept>): void;
  /** What is kept of one room, or null. */
  room(secret: string): KeptRoom | null;
  /** Changes what is kept of a room; remembers it when it was not known. */
  updateRoom(secret: string, change: Partial<Omit<KeptRoom, 'secret'>>): void;
  forgetRoom(secret: string): void;
}

/**
 * @param storage `localStorage`, or null where the browser forbids it (then nothing outlives the tab).
 * @param newId makes the memberId of a device that has none yet.
 */
export function createKeptStore(storage: Storage | null, newId: () => string): KeptStore {
  let text = storage?.getItem(KEY) ?? null;
  let kept: Kept = parse(text) ?? {
    memberId: newId(),
    name: null,
    secret: null,
    rooms: [],
    volume: 0.8,
    trimMs: 0,
    mix: DEFAULT_MIX,
    listening: false,
    theme: 'system' as const,
    nodeInfo: null,
  };

  function read(): Kept {
    const stored = storage?.getItem(KEY) ?? null;
    if (stored !== text) {
      text = stored;
      kept = parse(stored) ?? kept;
    }
    return kept;
  }
  function update(change: Partial<Kept>): void {
    kept = { ...read(), ...change };
    try {
      const next = JSON.stringify(kept);
      storage?.setItem(KEY, next);
      if (storage !== null) text = next;
    } catch {
      // A full or forbidden storage costs the memory of this device, not the session.
    }
  }
  update({});

  return {
    read,
    update,
    room: (secret) => read().rooms.find((room) => room.secret === secret) ?? null,
    updateRoom(secret, change) {
      const { rooms } = read();
      const known = rooms.find((room) => room.secret === secret);
      const room: KeptRoom = {
        name: '',
        lastSeenMs: 0,
        offsetMs: 0,
        made: false,
        replacedBy: null,
        replacedAtMs: null,
        ...known,
        ...change,
        secret,
      };
      update({ rooms: known ? rooms.map((one) => (one === known ? room : one)) : [...rooms, room] });
    },
    forgetRoom(secret) {
      const { rooms, secret: last } = read();
      update({
        rooms: rooms.filter((room) => room.secret !== secret),
        secret: last === secret ? null : last,
      });
    },
  };
}

function parse(text: string | null): Kept | null {
  if (text === null) return null;
  try {
    const result = v.safeParse(Kept, JSON.parse(text));
    return result.success ? result.output : null;
  } catch {
    return null;
  }
}
