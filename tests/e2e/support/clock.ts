/** A page whose monotonic clock is wrong, as that of another device is: every reading of it, the output's stamps included. */
import type { BrowserContext } from '@playwright/test';

/** Before the first page of the context is opened. `driftPpm`: parts per million that the clock is too fast. */
export async function bendClock(
  context: BrowserContext,
  bent: { offsetMs: number; driftPpm: number },
): Promise<void> {
  // No named function inside: tsx would make it call a helper of its own, which the page has not.
  await context.addInitScript(({ offsetMs, driftPpm }) => {
    const rate = 1 + driftPpm / 1e6;
    const now = performance.now.bind(performance);
    performance.now = () => now() * rate + offsetMs;
    const { getOutputTimestamp } = AudioContext.prototype;
    AudioContext.prototype.getOutputTimestamp = function (this: AudioContext) {
      const stamp = getOutputTimestamp.call(this);
      return stamp.performanceTime === undefined
        ? stamp
        : {
            ...stamp,
            contextTime: stamp.contextTime!,
            performanceTime: stamp.performanceTime * rate + offsetMs,
          };
    };
  }, bent);
}
