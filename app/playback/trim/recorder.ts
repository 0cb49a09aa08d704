/** Records a microphone on the clock of an AudioContext, sample by sample. */
import recordUrl from './record.worklet.ts?worker&url';
import type { Recording } from './hear.ts';

export interface Recorder {
  /** Resolves once everything up to this context time has come in. */
  until(contextSeconds: number): Promise<void>;
  /** What came in between these context times; silence where nothing did. */
  taken(fromSeconds: number, toSeconds: number): Recording;
  close(): void;
}

/** Rejects where there is no AudioWorklet. @param maxSeconds the most that is kept: what comes after that is dropped. */
export async function createRecorder(options: {
  context: AudioContext;
  stream: MediaStream;
  maxSeconds: number;
}): Promise<Recorder> {
  const { context, stream } = options;
  await context.audioWorklet.addModule(recordUrl);
  const source = context.createMediaStreamSource(stream);
  const node = new AudioWorkletNode(context, 'record', {
    numberOfInputs: 1,
    numberOfOutputs: 1,
    channelCount: 1,
    channelCountMode: 'explicit',
  });
  const batches: { frame: number; samples: Float32Array }[] = [];
  const waiting = new Set<() => void>();
  let endFrame = 0;
  let frames = 0;
  node.port.onmessage = ({ data }: MessageEvent<{ frame: number; samples: Float32Array }>) => {
    endFrame = data.frame + data.samples.length;
    if (frames < options.maxSeconds * context.sampleRate) {
      batches.push(data);
      frames += data.samples.length;
    }
    for (const look of [...waiting]) look();
  };
  source.connect(node);
  // Its output is silence; connected, because some browsers run only what leads to the destination.
  node.connect(context.destination);

  return {
    until: (contextSeconds) =>
      new Promise((resolve) => {
        const look = (): void => {
          if (endFrame < contextSeconds * context.sampleRate) return;
          waiting.delete(look);
          resolve();
        };
        waiting.add(look);
        look();
      }),
    taken(fromSeconds, toSeconds) {
      const rateHz = context.sampleRate;
      const first = Math.round(fromSeconds * rateHz);
      const samples = new Float32Array(Math.max(0, Math.round(toSeconds * rateHz) - first));
      for (const batch of batches) {
        const skip = Math.max(0, first - batch.frame);
        const at = Math.max(0, batch.frame - first);
        const part = batch.samples.subarray(skip, Math.max(skip, skip + samples.length - at));
        samples.set(part, Math.min(at, samples.length));
      }
      return { samples, rateHz, startSeconds: first / rateHz };
    },
    close() {
      node.port.onmessage = null;
      node.port.postMessage('end');
      source.disconnect();
      node.disconnect();
      waiting.clear();
    },
  };
}
