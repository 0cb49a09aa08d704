/** The stream over HTTP, for loudspeakers, players and browsers; on both ports. */
import type { ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { type HttpRequest, OPEN_TO_ALL, type Route, send, sendJson, sendText } from '../ops/http.ts';
import type { Log } from '../ops/log.ts';
import { createShares, shareOf } from '../ops/shares.ts';
import type { StatusReport } from '../protocol/status.ts';
import { RoomId, type StreamVariant } from '../protocol/uplink.ts';
import type { Audience } from './audience.ts';
import { BURST_MS } from './channel.ts';
import { ICY_METAINT } from './icy.ts';
import { createListener, maxQueuedBytesOf } from './listener.ts';
import { m3u, pls } from './playlists.ts';
import { burstOf, framingOf, profileOf } from './profile.ts';
import type { Relays } from './relays.ts';
import { createResponseSink } from './response-sink.ts';
import { MAX_LISTENERS, MAX_PCM_LISTENERS, type Stations } from './stations.ts';
import { EXTRA_FORMATS, mp3Format, wavHead } from './variants.ts';

/** Bursts longer than the usual that may wait in this process at a time: at 320 kbit/s they are 25 MB together. */
const MAX_LONG_BURSTS = 64;

const FORMATS = { mp3: mp3Format('mp3', 128), ...EXTRA_FORMATS };
/** Of DLNA's profiles none means WAV: without one a device goes by the type. */
const DLNA_PROFILE: Readonly<Record<StreamVariant, string>> = {
  mp3: 'DLNA.ORG_PN=MP3;',
  'mp3-320': 'DLNA.ORG_PN=MP3;',
  wav: '',
};

/** What real speakers want to see (FACTS.md, "Loudspeakers"); the DLNA flags are those of a live stream. */
const streamHeaders = (variant: StreamVariant): Readonly<Record<string, string>> => ({
  'Content-Type': FORMATS[variant].contentType,
  'Accept-Ranges': 'none',
  'Cache-Control': 'no-cache, no-store',
  'transferMode.dlna.org': 'Streaming',
  'contentFeatures.dlna.org': `${DLNA_PROFILE[variant]}DLNA.ORG_OP=00;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=81700000000000000000000000000000`,
  // The app's pages are isolated (COEP), and it plays this from the other port too.
  'Cross-Origin-Resource-Policy': 'cross-origin',
  ...OPEN_TO_ALL,
});

/** IPv4 as it is written everywhere else, also on a socket of both kinds. */
const plainAddress = (address = ''): string => address.replace(/^::ffff:/, '');

const PLAYLISTS = {
  m3u: { type: 'audio/x-mpegurl', write: m3u },
  pls: { type: 'audio/x-scpls', write: pls },
};
const LIST_HEADERS = { 'Cache-Control': 'no-store', ...OPEN_TO_ALL };

export interface StreamRoutesOptions {
  stations: Stations;
  relays: Pick<Relays, 'status'>;
  audience: Audience;
  counters: Counters;
  log: Log;
  /** What speakers are told, without a trailing slash. */
  streamBaseUrl: () => string;
  /** Monotonic milliseconds. */
  now: () => number;
  /** Addresses that may have all listeners. */
  isExempt(address: string): boolean;
}

export function createStreamRoutes({
  stations,
  relays,
  audience,
  counters,
  log,
  streamBaseUrl,
  now,
  isExempt,
}: StreamRoutesOptions): Route {
  const startedAtMs = now();
  const shares = createShares(shareOf(MAX_LISTENERS), isExempt);

  function refuse(request: HttpRequest, response: ServerResponse, reason: string, text: string): true {
    counters.count('/stream', reason);
    response.setHeader('Retry-After', '10');
    return sendText(request, response, 503, text);
  }

  let longBursts = 0;
  function countUntilOut(response: ServerResponse): void {
    longBursts++;
    let isOut = false;
    const out = (): void => {
      if (!isOut) longBursts--;
      isOut = true;
    };
    response.once('drain', out);
    response.once('close', out);
  }

  function stream(
    request: HttpRequest,
    response: ServerResponse,
    roomId: string,
    variant: StreamVariant,
  ): true {
    const asked = request.raw.headers;
    const wanted = framingOf({
      profile: profileOf(request.query.get('profile'), asked['user-agent'] ?? ''),
      range: request.method === 'GET' ? asked.range : undefined,
    });
    if (wanted.status === 416) return send(request, response, 416, wanted.headers, '');
    const { status, limitBytes } = wanted;
    // Blocks of text would shift the bytes that a range counts, and are no samples.
    const icy = asked['icy-metadata'] === '1' && status === 200 && variant !== 'wav';
    const headers = {
      ...streamHeaders(variant),
      ...(icy ? { 'icy-name': 'Earshot', 'icy-metaint': String(ICY_METAINT), 'icy-pub': '0' } : {}),
      ...wanted.headers,
    };
    // Then Node ends the body by closing the connection, and says so.
    if (!wanted.isChunked) response.removeHeader('Transfer-Encoding');
    if (request.method === 'HEAD') {
      response.writeHead(status, headers);
      response.end();
      return true;
    }
    // Behind another request on its connection (pipelining): that one's stream never ends, so there will be no turn, and
    // Node does not say when such a connection goes.
    if (response.socket === null) {
      return refuse(request, response, 'behind-another', 'One stream on a connection. Open another.\n');
    }
    if (stations.listenerCount() >= MAX_LISTENERS) {
      return refuse(request, response, 'too-many-listeners', 'Too many listeners on this node.\n');
    }
    // Samples are twelve times as many bytes, and so is what waits for a slow listener.
    if (variant === 'wav' && stations.listenerCount(variant) >= MAX_PCM_LISTENERS) {
      return refuse(request, response, 'too-many-pcm', 'Too many listeners to samples. Take /stream.mp3.\n');
    }
    const { remoteAddress: from, localAddress: to } = request.raw.socket;
    const giveBack = shares.take(from ?? '');
    if (giveBack === null) {
      return refuse(request, response, 'too-many-listeners-of-one', 'Too many listeners at one address.\n');
    }
    response.once('close', giveBack);
    const station = stations.station(roomId);
    if (station === null)
      return refuse(request, response, 'too-many-rooms', 'Too many rooms on this node.\n');

    // Nagle's algorithm would hold small frames back for the acknowledgement of the one before.
    request.raw.socket.setNoDelay(true);
    request.raw.socket.setKeepAlive(true, 15_000);
    response.writeHead(status, headers);
    const listener = createListener(createResponseSink(response), {
      ...{ icy, nowMs: now(), limitBytes },
      maxQueuedBytes: maxQueuedBytesOf(FORMATS[variant].kbps),
    });
    const wishedMs = burstOf(request.query.get('burst')) ?? BURST_MS;
    const burstMs = longBursts < MAX_LONG_BURSTS ? wishedMs : Math.min(wishedMs, BURST_MS);
    const head = variant === 'wav' ? wavHead(wanted.firstByte) : new Uint8Array(0);
    const leave = station.listen(listener, { variant, burstMs, head });
    const depart = audience.join(roomId, { from: plainAddress(from), to: plainAddress(to) });
    if (burstMs > BURST_MS && response.writableNeedDrain) countUntilOut(response);
    log.info({
      event: 'listener-joined',
      roomId,
      variant,
      listeners: station.listenerCount(),
      from,
    });
    response.once('close', () => {
      leave();
      depart();
      log.info({ event: 'listener-left', roomId, listeners: station.listenerCount() });
    });
    return true;
  }

  return (request, response) => {
    const { path } = request;
    if (path === '/stream/status') {
      const report: StatusReport = {
        uptimeSeconds: Math.floor((now() - startedAtMs) / 1000),
        streams: stations.status(),
        relays: relays.status(),
        rejected: counters.report(),
      };
      return sendJson(request, response, report);
    }
    const [, room, loud, kind] =
      /^\/stream(?:\/([^/]+?))?(-320(?!\.wav))?\.(mp3|wav|m3u|pls)$/.exec(path) ?? [];
    if (kind === undefined) return false;
    if (room === undefined || v.is(RoomId, room)) {
      if (kind === 'mp3' || kind === 'wav') {
        const variant = kind === 'wav' ? kind : loud === undefined ? kind : 'mp3-320';
        return stream(request, response, room ?? stations.defaultRoomId, variant);
      }
      const url = `${streamBaseUrl()}${path.slice(0, -kind.length)}mp3`;
      const { type, write } = PLAYLISTS[kind as 'm3u' | 'pls'];
      return send(request, response, 200, { 'Content-Type': type, ...LIST_HEADERS }, write(url));
    }
    counters.count('/stream', 'bad-room');
    return sendText(request, response, 404, 'There is no such room.\n');
  };
}
