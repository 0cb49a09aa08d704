/** The stream over HTTP, for loudspeakers, players and browsers; on both ports. */
import type { ServerResponse } from 'node:http';
import * as v from 'valibot';
import type { Counters } from '../ops/counters.ts';
import { type HttpRequest, OPEN_TO_ALL, type Route, send, sendJson, sendText } from '../ops/http.ts';
import type { Log } from '../ops/log.ts';
import { createShares, shareOf } from '../ops/shares.ts';
import type { StatusReport } from '../protocol/status.ts';
import { RoomId } from '../protocol/uplink.ts';
import { ICY_METAINT } from './icy.ts';
import { createListener } from './listener.ts';
import { MAX_LISTENERS, type Stations } from './stations.ts';

/** What real speakers want to see (FACTS.md, "Loudspeakers"); the DLNA flags are those of a live stream. */
const STREAM_HEADERS: Readonly<Record<string, string>> = {
  'Content-Type': 'audio/mpeg',
  'Accept-Ranges': 'none',
  'Cache-Control': 'no-cache, no-store',
  'transferMode.dlna.org': 'Streaming',
  'contentFeatures.dlna.org':
    'DLNA.ORG_PN=MP3;DLNA.ORG_OP=00;DLNA.ORG_CI=0;DLNA.ORG_FLAGS=81700000000000000000000000000000',
  // The app's pages are isolated (COEP), and it plays this from the other port too.
  'Cross-Origin-Resource-Policy': 'cross-origin',
  ...OPEN_TO_ALL,
};

const LIST_HEADERS = { 'Cache-Control': 'no-store', ...OPEN_TO_ALL };

export interface StreamRoutesOptions {
  stations: Stations;
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

  function stream(request: HttpRequest, response: ServerResponse, roomId: string): true {
    const icy = request.raw.headers['icy-metadata'] === '1';
    const headers = {
      ...STREAM_HEADERS,
      ...(icy ? { 'icy-name': 'Earshot', 'icy-metaint': String(ICY_METAINT), 'icy-pub': '0' } : {}),
    };
    if (request.method === 'HEAD') {
      response.writeHead(200, headers);
      response.end();
      return true;
    }
    if (stations.listenerCount() >= MAX_LISTENERS) {
      return refuse(request, response, 'too-many-listeners', 'Too many listeners on this node.\n');
    }
    const from = request.raw.socket.remoteAddress;
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
    response.writeHead(200, headers);
    const leave = station.listen(createListener(response, { icy, nowMs: now() }));
    log.info({
      event: 'listener-joined',
      roomId,
      listeners: station.listenerCount(),
      from,
    });
    response.once('close', () => {
      leave();
      log.info({ event: 'listener-left', roomId, listeners: station.listenerCount() });
    });
    return true;
  }

  return (request, response) => {
    const { path } = request;
    if (path === '/stream.mp3') return stream(request, response, stations.defaultRoomId);
    if (path === '/stream/status') {
      const report: StatusReport = {
        uptimeSeconds: Math.floor((now() - startedAtMs) / 1000),
        streams: stations.status(),
        rejected: counters.report(),
      };
      return sendJson(request, response, report);
    }
    if (path === '/stream.m3u') {
      const body = `#EXTM3U\n#EXTINF:-1,Earshot\n${streamBaseUrl()}/stream.mp3\n`;
      return send(request, response, 200, { 'Content-Type': 'audio/x-mpegurl', ...LIST_HEADERS }, body);
    }
    if (path === '/stream.pls') {
      const body = `[playlist]\nNumberOfEntries=1\nFile1=${streamBaseUrl()}/stream.mp3\nTitle1=Earshot\nLength1=-1\nVersion=2\n`;
      return send(request, response, 200, { 'Content-Type': 'audio/x-scpls', ...LIST_HEADERS }, body);
    }
    const room = /^\/stream\/([^/]+)\.mp3$/.exec(path)?.[1];
    if (room === undefined) return false;
    if (v.is(RoomId, room)) return stream(request, response, room);
    counters.count('/stream', 'bad-room');
    return sendText(request, response, 404, 'There is no such room.\n');
  };
}
