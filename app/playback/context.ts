/**
 * The app's one AudioContext and what leaves through this device's own loudspeaker. Created in a tap: browsers let a page
 * sound only after one, and iOS only when the context is resumed before the tap's handler awaits anything else.
 */
import { createSoftClip } from './soft-clip.ts';

/** One rate everywhere: the stream's, so that the host never resamples its mix. */
export const SAMPLE_RATE_HZ = 48_000;
const SMOOTHING_SECONDS = 0.015;
const UNLOCK_MS = 1_000;

export interface AudioOutput {
  readonly context: AudioContext;
  /** What is connected here is heard on this device, at its volume. */
  readonly input: GainNode;
  /** Call first thing in a tap. Resolves to whether the context runs; never rejects. */
  unlock(): Promise<boolean>;
  running(): boolean;
  /** 0…1 as on a slider: loudness, not amplitude. */
  setVolume(volume: number): void;
  /** Whether anything is heard here at all: host mode mixes without being heard. */
  setMuted(muted: boolean): void;
  onRunning(listener: (running: boolean) => void): () => void;
  close(): void;
}

/** Makes the context; it may stay suspended until `unlock` is called in a tap. */
export function createAudioOutput(options: {
  volume: number;
  muted: boolean;
  /** The system's, which the microphones need as well. */
  session: { play(): void };
}): AudioOutput {
  const context = new AudioContext({ sampleRate: SAMPLE_RATE_HZ, latencyHint: 'interactive' });
  const input = context.createGain();
  const level = context.createGain();
  const softClip = createSoftClip(context);
  let { volume, muted } = options;
  level.gain.value = amplitude(volume, muted);
  input.connect(level).connect(softClip.input);
  softClip.output.connect(context.destination);

  const listeners = new Set<(running: boolean) => void>();
  const tell = (): void => {
    for (const listener of listeners) listener(context.state === 'running');
  };
  context.addEventListener('statechange', tell);
  let unlocked = false;
  let closed = false;
  /** A call, another app or a lost output suspends it: once people may hear it again, nobody should have to tap. */
  const goOn = (): void => {
    if (!unlocked || closed || context.state === 'running' || document.visibilityState !== 'visible') return;
    // Refused while the system still needs the output: it tells of the next change.
    context.resume().catch(() => undefined);
  };
  context.addEventListener('statechange', goOn);
  document.addEventListener('visibilitychange', goOn);
  const apply = (): void => {
    level.gain.setTargetAtTime(amplitude(volume, muted), context.currentTime, SMOOTHING_SECONDS);
  };

  return {
    context,
    input,
    async unlock() {
      if (closed) return false;
      // Without it iOS mutes Web Audio with the ring switch.
      options.session.play();
      // Outside a tap the promise stays pending until one comes.
      await Promise.race([context.resume().catch(() => undefined), wait(UNLOCK_MS)]);
      unlocked ||= context.state === 'running';
      return context.state === 'running';
    },
    running: () => context.state === 'running',
    setVolume(next) {
      volume = next;
      apply();
    },
    setMuted(next) {
      muted = next;
      apply();
    },
    onRunning(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (closed) return;
      closed = true;
      listeners.clear();
      context.removeEventListener('statechange', tell);
      context.removeEventListener('statechange', goOn);
      document.removeEventListener('visibilitychange', goOn);
      input.disconnect();
      level.disconnect();
      softClip.close();
      context.close().catch(() => undefined);
    },
  };
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** A square law comes near to how loud a slider's middle should be. */
function amplitude(volume: number, muted: boolean): number {
  return muted ? 0 : Math.min(1, Math.max(0, volume)) ** 2;
}
