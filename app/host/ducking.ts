/**
 * How far the music steps back while somebody speaks: an envelope follower on the voices' level with a threshold, a hold
 * that bridges the gaps between words, and separate times for going down and coming back. Pure.
 */
export interface DuckingSettings {
  /** By how much the music is lowered, dB (negative). */
  depthDb: number;
  /** Voices above this level (RMS, dBFS) count as speech. */
  thresholdDb: number;
  attackSeconds: number;
  holdSeconds: number;
  releaseSeconds: number;
}

export const DUCKING: DuckingSettings = {
  depthDb: -12,
  thresholdDb: -45,
  attackSeconds: 0.04,
  holdSeconds: 0.4,
  releaseSeconds: 0.5,
};

const LEVEL_SECONDS = 0.02;

export interface Ducker {
  /** How far the music steps back from now on, dB (negative). */
  setDepth(depthDb: number): void;
  /** Takes one block of the voices (null: silence) and fills `gain` with the music's gain for each frame. */
  process(voices: readonly Float32Array[] | null, gain: Float32Array): void;
}

export function createDucker(sampleRateHz: number, settings: DuckingSettings = DUCKING): Ducker {
  const perFrame = (seconds: number): number => 1 - Math.exp(-1 / (seconds * sampleRateHz));
  const levelStep = perFrame(LEVEL_SECONDS);
  const attackStep = perFrame(settings.attackSeconds / 3);
  const releaseStep = perFrame(settings.releaseSeconds / 3);
  const threshold = 10 ** (settings.thresholdDb / 10);
  let depth = 10 ** (settings.depthDb / 20);
  const holdFrames = Math.round(settings.holdSeconds * sampleRateHz);
  let power = 0;
  let held = 0;
  let current = 1;

  return {
    setDepth(depthDb) {
      depth = 10 ** (depthDb / 20);
    },
    process(voices, gain) {
      for (let n = 0; n < gain.length; n++) {
        let loudest = 0;
        for (const channel of voices ?? []) loudest = Math.max(loudest, (channel[n] ?? 0) ** 2);
        power += (loudest - power) * levelStep;
        held = power > threshold ? holdFrames : Math.max(0, held - 1);
        const target = held > 0 ? depth : 1;
        current += (target - current) * (target < current ? attackStep : releaseStep);
        gain[n] = current;
      }
    },
  };
}
