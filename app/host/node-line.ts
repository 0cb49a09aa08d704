/**
 * When to try a node again that is out of reach: it is asked with one small request, and met when it answers. Loudspeakers
 * fall silent meanwhile, so for the first minutes it is asked twice a second. Not with WebSockets: after some failures
 * Chromium holds back a page's next ones for up to five seconds (`WebSocketPerProcessThrottler`).
 */
const FIRST_PAUSE_MS = 100;
const PAUSE_MS = 500;
const LATER_PAUSE_MS = 5_000;
const PATIENCE_MS = 300_000;
const DEADLINE_MS = 2_000;

export interface NodeLine {
  /** The connection went; `onBack` follows once the node answers. Harmless when called twice. */
  lost(): void;
  /** A connection is there, or no longer wanted. */
  met(): void;
  close(): void;
}

/**
 * @param options.url of the WebSocket
 * @param options.onAway it did not answer; called each time
 */
export function createNodeLine(options: { url: string; onBack: () => void; onAway?: () => void }): NodeLine {
  const health = new URL('/health', options.url.replace(/^ws/, 'http')).href;
  let lostAtMs: number | null = null;
  let timer: ReturnType<typeof setTimeout> | null = null;
  let abort: AbortController | null = null;

  function stop(): void {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    abort?.abort();
    abort = null;
  }

  function askIn(pauseMs: number): void {
    // Apart from each other: all who lost the node lost it at the same moment.
    timer = setTimeout(() => void ask(), pauseMs * (0.75 + Math.random() / 4));
  }

  async function ask(): Promise<void> {
    const own = new AbortController();
    abort = own;
    let isThere = false;
    try {
      const signal = AbortSignal.any([own.signal, AbortSignal.timeout(DEADLINE_MS)]);
      isThere = (await fetch(health, { method: 'HEAD', cache: 'no-store', signal })).ok;
    } catch {
      // Not there yet.
    }
    if (abort !== own || lostAtMs === null) return;
    abort = null;
    timer = null;
    if (isThere) return options.onBack();
    options.onAway?.();
    askIn(performance.now() - lostAtMs < PATIENCE_MS ? PAUSE_MS : LATER_PAUSE_MS);
  }

  return {
    lost() {
      const isNew = lostAtMs === null;
      lostAtMs ??= performance.now();
      stop();
      askIn(isNew ? FIRST_PAUSE_MS : PAUSE_MS);
    },
    met() {
      lostAtMs = null;
      stop();
    },
    close() {
      lostAtMs = null;
      stop();
    },
  };
}
