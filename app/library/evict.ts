/** Which of the fetched tracks go first when the device is full. Pure. */

export interface Cached {
  id: string;
  heldBytes: number;
  imported: boolean;
  /** Somebody asked for it to stay on this device. */
  kept: boolean;
  /** Being read or fetched at this moment. */
  busy: boolean;
  /** Other devices in reach that hold it completely. */
  copies: number;
  usedAtMs: number;
}

/** What plays and the next two are never let go. */
export const NEEDED_SOON = 3;

/**
 * Ids of what goes, the least useful first, until `bytes` are free or nothing more may go. First what is not queued, of
 * that what another device holds, of that what was not used for longest; queued tracks after that, the farthest first.
 * Never what was imported or kept here, is in use, or is among the first NEEDED_SOON of `needed`.
 */
export function leastUseful(cached: Iterable<Cached>, needed: readonly string[], bytes: number): string[] {
  const place = new Map<string, number>();
  needed.forEach((id, index) => {
    if (!place.has(id)) place.set(id, index);
  });
  const placeOf = ({ id }: Cached) => place.get(id) ?? Infinity;
  const mayGo = (one: Cached) =>
    !one.imported && !one.kept && !one.busy && one.heldBytes > 0 && placeOf(one) >= NEEDED_SOON;
  const candidates = [...cached].filter(mayGo).sort((a, b) => {
    const [placeA, placeB] = [placeOf(a), placeOf(b)];
    if (placeA !== placeB) return placeA > placeB ? -1 : 1;
    return Number(b.copies > 0) - Number(a.copies > 0) || a.usedAtMs - b.usedAtMs;
  });
  const gone: string[] = [];
  let freed = 0;
  for (const { id, heldBytes } of candidates) {
    if (freed >= bytes) break;
    gone.push(id);
    freed += heldBytes;
  }
  return gone;
}
