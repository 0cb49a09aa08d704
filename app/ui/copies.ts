/** On how many devices a song is, in words. */
import type { MusicRow } from '../state/model.ts';
import { count } from './format.ts';

/** `one copy`, `3 copies`. */
export function copies(devices: number): string {
  return devices === 1 ? 'one copy' : `${devices} copies`;
}

/** Where a song of the room's music is, and on how many devices. */
export function whereabouts(row: Pick<MusicRow, 'here' | 'copies' | 'copyWanted' | 'fetchedShare'>): string {
  if (row.here && row.copies > 1) return `${copies(row.copies)} in the room`;
  if (row.here) return row.copyWanted ? 'only here · a copy is wanted' : 'only here';
  const isComing = row.fetchedShare !== null;
  if (row.copies === 0) return isComing ? 'on its way here · no whole copy' : 'nobody here has it';
  const others = `on ${count(row.copies, 'other device')}`;
  return isComing ? `on its way here · ${others}` : others;
}
