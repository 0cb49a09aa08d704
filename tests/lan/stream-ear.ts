/**
 * A loudspeaker that remembers: one HTTP connection to the stream from a host of the lab, kept as long as it lasts, decoded
 * while it comes, and compared with the song that plays. What it notes of each piece of 50 ms: when its bytes came, whether
 * it is silence or the song, and where in the song it is.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { createFrameLog, type FrameLog } from '../fixtures/frame-log.ts';
import {
  createSongFollower,
  HEARD_RATE_HZ,
  PIECE_MS,
  TO_HEARD,
  type FollowedPiece,
} from '../fixtures/song-follower.ts';
import { until } from '../fixtures/until.ts';
import { PIECE } from '../sync/correlate.ts';
import type { LabHost } from './lab.ts';

/** 1152 samples at 48 kHz are so many at the rate that is listened at. */
const SAMPLES_A_FRAME = (1_152 * HEARD_RATE_HZ) / 48_000;
const AGAIN_MS = 250;
/** What counts as sound again: so much of the song in a row. */
const STEADY_PIECES = 1_000 / PIECE_MS;
const DECODE = [
  // Not `-fflags nobuffer`: with it the first frames are lost.
  ...['-v', 'error', '-flags', 'low_delay', '-probesize', '1024'],
  ...['-analyzeduration', '0', '-f', 'mp3', '-i', 'pipe:0'],
  ...[...TO_HEARD, '-flush_packets', '1', 'pipe:1'],
];

export interface Piece extends FollowedPiece {
  /** Place in what was heard since the connection opened. */
  streamMs: number;
  /** When its first frame came; performance.now(). */
  atMs: number;
}

export interface StreamEar {
  readonly log: FrameLog;
  readonly pieces: readonly Piece[];
  /** Connections after the first one. */
  readonly reconnects: number;
  /** The first piece since then that is followed by a second of nothing but the song. */
  soundSince(sinceMs: number): Piece | null;
  /** Median of position in the song less place in the stream: what a player hears as the song's beginning. */
  songStartMs(pieces: readonly Piece[]): number;
  /** Ends the connection, and waits until all that came is decoded. */
  close(): Promise<void>;
}

export interface StreamEarOptions {
  /** Where it listens: what is spawned there reaches the stream. */
  host: Pick<LabHost, 'spawn'>;
  url: string;
  /** As `songReference` gives it. */
  song: Float32Array;
  /** When the song began, to 10 s; performance.now(). Null: not yet. */
  beganAtMs: () => number | null;
}

export function openEar({ host, url, song, beganAtMs }: StreamEarOptions): StreamEar {
  const log = createFrameLog();
  const pieces: Piece[] = [];
  const follower = createSongFollower(song);
  const decoder = spawn('ffmpeg', DECODE, { stdio: ['pipe', 'pipe', 'inherit'] });
  const decoded = new Promise<void>((resolve) => decoder.once('close', () => resolve()));
  const samples = new Float32Array(PIECE);
  let held = 0;
  let rest: Buffer = Buffer.alloc(0);
  let connection: ChildProcess | null = null;
  let reconnects = 0;
  let closed = false;

  function finishPiece(): void {
    held = 0;
    const first = Math.floor((pieces.length * PIECE) / SAMPLES_A_FRAME);
    const atMs = log.arrivedAtMs[first] ?? performance.now();
    const began = beganAtMs();
    const followed = follower.follow(samples, began === null ? 0 : atMs - began);
    pieces.push({ ...followed, streamMs: pieces.length * PIECE_MS, atMs });
  }

  decoder.stdin.on('error', () => undefined);
  decoder.stdout.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % 4);
    for (let at = 0; at < whole; at += 4) {
      samples[held++] = bytes.readFloatLE(at);
      if (held === PIECE) finishPiece();
    }
    rest = bytes.subarray(whole);
  });

  function connect(): void {
    if (closed) return;
    const curl = host.spawn('curl', ['-sS', '--no-buffer', url], { stdio: ['ignore', 'pipe', 'ignore'] });
    connection = curl;
    curl.stdout?.on('data', (bytes: Buffer) => {
      // What was still in the pipe: the decoder has been told that no more comes.
      if (closed) return;
      for (const frame of log.push(bytes, performance.now())) decoder.stdin.write(frame);
    });
    curl.once('close', () => {
      if (closed) return;
      log.newConnection();
      reconnects++;
      setTimeout(connect, AGAIN_MS);
    });
  }
  connect();

  return {
    log,
    pieces,
    get reconnects() {
      return reconnects;
    },
    soundSince(sinceMs) {
      let inARow = 0;
      for (let n = pieces.findLastIndex(({ atMs }) => atMs < sinceMs) + 1; n < pieces.length; n++) {
        inARow = pieces[n]?.heard === 'song' ? inARow + 1 : 0;
        if (inARow === STEADY_PIECES) return pieces[n + 1 - STEADY_PIECES] ?? null;
      }
      return null;
    },
    songStartMs(some) {
      const starts = some.flatMap(({ positionMs, streamMs }) =>
        positionMs === null ? [] : [positionMs - streamMs],
      );
      return starts.sort((a, b) => a - b)[starts.length >> 1] ?? Number.NaN;
    },
    async close() {
      if (closed) return;
      closed = true;
      connection?.kill();
      decoder.stdin.end();
      await decoded;
      const heardMs = pieces.length * PIECE_MS;
      const sentMs = (log.arrivedAtMs.length * SAMPLES_A_FRAME * 1_000) / HEARD_RATE_HZ;
      // Else pieces were dated by the wrong frames.
      if (Math.abs(sentMs - heardMs) > 2 * PIECE_MS)
        throw new Error(`${sentMs} ms of frames were decoded to ${heardMs} ms of sound`);
    },
  };
}

/** Waits until the song is heard, and for a second of it. */
export function heardSince(ear: StreamEar, sinceMs: number, deadlineMs: number): Promise<Piece> {
  return until('the song on the stream', () => ear.soundSince(sinceMs), { deadlineMs, everyMs: 50 });
}
