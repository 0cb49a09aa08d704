/**
 * The boundary of the encoder's worker: every message that crosses it, and the port that an encoder implements. Buffers
 * are transferred, failures are data. Samples do not come this way but over a port of their own, straight from the
 * audio thread, so that a busy main thread starves nobody.
 */
import type { RefusalReason } from '../../../signaling/protocol/uplink.ts';

export type BitrateKbps = 128 | 192 | 256 | 320;

export type SampleRateHz = 44_100 | 48_000;

/** Which encoder works: the one built for this, or the one that stands in when that cannot be loaded. */
export type EncoderName = 'lame' | 'wasm-media-encoders';

/** One MP3 encoder: stereo, constant bit rate, no info frame. One suite holds every implementation to the same. */
export interface Mp3Encoder {
  /** Takes any number of samples (left and right of one length); gives the whole frames that are ready. */
  encode(left: Float32Array, right: Float32Array): Uint8Array<ArrayBuffer>;
  /** Gives what the encoder holds back; afterwards it starts afresh. */
  flush(): Uint8Array<ArrayBuffer>;
}

/** Three render quanta, a third of an MP3 frame: 8 ms. */
export const BATCH_SAMPLES = 384;
/**
 * The first batch is shorter: LAME gives a frame as soon as 256 samples more than some number of whole batches are in
 * (tests/unit/host/encoder.test.ts), so then every frame comes out with the last sample that it waits for.
 */
export const FIRST_BATCH_SAMPLES = 256;

/** What the audio thread sends: all samples of the left channel, then as many of the right. The buffer is transferred. */
export type PcmBatch = Float32Array<ArrayBuffer>;

export interface UplinkSettings {
  /** `wss://…/uplink`. */
  url: string;
  roomId: string;
  uplinkKey: string;
  epoch: number;
  peerId: string;
}

export type UplinkState =
  | { state: 'connecting' }
  | { state: 'up'; listeners: number; bitrateKbps: number; streamPath: string }
  /** It goes on trying, unless `final`: then somebody else feeds this room, until there is a newer epoch, or the node and this app do not fit. */
  | { state: 'down'; message: string; reason: RefusalReason | 'unreachable' | 'encoder'; final: boolean };

/** Main thread → worker. `start` is answered by `started` or `failed` with its id. */
export type WorkerRequest =
  | {
      type: 'start';
      id: number;
      /** Where each encoder's module is; tried in this order. */
      modules: readonly { encoder: EncoderName; url: string }[];
      bitrateKbps: BitrateKbps;
      /** Null: it only gets ready. */
      pcm: MessagePort | null;
      uplink: UplinkSettings | null;
    }
  /** From now on these samples go up there; again with a newer epoch, and null for the same samples. */
  | { type: 'feed'; pcm: MessagePort | null; uplink: UplinkSettings }
  /** No longer; ready for the next time. */
  | { type: 'rest' }
  /** Something that has an end, apart from what flows. Answered by `encoded`, or `failed` with its id. */
  | { type: 'encode'; id: number; samples: Float32Array<ArrayBuffer> }
  | { type: 'title'; title: string; artist: string | null };

/** Worker → main thread. */
export type WorkerMessage =
  | { type: 'started'; id: number; encoder: EncoderName }
  | { type: 'failed'; id: number; message: string }
  | { type: 'uplink'; uplink: UplinkState }
  | { type: 'encoded'; id: number; mp3: Uint8Array<ArrayBuffer> }
  /** Only without an uplink: the frames themselves. */
  | { type: 'frames'; frames: Uint8Array<ArrayBuffer> };
