/** The main thread's end of the encoder's worker. */
import wasmUrl from 'wasm-media-encoders/wasm/mp3?url';
import type { BitrateKbps, UplinkSettings, UplinkState, WorkerMessage, WorkerRequest } from './shared.ts';

export interface EncoderClient {
  /** Resolves when the encoder runs and takes samples; rejects with what went wrong. */
  readonly started: Promise<void>;
  title(title: string, artist: string | null): void;
  epoch(epoch: number): void;
  /** Ends the worker and with it the uplink. */
  close(): void;
}

/**
 * @param options.pcm where samples come from; see `PcmBatch`. Transferred to the worker.
 * @param options.uplink where frames go; null: to `onFrames`.
 */
export function createEncoderClient(options: {
  pcm: MessagePort;
  bitrateKbps: BitrateKbps;
  uplink: UplinkSettings | null;
  onUplink: (state: UplinkState) => void;
  onFrames?: (frames: Uint8Array<ArrayBuffer>) => void;
}): EncoderClient {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'mp3' });
  const id = 1;
  let closed = false;
  const post = (request: WorkerRequest, transfer: Transferable[] = []): void => {
    if (!closed) worker.postMessage(request, transfer);
  };

  const started = new Promise<void>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === 'started' && data.id === id) resolve();
      else if (data.type === 'failed' && data.id === id) reject(new Error(data.message));
      else if (data.type === 'uplink') options.onUplink(data.uplink);
      else if (data.type === 'frames') options.onFrames?.(data.frames);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(new Error(event.message || 'the encoder could not be loaded'));
      const message = 'The encoder stopped. Switch host mode off and on again.';
      options.onUplink({ state: 'down', message, reason: 'encoder', final: true });
    };
  });
  // Whoever waits sees the failure; nobody has to wait.
  started.catch(() => undefined);
  post(
    {
      type: 'start',
      id,
      wasmUrl: new URL(wasmUrl, location.href).href,
      bitrateKbps: options.bitrateKbps,
      pcm: options.pcm,
      uplink: options.uplink,
    },
    [options.pcm],
  );

  return {
    started,
    title: (title, artist) => post({ type: 'title', title, artist }),
    epoch: (epoch) => post({ type: 'epoch', epoch }),
    close() {
      if (closed) return;
      closed = true;
      worker.terminate();
    },
  };
}
