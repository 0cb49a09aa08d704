/** One recording of somebody who speaks, as MP3 brought to the node, and the words for what may come of it. Loaded when it is wanted. */
import * as v from 'valibot';
import {
  MOST_SAID_MS,
  SAID_KBPS,
  SAY_PATH,
  SayAnswer,
  SayRefusal,
  type SayRequest,
} from '../../signaling/protocol/say.ts';
import { createEncoderClient } from '../host/mp3/client.ts';
import { MICROPHONE_WORDS, type MicrophoneOpened } from '../voice/microphone.ts';
import type { SayModel } from './model.ts';

const TICK_MS = 250;
const SAMPLE_RATE_HZ = 48_000;
/** Speakers have ten seconds each to take it, and do so at once. */
const GIVE_UP_MS = 20_000;
/** Softer than this nobody spoke: −46 dBFS at the loudest. */
const LEAST_PEAK = 0.005;
/** As loud as music, but room noise is not made a storm: 18 dB at most. */
const PEAK = 0.9;
const MOST_GAIN = 8;

const REFUSALS: Readonly<Record<SayRefusal['refused'], string>> = {
  'wrong-key': 'The computer that runs Earshot does not know this room. Reload the page.',
  'too-often': 'That was much at once. Wait a few seconds and try again.',
  'too-large': 'This was too long. Say it shorter.',
  'bad-message': 'The computer that runs Earshot did not take this. Reload the page and try again.',
  'not-frames': 'The computer that runs Earshot did not take this. Reload the page and try again.',
};

type Problem = Extract<SayModel['state'], { kind: 'problem' }>;
const problem = (says: string): Problem => ({ kind: 'problem', says });

export interface Recording {
  /** Ends it, if it has not ended yet. Rejects when this browser cannot decode or encode it. */
  send(to: Omit<SayRequest, 'mp3'>): Promise<Extract<SayModel['state'], { kind: 'said' | 'problem' }>>;
  /** Ends it, and forgets it. */
  close(): void;
}

/** @param show what comes of it, until it is sent @returns null: there is no microphone. Rejects when this browser cannot record. */
export async function startRecording(
  openMicrophone: () => Promise<MicrophoneOpened>,
  show: (state: SayModel['state']) => void,
): Promise<Recording | null> {
  const microphone = await openMicrophone();
  if (microphone.kind === 'problem') {
    show(problem(MICROPHONE_WORDS[microphone.problem]));
    return null;
  }
  try {
    return await begin(microphone, show);
  } catch (error) {
    microphone.stop();
    throw error;
  }
}

async function begin(
  microphone: Extract<MicrophoneOpened, { kind: 'live' }>,
  show: (state: SayModel['state']) => void,
): Promise<Recording> {
  const recorder = new MediaRecorder(microphone.stream);
  const parts: Blob[] = [];
  recorder.ondataavailable = ({ data }) => void parts.push(data);
  const ended = new Promise<void>((resolve) => {
    recorder.onstop = () => {
      microphone.stop();
      resolve();
    };
  });
  await new Promise<void>((resolve, reject) => {
    recorder.onstart = () => resolve();
    recorder.onerror = () => reject(new Error('the recorder did not start'));
    recorder.start();
  });
  const beganMs = performance.now();
  const ticking = setInterval(tick, TICK_MS);
  tick();

  function tick(): void {
    const ms = Math.min(MOST_SAID_MS, performance.now() - beganMs);
    if (ms === MOST_SAID_MS) stop();
    show({ kind: 'recording', ms, mostMs: MOST_SAID_MS });
  }

  function stop(): void {
    clearInterval(ticking);
    if (recorder.state !== 'inactive') recorder.stop();
  }

  return {
    async send(to) {
      stop();
      await ended;
      const samples = await decode(new Blob(parts, { type: recorder.mimeType }));
      const peak = samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
      if (peak < LEAST_PEAK)
        return problem('Nothing was heard. See that nothing covers the microphone, and say it again.');
      const gain = Math.min(MOST_GAIN, PEAK / peak);
      return post({ ...to, mp3: base64(await encode(samples.map((sample) => sample * gain))) });
    },
    close: stop,
  };
}

async function decode(recorded: Blob): Promise<Float32Array<ArrayBuffer>> {
  const context = new OfflineAudioContext(1, 1, SAMPLE_RATE_HZ);
  const sound = await context.decodeAudioData(await recorded.arrayBuffer());
  return sound.getChannelData(0).slice(0, (MOST_SAID_MS / 1_000) * SAMPLE_RATE_HZ);
}

async function encode(samples: Float32Array<ArrayBuffer>): Promise<Uint8Array> {
  const encoder = createEncoderClient({
    pcm: null,
    bitrateKbps: SAID_KBPS,
    uplink: null,
    onUplink: () => undefined,
  });
  try {
    return await encoder.encode(samples);
  } finally {
    encoder.close();
  }
}

function base64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8_192)
    text += String.fromCharCode(...bytes.subarray(at, at + 8_192));
  return btoa(text);
}

async function post(request: SayRequest): ReturnType<Recording['send']> {
  let response: Response;
  try {
    response = await fetch(SAY_PATH, {
      method: 'POST',
      body: JSON.stringify(request),
      cache: 'no-store',
      signal: AbortSignal.timeout(GIVE_UP_MS),
    });
  } catch {
    return problem('The computer that runs Earshot does not answer. See that it is on, and try again.');
  }
  const body: unknown = await response.json().catch(() => null);
  const answer = v.safeParse(SayAnswer, body);
  if (response.ok && answer.success) return { kind: 'said', said: answer.output.said };
  const refusal = v.safeParse(SayRefusal, body);
  return problem(
    refusal.success
      ? REFUSALS[refusal.output.refused]
      : 'The computer that runs Earshot has an older version. Update Earshot there.',
  );
}
