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
  /** Somebody wants it to be on two devices at least. */
  wished: boolean;
  usedAtMs: number;
}

/** What plays and the next two are never let go. */
export const NEEDED_SOON = 3;

/** What is lost with it: 0: nothing, 1: a second copy that was wished for, 2: the last in reach, 3: both. */
function lossOf({ copies, wished }: Cached): number {
  if (copies === 0) return wished ? 3 : 2;
  return wished && copies === 1 ? 1 : 0;
}

/**
 * Ids of what goes, the least useful first, until `bytes` are free or nothing more may go. First what can be fetched again,
 * then second copies that somebody wished for, then last copies, and last those that were wished for; of these, what is
 * not queued, the longest unused first, before what is queued, the farthest first. With
 * what something is lost, nothing else goes: a little room may be enough. Never what was imported or kept here, is in
 * use, or is among the first NEEDED_SOON of `needed`.
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
    if (lossOf(a) !== lossOf(b)) return lossOf(a) - lossOf(b);
    const [placeA, placeB] = [placeOf(a), placeOf(b)];
    if (placeA !== placeB) return placeA > placeB ? -1 : 1;
    return a.usedAtMs - b.usedAtMs;
  });
  const gone: string[] = [];
  let freed = 0;
  for (const one of candidates) {
    if (freed >= bytes || (freed > 0 && lossOf(one) > 0)) break;
    gone.push(one.id);
    freed += one.heldBytes;
  }
  return gone;
}
