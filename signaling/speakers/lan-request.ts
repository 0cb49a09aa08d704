/**
 * HTTP to a device on the LAN, within bounds: private addresses written as numbers only, no redirects, a deadline for the
 * whole, a limit on what comes back. One connection a request: devices break kept-alive ones in ways of their own.
 */
import { type IncomingHttpHeaders, request as httpRequest } from 'node:http';
import { isPrivateAddress } from '../ops/addresses.ts';

const TIMEOUT_MS = 3_000;
const MAX_BYTES = 262_144;

export interface LanRequest {
  url: string;
  method?: string;
  headers?: Readonly<Record<string, string>>;
  body?: string;
  timeoutMs?: number;
  maxBytes?: number;
}

export interface LanAnswer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
  /** This machine's own address on the way there. */
  localAddress: string;
}

/** The device cannot be talked to; `message` is a short reason for the log, not for people. */
export class LanError extends Error {
  override readonly name = 'LanError';
}

/** Host of an HTTP address that may be asked: a private IP address as a number; null for everything else. */
export function lanHost(url: string): string | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, username, password } = new URL(url);
  const host = hostname.replace(/^\[|\]$/g, '');
  return protocol === 'http:' && username === '' && password === '' && isPrivateAddress(host) ? host : null;
}

/** Rejects with a LanError, and nothing else. An answer of any status is an answer. */
export function lanRequest(options: LanRequest): Promise<LanAnswer> {
  const { url, method = 'GET', headers = {}, body = '', timeoutMs = TIMEOUT_MS } = options;
  const maxBytes = options.maxBytes ?? MAX_BYTES;
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => reject(new LanError(why));
    if (lanHost(url) === null) return fail('not an address of the LAN');
    const request = httpRequest(url, {
      method,
      agent: false,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        'User-Agent': 'Earshot UPnP/1.0',
        ...(body === '' ? {} : { 'Content-Length': String(Buffer.byteLength(body)) }),
        ...headers,
      },
    });
    request.on('error', (error: NodeJS.ErrnoException) =>
      fail(error.name === 'AbortError' ? 'it does not answer' : (error.code ?? error.message)),
    );
    let isAnswered = false;
    // An answer that would begin another protocol (101) is told by nothing else.
    request.on('close', () => isAnswered || fail('it hung up'));
    request.on('response', (response) => {
      isAnswered = true;
      const parts: Buffer[] = [];
      let bytes = 0;
      const localAddress = response.socket.localAddress ?? '';
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > maxBytes) {
          fail('its answer is too large');
          request.destroy();
        } else parts.push(part);
      });
      response.on('error', () => fail('its answer broke off'));
      response.on('close', () => fail('its answer broke off'));
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts).toString('utf8'),
          localAddress: localAddress.replace(/^::ffff:/, ''),
        }),
      );
    });
    request.end(body);
  });
}
