/** The few things that this device keeps outside the document: who I am, which room, how loud. Parsed like any input. */
import * as v from 'valibot';

const Kept = v.object({
  memberId: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
  name: v.nullable(v.pipe(v.string(), v.minLength(1), v.maxLength(80))),
  secret: v.nullable(v.string()),
  volume: v.pipe(v.number(), v.minValue(0), v.maxValue(1)),
  listening: v.boolean(),
  /** Room time minus this device's own when it was last here: a lone device's room time goes on over a reload. */
  roomOffsetMs: v.pipe(v.number(), v.finite()),
  theme: v.picklist(['system', 'light', 'dark']),
  /** The node's last answer to /node.json, so that the links are right while the node is away. */
  nodeInfo: v.nullable(v.unknown()),
});
export type Kept = v.InferOutput<typeof Kept>;

const KEY = 'earshot.device';

export interface KeptStore {
  read(): Kept;
  update(change: Partial<Kept>): void;
}

/**
 * @param storage `localStorage`, or null where the browser forbids it (then nothing outlives the tab).
 * @param newId makes the memberId of a device that has none yet.
 */
export function createKeptStore(storage: Storage | null, newId: () => string): KeptStore {
  let kept = parse(storage?.getItem(KEY) ?? null) ?? {
    memberId: newId(),
    name: null,
    secret: null,
    volume: 0.8,
    listening: false,
    roomOffsetMs: 0,
    theme: 'system' as const,
    nodeInfo: null,
  };
  const write = (): void => {
    try {
      storage?.setItem(KEY, JSON.stringify(kept));
    } catch {
      // A full or forbidden storage costs the memory of this device, not the session.
    }
  };
  write();
  return {
    read: () => kept,
    update(change) {
      kept = { ...kept, ...change };
      write();
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
