/**
 * A live stream's way into Web Audio. Chromium puts a queue of up to 100 ms there which only ever grows: what comes late is
 * played late, and so is everything after it (WebAudioMediaStreamAudioSink; nothing in it skips or drops before it is full).
 * So the way is opened anew from time to time, beside the old one, and taken while both are silent: in a pause.
 */
import { createPauses } from './pauses.ts';

/** Between two looks for a pause. */
const RENEW_MS = 1_000;
const LOOK_MS = 50;
/** Longer than the queue, so that nothing said is in it when it is left. */
const PAUSE_MS = 150;

export interface Inlet {
  close(): void;
}

/** @param destination what hears the stream; the caller's */
export function createInlet(options: {
  context: AudioContext;
  stream: MediaStream;
  destination: AudioNode;
}): Inlet {
  const { context, stream, destination } = options;
  let current = context.createMediaStreamSource(stream);
  current.connect(destination);
  let timer: ReturnType<typeof setTimeout>;
  let stopLooking = (): void => undefined;

  function lookForPause(): void {
    const fresh = context.createMediaStreamSource(stream);
    const pauses = createPauses();
    const ears = [current, fresh].map((source) => {
      const analyser = new AnalyserNode(context, { fftSize: 4_096 });
      source.connect(analyser);
      return { source, analyser, window: new Float32Array(analyser.fftSize) };
    });
    stopLooking = () => {
      stopLooking = () => undefined;
      clearInterval(looking);
      for (const { source, analyser } of ears) source.disconnect(analyser);
    };
    const looking = setInterval(() => {
      const loudest = Math.max(...ears.map(({ analyser, window }) => rmsOf(analyser, window)));
      if (pauses.take(loudest, LOOK_MS) < PAUSE_MS) return;
      stopLooking();
      fresh.connect(destination);
      current.disconnect();
      current = fresh;
      timer = setTimeout(lookForPause, RENEW_MS);
    }, LOOK_MS);
  }
  timer = setTimeout(lookForPause, RENEW_MS);

  return {
    close() {
      clearTimeout(timer);
      stopLooking();
      current.disconnect();
    },
  };
}

function rmsOf(analyser: AnalyserNode, window: Float32Array<ArrayBuffer>): number {
  analyser.getFloatTimeDomainData(window);
  return Math.sqrt(window.reduce((sum, value) => sum + value * value, 0) / window.length);
}
