/**
 * Events (GENA, UPnP Device Architecture 1.0 section 4). An event says only that something has changed: what it is, the device is
 * asked. So nothing that is sent here is believed, and no vendor's way of writing it matters.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { urlHost } from '../../ops/addresses.ts';
import type { Counters } from '../../ops/counters.ts';
import { lanRequest } from '../lan-request.ts';

const ASKED_SECONDS = 300;
const MAX_EVENT_BYTES = 65_536;
const MAX_CONNECTIONS = 64;
/** After a refusal, or when nobody came to tell. */
const AGAIN_MS = 60_000;

export interface Subscription {
  /** Events do arrive here: a device tells its state once when it is subscribed to. */
  readonly works: boolean;
  /** Whether the device still knows of it; one that restarted does not. Null: it cannot be known. */
  check(): Promise<boolean | null>;
  /** @param leave tells the device too */
  close(leave: boolean): void;
}

export interface SubscriptionOptions {
  eventUrl: string;
  /** Of the device: nobody else may tell. */
  host: string;
  /** This machine's address on the device's link. */
  localAddress: string;
  onEvent(): void;
}

export interface Events {
  subscribe(options: SubscriptionOptions): Subscription;
  close(): Promise<void>;
}

/** Opens a port of its own, as devices call back over plain HTTP. Where that is shut nothing arrives, and nothing else happens. */
export function createEvents(counters: Counters): Events {
  const callbacks = new Map<string, { host: string; onEvent: () => void }>();
  const server = createServer({ headersTimeout: 3_000, requestTimeout: 5_000 }, receive);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('error', () => counters.count('gena', 'no-port'));
  const ready = new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(0, resolve);
  });

  function receive(request: IncomingMessage, response: ServerResponse): void {
    const callback = callbacks.get((request.url ?? '').slice(1));
    const from = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '');
    if (request.method !== 'NOTIFY' || callback === undefined || callback.host !== from) {
      counters.count('gena', 'unknown');
      response.writeHead(412, { Connection: 'close' }).end();
      return;
    }
    let bytes = 0;
    request.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > MAX_EVENT_BYTES) request.destroy();
    });
    request.on('error', () => {});
    request.on('end', () => {
      response.writeHead(200, { Connection: 'close' }).end();
      callback.onEvent();
    });
  }

  return {
    subscribe({ eventUrl, host, localAddress, onEvent }) {
      const token = randomBytes(16).toString('base64url');
      let sid: string | null = null;
      let works = false;
      let closed = false;
      let timer: NodeJS.Timeout | null = null;
      callbacks.set(token, {
        host,
        onEvent() {
          works = true;
          onEvent();
        },
      });

      async function ask(): Promise<void> {
        await ready;
        const bound = server.address() as AddressInfo | null;
        // Shut meanwhile, or it never opened.
        if (closed || bound === null) return;
        const headers: Record<string, string> =
          sid === null
            ? { CALLBACK: `<http://${urlHost(localAddress)}:${bound.port}/${token}>`, NT: 'upnp:event' }
            : { SID: sid };
        let nextMs = AGAIN_MS;
        try {
          const answer = await lanRequest({
            url: eventUrl,
            method: 'SUBSCRIBE',
            headers: { ...headers, TIMEOUT: `Second-${ASKED_SECONDS}` },
          });
          if (answer.status !== 200) throw new Error(`refused with ${answer.status}`);
          const said = answer.headers['sid'];
          sid = typeof said === 'string' ? said.slice(0, 200) : sid;
          const seconds = Number(/^Second-(\d{1,7})$/i.exec(String(answer.headers['timeout']))?.[1] ?? 0);
          nextMs = (Math.min(Math.max(seconds, 60), ASKED_SECONDS) * 1000) / 2;
        } catch {
          // A renewal that fails begins anew: the device may have restarted.
          if (sid !== null) nextMs = 1_000;
          sid = null;
          works = false;
        }
        if (closed) return leave();
        timer = setTimeout(() => void ask(), nextMs);
      }

      function leave(): void {
        if (sid === null) return;
        const headers = { SID: sid };
        sid = null;
        lanRequest({ url: eventUrl, method: 'UNSUBSCRIBE', headers, timeoutMs: 1_000 }).catch(
          () => undefined,
        );
      }

      void ask();
      return {
        get works() {
          return works;
        },
        async check() {
          if (sid === null) return null;
          const headers = { SID: sid, TIMEOUT: `Second-${ASKED_SECONDS}` };
          try {
            const { status } = await lanRequest({ url: eventUrl, method: 'SUBSCRIBE', headers });
            return status === 200 ? true : status === 412 ? false : null;
          } catch {
            return null;
          }
        },
        close(tell) {
          if (closed) return;
          closed = true;
          callbacks.delete(token);
          if (timer !== null) clearTimeout(timer);
          if (tell) leave();
        },
      };
    },

    async close() {
      await ready;
      callbacks.clear();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
