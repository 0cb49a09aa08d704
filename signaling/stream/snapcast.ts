/**
 * Feeds a Snapserver's TCP source (`tcp://…?mode=server&sampleformat=48000:16:2`) with bare samples: 48 kHz, stereo, 16 bit,
 * little-endian. ffmpeg decodes, as a process of its own: what a host sends can break nothing here.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { createListener } from './listener.ts';
import type { Attempt, AttemptEvents } from './reconnect.ts';
import type { Station } from './station.ts';

const PATIENCE_MS = 10_000;
const MAX_ERROR_CHARS = 200;
const DECODE = [
  ...['-v', 'error', '-fflags', 'nobuffer', '-flags', 'low_delay', '-probesize', '1024'],
  ...['-analyzeduration', '0', '-f', 'mp3', '-i', 'pipe:0'],
  ...['-f', 's16le', '-ar', '48000', '-ac', '2', '-flush_packets', '1', 'pipe:1'],
];

export interface SnapcastOptions {
  target: { host: string; port: number };
  station: Station;
  /** Monotonic milliseconds. */
  now: () => number;
}

/** One connection, with one decoder that begins and ends with it. */
export function feedSnapcast({ target, station, now }: SnapcastOptions, events: AttemptEvents): Attempt {
  const socket = connect(target);
  let stop = (): void => {};

  function begin(): void {
    socket.setTimeout(0);
    const decoder = spawn('ffmpeg', DECODE, { stdio: ['pipe', 'pipe', 'pipe'] });
    let complaint = '';
    decoder.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (complaint = (complaint + text).slice(-MAX_ERROR_CHARS)));
    decoder.once('error', (error: NodeJS.ErrnoException) =>
      events.lost(error.code === 'ENOENT' ? 'ffmpeg is not installed on the node' : error.message),
    );
    decoder.once('close', () => events.lost(`the decoder ended ${complaint}`.trim()));
    decoder.stdin.on('error', () => events.lost('the decoder takes no more'));
    decoder.stdout.pipe(socket, { end: false });
    const { stdin } = decoder;
    const listener = createListener(
      {
        get writableLength() {
          return stdin.writableLength;
        },
        socket: null,
        write: (bytes) => stdin.write(bytes),
        end: () => void stdin.end(),
        destroy: () => events.lost('it takes no more sound'),
      },
      { icy: false, nowMs: now(), limitBytes: Number.POSITIVE_INFINITY },
    );
    // Whatever comes before its time stays in the pipe, and would be heard late for ever.
    const leave = station.listen(listener, { burstMs: 0 });
    stop = () => {
      leave();
      decoder.stdout.unpipe(socket);
      decoder.kill('SIGKILL');
    };
    events.up();
  }

  socket.setNoDelay(true).setTimeout(PATIENCE_MS, () => events.lost('it does not answer'));
  socket.once('connect', begin);
  socket.resume();
  socket.once('error', (error: NodeJS.ErrnoException) => events.lost(error.code ?? error.message));
  socket.once('close', () => events.lost('the connection closed'));

  return {
    close() {
      stop();
      socket.destroy();
    },
  };
}
