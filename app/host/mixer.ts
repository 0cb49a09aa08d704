/**
 * What the speakers hear: music, which steps back for voices; voices, cleaned up; effects. Its output is a node; what
 * becomes of it (capture, a meter) is the engine's business. This device's own loudspeaker is none of it: the host may
 * be silent and still feed the stream, and never hears itself talk.
 */
import { createLevelMeter } from '../playback/level.ts';
import type { DuckingMessage } from './ducking.worklet.ts';
import type { Mix } from '../session/schema.ts';
import { DEFAULT_MIX, type HostLevels } from './mix.ts';
import duckingUrl from './ducking.worklet.ts?worker&url';

export interface Mixer {
  /** Connect the player here. */
  readonly music: AudioNode;
  /** Connect voices here; see `addVoice`. */
  readonly voices: AudioNode;
  readonly effects: AudioNode;
  readonly output: AudioNode;
  /** Adds one person's voice, replacing what that person had. The node stays the caller's. */
  addVoice(id: string, voice: AudioNode): void;
  removeVoice(id: string): void;
  set(mix: Mix): void;
  levels(): Pick<HostLevels, 'music' | 'voice' | 'effects'>;
  close(): void;
}

/** Hum and steps are below, the lowest voices above it: Butterworth, fourth order, so two sections with these Q (dB). */
const HIGH_PASS_HZ = 90;
const HIGH_PASS_Q_DB = [20 * Math.log10(0.5412), 20 * Math.log10(1.3066)] as const;
const SMOOTHING_SECONDS = 0.02;

/** Loads the ducking onto the audio thread. Rejects where there is no AudioWorklet (a page without HTTPS). */
export async function createMixer(options: { context: AudioContext; mix?: Mix }): Promise<Mixer> {
  const { context } = options;
  await context.audioWorklet.addModule(duckingUrl);

  const music = context.createGain();
  const musicFader = context.createGain();
  const voiceFader = context.createGain();
  const ducked = context.createGain();
  const voices = context.createGain();
  const effects = context.createGain();
  const output = context.createGain();

  const [firstHighPass, highPass] = HIGH_PASS_Q_DB.map(
    (Q) => new BiquadFilterNode(context, { type: 'highpass', frequency: HIGH_PASS_HZ, Q }),
  ) as [BiquadFilterNode, BiquadFilterNode];
  const compressor = new DynamicsCompressorNode(context, {
    threshold: -28,
    knee: 12,
    ratio: 4,
    attack: 0.004,
    release: 0.2,
  });
  const ducking = new AudioWorkletNode(context, 'ducking', {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    outputChannelCount: [1],
  });
  // The gain is all signal: the parameter's own value must not be added to it.
  ducked.gain.value = 0;
  ducking.connect(ducked.gain);

  music.connect(musicFader).connect(ducked).connect(output);
  voices.connect(firstHighPass).connect(highPass);
  highPass.connect(ducking);
  highPass.connect(compressor).connect(voiceFader).connect(output);
  effects.connect(output);

  const meters = {
    music: createLevelMeter(ducked),
    voice: createLevelMeter(voiceFader),
    effects: createLevelMeter(effects),
  };
  const duck = (message: DuckingMessage): void => ducking.port.postMessage(message);
  function set({ music, voice, duckDb }: Mix): void {
    for (const [{ gain }, level] of [
      [musicFader, music],
      [voiceFader, voice],
    ] as const) {
      gain.setTargetAtTime(amplitude(level), context.currentTime, SMOOTHING_SECONDS);
    }
    // For a voice that is not heard nothing steps back.
    duck({ depthDb: voice > 0 ? -duckDb : 0 });
  }
  const first = options.mix ?? DEFAULT_MIX;
  musicFader.gain.value = amplitude(first.music);
  voiceFader.gain.value = amplitude(first.voice);
  set(first);

  const people = new Map<string, AudioNode>();
  const removeVoice = (id: string): void => {
    people.get(id)?.disconnect(voices);
    people.delete(id);
  };

  let closed = false;
  return {
    music,
    voices,
    effects,
    output,
    addVoice(id, voice) {
      removeVoice(id);
      voice.connect(voices);
      people.set(id, voice);
    },
    removeVoice,
    set,
    levels: () => ({
      music: meters.music.read(),
      voice: meters.voice.read(),
      effects: meters.effects.read(),
    }),
    close() {
      if (closed) return;
      closed = true;
      for (const id of [...people.keys()]) removeVoice(id);
      for (const meter of Object.values(meters)) meter.close();
      duck('end');
      const inner = [musicFader, ducked, firstHighPass, highPass, compressor, voiceFader, ducking];
      for (const node of [music, voices, effects, output, ...inner]) node.disconnect();
    },
  };
}

/** A square law comes near to how loud a slider's middle should be. */
function amplitude(level: number): number {
  return Math.min(1, Math.max(0, level)) ** 2;
}
