/** Timers of a worker: browsers don't slow them down while the page is hidden. See `steady-timers.ts`. */

export type TimerRequest = { set: number; ms: number } | { clear: number };

const running = new Map<number, ReturnType<typeof setTimeout>>();

addEventListener('message', ({ data }: MessageEvent<TimerRequest>) => {
  if ('clear' in data) {
    clearTimeout(running.get(data.clear));
    running.delete(data.clear);
    return;
  }
  const { set: id, ms } = data;
  running.set(
    id,
    setTimeout(() => {
      running.delete(id);
      postMessage(id);
    }, ms),
  );
});
