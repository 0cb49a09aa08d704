/**
 * Whose the room is. Founders may have written apart from each other; of them one counts (schema.ts, `Founding`). From there it
 * is handed on, each time by the one whose it is then: a record that anybody else wrote is never looked at, so documents agree
 * whatever they met first, and who turns out not to have been the owner has handed nothing on. Pure.
 */
import type { InferOutput } from 'valibot';
import type { Founding, Handed } from './schema.ts';

export interface Ownership {
  owner: string;
  /** How often the room was handed on. */
  handed: number;
  founding: InferOutput<typeof Founding>;
}

/** Prefix of the key under which the owner hands the room on, for the `nth` time from 0 in its life. */
export const handedKind = (nth: number): string => `handed-${nth}`;

/** @param handedBy what the member wrote under that prefix; null: nothing that means something */
export function ownershipOf(
  founders: ReadonlyMap<string, InferOutput<typeof Founding>>,
  handedBy: (kind: string, memberId: string) => InferOutput<typeof Handed> | null,
): Ownership | null {
  const [first] = [...founders].sort(
    ([aId, a], [bId, b]) =>
      Number(b.made ?? false) - Number(a.made ?? false) || a.at - b.at || (aId < bId ? -1 : 1),
  );
  if (first === undefined) return null;
  let [owner] = first;
  let handed = 0;
  for (;;) {
    const next = handedBy(handedKind(handed), owner);
    if (next === null) return { owner, handed, founding: first[1] };
    owner = next.to;
    handed++;
  }
}
