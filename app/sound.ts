/**
 * The composition root's second half: everything that sounds on this device. The AudioContext is made and resumed in the
 * first tap that needs it, as browsers want; the parts behind it are loaded after the page has been shown.
 */
import type { RoomClock } from './clock/clock.ts';
import type { EngineState } from './host/engine.ts';
import { DEFAULT_MIX, type HostLevels, NO_LEVELS } from './host/mix.ts';
import type { UplinkSettings } from './host/mp3/shared.ts';
import type { Library } from './library/library.ts';
import { createCarrier } from './playback/carrier.ts';
import { createAudioOutput, type AudioOutput } from './playback/context.ts';
import type { PlayerState } from './playback/player.ts';
import type { Ear } from './playback/trim/ear.ts';
import type { Queries } from './session/queries.ts';
import type { Mix } from './session/schema.ts';
import type { SoundParts } from './sound-parts.ts';
import type { AudioSession } from './voice/audio-session.ts';
import { createMicrophone, type Microphone } from './voice/microphone.ts';

/** Share of the set volume that this device's own loudspeaker keeps while its microphone is open: less echo. */
const WHILE_TALKING = 0.35;
const OWN_VOICE = 'self';

export interface SoundOptions {
  session: AudioSession;
  volume: number;
  /** See `Player.setTrim`. */
  trimMs: number;
  clock: RoomClock;
  queries: Queries;
  library: Library;
  uplink: Omit<UplinkSettings, 'epoch'>;
  onUplink: (state: EngineState) => void;
  /** The parts could not be loaded: offline, and not in the cache. */
  onFailed: (error: unknown) => void;
}

export type StandBy = 'off' | 'ready' | 'following';

export interface Sound {
  /** Call first thing in the tap that asks for sound. */
  unlock(): void;
  setListening(on: boolean): void;
  setVolume(volume: number): void;
  setTrim(trimMs: number): void;
  /** While this device plays the room aloud; else null. */
  ear(): Ear | null;
  /** `ready`: what host mode needs is loaded. `following`: the music plays along too, unheard, so that it can be fed at once. */
  standBy(how: StandBy): void;
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
  /** Of what goes to the loudspeakers; zero while this device does not host. */
  hostLevels(): HostLevels;
  setMix(mix: Mix): void;
  chime(): void;
  close(): void;
}

export function createSound(options: SoundOptions): Sound {
  /** Voices that are on their way in: they may come before anything can sound here. */
  const streams = new Map<string, MediaStream>();
  const loading = import('./sound-parts.ts');
  // Told when it is needed; until then nobody has to know.
  loading.catch(() => undefined);
  const carrier = createCarrier();
  let output: AudioOutput | null = null;
  let microphone: Microphone | null = null;
  let parts: SoundParts | null = null;
  let { volume, trimMs } = options;
  let mix = DEFAULT_MIX;
  let listening = false;
  let standBy: StandBy = 'off';
  let epoch: number | null = null;
  let talking = false;
  let closed = false;

  function opened(): AudioOutput {
    if (output) return output;
    output = createAudioOutput({ volume, muted: !listening, session: options.session });
    build(output).catch(options.onFailed);
    return output;
  }

  async function build({ context, input }: AudioOutput): Promise<void> {
    const { createSoundParts } = await loading;
    if (closed) return;
    parts = createSoundParts(options, context, input, () => trimMs);
    for (const [peerId, stream] of streams) parts.engine.addVoice(peerId, parts.receiver.add(peerId, stream));
    parts.player.setTrim(trimMs);
    parts.engine.setMix(mix);
    mixOwnVoice();
    if (epoch !== null) void parts.engine.start(epoch);
    apply();
  }

  const follows = (): boolean => listening || epoch !== null || standBy === 'following';

  function apply(): void {
    output?.setMuted(!listening);
    output?.setVolume(talking ? volume * WHILE_TALKING : volume);
    void parts?.engine.standBy(standBy !== 'off');
    parts?.conductor.setActive(follows());
    // Who waits for its turn to host must not be put to sleep before.
    if (follows() || standBy !== 'off') carrier.start();
    else carrier.stop();
  }

  function mixOwnVoice(): void {
    if (!parts || !microphone) return;
    if (talking) parts.engine.addVoice(OWN_VOICE, microphone.node);
    else parts.engine.removeVoice(OWN_VOICE);
  }

  return {
    unlock() {
      if (!closed) void opened().unlock();
    },
    setListening(on) {
      listening = on;
      if (on) opened();
      apply();
    },
    setVolume(next) {
      volume = next;
      apply();
    },
    setTrim(next) {
      trimMs = next;
      parts?.player.setTrim(next);
    },
    ear: () => (listening ? (parts?.ear ?? null) : null),
    standBy(how) {
      if (how === standBy) return;
      standBy = how;
      if (how !== 'off') opened();
      apply();
    },
    startHosting(next) {
      epoch = next;
      opened();
      void parts?.engine.start(epoch);
      apply();
    },
    stopHosting() {
      epoch = null;
      parts?.engine.stop();
      apply();
    },
    microphone() {
      const { context, unlock } = opened();
      void unlock();
      microphone ??= createMicrophone({
        context,
        devices: navigator.mediaDevices,
        session: options.session,
      });
      return microphone;
    },
    setTalking(on) {
      talking = on;
      mixOwnVoice();
      apply();
    },
    setVoice(peerId, stream) {
      if (stream) {
        streams.set(peerId, stream);
        parts?.engine.addVoice(peerId, parts.receiver.add(peerId, stream));
      } else {
        streams.delete(peerId);
        parts?.engine.removeVoice(peerId);
        parts?.receiver.remove(peerId);
      }
    },
    state: () => parts?.player.state() ?? { kind: 'silent' },
    level: () => parts?.player.level() ?? 0,
    voiceLevels() {
      const levels = new Map<string, number>();
      if (parts) for (const peerId of streams.keys()) levels.set(peerId, parts.receiver.level(peerId));
      return levels;
    },
    hostLevels: () => parts?.engine.levels() ?? NO_LEVELS,
    setMix(next) {
      mix = next;
      parts?.engine.setMix(mix);
    },
    chime: () => parts?.engine.chime(),
    close() {
      if (closed) return;
      closed = true;
      parts?.close();
      microphone?.close();
      carrier.close();
      output?.close();
    },
  };
}
