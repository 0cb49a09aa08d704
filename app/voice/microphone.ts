/**
 * This device's microphone: opened when somebody talks, kept warm for half a minute so that the next word is heard at once,
 * then let go (the browser's recording sign goes out). Every way it can fail has words that say what to do.
 */
import { createLevelMeter } from '../playback/level.ts';

export type MicrophoneProblem = 'insecure' | 'refused' | 'none' | 'busy' | 'failed';

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
  failed: 'The microphone could not be opened. Unplug it and plug it in again, or restart the browser.',
};

/** Nothing between the air and the samples: what cleans speech up takes chirps for noise, and for echo. */
const UNPROCESSED: MediaStreamConstraints = {
  audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 },
};

/** A microphone for measuring; whoever asked ends its tracks. Asks for permission the first time. Never rejects. */
export async function openUnprocessed(
  devices: Pick<MediaDevices, 'getUserMedia'> | undefined,
): Promise<{ kind: 'live'; stream: MediaStream } | { kind: 'problem'; problem: MicrophoneProblem }> {
  if (!devices) return { kind: 'problem', problem: 'insecure' };
  try {
    return { kind: 'live', stream: await devices.getUserMedia(UNPROCESSED) };
  } catch (error) {
    return { kind: 'problem', problem: problemOf(error) };
  }
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

export function createMicrophone(options: {
  context: AudioContext;
  /** `navigator.mediaDevices`: undefined on a page without HTTPS. */
  devices: Pick<MediaDevices, 'getUserMedia'> | undefined;
  setTimer?: (run: () => void, ms: number) => () => void;
}): Microphone {
  const { context, devices } = options;
  const setTimer = options.setTimer ?? realTimer;
  const node = context.createGain();
  const level = createLevelMeter(node, METER_RANGE_DB);

  const listeners = new Set<(message: string) => void>();
  let stream: MediaStream | null = null;
  let source: MediaStreamAudioSourceNode | null = null;
  let opening: Promise<MicrophoneResult> | null = null;
  let wanted = false;
  let cancelCooling: (() => void) | null = null;
  let closed = false;

  function enable(on: boolean): void {
    for (const track of stream?.getAudioTracks() ?? []) track.enabled = on;
  }

  function shut(): void {
    cancelCooling?.();
    cancelCooling = null;
    source?.disconnect();
    source = null;
    for (const track of stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    stream = null;
  }

  async function ask(): Promise<MicrophoneResult> {
    if (!devices) return problem('insecure');
    let fresh: MediaStream;
    try {
      fresh = await devices.getUserMedia(CONSTRAINTS);
    } catch (error) {
      return problem(problemOf(error));
    }
    stream = fresh;
    if (closed) {
      shut();
      return { kind: 'cancelled' };
    }
    for (const track of fresh.getAudioTracks()) {
      track.onended = () => {
        shut();
        if (wanted) for (const listener of listeners) listener(MICROPHONE_WORDS.none);
      };
    }
    source = context.createMediaStreamSource(fresh);
    source.connect(node);
    if (!wanted) {
      release();
      return { kind: 'cancelled' };
    }
    return { kind: 'live', stream: fresh };
  }

  function release(): void {
    wanted = false;
    enable(false);
    if (!stream) return;
    cancelCooling?.();
    cancelCooling = setTimer(shut, WARM_MS);
  }

  return {
    async open() {
      if (closed) return { kind: 'cancelled' };
      wanted = true;
      cancelCooling?.();
      cancelCooling = null;
      if (stream) {
        enable(true);
        return { kind: 'live', stream };
      }
      opening ??= ask().finally(() => {
        opening = null;
      });
      return opening;
    },
    release,
    level: () => (wanted && stream ? level.read() : 0),
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

/** Names of getUserMedia's rejections: Media Capture and Streams, section 10.2. */
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
    default:
      return 'failed';
  }
}

function realTimer(run: () => void, ms: number): () => void {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
}
