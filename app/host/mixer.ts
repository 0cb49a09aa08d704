/**
 * What the speakers hear: music, which steps back for voices; voices, cleaned up; effects. Its output is a node; what
 * becomes of it (capture, a meter) is the engine's business. This device's own loudspeaker is none of it: the host may
 * be silent and still feed the stream, and never hears itself talk.
 */
import { createLevelMeter } from '../playback/level.ts';
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
  /** RMS as 0…1 over the range from −48 dB to full scale. `music` is measured after ducking. */
  levels(): { music: number; voice: number };
  close(): void;
}

const HIGH_PASS_HZ = 100;

/** Loads the ducking onto the audio thread. Rejects where there is no AudioWorklet (a page without HTTPS). */
export async function createMixer(options: { context: AudioContext }): Promise<Mixer> {
  const { context } = options;
  await context.audioWorklet.addModule(duckingUrl);

  const music = context.createGain();
  const ducked = context.createGain();
  const voices = context.createGain();
  const effects = context.createGain();
  const output = context.createGain();

  const highPass = new BiquadFilterNode(context, { type: 'highpass', frequency: HIGH_PASS_HZ });
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

  music.connect(ducked).connect(output);
  voices.connect(highPass);
  highPass.connect(ducking);
  highPass.connect(compressor).connect(output);
  effects.connect(output);

  const meters = { music: createLevelMeter(ducked), voice: createLevelMeter(compressor) };
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
    levels: () => ({ music: meters.music.read(), voice: meters.voice.read() }),
    close() {
      if (closed) return;
      closed = true;
      for (const id of [...people.keys()]) removeVoice(id);
      meters.music.close();
      meters.voice.close();
      ducking.port.postMessage('end');
      for (const node of [music, ducked, voices, effects, output, highPass, compressor, ducking])
        node.disconnect();
    },
  };
}
