/**
 * Feeds a Snapserver's TCP source (`tcp://…?mode=server&sampleformat=48000:16:2`) with bare samples: 48 kHz, stereo, 16 bit,
 * little-endian. ffmpeg decodes, as a process of its own: what a host sends can break nothing here.
 *
 * A Snapserver reads at its own real time, so whatever waits on the way to it is heard late for ever. Hence ffmpeg sends, too:
 * it can keep the system's buffer small, where a socket of Node's takes megabytes. What the Snapserver does not take is soon
 * seen to wait, and is thrown away together with the connection.
 */
import { spawn } from 'node:child_process';
import { isIPv6 } from 'node:net';
import { createBacklog } from './backlog.ts';
import { FRAME_MS, parseFrames, silentFrame } from './frames.ts';
import { createListener } from './listener.ts';
import type { Attempt, AttemptEvents } from './reconnect.ts';
import type { Station } from './station.ts';

/** To connect, and to take anything at all. */
const PATIENCE_MS = 10_000;
/** The system makes about a tenth of a second of samples of it. */
const SEND_BUFFER_BYTES = 16_384;
/** A decoder opens its output after a few frames, and reports after more. */
const FIRST_SILENCE_FRAMES = 4;
const MORE_SILENCE_EVERY_MS = 100;
const SILENCE = silentFrame(128);
const MAX_TEXT_CHARS = 1_000;

export interface SnapcastOptions {
  target: { host: string; port: number };
  station: Station;
  /** Monotonic milliseconds. */
  now: () => number;
}

const decodeTo = ({ host, port }: SnapcastOptions['target']): string[] => [
  ...['-v', 'error', '-nostats', '-progress', 'pipe:1'],
  ...['-fflags', 'nobuffer', '-flags', 'low_delay', '-probesize', '1024', '-analyzeduration', '0'],
  ...['-f', 'mp3', '-i', 'pipe:0', '-f', 's16le', '-ar', '48000', '-ac', '2', '-flush_packets', '1'],
  ...['-send_buffer_size', `${SEND_BUFFER_BYTES}`, '-tcp_nodelay', '1'],
  // Were it left alone while nothing is taken, it would hold the Snapserver's one connection for ever.
  ...['-timeout', `${PATIENCE_MS * 1000}`, `tcp://${isIPv6(host) ? `[${host}]` : host}:${port}`],
];

/** Of ffmpeg's last complaint what is the same each time, such as "Connection refused". */
const reasonIn = (complaint: string): string =>
  complaint.trim().split('\n').at(-1)?.split(': ').at(-1) || 'the decoder ended';

/** One decoder, with one connection that begins and ends with it. */
export function feedSnapcast({ target, station, now }: SnapcastOptions, events: AttemptEvents): Attempt {
  const decoder = spawn('ffmpeg', decodeTo(target), { stdio: ['pipe', 'pipe', 'pipe'] });
  let stop = (): void => void decoder.kill('SIGKILL');

  function begin(): void {
    if (decoder.killed) return;
    const backlog = createBacklog();
    let complaint = '';
    let reports = '';
    let silenceMs = 0;
    let leave = (): void => {};
    let joining: NodeJS.Timeout | null = null;
    const impatience = setTimeout(() => events.lost('it does not answer'), PATIENCE_MS);
    const moreSilence = setInterval(() => beSilent(1), MORE_SILENCE_EVERY_MS);
    stop = () => {
      leave();
      clearTimeout(impatience);
      clearInterval(moreSilence);
      if (joining !== null) clearTimeout(joining);
      decoder.kill('SIGKILL');
    };

    function beSilent(frames: number): void {
      silenceMs += frames * FRAME_MS;
      decoder.stdin.write(Buffer.concat(Array<Uint8Array>(frames).fill(SILENCE)));
    }

    function join(): void {
      const listener = createListener(
        {
          get writableLength() {
            return decoder.stdin.writableLength;
          },
          socket: null,
          write(bytes) {
            backlog.went(parseFrames(bytes).frames.length * FRAME_MS, now());
            if (backlog.isLasting(now())) events.lost('it takes the sound too slowly');
            return decoder.stdin.write(bytes);
          },
          end: () => void decoder.stdin.end(),
          destroy: () => events.lost('it takes no more sound'),
        },
        { icy: false, nowMs: now(), limitBytes: Number.POSITIVE_INFINITY },
      );
      leave = station.listen(listener, { burstMs: 0 });
      events.up();
    }

    decoder.stdout.setEncoding('utf8').on('data', (text: string) => {
      reports = (reports + text).slice(-MAX_TEXT_CHARS);
      const cameUs = [...reports.matchAll(/^out_time_us=(\d+)\n/gm)].at(-1)?.[1];
      if (cameUs === undefined || Number(cameUs) === 0) return;
      backlog.came(Number(cameUs) / 1000 - silenceMs, now());
      if (joining !== null) return;
      clearTimeout(impatience);
      clearInterval(moreSilence);
      // The sound comes when the silence has been played: by then nothing is before it that it would wait for.
      joining = setTimeout(join, silenceMs);
    });
    decoder.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (complaint = (complaint + text).slice(-MAX_TEXT_CHARS)));
    decoder.once('close', () => events.lost(reasonIn(complaint)));
    decoder.stdin.on('error', () => {});
    beSilent(FIRST_SILENCE_FRAMES);
  }

  decoder.once('spawn', begin);
  decoder.once('error', (error: NodeJS.ErrnoException) =>
    events.lost(error.code === 'ENOENT' ? 'ffmpeg is not installed on the node' : error.message),
  );
  return { close: () => stop() };
}
