/** Loudspeakers that play as one, as a list shows and turns them. Pure. */
import type { SpeakerRow } from '../state/model.ts';

/** One row, or all that play as one with it, in the list's order. */
export interface Ensemble {
  /** The same while the same play together. */
  id: string;
  /** `Kitchen + Bath`; of more than three the first and how many others. */
  name: string;
  rows: readonly SpeakerRow[];
  /** None of several can be switched alone. */
  isOne: boolean;
}

export function ensemblesOf(list: readonly SpeakerRow[]): Ensemble[] {
  const found = new Map<string, SpeakerRow[]>();
  for (const row of list) {
    const id = row.ensemble === null ? row.id : `${row.kind} ${row.ensemble.id}`;
    found.set(id, [...(found.get(id) ?? []), row]);
  }
  return [...found].map(([id, rows]) => ({
    id,
    name: nameOf(rows),
    rows,
    isOne: rows.length > 1 && rows.every(({ ensemble }) => ensemble?.isOne === true),
  }));
}

function nameOf(rows: readonly SpeakerRow[]): string {
  const names = rows.map(({ name }) => name);
  return names.length <= 3 ? names.join(' + ') : `${names[0]} + ${names.length - 1} others`;
}

/** How loud several are together: as the loudest of them; null: none tells. */
export function volumeOf(rows: readonly SpeakerRow[]): number | null {
  const known = rows.flatMap(({ volume, canVolume }) => (canVolume && volume !== null ? [volume] : []));
  return known.length === 0 ? null : Math.max(...known);
}

/** The loudest gets this volume, the others stay as much softer as they are; those that are all silent get the same. */
export function turned(rows: readonly SpeakerRow[], volume: number): ReadonlyMap<string, number> {
  const loudest = volumeOf(rows) ?? 0;
  const shareOf = (row: SpeakerRow): number => (loudest === 0 ? 1 : (row.volume ?? loudest) / loudest);
  return new Map(rows.map((row) => [row.id, Math.min(1, shareOf(row) * volume)]));
}
