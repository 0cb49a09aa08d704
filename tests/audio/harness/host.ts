import { createHostEngine, type HostEngine } from '../../../app/host/engine.ts';
import type { Mix } from '../../../app/session/schema.ts';
import { fadeAt } from '../../../app/playback/fade.ts';
import { createMixer } from '../../../app/host/mixer.ts';
import { createEncoderClient } from '../../../app/host/mp3/client.ts';
import captureUrl from '../../../app/host/capture.worklet.ts?worker&url';
import { base64 } from './base64.ts';
import { createRecorder } from './recorder.ts';

interface HostRig {
  context: AudioContext;
  engine: HostEngine;
  music: GainNode;
  /** What the engine hears. */
  bus: GainNode;
  voices: Map<string, OscillatorNode>;
  states: { state: string; message?: string }[];
  stopSongs?: () => void;
}
let rig: HostRig | null = null;
/** The encoders that this page has started, the latest last. */
const encoders: Worker[] = [];
let encodersLoad = true;
const NativeWorker = window.Worker;
window.Worker = class extends NativeWorker {
  constructor(url: string | URL, options?: WorkerOptions) {
    super(options?.name === 'mp3' && !encodersLoad ? '/nowhere.js' : url, options);
    if (options?.name === 'mp3') encoders.push(this);
  }
};
function current(): HostRig {
  if (!rig) throw new Error('no host');
  return rig;
}

function tone(
  context: BaseAudioContext,
  hz: number,
  amplitude: number,
): { oscillator: OscillatorNode; gain: GainNode } {
  const oscillator = new OscillatorNode(context, { frequency: hz });
  const gain = new GainNode(context, { gain: amplitude });
  oscillator.connect(gain);
  oscillator.start();
  return { oscillator, gain };
}

export const hostBench = {
  /** An engine whose music is a tone. */
  async makeHost(uplink: { url: string; roomId: string; uplinkKey: string; peerId: string }, hz: number) {
    const context = new AudioContext({ sampleRate: 48_000 });
    await context.resume();
    const { gain: music } = tone(context, hz, 0.4);
    const bus = context.createGain();
    music.connect(bus);
    const engine = createHostEngine({ context, music: bus, uplink });
    const states: HostRig['states'] = [];
    engine.onState((state) => states.push({ ...state }));
    rig = { context, engine, music, bus, voices: new Map(), states };
  },
  startHost: (epoch: number) => current().engine.start(epoch),
  standBy: (on: boolean) => current().engine.standBy(on),
  stopHost: () => current().engine.stop(),
  hostState: () => current().engine.state(),
  hostStates: () => current().states,
  hostLevels: () => current().engine.levels(),
  hostTitle: (title: string, artist: string | null) => current().engine.setTitle(title, artist),
  /** A voice that is a tone, from now on. */
  speak(id: string, hz: number, amplitude: number) {
    const { context, engine, voices } = current();
    const { oscillator, gain } = tone(context, hz, amplitude);
    voices.set(id, oscillator);
    engine.addVoice(id, gain);
  },
  hush(id: string) {
    const { engine, voices } = current();
    voices.get(id)?.stop();
    engine.removeVoice(id);
  },
  /** As when the encoder traps: its worker does nothing from then on. */
  crashEncoder() {
    const encoder = encoders.at(-1);
    encoder?.terminate();
    encoder?.dispatchEvent(new ErrorEvent('error', { message: 'unreachable executed', cancelable: true }));
  },
  /** False: as when the node is out of reach, and they are not kept. */
  letEncodersLoad(on: boolean) {
    encodersLoad = on;
  },
  encodersStarted: () => encoders.length,
  hostMix: (mix: Mix) => current().engine.setMix(mix),
  hostChime: () => current().engine.chime(),
  /** A voice that is a tone, from `inSeconds` on for `seconds`. */
  sayLater(id: string, hz: number, amplitude: number, inSeconds: number, seconds: number) {
    const { context, engine, voices } = current();
    const { oscillator, gain } = tone(context, hz, 0);
    const from = context.currentTime + inSeconds;
    gain.gain.setValueAtTime(amplitude, from);
    gain.gain.setValueAtTime(0, from + seconds);
    voices.set(id, oscillator);
    engine.addVoice(id, gain);
  },
  /** Two songs of full scale, again and again one fading into the other for two seconds, over a voice of full scale. */
  shout() {
    const { context, engine, music, bus, voices } = current();
    music.gain.value = 0;
    const songs = [110, 147].map((hz) => {
      const song = new OscillatorNode(context, { frequency: hz, type: 'square' });
      const fader = new GainNode(context, { gain: 0 });
      song.connect(fader).connect(bus);
      song.start();
      return { song, fader };
    });
    const item = { itemId: 'song', trackId: 'song', durationMs: 4_000 };
    const curve = Float32Array.from({ length: 201 }, (_, n) =>
      fadeAt(10 * n, item, { fadeInMs: 2_000, fadeOutMs: 0 }),
    );
    const from = context.currentTime + 0.1;
    for (let turn = 0; turn < 5; turn++) {
      songs.forEach(({ fader }, at) => {
        const rising = (turn + at) % 2 === 0;
        fader.gain.setValueCurveAtTime(rising ? curve : curve.toReversed(), from + 2.1 * turn, 2);
      });
    }
    const voice = new OscillatorNode(context, { frequency: 311, type: 'sawtooth' });
    voice.start();
    voices.set('shouter', voice);
    engine.addVoice('shouter', voice);
    current().stopSongs = () => songs.forEach(({ song }) => song.stop());
  },
  endShout() {
    hostBench.hush('shouter');
    current().stopSongs?.();
  },
  setMusic: (amplitude: number) => {
    current().music.gain.value = amplitude;
  },
  async closeHost() {
    current().engine.close();
    current().engine.close();
    await current().context.close();
    rig = null;
  },

  /**
   * Music and a voice through the mixer, recorded: quiet, then spoken over, then quiet again; `seconds` each.
   * Returns the mix as base64 of Float32.
   */
  async duck(musicHz: number, voiceHz: number, seconds: number) {
    const context = new AudioContext({ sampleRate: 48_000 });
    await context.resume();
    const mixer = await createMixer({ context });
    const recorder = await createRecorder(context);
    mixer.output.connect(recorder.node);
    tone(context, musicHz, 0.4).gain.connect(mixer.music);
    const voice = tone(context, voiceHz, 0);
    mixer.addVoice('a', voice.gain);
    const start = Math.ceil(context.currentTime * 48_000) + 9_600;
    const third = seconds * 48_000;
    voice.gain.gain.setValueAtTime(0.1, (start + third) / 48_000);
    voice.gain.gain.setValueAtTime(0, (start + 2 * third) / 48_000);
    await recorder.until(start + 3 * third);
    const levels = mixer.levels();
    const samples = recorder.samples(start, 3 * third);
    mixer.close();
    mixer.close();
    await context.close();
    return { samples: base64(samples), levels };
  },

  /** Seconds of several far too loud tones through capture and encoder, without a node: MP3 as base64, and by whom. */
  async encodeLoud(seconds: number) {
    const context = new AudioContext({ sampleRate: 48_000 });
    await context.audioWorklet.addModule(captureUrl);
    await context.resume();
    const channel = new MessageChannel();
    const parts: Uint8Array[] = [];
    let frames = 0;
    let enough: () => void;
    const done = new Promise<void>((resolve) => (enough = resolve));
    const client = createEncoderClient({
      pcm: channel.port1,
      bitrateKbps: 320,
      uplink: null,
      onUplink: () => undefined,
      onFrames: (bytes) => {
        parts.push(bytes);
        frames += bytes.length / 960;
        if (frames * 1_152 >= seconds * 48_000) enough();
      },
    });
    const encoder = await client.started;
    const capture = new AudioWorkletNode(context, 'capture', {
      channelCount: 2,
      channelCountMode: 'explicit',
    });
    capture.port.postMessage(channel.port2, [channel.port2]);
    capture.connect(context.destination);
    for (const hz of [110, 997, 3_301]) tone(context, hz, 1.5).gain.connect(capture);
    await done;
    client.close();
    client.close();
    await context.close();
    return { encoder, mp3: base64(await new Blob(parts as Uint8Array<ArrayBuffer>[]).bytes()) };
  },
};

declare global {
  interface Blob {
    bytes(): Promise<Uint8Array>;
  }
}
