/** A connection to another machine that is wanted for good: when it is lost, the next attempt follows by itself. */

export const FIRST_DELAY_MS = 500;
export const MAX_DELAY_MS = 10_000;
/** What takes a connection and ends it at once does not work, and each attempt may cost a process. */
const PROVEN_MS = 10_000;

/** One attempt, from the first packet to its end. */
export interface Attempt {
  close(): void;
}

export interface AttemptEvents {
  /** It works; when it still does ten seconds later, the next delay is short again. */
  up(): void;
  /** It failed, or ended. What is said after that counts no more. */
  lost(why: string): void;
}

export interface ReconnectOptions {
  open(events: AttemptEvents): Attempt;
  onUp(): void;
  /** Called once for a row of failures with the same reason. */
  onLost(why: string): void;
}

export interface Reconnect {
  close(): void;
}

export function createReconnect({ open, onUp, onLost }: ReconnectOptions): Reconnect {
  let delayMs = FIRST_DELAY_MS;
  let said: string | null = null;
  let attempt: Attempt | null = null;
  let timer: NodeJS.Timeout | null = null;
  let closed = false;

  function start(): void {
    timer = null;
    let isOver = false;
    let upAtMs: number | null = null;
    const opened = open({
      up() {
        if (isOver || closed) return;
        upAtMs = performance.now();
        said = null;
        onUp();
      },
      lost(why) {
        if (isOver || closed) return;
        isOver = true;
        // Whoever opens may say so before it has returned.
        queueMicrotask(() => opened.close());
        attempt = null;
        if (why !== said) onLost(why);
        said = why;
        if (upAtMs !== null && performance.now() - upAtMs >= PROVEN_MS) delayMs = FIRST_DELAY_MS;
        timer = setTimeout(start, delayMs);
        delayMs = Math.min(delayMs * 2, MAX_DELAY_MS);
      },
    });
    attempt = isOver ? null : opened;
  }
  start();

  return {
    close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      attempt?.close();
      attempt = null;
    },
  };
}
