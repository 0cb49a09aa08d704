/**
 * Feeds an Icecast as its source client: `PUT` with a body that never ends (Icecast 2.4, "Source client"), and titles over
 * its admin interface. Without chunks around the sound: Icecast 2.4 would take them for sound.
 */
import { request } from 'node:http';
import { connect } from 'node:net';
import type { IcecastTarget } from '../ops/config.ts';
import { createListener, type Listener } from './listener.ts';
import type { Attempt, AttemptEvents } from './reconnect.ts';
import type { Station } from './station.ts';

/**
 * To connect, to answer, and to take the next sound: an Icecast reads all the time, and of one that was cut off nothing else is
 * ever heard. (Keep-alive probes are for connections on which nothing is under way.)
 */
const PATIENCE_MS = 10_000;
const MAX_HEAD_BYTES = 8_192;

export interface IcecastOptions {
  target: IcecastTarget;
  station: Station;
  /** Monotonic milliseconds. */
  now: () => number;
}

const login = ({ user, password }: IcecastTarget): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

const REASONS: Readonly<Record<string, string>> = {
  '401': 'the password is wrong',
  '403': 'the mount is taken, or there are too many sources',
};

/** Tells titles one at a time; of those that come meanwhile only the last counts. */
function createTitles(target: IcecastTarget): { tell(title: string): void; close(): void } {
  let told = '';
  let wanted = '';
  let running: { destroy(): void } | null = null;
  let closed = false;

  function next(): void {
    if (closed || running !== null || wanted === told) return;
    told = wanted;
    const query = new URLSearchParams({
      mount: target.mount,
      mode: 'updinfo',
      charset: 'UTF-8',
      song: wanted,
    });
    const asking = request(
      {
        ...{ host: target.host, port: target.port, agent: false, timeout: PATIENCE_MS },
        path: `/admin/metadata?${query.toString()}`,
        headers: { Authorization: login(target) },
      },
      (response) => response.resume(),
    );
    running = asking;
    asking.once('timeout', () => asking.destroy());
    // A title that is lost is no reason to lose the sound; the next one comes with the next song.
    asking.on('error', () => {});
    asking.once('close', () => {
      running = null;
      next();
    });
    asking.end();
  }

  return {
    tell(title) {
      wanted = title;
      next();
    },
    close() {
      closed = true;
      running?.destroy();
    },
  };
}

/** One connection. Its listener counts as one of the station's, so that a host knows that it is heard. */
export function feedIcecast({ target, station, now }: IcecastOptions, events: AttemptEvents): Attempt {
  const socket = connect({ host: target.host, port: target.port });
  const titles = createTitles(target);
  let leave = (): void => {};
  let head = '';

  socket.setNoDelay(true).setTimeout(PATIENCE_MS, () => events.lost('it does not answer'));
  socket.once('connect', () =>
    socket.write(
      [
        `PUT ${target.mount} HTTP/1.1`,
        `Host: ${target.host}:${target.port}`,
        `Authorization: ${login(target)}`,
        'User-Agent: Earshot',
        'Content-Type: audio/mpeg',
        'Ice-Name: Earshot',
        'Ice-Public: 0',
        'Ice-Audio-Info: samplerate=48000;channels=2',
        'Expect: 100-continue',
        '\r\n',
      ].join('\r\n'),
    ),
  );

  function begin(): void {
    socket.setTimeout(0);
    const sound = createListener(
      {
        get writableLength() {
          return socket.writableLength;
        },
        socket,
        write: (bytes) => socket.write(bytes),
        end: () => void socket.end(),
        destroy: () => events.lost('it takes no more sound'),
      },
      { icy: false, nowMs: now(), limitBytes: Number.POSITIVE_INFINITY, stuckMs: PATIENCE_MS },
    );
    const listener: Listener = {
      write(frames, title, nowMs) {
        titles.tell(title);
        return sound.write(frames, title, nowMs);
      },
      end: () => sound.end(),
    };
    events.up();
    leave = station.listen(listener, { burstMs: 0 });
  }

  socket.setEncoding('latin1');
  socket.on('data', (text: string) => {
    if (head.includes('\r\n\r\n')) return;
    head = (head + text).slice(0, MAX_HEAD_BYTES);
    const status = /^HTTP\/1\.[01] (\d{3})[^]*\r\n\r\n/.exec(head)?.[1];
    if (status === '100' || status === '200') begin();
    else if (status !== undefined) events.lost(REASONS[status] ?? `it answered ${status}`);
    else if (head.length === MAX_HEAD_BYTES) events.lost('it is no Icecast');
  });
  socket.once('error', (error: NodeJS.ErrnoException) => events.lost(error.code ?? error.message));
  socket.once('close', () => events.lost('the connection closed'));

  return {
    close() {
      leave();
      titles.close();
      socket.destroy();
    },
  };
}
