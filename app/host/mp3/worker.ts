/** The encoder's worker: samples in from the audio thread, MP3 frames out to the LAN node. */
import { createUplink, type Uplink } from '../uplink.ts';
import { createExtras, type Extras } from './extras.ts';
import { createLameEncoder } from './lame.ts';
import type {
  BitrateKbps,
  EncoderName,
  Mp3Encoder,
  PcmBatch,
  UplinkSettings,
  WorkerMessage,
  WorkerRequest,
} from './shared.ts';
import { createWasmMp3Encoder } from './wasm.ts';

/** Of `/stream-320.mp3`. */
const EXTRA_KBPS = 320;

const scope = self as unknown as DedicatedWorkerGlobalScope;
let uplink: Uplink | null = null;
let extras: Extras | null = null;
let pcm: MessagePort | null = null;
let title: { title: string; artist: string | null } | null = null;
/** What is said while the encoder loads waits for it: the first title and the first feed come that early. */
let ready: Promise<Loaded | null> = Promise.resolve(null);

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

interface Loaded {
  encoder: Mp3Encoder;
  request: Extract<WorkerRequest, { type: 'start' }>;
}

async function start(request: Loaded['request']): Promise<Loaded> {
  const { name, encoder } = await firstThatLoads(request.modules, request.bitrateKbps);
  const loaded = { encoder, request };
  if (request.pcm) listen(encoder, request.pcm);
  if (request.uplink) feed(loaded, request.uplink);
  tell({ type: 'started', id: request.id, encoder: name });
  return loaded;
}

function listen(encoder: Mp3Encoder, port: MessagePort): void {
  pcm?.close();
  pcm = port;
  // What it held back of an earlier time is no part of what begins now.
  encoder.flush();
  port.onmessage = ({ data }: MessageEvent<PcmBatch>) => take(encoder, data);
}

function feed({ request }: Loaded, settings: UplinkSettings): void {
  if (uplink) {
    uplink.epoch(settings.epoch);
    return;
  }
  extras = createExtras({
    createMp3: async () => (await firstThatLoads(request.modules, EXTRA_KBPS)).encoder,
    send: (variant, bytes) => uplink?.extra(variant, bytes),
  });
  uplink = createUplink({
    settings,
    bitrateKbps: request.bitrateKbps,
    onState: (state) => tell({ type: 'uplink', uplink: state }),
    onWanted: (variants) => extras?.want(variants),
  });
  if (title) uplink.title(title.title, title.artist);
}

function rest(): void {
  pcm?.close();
  pcm = null;
  extras?.want([]);
  extras = null;
  uplink?.close();
  uplink = null;
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

function encode({ encoder }: Loaded, { id, samples }: Extract<WorkerRequest, { type: 'encode' }>): void {
  try {
    encoder.flush();
    const parts = [encoder.encode(samples, samples), encoder.flush()];
    const mp3 = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    mp3.set(parts[0]!);
    mp3.set(parts[1]!, parts[0]!.length);
    tell({ type: 'encoded', id, mp3 }, [mp3.buffer]);
  } catch (error) {
    tell({ type: 'failed', id, message: error instanceof Error ? error.message : String(error) });
  }
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
        return null;
      });
      break;
    case 'feed':
      void ready.then((loaded) => {
        if (!loaded) return;
        if (data.pcm) listen(loaded.encoder, data.pcm);
        feed(loaded, data.uplink);
      });
      break;
    case 'rest':
      void ready.then(rest);
      break;
    case 'encode':
      void ready.then((loaded) => {
        if (loaded) encode(loaded, data);
      });
      break;
    case 'title':
      title = data;
      void ready.then(() => uplink?.title(data.title, data.artist));
      break;
  }
};
