/**
 * Asks a node that is out of reach whether it is back, with one small request every few seconds. The attempts of the
 * sockets stay apart up to 30 s, so that a node in trouble is not overrun; one that was away and answers again is met at
 * once.
 */
const EVERY_MS = 5_000;
const DEADLINE_MS = 3_000;

export interface NodeProbe {
  /** Called every second while the node is out of reach. */
  tick(): void;
  close(): void;
}

/** @param onBack it answered, and had not the time before */
export function createNodeProbe(options: { origin: string; nowMs(): number; onBack(): void }): NodeProbe {
  const { origin, nowMs } = options;
  const abort = new AbortController();
  let askedAtMs = -Infinity;
  let wasAway = false;

  async function ask(): Promise<void> {
    let isThere: boolean;
    try {
      const signal = AbortSignal.any([abort.signal, AbortSignal.timeout(DEADLINE_MS)]);
      isThere = (await fetch(`${origin}/health`, { method: 'HEAD', cache: 'no-store', signal })).ok;
    } catch {
      isThere = false;
    }
    if (abort.signal.aborted) return;
    if (isThere && wasAway) options.onBack();
    wasAway = !isThere;
  }

  return {
    tick() {
      if (nowMs() - askedAtMs < EVERY_MS) return;
      askedAtMs = nowMs();
      void ask();
    },
    close: () => abort.abort(),
  };
}
