/** The main thread's end of the encoder's worker. */
import fallbackUrl from 'wasm-media-encoders/wasm/mp3?url';
import lameUrl from '../lame/lame.wasm?url';
import type {
  BitrateKbps,
  EncoderName,
  UplinkSettings,
  UplinkState,
  WorkerMessage,
  WorkerRequest,
} from './shared.ts';

export interface EncoderClient {
  /** Resolves when an encoder runs and takes samples, with which one; rejects with what went wrong. */
  readonly started: Promise<EncoderName>;
  title(title: string, artist: string | null): void;
  /** From now on these samples go up there; again with a newer epoch, and null for the same samples. The port is transferred. */
  feed(pcm: MessagePort | null, uplink: UplinkSettings): void;
  /** All of this as MP3, the same on both sides. Only where nothing flows. Rejects with what went wrong. */
  encode(samples: Float32Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** Ends the uplink, and keeps the encoder. */
  rest(): void;
  /** Ends the worker and with it the uplink. */
  close(): void;
}

/**
 * @param options.pcm where samples come from; see `PcmBatch`. Transferred to the worker. Null: `feed` says it later.
 * @param options.uplink where frames go; null: to `onFrames`.
 */
export function createEncoderClient(options: {
  pcm: MessagePort | null;
  bitrateKbps: BitrateKbps;
  uplink: UplinkSettings | null;
  onUplink: (state: UplinkState) => void;
  onFrames?: (frames: Uint8Array<ArrayBuffer>) => void;
}): EncoderClient {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { type: 'module', name: 'mp3' });
  const id = 1;
  let closed = false;
  let lastId = id;
  const encoding = new Map<
    number,
    { resolve(mp3: Uint8Array<ArrayBuffer>): void; reject(error: Error): void }
  >();
  const post = (request: WorkerRequest, transfer: Transferable[] = []): void => {
    if (!closed) worker.postMessage(request, transfer);
  };

  function settle(encodeId: number) {
    const waiting = encoding.get(encodeId);
    encoding.delete(encodeId);
    return waiting;
  }

  const started = new Promise<EncoderName>((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WorkerMessage>) => {
      if (data.type === 'started' && data.id === id) resolve(data.encoder);
      else if (data.type === 'failed' && data.id === id) reject(new Error(data.message));
      else if (data.type === 'failed') settle(data.id)?.reject(new Error(data.message));
      else if (data.type === 'encoded') settle(data.id)?.resolve(data.mp3);
      else if (data.type === 'uplink') options.onUplink(data.uplink);
      else if (data.type === 'frames') options.onFrames?.(data.frames);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      for (const encodeId of [...encoding.keys()])
        settle(encodeId)?.reject(new Error(event.message || 'the encoder stopped'));
      reject(new Error(event.message || 'the encoder could not be loaded'));
      const message =
        'The encoder stopped, and is started again. If it stays silent, switch host mode off and on.';
      options.onUplink({ state: 'down', message, reason: 'encoder', final: true });
    };
  });
  // Whoever waits sees the failure; nobody has to wait.
  started.catch(() => undefined);
  post(
    {
      type: 'start',
      id,
      modules: [
        { encoder: 'lame', url: new URL(lameUrl, location.href).href },
        { encoder: 'wasm-media-encoders', url: new URL(fallbackUrl, location.href).href },
      ],
      bitrateKbps: options.bitrateKbps,
      pcm: options.pcm,
      uplink: options.uplink,
    },
    options.pcm === null ? [] : [options.pcm],
  );

  return {
    started,
    title: (title, artist) => post({ type: 'title', title, artist }),
    feed: (pcm, uplink) => post({ type: 'feed', pcm, uplink }, pcm === null ? [] : [pcm]),
    async encode(samples) {
      await started;
      const mine = ++lastId;
      const mp3 = new Promise<Uint8Array<ArrayBuffer>>((resolve, reject) => {
        encoding.set(mine, { resolve, reject });
      });
      post({ type: 'encode', id: mine, samples }, [samples.buffer]);
      return mp3;
    },
    rest: () => post({ type: 'rest' }),
    close() {
      if (closed) return;
      closed = true;
      worker.terminate();
      for (const encodeId of [...encoding.keys()]) settle(encodeId)?.reject(new Error('closed'));
    },
  };
}
