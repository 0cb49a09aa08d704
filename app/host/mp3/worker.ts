/** The encoder's worker: samples in from the audio thread, MP3 frames out to the LAN node. */
import { createUplink, type Uplink } from '../uplink.ts';
import { createExtras, type Extras } from './extras.ts';
import { createLameEncoder } from './lame.ts';
import type {
  BitrateKbps,
  EncoderName,
  Mp3Encoder,
  PcmBatch,
  WorkerMessage,
  WorkerRequest,
} from './shared.ts';
import { createWasmMp3Encoder } from './wasm.ts';

/** Of `/stream-320.mp3`. */
const EXTRA_KBPS = 320;

const scope = self as unknown as DedicatedWorkerGlobalScope;
let uplink: Uplink | null = null;
let extras: Extras | null = null;
/** What is said while the encoder loads waits for it: the first title and a newer epoch come that early. */
let ready: Promise<void> = Promise.resolve();

function tell(message: WorkerMessage, transfer: Transferable[] = []): void {
  scope.postMessage(message, transfer);
}

const CREATE: Record<EncoderName, (wasm: ArrayBuffer, bitrateKbps: BitrateKbps) => Promise<Mp3Encoder>> = {
  lame: createLameEncoder,
  'wasm-media-encoders': createWasmMp3Encoder,
};

/** Rejects with every encoder's failure when none loads. */
async function firstThatLoads(
  modules: Extract<WorkerRequest, { type: 'start' }>['modules'],
  bitrateKbps: BitrateKbps,
): Promise<{ name: EncoderName; encoder: Mp3Encoder }> {
  const failures: string[] = [];
  for (const { encoder: name, url } of modules) {
    try {
      const response = await fetch(url);
      if (!response.ok) throw new Error(`the node answered ${response.status}`);
      return { name, encoder: await CREATE[name](await response.arrayBuffer(), bitrateKbps) };
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  throw new Error(`no encoder could be loaded (${failures.join('; ')})`);
}

async function start(request: Extract<WorkerRequest, { type: 'start' }>): Promise<void> {
  const { name, encoder } = await firstThatLoads(request.modules, request.bitrateKbps);
  if (request.uplink) {
    extras = createExtras({
      createMp3: async () => (await firstThatLoads(request.modules, EXTRA_KBPS)).encoder,
      send: (variant, bytes) => uplink?.extra(variant, bytes),
    });
    uplink = createUplink({
      settings: request.uplink,
      bitrateKbps: request.bitrateKbps,
      onState: (state) => tell({ type: 'uplink', uplink: state }),
      onWanted: (variants) => extras?.want(variants),
    });
  }
  request.pcm.onmessage = ({ data }: MessageEvent<PcmBatch>) => take(encoder, data);
  tell({ type: 'started', id: request.id, encoder: name });
}

function take(encoder: Mp3Encoder, batch: PcmBatch): void {
  const half = batch.length / 2;
  const left = batch.subarray(0, half);
  const right = batch.subarray(half);
  const frames = encoder.encode(left, right);
  extras?.take(left, right);
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
