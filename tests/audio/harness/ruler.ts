/**
 * What tells the player when a sample is heard.
 *
 * `output`: the browser's own readings of its output device. A machine without a sound card, shared with others, feeds that device
 * late now and then; everything is heard later from there on, and the player corrects itself, as it should. For tests of being
 * in step.
 *
 * `context`: the count of samples. One second is heard in 48,000 of them, whenever they are rendered. For tests that look at samples
 * around a seam or a jump of the test's own: nothing else is corrected in what they look at.
 */
export type Ruler = 'output' | 'context';

export function measureBySamples(context: AudioContext): void {
  const zeroMs = performance.now() - context.currentTime * 1_000;
  context.getOutputTimestamp = () => ({
    contextTime: context.currentTime,
    performanceTime: zeroMs + context.currentTime * 1_000,
  });
}
