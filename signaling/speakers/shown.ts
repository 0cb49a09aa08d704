/** Which speakers are shown: of those that are one device, the nearest, and nobody else while that is away for a moment. */
import type { Candidate } from './same.ts';
import { doublesOf } from './same.ts';

const LOOK_MS = 1_000;
/** A device that restarts may be seen sooner by way of another system than by itself. */
const KEEP_MS = 120_000;
/** What another system tells at once, the LAN may take this long to tell after the start. */
const SETTLE_MS = 5_000;

export interface Shown {
  has(id: string): boolean;
  /** Speakers have changed. */
  look(): void;
  close(): void;
}

export interface ShownOptions {
  speakers(): readonly Candidate[];
  now: () => number;
  /** These are shown from now on, or no longer. */
  onChange(ids: readonly string[]): void;
}

export function createShown({ speakers, now, onChange }: ShownOptions): Shown {
  const startedAtMs = now();
  /** Doubles, and when they were such last. */
  const doubles = new Map<string, number>();
  let hidden: ReadonlySet<string> = new Set();

  function look(): void {
    const all = speakers();
    const there = new Set(all.map(({ id }) => id));
    for (const id of doublesOf(all).keys()) doubles.set(id, now());
    for (const [id, atMs] of doubles) if (!there.has(id) || now() - atMs > KEEP_MS) doubles.delete(id);
    const isYoung = now() - startedAtMs < SETTLE_MS;
    const early = all.filter(({ kind }) => isYoung && kind === 'home-assistant').map(({ id }) => id);
    const before = hidden;
    hidden = new Set([...doubles.keys(), ...early]);
    const changed = [...there].filter((id) => hidden.has(id) !== before.has(id));
    if (changed.length > 0) onChange(changed);
  }

  const looking = setInterval(look, LOOK_MS);
  return {
    has: (id) => !hidden.has(id),
    look,
    close: () => clearInterval(looking),
  };
}
