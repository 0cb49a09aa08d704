/**
 * Timers that come in time on a hidden page too. Chrome lets a hidden page that is alone in its room and not heard here
 * (a host that feeds loudspeakers) have its timers once a minute (Chrome, "Heavy throttling of chained JS timers"); what was
 * laid out for the sound card is over by then. A worker's timers it leaves alone.
 */
import type { TimerRequest } from './timer.worker.ts';

/** @returns stops it; harmless when it has run */
export type SetTimer = (run: () => void, ms: number) => () => void;

/** The page's own. */
export const setPageTimer: SetTimer = (run, ms) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

export interface SteadyTimers {
  set: SetTimer;
  close(): void;
}

export function createSteadyTimers(): SteadyTimers {
  const waiting = new Map<number, () => void>();
  // At once: later, on a hidden page or without the node, it might not load.
  let worker: Worker | null = new Worker(new URL('./timer.worker.ts', import.meta.url), { type: 'module' });
  let lastId = 0;

  const post = (request: TimerRequest): void => worker?.postMessage(request);
  const end = (): void => {
    worker?.terminate();
    worker = null;
  };
  worker.onmessage = ({ data }: MessageEvent<number>) => {
    const run = waiting.get(data);
    waiting.delete(data);
    run?.();
  };
  worker.onerror = () => {
    // It could not be loaded: late is better than never.
    end();
    const late = [...waiting.values()];
    waiting.clear();
    for (const run of late) run();
  };

  return {
    set(run, ms) {
      // What was set before the page was hidden comes a second late at most.
      if (worker === null || document.visibilityState === 'visible') return setPageTimer(run, ms);
      const id = ++lastId;
      waiting.set(id, run);
      post({ set: id, ms });
      return () => {
        if (waiting.delete(id)) post({ clear: id });
      };
    },
    close() {
      end();
      waiting.clear();
    },
  };
}
