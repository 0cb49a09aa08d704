/** Host mode on this device: mix → limiter → MP3 → LAN node. Decides nothing; `role.ts` says when. */
import captureUrl from './capture.worklet.ts?worker&url';
import { createEncoderClient, type EncoderClient } from './mp3/client.ts';
import type { BitrateKbps, UplinkSettings, UplinkState } from './mp3/shared.ts';
import { createMixer, type Mixer } from './mixer.ts';

export type EngineState =
  | { state: 'off' }
  | { state: 'connecting' }
  | { state: 'up'; listeners: number; bitrateKbps: number }
  | { state: 'down'; message: string };

export interface HostEngine {
  /**
   * Begins to feed the stream, or goes on with a newer epoch. Call `context.resume()` in the tap that leads here. Never
   * rejects: failures are states.
   */
  start(epoch: number): Promise<void>;
  stop(): void;
  state(): EngineState;
  onState(listener: (state: EngineState) => void): () => void;
  /** What plays, for radios that show titles. */
  setTitle(title: string, artist: string | null): void;
  /** A voice to mix in, this device's own or another's, from now on and whenever it hosts. */
  addVoice(id: string, voice: AudioNode): void;
  removeVoice(id: string): void;
  /** 0…1; zero while off. */
  levels(): { music: number; voice: number };
  close(): void;
}

/** @param options.music what the player plays into; the engine only listens to it. */
export function createHostEngine(options: {
  context: AudioContext;
  music: AudioNode;
  uplink: Omit<UplinkSettings, 'epoch'>;
  bitrateKbps?: BitrateKbps;
}): HostEngine {
  const { context, music } = options;
  const bitrateKbps = options.bitrateKbps ?? 128;
  const listeners = new Set<(state: EngineState) => void>();
  const voices = new Map<string, AudioNode>();
  let state: EngineState = { state: 'off' };
  let title: { title: string; artist: string | null } | null = null;
  let session: {
    mixer: Mixer | null;
    encoder: EncoderClient | null;
    capture: AudioWorkletNode | null;
  } | null = null;
  let epoch = 0;
  let closed = false;

  function become(next: EngineState): void {
    state = next;
    for (const listener of listeners) listener(next);
  }

  async function begin(): Promise<void> {
    const current: NonNullable<typeof session> = { mixer: null, encoder: null, capture: null };
    session = current;
    become({ state: 'connecting' });
    try {
      await context.audioWorklet.addModule(captureUrl);
      const mixer = await createMixer({ context });
      if (session !== current) {
        mixer.close();
        return;
      }
      current.mixer = mixer;
      music.connect(mixer.music);
      for (const [id, voice] of voices) mixer.addVoice(id, voice);

      const channel = new MessageChannel();
      current.encoder = createEncoderClient({
        pcm: channel.port1,
        bitrateKbps,
        uplink: { ...options.uplink, epoch },
        onUplink: (uplink) => {
          if (session === current) become(stateOf(uplink));
        },
      });
      current.capture = new AudioWorkletNode(context, 'capture', {
        numberOfInputs: 1,
        numberOfOutputs: 1,
        channelCount: 2,
        channelCountMode: 'explicit',
      });
      current.capture.port.postMessage(channel.port2, [channel.port2]);
      mixer.output.connect(current.capture);
      // Its output is silence; connected, because some browsers run only what leads to the destination.
      current.capture.connect(context.destination);
      if (title) current.encoder.title(title.title, title.artist);
      await current.encoder.started;
    } catch (error) {
      if (session !== current) return;
      end();
      const why = error instanceof Error ? error.message : String(error);
      become({ state: 'down', message: `Host mode could not start on this device: ${why}.` });
    }
  }

  function end(): void {
    const ended = session;
    session = null;
    if (!ended) return;
    ended.encoder?.close();
    if (ended.mixer) {
      music.disconnect(ended.mixer.music);
      ended.mixer.close();
    }
    ended.capture?.port.postMessage(null);
    ended.capture?.disconnect();
  }

  return {
    async start(next) {
      if (closed) return;
      epoch = next;
      if (session) session.encoder?.epoch(epoch);
      else await begin();
    },
    stop() {
      end();
      if (state.state !== 'off') become({ state: 'off' });
    },
    state: () => state,
    onState(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    setTitle(text, artist) {
      title = { title: text, artist };
      session?.encoder?.title(text, artist);
    },
    addVoice(id, voice) {
      voices.set(id, voice);
      session?.mixer?.addVoice(id, voice);
    },
    removeVoice(id) {
      voices.delete(id);
      session?.mixer?.removeVoice(id);
    },
    levels: () => session?.mixer?.levels() ?? { music: 0, voice: 0 },
    close() {
      if (closed) return;
      closed = true;
      end();
      listeners.clear();
      voices.clear();
    },
  };
}

function stateOf(uplink: UplinkState): EngineState {
  if (uplink.state === 'up') {
    return { state: 'up', listeners: uplink.listeners, bitrateKbps: uplink.bitrateKbps };
  }
  return uplink.state === 'down' ? { state: 'down', message: uplink.message } : { state: 'connecting' };
}
