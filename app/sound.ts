/**
 * The composition root's second half: everything that sounds on this device, built in the first tap that needs it, since
 * browsers want an AudioContext to be made and resumed there.
 */
import type { RoomClock } from './clock/clock.ts';
import { createHostEngine, type EngineState, type HostEngine } from './host/engine.ts';
import type { UplinkSettings } from './host/mp3/shared.ts';
import type { Library } from './library/library.ts';
import { createConductor, type Conductor } from './playback/conductor.ts';
import { createAudioOutput, type AudioOutput } from './playback/context.ts';
import { createPlayer, type Player, type PlayerState } from './playback/player.ts';
import type { Moment } from './playback/timeline.ts';
import type { Queries } from './session/queries.ts';
import { createMicrophone, type Microphone } from './voice/microphone.ts';
import { createVoiceReceiver, type VoiceReceiver } from './voice/receive.ts';

/** Share of the set volume that this device's own loudspeaker keeps while its microphone is open: less echo. */
const WHILE_TALKING = 0.35;
const OWN_VOICE = 'self';

export interface SoundOptions {
  volume: number;
  clock: RoomClock;
  queries: Queries;
  library: Library;
  uplink: Omit<UplinkSettings, 'epoch'>;
  onUplink: (state: EngineState) => void;
}

export interface Sound {
  /** Call first thing in the tap that asks for sound. */
  unlock(): void;
  setListening(on: boolean): void;
  setVolume(volume: number): void;
  startHosting(epoch: number): void;
  stopHosting(): void;
  /** This device's microphone; made, and the sound unlocked, at the first call. */
  microphone(): Microphone;
  /** The microphone is open to the room: it goes into the mix if this device hosts. */
  setTalking(on: boolean): void;
  /** Another peer's voice came, or ended (null). */
  setVoice(peerId: string, stream: MediaStream | null): void;
  state(): PlayerState;
  /** Of the music, 0…1. */
  level(): number;
  voiceLevels(): ReadonlyMap<string, number>;
  hostLevels(): { music: number; voice: number };
  close(): void;
}

interface Parts {
  output: AudioOutput;
  music: GainNode;
  player: Player;
  conductor: Conductor;
  engine: HostEngine;
  receiver: VoiceReceiver;
  microphone: Microphone;
}

export function createSound(options: SoundOptions): Sound {
  const { clock, queries, library } = options;
  /** Voices that came before the first tap: nothing could sound then, but they may go on. */
  const streams = new Map<string, MediaStream>();
  let parts: Parts | null = null;
  let { volume } = options;
  let listening = false;
  let hosting = false;
  let talking = false;
  let closed = false;

  function build(): Parts {
    const output = createAudioOutput({ volume, muted: true });
    const { context } = output;
    const music = context.createGain();
    music.connect(output.input);
    const player = createPlayer({ context, clock, open: openTrack, destination: music });
    const conductor = createConductor({ queries, clock, library, player, onMoment: tellTitle });
    const engine = createHostEngine({ context, music, uplink: options.uplink });
    engine.onState(options.onUplink);
    const receiver = createVoiceReceiver({ context });
    receiver.output.connect(output.input);
    const microphone = createMicrophone({ context, devices: navigator.mediaDevices });
    for (const [peerId, stream] of streams) engine.addVoice(peerId, receiver.add(peerId, stream));
    return { output, music, player, conductor, engine, receiver, microphone };
  }

  const built = (): Parts => (parts ??= build());

  function openTrack(trackId: string): ReturnType<Library['open']> | null {
    const track = queries.tracks().get(trackId);
    if (!track) return null;
    const isHere = library.holdings().get(trackId)?.complete === true;
    if (!isHere && library.holders(trackId) === 0) return null;
    return library.open({ trackId, bytes: track.bytes, chunksId: track.chunksId, mime: track.mime });
  }

  function apply(): void {
    if (!parts) return;
    parts.output.setMuted(!listening);
    parts.output.setVolume(talking ? volume * WHILE_TALKING : volume);
    parts.conductor.setActive(listening || hosting);
  }

  let toldTrackId: string | null = null;
  function tellTitle(moment: Moment | null): void {
    const trackId = moment?.item.trackId ?? null;
    if (trackId === toldTrackId) return;
    toldTrackId = trackId;
    const track = trackId === null ? undefined : queries.tracks().get(trackId);
    parts?.engine.setTitle(track?.title ?? '', track?.artist ?? null);
  }

  return {
    unlock() {
      if (!closed) void built().output.unlock();
    },
    setListening(on) {
      listening = on;
      if (on) built();
      apply();
    },
    setVolume(next) {
      volume = next;
      apply();
    },
    startHosting(epoch) {
      hosting = true;
      void built().engine.start(epoch);
      apply();
    },
    stopHosting() {
      hosting = false;
      parts?.engine.stop();
      apply();
    },
    microphone() {
      const { output, microphone } = built();
      void output.unlock();
      return microphone;
    },
    setTalking(on) {
      talking = on;
      const { engine, microphone } = built();
      if (on) engine.addVoice(OWN_VOICE, microphone.node);
      else engine.removeVoice(OWN_VOICE);
      apply();
    },
    setVoice(peerId, stream) {
      if (stream) streams.set(peerId, stream);
      else streams.delete(peerId);
      if (!parts) return;
      if (stream) {
        parts.engine.addVoice(peerId, parts.receiver.add(peerId, stream));
        return;
      }
      parts.engine.removeVoice(peerId);
      parts.receiver.remove(peerId);
    },
    state: () => parts?.player.state() ?? { kind: 'silent' },
    level: () => parts?.player.level() ?? 0,
    voiceLevels() {
      const levels = new Map<string, number>();
      if (parts) for (const peerId of streams.keys()) levels.set(peerId, parts.receiver.level(peerId));
      return levels;
    },
    hostLevels: () => parts?.engine.levels() ?? { music: 0, voice: 0 },
    close() {
      if (closed) return;
      closed = true;
      if (!parts) return;
      parts.conductor.close();
      parts.player.close();
      parts.engine.close();
      parts.receiver.close();
      parts.microphone.close();
      parts.output.close();
    },
  };
}
