/**
 * Events (GENA, UPnP Device Architecture 1.0 section 4). An event says only that something has changed: what it is, the device is
 * asked. So nothing that is sent here is believed, and no vendor's way of writing it matters.
 */
import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { lanAddresses, urlHost } from '../../ops/addresses.ts';
import { lanRequest } from '../lan-request.ts';
import type { DriverOptions } from '../port.ts';

const ASKED_SECONDS = 300;
/** Where a device says no time that could be kept. */
const GRANTED_SECONDS = 60;
const MAX_EVENT_BYTES = 65_536;
const MAX_CONNECTIONS = 64;
/** After a refusal, or when nobody came to tell. */
const AGAIN_MS = 60_000;
/** What was known begins anew. No device is asked more often, however short it grants. */
const ANEW_MS = 1_000;
const INTERFACES_MS = 2_000;

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
  /** This machine's address on the device's link, as it is now. */
  localAddress: string;
  onEvent(): void;
}

export interface Events {
  subscribe(options: SubscriptionOptions): Subscription;
  close(): Promise<void>;
}

/** Half of what it grants, so that one renewal that is lost ends nothing. */
function renewalMs(timeout: unknown): number {
  const seconds = Number(/^Second-(\d{1,7})$/i.exec(String(timeout))?.[1] ?? 0) || GRANTED_SECONDS;
  return Math.max(ANEW_MS, (Math.min(seconds, ASKED_SECONDS) * 1000) / 2);
}

/** Opens a port of its own, as devices call back over plain HTTP. Where that is shut nothing arrives, and nothing else happens. */
export function createEvents({
  counters,
  interfaces,
}: Pick<DriverOptions, 'counters' | 'interfaces'>): Events {
  const renewals = new Set<() => void>();
  const callbacks = new Map<string, { host: string; onEvent: () => void }>();
  const server = createServer({ headersTimeout: 3_000, requestTimeout: 5_000 }, receive);
  server.maxConnections = MAX_CONNECTIONS;
  server.on('error', () => counters.count('gena', 'no-port'));
  const ready = new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen(0, resolve);
  });
  let known = lanAddresses(interfaces()).join();
  // Devices go on calling where this machine was: whether it still is there, their next answers tell.
  const looking = setInterval(() => {
    const before = known;
    known = lanAddresses(interfaces()).join();
    if (known !== before) for (const renew of renewals) renew();
  }, INTERFACES_MS);

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
      let calledAt = localAddress;
      let sid: string | null = null;
      let works = false;
      let closed = false;
      /** Null: it is being asked. */
      let timer: NodeJS.Timeout | null = null;
      let isOutdated = false;
      callbacks.set(token, {
        host,
        onEvent() {
          works = true;
          onEvent();
        },
      });

      async function ask(): Promise<void> {
        timer = null;
        isOutdated = false;
        await ready;
        const bound = server.address() as AddressInfo | null;
        // Shut meanwhile, or it never opened.
        if (closed || bound === null) return;
        const headers: Record<string, string> =
          sid === null
            ? { CALLBACK: `<http://${urlHost(calledAt)}:${bound.port}/${token}>`, NT: 'upnp:event' }
            : { SID: sid };
        let nextMs: number;
        try {
          const answer = await lanRequest({
            url: eventUrl,
            method: 'SUBSCRIBE',
            headers: { ...headers, TIMEOUT: `Second-${ASKED_SECONDS}` },
          });
          if (answer.status !== 200) throw new Error(`refused with ${answer.status}`);
          const said = answer.headers['sid'];
          sid = typeof said === 'string' ? said.slice(0, 200) : sid;
          nextMs = renewalMs(answer.headers['timeout']);
          if (answer.localAddress !== calledAt) {
            // A renewal cannot say where to call now (section 4.1.2).
            calledAt = answer.localAddress;
            leave();
            works = false;
            nextMs = ANEW_MS;
          }
        } catch {
          // A renewal that fails begins anew: the device may have restarted.
          nextMs = sid === null ? AGAIN_MS : ANEW_MS;
          sid = null;
          works = false;
        }
        if (closed) return leave();
        timer = setTimeout(() => void ask(), isOutdated ? ANEW_MS : nextMs);
      }

      function renew(): void {
        isOutdated = true;
        if (timer === null) return;
        clearTimeout(timer);
        void ask();
      }

      function leave(): void {
        if (sid === null) return;
        const headers = { SID: sid };
        sid = null;
        lanRequest({ url: eventUrl, method: 'UNSUBSCRIBE', headers, timeoutMs: 1_000 }).catch(
          () => undefined,
        );
      }

      renewals.add(renew);
      void ask();
      return {
        get works() {
          return works;
        },
        async check() {
          const asked = sid;
          if (asked === null) return null;
          const headers = { SID: asked, TIMEOUT: `Second-${ASKED_SECONDS}` };
          try {
            const { status } = await lanRequest({ url: eventUrl, method: 'SUBSCRIBE', headers });
            // What was taken back meanwhile says nothing.
            return status === 200 ? true : status === 412 && sid === asked ? false : null;
          } catch {
            return null;
          }
        },
        close(tell) {
          if (closed) return;
          closed = true;
          callbacks.delete(token);
          renewals.delete(renew);
          if (timer !== null) clearTimeout(timer);
          if (tell) leave();
        },
      };
    },

    async close() {
      clearInterval(looking);
      await ready;
      callbacks.clear();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
