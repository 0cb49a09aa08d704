/** Keeps the pairing of the context's clock with the local one: recent `getOutputTimestamp()` readings, and their median. */
import { outputOffset, sinceStumble, type OutputReading } from './schedule.ts';

export interface OutputMeter {
  /** Takes a reading; call it often, it is cheap. */
  read(): void;
  /** Forgets what was read: after a pause in reading, the clocks have drifted apart. */
  reset(): void;
  /** Local ms minus context ms of what is heard; null until there are enough readings to trust. */
  offsetMs(): number | null;
  close(): void;
}

const KEPT_READINGS = 15;
const ENOUGH_READINGS = 5;
const OLDEST_MS = 5_000;
/** Where readings are few, because timers are: a sound card is off by a ms after that at 50 ppm. */
const OLDEST_OF_FEW_MS = 20_000;

/**
 * @param onStep what is heard has another latency from now on, or may have (another device): readings begin anew.
 */
export function createOutputMeter(context: AudioContext, onStep: () => void = () => undefined): OutputMeter {
  let readings: OutputReading[] = [];
  const forget = (): void => {
    readings = [];
  };
  const step = (): void => {
    forget();
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
      if (context.state !== 'running') return;
      const reading = take(context);
      if (!reading || reading.contextSeconds === readings.at(-1)?.contextSeconds) return;
      readings.push(reading);
      readings = readings
        .filter(({ localMs }, at, all) => {
          const isOfFew = at >= all.length - ENOUGH_READINGS;
          return localMs > reading.localMs - (isOfFew ? OLDEST_OF_FEW_MS : OLDEST_MS);
        })
        .slice(-KEPT_READINGS);
      const since = sinceStumble(readings, ENOUGH_READINGS);
      if (since.length === readings.length) return;
      readings = since;
      onStep();
    },
    reset: forget,
    offsetMs() {
      return readings.length < ENOUGH_READINGS ? null : outputOffset(readings);
    },
    close() {
      context.removeEventListener('statechange', step);
      context.removeEventListener('sinkchange', step);
      devices?.removeEventListener('devicechange', step);
    },
  };
}

function take(context: AudioContext): OutputReading | null {
  const stamp = context.getOutputTimestamp();
  if (stamp.contextTime !== undefined && stamp.performanceTime !== undefined && stamp.contextTime > 0) {
    return { contextSeconds: stamp.contextTime, localMs: performance.timeOrigin + stamp.performanceTime };
  }
  if (context.currentTime === 0) return null;
  const latencySeconds = (context.outputLatency || 0) + (context.baseLatency || 0);
  return {
    contextSeconds: context.currentTime - latencySeconds,
    localMs: performance.timeOrigin + performance.now(),
  };
}
