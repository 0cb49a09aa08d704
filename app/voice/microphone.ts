/**
 * This device's microphone: opened when somebody talks, kept warm for half a minute so that the next word is heard at once,
 * then let go (the browser's recording sign goes out). Every way it can fail has words that say what to do.
 */
import type { AudioSession } from './audio-session.ts';
import { createLevelMeter } from '../playback/level.ts';
import { createInlet, type Inlet } from './inlet.ts';

export type MicrophoneProblem = 'insecure' | 'refused' | 'none' | 'busy' | 'playing' | 'failed';

export type MicrophoneResult =
  | { kind: 'live'; stream: MediaStream }
  | { kind: 'problem'; problem: MicrophoneProblem; message: string }
  /** Let go of before it was open. */
  | { kind: 'cancelled' };

export const MICROPHONE_WORDS: Record<MicrophoneProblem, string> = {
  insecure:
    'This page came without HTTPS, so the browser keeps the microphone closed. Open the https:// address instead.',
  refused:
    'The browser does not let this page use the microphone. Allow it in the site’s settings, next to the address.',
  none: 'No microphone was found. Plug one in, or talk from another device.',
  busy: 'Another app is using the microphone. Close it there, then try again.',
  playing:
    'The system lets this page only play at the moment. Wait a few seconds and try again, or reload the page.',
  failed: 'The microphone could not be opened. Unplug it and plug it in again, or restart the browser.',
};

/** Nothing between the air and the samples: what cleans speech up takes chirps for noise, and for echo. */
const UNPROCESSED: MediaStreamConstraints = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 },
};

export interface MicrophoneSource {
  /** `navigator.mediaDevices`: undefined on a page without HTTPS. */
  devices: Pick<MediaDevices, 'getUserMedia'> | undefined;
  session: Pick<AudioSession, 'holdForMicrophone'>;
}

export type MicrophoneOpened =
  /** `stop` ends its tracks: only by that does the system learn that nobody records any more. */
  { kind: 'live'; stream: MediaStream; stop(): void } | { kind: 'problem'; problem: MicrophoneProblem };

/** A microphone for measuring. Asks for permission the first time. Never rejects. */
export function openUnprocessed(source: MicrophoneSource): Promise<MicrophoneOpened> {
  return openStream(source, UNPROCESSED);
}

/** A microphone for one recording of somebody who speaks. Asks for permission the first time. Never rejects. */
export function openForSpeech(source: MicrophoneSource): Promise<MicrophoneOpened> {
  return openStream(source, CONSTRAINTS);
}

/** The only way to a microphone. Never rejects. */
async function openStream(
  { devices, session }: MicrophoneSource,
  constraints: MediaStreamConstraints,
): Promise<MicrophoneOpened> {
  if (!devices) return { kind: 'problem', problem: 'insecure' };
  const letGo = session.holdForMicrophone();
  let stream: MediaStream;
  try {
    stream = await devices.getUserMedia(constraints);
  } catch (error) {
    letGo();
    return { kind: 'problem', problem: problemOf(error) };
  }
  const tracks = stream.getTracks();
  // Told when the system ends one, and not after `stop`.
  const onEnded = (): void => {
    if (tracks.every(({ readyState }) => readyState === 'ended')) letGo();
  };
  for (const track of tracks) track.addEventListener('ended', onEnded);
  return {
    kind: 'live',
    stream,
    stop() {
      for (const track of tracks) track.stop();
      letGo();
    },
  };
}

export interface Microphone {
  /** Opens it, or hands out the one that is warm. Asks for permission the first time. Never rejects. */
  open(): Promise<MicrophoneResult>;
  /** Nobody hears it any more from now on; it is closed for good half a minute later. */
  release(): void;
  /** What it hears, 0…1, while open; 0 otherwise. */
  level(): number;
  /** Its sound while open, for mixing: present from the first `open` on. Silent while released. */
  readonly node: AudioNode;
  /** It went away while open: unplugged, or taken by the system. */
  onLost(listener: (message: string) => void): () => void;
  close(): void;
}

const WARM_MS = 30_000;
const METER_RANGE_DB = 54;
const CONSTRAINTS: MediaStreamConstraints = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
};

export function createMicrophone(
  options: MicrophoneSource & {
    context: AudioContext;
    setTimer?: (run: () => void, ms: number) => () => void;
  },
): Microphone {
  const { context } = options;
  const setTimer = options.setTimer ?? realTimer;
  const node = context.createGain();
  const level = createLevelMeter(node, METER_RANGE_DB);

  const listeners = new Set<(message: string) => void>();
  let opened: Extract<MicrophoneOpened, { kind: 'live' }> | null = null;
  let inlet: Inlet | null = null;
  let opening: Promise<MicrophoneResult> | null = null;
  let wanted = false;
  let cancelCooling: (() => void) | null = null;
  let closed = false;

  function enable(on: boolean): void {
    for (const track of opened?.stream.getAudioTracks() ?? []) track.enabled = on;
  }

  function shut(): void {
    cancelCooling?.();
    cancelCooling = null;
    inlet?.close();
    inlet = null;
    for (const track of opened?.stream.getTracks() ?? []) track.onended = null;
    opened?.stop();
    opened = null;
  }

  async function ask(): Promise<MicrophoneResult> {
    const fresh = await openStream(options, CONSTRAINTS);
    if (fresh.kind === 'problem') return problem(fresh.problem);
    opened = fresh;
    if (closed) {
      shut();
      return { kind: 'cancelled' };
    }
    for (const track of fresh.stream.getAudioTracks()) {
      track.onended = () => {
        shut();
        if (wanted) for (const listener of listeners) listener(MICROPHONE_WORDS.none);
      };
    }
    inlet = createInlet({ context, stream: fresh.stream, destination: node });
    if (!wanted) {
      release();
      return { kind: 'cancelled' };
    }
    return { kind: 'live', stream: fresh.stream };
  }

  function release(): void {
    wanted = false;
    enable(false);
    if (!opened) return;
    cancelCooling?.();
    cancelCooling = setTimer(shut, WARM_MS);
  }

  return {
    async open() {
      if (closed) return { kind: 'cancelled' };
      wanted = true;
      cancelCooling?.();
      cancelCooling = null;
      if (opened) {
        enable(true);
        return { kind: 'live', stream: opened.stream };
      }
      opening ??= ask().finally(() => {
        opening = null;
      });
      return opening;
    },
    release,
    level: () => (wanted && opened ? level.read() : 0),
    node,
    onLost(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close() {
      if (closed) return;
      closed = true;
      wanted = false;
      shut();
      level.close();
      node.disconnect();
      listeners.clear();
    },
  };
}

function problem(kind: MicrophoneProblem): MicrophoneResult {
  return { kind: 'problem', problem: kind, message: MICROPHONE_WORDS[kind] };
}

/** Names of getUserMedia's rejections: Media Capture and Streams, section 10.2; InvalidStateError: see `AudioSession`. */
function problemOf(error: unknown): MicrophoneProblem {
  switch (error instanceof Error || error instanceof DOMException ? error.name : '') {
    case 'NotAllowedError':
    case 'SecurityError':
      return 'refused';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'none';
    case 'NotReadableError':
    case 'AbortError':
      return 'busy';
    case 'InvalidStateError':
      return 'playing';
    default:
      return 'failed';
  }
}

function realTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
