import recordUrl from '../../../app/playback/trim/record.worklet.ts?worker&url';

export interface Recorder {
  readonly node: AudioNode;
  /** First context frame that was recorded. */
  startFrame(): number;
  /** Resolves once everything before this context frame has been recorded. */
  until(contextFrame: number): Promise<void>;
  samples(fromFrame: number, frames: number): Float32Array;
}

export async function createRecorder(context: AudioContext): Promise<Recorder> {
  await context.audioWorklet.addModule(recordUrl);
  const node = new AudioWorkletNode(context, 'record', { channelCount: 1, channelCountMode: 'explicit' });
  node.connect(context.destination);
  const batches: { frame: number; samples: Float32Array }[] = [];
  const waiting = new Set<() => void>();
  node.port.onmessage = ({ data }: MessageEvent<{ frame: number; samples: Float32Array }>) => {
    batches.push(data);
    for (const check of [...waiting]) check();
  };
  const end = (): number => {
    const last = batches.at(-1);
    return last ? last.frame + last.samples.length : 0;
  };
  return {
    node,
    startFrame: () => batches[0]?.frame ?? 0,
    until: (contextFrame) =>
      new Promise((resolve) => {
        const check = (): void => {
          if (end() < contextFrame) return;
          waiting.delete(check);
          resolve();
        };
        waiting.add(check);
        check();
      }),
    samples(fromFrame, frames) {
      const out = new Float32Array(frames);
      for (const { frame, samples } of batches) {
        const at = frame - fromFrame;
        if (at + samples.length <= 0 || at >= frames) continue;
        const skip = Math.max(0, -at);
        out.set(samples.subarray(skip, Math.min(samples.length, frames - at)), at + skip);
      }
      return out;
    },
  };
}
