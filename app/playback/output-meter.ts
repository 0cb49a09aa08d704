/** Reads an output, and keeps the pairing of the context's clock with the local one (output-clock.ts). */
import { createOutputClock, type OutputClock, type OutputReading } from './output-clock.ts';

export interface OutputMeter {
  /** Takes a reading; call it often, it is cheap. */
  read(): void;
  /** After a pause in reading: the clocks have drifted apart. */
  reset(): void;
  /** Local ms minus context ms of what is heard; null until there are enough readings to trust. */
  offsetMs(): number | null;
  close(): void;
}

/** Before its output is filled what the system says of it is tens of ms off. */
const FILLED_SECONDS = 0.1;

/** One for each output: who plays and who measures by ear go by the same. */
const clocks = new WeakMap<AudioContext, OutputClock>();

function clockOf(context: AudioContext): OutputClock {
  const known = clocks.get(context) ?? createOutputClock();
  clocks.set(context, known);
  return known;
}

/**
 * @param onStep what is heard has another latency from now on, or may have (another device).
 */
export function createOutputMeter(context: AudioContext, onStep: () => void = () => undefined): OutputMeter {
  const clock = clockOf(context);
  let filledAtSeconds = FILLED_SECONDS;
  const step = (): void => {
    filledAtSeconds = context.currentTime + FILLED_SECONDS;
    clock.reset();
    onStep();
  };
  // There is none on plain HTTP.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  // The two clocks part while the context is suspended, and an output device has its own latency.
  context.addEventListener('statechange', step);
  context.addEventListener('sinkchange', step);
  devices?.addEventListener('devicechange', step);

  return {
    read() {
      if (context.state !== 'running' || context.currentTime < filledAtSeconds) return;
      const reading = take(context);
      if (reading && clock.add(reading) === 'step') onStep();
    },
    reset: () => clock.pause(),
    offsetMs: () => clock.offsetMs(localNowMs()),
    close() {
      context.removeEventListener('statechange', step);
      context.removeEventListener('sinkchange', step);
      devices?.removeEventListener('devicechange', step);
    },
  };
}

const localNowMs = (): number => performance.timeOrigin + performance.now();

function take(context: AudioContext): OutputReading | null {
  const stamp = context.getOutputTimestamp();
  const localMs = localNowMs();
  if (context.currentTime === 0) return null;
  const renderedOffsetMs = localMs - context.currentTime * 1_000;
  if (stamp.contextTime !== undefined && stamp.performanceTime !== undefined && stamp.contextTime > 0) {
    const heardAtMs = performance.timeOrigin + stamp.performanceTime;
    return { localMs, renderedOffsetMs, heardOffsetMs: heardAtMs - stamp.contextTime * 1_000 };
  }
  const latencySeconds = (context.outputLatency || 0) + (context.baseLatency || 0);
  return { localMs, renderedOffsetMs, heardOffsetMs: renderedOffsetMs + latencySeconds * 1_000 };
}
