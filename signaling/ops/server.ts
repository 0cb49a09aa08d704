/** One HTTP(S) port: routes, upgrades, time limits, and an end that waits for nobody. */
import {
  createServer as createHttp,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Counters } from './counters.ts';
import { answerMethod, parseRequest, type Route, sendText } from './http.ts';
import type { Log } from './log.ts';
import { listen, onFreePort, type PortWish } from './ports.ts';
import { refuseUpgrade } from './sockets.ts';
import type { Visitors } from './visitors.ts';

const MAX_CONNECTIONS = 4000;
const LIMITS = {
  headersTimeout: 10_000,
  requestTimeout: 15_000,
  keepAliveTimeout: 5_000,
  connectionsCheckingInterval: 2_500,
};
/** No byte either way, though something waits to be sent or asked: streams send all the time, WebSockets have their pings. */
const IDLE_MS = 65_000;
const HUNG_UP: ReadonlySet<string> = new Set(['ECONNRESET', 'EPIPE']);
const HANDSHAKE_MS = 10_000;
const MIN_TLS = 'TLSv1.2';

export interface WebServerOptions {
  wish: PortWish;
  tls: { cert: string; key: string } | null;
  /** Asked in order. */
  routes: readonly Route[];
  /** Paths that take POST, and nothing else. */
  postPaths?: readonly string[];
  /** By path prefix; null: no WebSockets on this port. */
  upgrade: ((path: string, request: IncomingMessage, socket: Duplex, head: Buffer) => boolean) | null;
  visitors: Visitors;
  counters: Counters;
  log: Log;
}

export interface WebServer {
  readonly port: number;
  /** New connections see this certificate; those that are open go on as they are. */
  setCertificate(tls: { cert: string; key: string }): void;
  /** Takes no more connections, lets what was ended go out, and cuts off the rest after a second. */
  close(): Promise<void>;
}

export async function createWebServer(options: WebServerOptions): Promise<WebServer> {
  const { tls, routes, upgrade, visitors, counters, log } = options;
  const name = tls === null ? 'http' : 'https';
  const sockets = new Set<Socket>();

  function answer(raw: IncomingMessage, response: ServerResponse): void {
    // A write to a connection that just went is reported here; without a listener it would be thrown.
    response.on('error', () => counters.count(name, 'broken-connection'));
    const request = parseRequest(raw, tls !== null);
    if (request === null) {
      counters.count(name, 'bad-request');
      response.writeHead(400, { Connection: 'close' });
      response.end();
      return;
    }
    const refused = visitors.ask(raw.socket.remoteAddress ?? '');
    if (refused !== null) {
      counters.count(name, refused);
      response.writeHead(429, { 'Retry-After': '5', Connection: 'close' });
      response.end();
      return;
    }
    try {
      const takesPost = options.postPaths?.includes(request.path) === true;
      if (answerMethod(request, response, takesPost) || routes.some((route) => route(request, response)))
        return;
      sendText(request, response, 404, 'Not found.\n');
    } catch (error) {
      log.error({
        event: 'request-failed',
        path: request.path,
        error: error instanceof Error ? error.stack : String(error),
      });
      if (!response.headersSent) sendText(request, response, 500, 'Something went wrong.\n');
      else response.destroy();
    }
  }

  const secure =
    tls === null
      ? null
      : createHttps({ ...LIMITS, ...tls, handshakeTimeout: HANDSHAKE_MS, minVersion: MIN_TLS }, answer);
  const server: Server = secure ?? createHttp(LIMITS, answer);
  server.maxConnections = MAX_CONNECTIONS;
  server.setTimeout(IDLE_MS);
  // Before any handshake, which is what a flood of connections would cost.
  server.on('connection', (socket: Socket) => {
    const address = socket.remoteAddress ?? '';
    const refused = visitors.arrive(address);
    if (refused !== null) {
      counters.count(name, refused);
      socket.resetAndDestroy();
      return;
    }
    sockets.add(socket);
    socket.once('close', () => {
      sockets.delete(socket);
      visitors.left(address);
    });
  });
  server.on('drop', () => counters.count(name, 'too-many-connections'));
  // Every device that does not trust the certificate yet ends up here: no event worth a line.
  server.on('tlsClientError', () => counters.count(name, 'tls-refused'));
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    // Who hangs up has asked nothing wrong: every loudspeaker that is switched off ends like this.
    if (error.code !== undefined && HUNG_UP.has(error.code)) {
      socket.destroy();
      return;
    }
    counters.count(name, 'bad-request');
    if (socket.writable) refuseUpgrade(socket, '400 Bad Request');
    else socket.destroy();
  });
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const path = request.url?.split('?')[0] ?? '';
    const refused = visitors.ask(request.socket.remoteAddress ?? '');
    if (refused !== null) {
      counters.count(name, refused);
      refuseUpgrade(socket, '429 Too Many Requests');
      return;
    }
    if (upgrade?.(path, request, socket, head) === true) return;
    counters.count(name, 'bad-upgrade');
    refuseUpgrade(socket, '404 Not Found');
  });

  const port = await onFreePort(options.wish, (wished) => listen(server, wished, options.wish.bind));
  let closing: Promise<void> | null = null;
  return {
    port,
    setCertificate: ({ cert, key }) => secure?.setSecureContext({ cert, key, minVersion: MIN_TLS }),
    close() {
      closing ??= new Promise((resolve) => {
        const impatience = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, 1_000);
        server.close(() => {
          clearTimeout(impatience);
          resolve();
        });
        server.closeIdleConnections();
      });
      return closing;
    },
  };
}
