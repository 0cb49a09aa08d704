/** A loudspeaker of `bench:latency`: an HTTP connection that notes when each frame's first byte came. */
import { get } from 'node:http';
import { frameHeader } from '../../app/host/mp3/frames.ts';
import { ffmpeg } from '../../tests/fixtures/audio.ts';

export const FRAME_SAMPLES = 1_152;

export interface Heard {
  /** One channel, everything that a decoder gives: sample s comes out of it when it has frame s / 1152. */
  samples: Float32Array;
  /** `performance.now()` of each frame's first byte. */
  arrivedMs: readonly number[];
}

export interface TimedListener {
  /** What came so far, decoded. Rejects when it is not whole frames, or a decoder leaves some out. */
  heard(): Promise<Heard>;
  close(): void;
}

export async function listenTimed(url: string): Promise<TimedListener> {
  const pieces: { bytes: Buffer; atMs: number }[] = [];
  const request = get(url);
  request.setNoDelay(true);
  await new Promise<void>((resolve, reject) => {
    request.once('error', reject);
    request.once('response', (response) => {
      response.on('data', (bytes: Buffer) => pieces.push({ bytes, atMs: performance.now() }));
      response.on('error', () => undefined);
      resolve();
    });
  });
  request.on('error', () => undefined);

  return {
    async heard() {
      const taken = [...pieces];
      const mp3 = Buffer.concat(taken.map(({ bytes }) => bytes));
      const arrivedMs: number[] = [];
      let piece = 0;
      let pieceEnd = taken[0]?.bytes.length ?? 0;
      let at = 0;
      for (let header = frameHeader(mp3, 0); header && at + header.bytes <= mp3.length;) {
        while (pieceEnd <= at) pieceEnd += taken[++piece]?.bytes.length ?? Infinity;
        arrivedMs.push(taken[piece]!.atMs);
        at += header.bytes;
        header = frameHeader(mp3, at);
      }
      const frames = mp3.subarray(0, at);
      const raw = await ffmpeg(['-f', 'mp3', '-i', 'pipe:0', '-f', 'f32le', '-ac', '2', 'pipe:1'], frames, {
        tolerateErrors: true,
      });
      const both = new Float32Array(Uint8Array.from(raw).buffer);
      const samples = both.filter((_, n) => n % 2 === 0);
      if (samples.length !== arrivedMs.length * FRAME_SAMPLES) {
        throw new Error(`${samples.length} samples of ${arrivedMs.length} frames`);
      }
      return { samples, arrivedMs };
    },
    close: () => void request.destroy(),
  };
}
