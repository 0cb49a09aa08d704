/** Host mode on this device: mix → limiter → MP3 → LAN node. Decides nothing; `role.ts` says when. */
import captureUrl from './capture.worklet.ts?worker&url';
import type { CaptureMessage, CaptureReading } from './capture.worklet.ts';
import { playChime } from './chime.ts';
import type { Mix } from '../session/schema.ts';
import { DEFAULT_MIX, type HostLevels, NO_LEVELS } from './mix.ts';
import { createEncoderClient, type EncoderClient } from './mp3/client.ts';
import type { BitrateKbps, UplinkSettings, UplinkState } from './mp3/shared.ts';
import { createMixer, type Mixer } from './mixer.ts';
import { createRetries } from './retries.ts';
import { levelOf } from '../playback/level.ts';

export type EngineState =
  | { state: 'off' }
  | { state: 'connecting' }
  | { state: 'up'; listeners: number; bitrateKbps: number }
  | { state: 'down'; message: string; reason: Extract<UplinkState, { state: 'down' }>['reason'] };

/** What takes time to load, and lies idle until it hosts. */
interface Rig {
  mixer: Mixer;
  encoder: EncoderClient;
}

export interface HostEngine {
  /** Loads all that `start` needs, and keeps it between times; false lets go of it. Resolves when that is done; never rejects. */
  standBy(on: boolean): Promise<void>;
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
  /** From now on, and whenever it hosts. */
  setMix(mix: Mix): void;
  /** Sounds on the loudspeakers only; nothing while off. */
  chime(): void;
  /** Of this moment, but for what the limiter tells, which is as old as the call before; zero while off. */
  levels(): HostLevels;
  close(): void;
}

/** @param options.music what the player plays into; the engine only listens to it. */
export function createHostEngine(options: {
  context: AudioContext;
  music: AudioNode;
  uplink: Omit<UplinkSettings, 'epoch'>;
  bitrateKbps?: BitrateKbps;
  mix?: Mix;
}): HostEngine {
  const { context, music } = options;
  const bitrateKbps = options.bitrateKbps ?? 128;
  const listeners = new Set<(state: EngineState) => void>();
  const voices = new Map<string, AudioNode>();
  let mix = options.mix ?? DEFAULT_MIX;
  let state: EngineState = { state: 'off' };
  let title: { title: string; artist: string | null } | null = null;
  let rig: Promise<Rig> | null = null;
  let standsBy = false;
  let session: { rig: Rig | null; capture: AudioWorkletNode | null; limited: CaptureReading } | null = null;
  let epoch = 0;
  const retries = createRetries();
  /** What has failed is begun again then, as nobody may be there who could do it by hand. */
  let again: ReturnType<typeof setTimeout> | null = null;
  let closed = false;

  function become(next: EngineState): void {
    state = next;
    for (const listener of listeners) listener(next);
  }

  async function load(): Promise<Rig> {
    const [mixer] = await Promise.all([
      createMixer({ context, mix }),
      context.audioWorklet.addModule(captureUrl),
    ]);
    const encoder = createEncoderClient({
      pcm: null,
      bitrateKbps,
      uplink: null,
      onUplink: (uplink) => {
        const isOnAir = session?.rig?.encoder === encoder;
        if (isOnAir) become(stateOf(uplink));
        if (uplink.state !== 'down' || uplink.reason !== 'encoder') return;
        // It crashed: the next time needs another.
        letGo();
        if (!isOnAir) return;
        end();
        beginLater();
      },
    });
    if (title) encoder.title(title.title, title.artist);
    try {
      await encoder.started;
    } catch (error) {
      encoder.close();
      mixer.close();
      throw error;
    }
    return { mixer, encoder };
  }

  function beginLater(): void {
    again = setTimeout(() => void begin(), retries.waitMs(performance.now()));
  }

  function ready(): Promise<Rig> {
    if (rig) return rig;
    const loading = load();
    rig = loading;
    loading.catch(() => {
      if (rig === loading) rig = null;
    });
    return loading;
  }

  function letGo(): void {
    const old = rig;
    rig = null;
    old?.then(
      ({ mixer, encoder }) => {
        encoder.close();
        mixer.close();
      },
      () => undefined,
    );
  }

  async function begin(): Promise<void> {
    if (again !== null) clearTimeout(again);
    again = null;
    const current: NonNullable<typeof session> = {
      rig: null,
      capture: null,
      limited: { leastGain: 1, meanSquare: 0 },
    };
    session = current;
    become({ state: 'connecting' });
    try {
      const loaded = await ready();
      if (session !== current) return;
      current.rig = loaded;
      const { mixer, encoder } = loaded;
      music.connect(mixer.music);
      for (const [id, voice] of voices) mixer.addVoice(id, voice);

      const channel = new MessageChannel();
      current.capture = new AudioWorkletNode(context, 'capture', {
        numberOfInputs: 1,
        numberOfOutputs: 1,
        channelCount: 2,
        channelCountMode: 'explicit',
      });
      current.capture.port.onmessage = ({ data }: MessageEvent<CaptureReading>) => {
        current.limited = data;
      };
      current.capture.port.postMessage(channel.port2 satisfies CaptureMessage, [channel.port2]);
      mixer.output.connect(current.capture);
      // Its output is silence; connected, because some browsers run only what leads to the destination.
      current.capture.connect(context.destination);
      encoder.feed(channel.port1, { ...options.uplink, epoch });
    } catch (error) {
      if (session !== current) return;
      end();
      const why = error instanceof Error ? error.message : String(error);
      become({
        state: 'down',
        message: `Host mode could not start on this device, and is started again: ${why}.`,
        reason: 'encoder',
      });
      beginLater();
    }
  }

  function end(): void {
    if (again !== null) clearTimeout(again);
    again = null;
    const ended = session;
    session = null;
    if (ended?.rig) {
      const { mixer, encoder } = ended.rig;
      encoder.rest();
      music.disconnect(mixer.music);
      mixer.output.disconnect();
      for (const id of voices.keys()) mixer.removeVoice(id);
    }
    ended?.capture?.port.postMessage('end' satisfies CaptureMessage);
    ended?.capture?.disconnect();
    if (!standsBy) letGo();
  }

  return {
    async standBy(on) {
      if (closed || standsBy === on) return;
      standsBy = on;
      if (!on && !session) letGo();
      // What fails here fails again, and is told, when it is needed.
      if (on) await ready().catch(() => undefined);
    },
    async start(next) {
      if (closed) return;
      epoch = next;
      if (session) session.rig?.encoder.feed(null, { ...options.uplink, epoch });
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
      void rig?.then(
        ({ encoder }) => encoder.title(text, artist),
        () => undefined,
      );
    },
    addVoice(id, voice) {
      voices.set(id, voice);
      session?.rig?.mixer.addVoice(id, voice);
    },
    removeVoice(id) {
      voices.delete(id);
      session?.rig?.mixer.removeVoice(id);
    },
    setMix(next) {
      mix = next;
      void rig?.then(
        ({ mixer }) => mixer.set(mix),
        () => undefined,
      );
    },
    chime() {
      if (session?.rig) playChime(context, session.rig.mixer.effects);
    },
    levels() {
      if (!session?.rig) return NO_LEVELS;
      session.capture?.port.postMessage('read' satisfies CaptureMessage);
      const { leastGain, meanSquare } = session.limited;
      return {
        ...session.rig.mixer.levels(),
        output: levelOf(meanSquare),
        limitedDb: -20 * Math.log10(leastGain),
      };
    },
    close() {
      if (closed) return;
      closed = true;
      standsBy = false;
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
  if (uplink.state === 'connecting') return uplink;
  return { state: 'down', message: uplink.message, reason: uplink.reason };
}
