/** Calls back every `periodMs`, in a page that nobody looks at too. Late only when the whole browser was stopped. */
export function createTicker(periodMs: number, onTick: () => void): { close(): void } {
  if (typeof Worker === 'undefined') {
    const timer = setInterval(onTick, periodMs);
    return { close: () => clearInterval(timer) };
  }
  const worker = new Worker(new URL('./ticker.worker.ts', import.meta.url), { type: 'module' });
  worker.onmessage = onTick;
  worker.postMessage(periodMs);
  return { close: () => worker.terminate() };
}
