/** The encoder's worker: samples in from the audio thread, MP3 frames out to the LAN node. */
import { createUplink, type Uplink } from '../uplink.ts';
import type { Mp3Encoder, PcmBatch, WorkerMessage, WorkerRequest } from './shared.ts';
import { createWasmMp3Encoder } from './wasm.ts';

const scope = self as unknown as DedicatedWorkerGlobalScope;
let uplink: Uplink | null = null;
/** What is said while the encoder loads waits for it: the first title and a newer epoch come that early. */
let ready: Promise<void> = Promise.resolve();

function tell(message: WorkerMessage, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

async function start(request: Extract<WorkerRequest, { type: 'start' }>): Promise<void> {
  const response = await fetch(request.wasmUrl);
  if (!response.ok) throw new Error(`the encoder could not be loaded (${response.status})`);
  const encoder = await createWasmMp3Encoder(await response.arrayBuffer(), request.bitrateKbps);
  if (request.uplink) {
    uplink = createUplink({
      settings: request.uplink,
      bitrateKbps: request.bitrateKbps,
      onState: (state) => tell({ type: 'uplink', uplink: state }),
    });
  }
  request.pcm.onmessage = ({ data }: MessageEvent<PcmBatch>) => take(encoder, data);
  tell({ type: 'started', id: request.id });
}

function take(encoder: Mp3Encoder, batch: PcmBatch): void {
  const half = batch.length / 2;
  const frames = encoder.encode(batch.subarray(0, half), batch.subarray(half));
  if (frames.length === 0) return;
  if (uplink) uplink.frames(frames);
  else tell({ type: 'frames', frames }, [frames.buffer]);
}

scope.onmessage = ({ data }: MessageEvent<WorkerRequest>) => {
  switch (data.type) {
    case 'start':
      ready = start(data).catch((error: unknown) => {
        tell({
          type: 'failed',
          id: data.id,
          message: error instanceof Error ? error.message : String(error),
        });
      });
      break;
    case 'title':
      void ready.then(() => uplink?.title(data.title, data.artist));
      break;
    case 'epoch':
      void ready.then(() => uplink?.epoch(data.epoch));
      break;
  }
};
