/**
 * Who finds a room without an owner founds it, but not before it is plain that there is none: the first link may take long,
 * and then the document has to come over it. Time and timers are arguments.
 */

/** Nothing was missing for this long. */
const QUIET_MS = 2_500;
/** Somebody who announces itself and is never reached must not leave the room without a name for ever. */
const LONGEST_MS = 30_000;
const LOOK_MS = 250;

export interface FoundingOptions {
  nowMs(): number;
  setTimer(run: () => void, ms: number): () => void;
  hasOwner(): boolean;
  /** Everybody who announces itself was reached, and nobody holds what this device lacks; or there is nobody to ask. */
  isWhole(): boolean;
  /** What this device would call the room; null: nobody has told yet who uses it. */
  name(): string | null;
  found(name: string): void;
}

export interface Founding {
  close(): void;
}

export function createFounding(options: FoundingOptions): Founding {
  const { nowMs } = options;
  const startedAtMs = nowMs();
  let quietSinceMs: number | null = null;
  let stop: (() => void) | null = null;

  function look(): void {
    stop = null;
    if (options.hasOwner()) return;
    const waitedMs = nowMs() - startedAtMs;
    if (options.isWhole()) quietSinceMs ??= nowMs();
    else quietSinceMs = null;
    const isPlain = quietSinceMs !== null && nowMs() - quietSinceMs >= QUIET_MS;
    const name = isPlain || waitedMs >= LONGEST_MS ? options.name() : null;
    if (name !== null) options.found(name);
    else stop = options.setTimer(look, LOOK_MS);
  }
  look();

  return {
    close() {
      stop?.();
      stop = null;
    },
  };
}
