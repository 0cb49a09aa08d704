/**
 * This device's ear: chirps when it is asked to, and finds its own output's delay by listening to its chirps, beside those
 * of another device or alone. `meaning.ts` says what follows from which.
 */
import type { RoomClock } from '../../clock/clock.ts';
import { createOutputMeter, type OutputMeter } from '../output-meter.ts';
import { contextTimeOf } from '../schedule.ts';
import { CHIRPS_END_MS, CHIRPS_MS, chirpSamples, OTHER_AFTER_MS, type Sweep } from './chirp.ts';
import { SEARCH_TO_MS } from './hear.ts';
import type { Outcome } from './meaning.ts';
import { createRecorder } from './recorder.ts';

export interface EarMeasurement {
  /** An open microphone, unprocessed; the caller ends it. */
  stream: MediaStream;
  /** Has another device chirp from that room time on; resolves to whether it will. Null: alone. */
  ask: ((firstRoomMs: number) => Promise<boolean>) | null;
  /** 0…1. */
  onProgress: (share: number) => void;
  signal: AbortSignal;
}

export interface Ear {
  /** Chirps for another device, from room time `firstRoomMs` on. Null when nothing can sound. */
  answer(firstRoomMs: number): (() => void) | null;
  /**
   * Null when the other device will not chirp. Rejects with the signal's reason when it is aborted, and where the browser
   * has no AudioWorklet.
   */
  measure(measurement: EarMeasurement): Promise<Outcome | null>;
  close(): void;
}

/** Under the music's level: chirps of this peak are soft, and the matched filter lifts them by 26 dB. */
const PEAK = 0.25;
const READ_MS = 20;
/** Over half a second. */
const SETTLED_READINGS = 25;
/** What music there is meanwhile: chirps are found under it, but nobody has to turn anything down. */
const MUSIC_MEANWHILE = 0.25;
const SMOOTHING_SECONDS = 0.05;
/** From asking to the first chirp: the question's way, and an output that is reported to be late. */
const LEAD_MS = 1_500;
const TAIL_MS = SEARCH_TO_MS;

export function createEar(options: {
  context: AudioContext;
  clock: RoomClock;
  /** This device's own loudspeaker. */
  destination: AudioNode;
  /** The music's way there. */
  music: GainNode;
  trimMs: () => number;
}): Ear {
  const { context, clock, destination, music } = options;
  const closing = new AbortController();

  /** The median of what many readings in a row say: now and then several of them are some 18 ms off together. */
  async function settled(meter: OutputMeter, signal: AbortSignal): Promise<number> {
    const offsetsMs: number[] = [];
    while (offsetsMs.length < SETTLED_READINGS) {
      meter.read();
      const offsetMs = meter.offsetMs();
      if (offsetMs !== null) offsetsMs.push(offsetMs);
      await pause(READ_MS, signal);
    }
    return medianOf(offsetsMs);
  }

  /** Context times at which chirps have to start; what has gone by is left out of what is played. */
  function play(sweep: Sweep, startsSeconds: readonly number[], signal: AbortSignal): void {
    const samples = chirpSamples(sweep, context.sampleRate);
    const buffer = new AudioBuffer({ length: samples.length, sampleRate: context.sampleRate });
    buffer.copyToChannel(
      samples.map((value) => value * PEAK),
      0,
    );
    for (const at of startsSeconds) {
      if (at < context.currentTime) continue;
      const source = new AudioBufferSourceNode(context, { buffer });
      source.connect(destination);
      source.start(at);
      const stop = (): void => source.stop();
      signal.addEventListener('abort', stop);
      source.onended = () => {
        signal.removeEventListener('abort', stop);
        source.disconnect();
      };
    }
  }

  function startsOf(firstRoomMs: number, outputOffsetMs: number): readonly number[] {
    const roomMs = clock.nowMs();
    const offsets = { outputOffsetMs, roomOffsetMs: roomMs - clock.toLocalMs(roomMs) };
    return CHIRPS_MS.map((ms) => contextTimeOf(firstRoomMs + ms, offsets));
  }

  function quieten(on: boolean): void {
    music.gain.setTargetAtTime(on ? MUSIC_MEANWHILE : 1, context.currentTime, SMOOTHING_SECONDS);
  }

  async function answering(firstRoomMs: number, signal: AbortSignal): Promise<void> {
    const meter = createOutputMeter(context);
    quieten(true);
    try {
      const outputOffsetMs = (await settled(meter, signal)) + options.trimMs();
      play('down', startsOf(firstRoomMs + OTHER_AFTER_MS, outputOffsetMs), signal);
      await pause(Math.max(0, firstRoomMs + CHIRPS_END_MS - clock.nowMs()), signal);
    } finally {
      quieten(false);
      meter.close();
    }
  }

  async function measure({ stream, ask, onProgress, signal }: EarMeasurement): Promise<Outcome | null> {
    const ended = AbortSignal.any([signal, closing.signal]);
    const meter = createOutputMeter(context);
    // Loaded while one listens.
    const judging = Promise.all([import('./hear.ts'), import('./meaning.ts')]);
    judging.catch(() => undefined);
    let recorder: Awaited<ReturnType<typeof createRecorder>> | null = null;
    quieten(true);
    try {
      const maxSeconds = (2 * LEAD_MS + CHIRPS_END_MS + TAIL_MS) / 1_000 + 2;
      recorder = await createRecorder({ context, stream, maxSeconds });
      const outputOffsetMs = await settled(meter, ended);
      const beganMs = clock.nowMs();
      const firstRoomMs = beganMs + LEAD_MS;
      if (ask && !(await ask(firstRoomMs))) return null;
      ended.throwIfAborted();
      const trimMs = options.trimMs();
      const own = startsOf(firstRoomMs, outputOffsetMs);
      play('up', own, ended);

      const latenciesMs: number[] = [];
      const offsetsMs: number[] = [];
      const endMs = firstRoomMs + CHIRPS_END_MS + TAIL_MS;
      while (clock.nowMs() < endMs) {
        await pause(READ_MS, ended);
        const localMs = performance.timeOrigin + performance.now();
        meter.read();
        offsetsMs.push(meter.offsetMs() ?? outputOffsetMs);
        latenciesMs.push(context.currentTime * 1_000 - localMs);
        onProgress(Math.min(1, (clock.nowMs() - beganMs) / (endMs - beganMs)));
      }
      // When the other's are due counts as exactly as it is known in the end; one's own sound when they were told to.
      const heardOffsetMs = medianOf(offsetsMs);
      const other = startsOf(firstRoomMs + OTHER_AFTER_MS, heardOffsetMs + trimMs);
      const fromSeconds = Math.min(own[0] ?? 0, other[0] ?? 0);
      const toSeconds = Math.max(own.at(-1) ?? 0, other.at(-1) ?? 0) + TAIL_MS / 1_000;
      await Promise.race([recorder.until(toSeconds), pause(LEAD_MS, ended)]);
      const [{ hear }, { meaningOf }] = await judging;
      const calls = [
        { sweep: 'up' as const, dueSeconds: own },
        ...(ask ? [{ sweep: 'down' as const, dueSeconds: other }] : []),
      ];
      const [ownHearing, otherHearing] = hear(recorder.taken(fromSeconds, toSeconds), calls);
      if (!ownHearing) return null;
      return meaningOf({
        own: ownHearing,
        other: otherHearing ?? null,
        trimMs,
        outputMs: heardOffsetMs + medianOf(latenciesMs),
        inputMs: inputLatencyMs(stream),
      });
    } finally {
      quieten(false);
      meter.close();
      recorder?.close();
    }
  }

  return {
    answer(firstRoomMs) {
      if (context.state !== 'running' || closing.signal.aborted) return null;
      const stop = new AbortController();
      // Aborted is all that can happen to it.
      answering(firstRoomMs, AbortSignal.any([stop.signal, closing.signal])).catch(() => undefined);
      return () => stop.abort();
    },
    measure,
    close: () => closing.abort(),
  };
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;
}

/** In the Media Capture specification and in Chromium; not in TypeScript's DOM library. */
function inputLatencyMs(stream: MediaStream): number | null {
  const settings: MediaTrackSettings & { latency?: number } = stream.getAudioTracks()[0]?.getSettings() ?? {};
  return settings.latency === undefined ? null : settings.latency * 1_000;
}

/** Rejects with the signal's reason. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}
