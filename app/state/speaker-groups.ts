/**
 * Groups that are loudspeakers of their own, beside their members (Google Cast). A device plays for one of them at a time: who
 * begins ends what the other played there, so two that share a device are never wanted together. Pure. Rules G1… in tests/SPEC.md.
 */
import type { SpeakerRow } from './model.ts';

type Grouped = Pick<SpeakerRow, 'id' | 'members'>;

/** On what it is heard. */
const devicesOf = ({ id, members }: Grouped): readonly string[] => (members.length === 0 ? [id] : members);

export const sharesDevice = (one: Grouped, other: Grouped): boolean =>
  one.id !== other.id && devicesOf(one).some((id) => devicesOf(other).includes(id));

/** Those by which all are heard, and no device is told twice: the largest groups, whose members play in step, and who is in none. */
export function apart<T extends Grouped>(rows: readonly T[]): readonly T[] {
  const taken: T[] = [];
  for (const row of [...rows].sort((a, b) => b.members.length - a.members.length))
    if (!taken.some((other) => sharesDevice(row, other))) taken.push(row);
  return taken;
}

/** The group that plays on it, as far as is wanted; null: none. */
export function groupOf(row: Grouped & Pick<SpeakerRow, 'on'>, rows: readonly SpeakerRow[]): string | null {
  if (row.on) return null;
  return rows.find(({ on, isHere, members }) => on && isHere && members.includes(row.id))?.name ?? null;
}
