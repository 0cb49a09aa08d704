/** What both HTTP ports share: a request in the form that routes take, and answers of the usual kinds. */
import type { IncomingMessage, ServerResponse } from 'node:http';

export interface HttpRequest {
  method: string;
  /** Decoded path without the query; always begins with `/`. */
  path: string;
  query: URLSearchParams;
  /** The port's protocol. */
  secure: boolean;
  raw: IncomingMessage;
}

/** Answers and returns true, or returns false: not mine. */
export type Route = (request: HttpRequest, response: ServerResponse) => boolean;

/** Null: the request line makes no sense. */
export function parseRequest(raw: IncomingMessage, secure: boolean): HttpRequest | null {
  const target = raw.url ?? '';
  if (!target.startsWith('/') || target.length > 2048 || !URL.canParse(target, 'http://node')) return null;
  const at = target.indexOf('?');
  try {
    const path = decodeURIComponent(at < 0 ? target : target.slice(0, at));
    const query = new URLSearchParams(at < 0 ? '' : target.slice(at + 1));
    return path.includes('\0') ? null : { method: raw.method ?? 'GET', path, query, secure, raw };
  } catch {
    return null;
  }
}

/** For what any page may read: it holds nothing secret, and the landing page and the app are different origins. */
export const OPEN_TO_ALL: Readonly<Record<string, string>> = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Private-Network': 'true',
};

export const NO_SNIFF: Readonly<Record<string, string>> = { 'X-Content-Type-Options': 'nosniff' };

export function send(
  request: HttpRequest,
  response: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string | Uint8Array,
): true {
  const bytes = typeof body === 'string' ? Buffer.from(body, 'utf8') : body;
  response.writeHead(status, { ...NO_SNIFF, ...headers, 'Content-Length': bytes.length });
  if (request.method === 'HEAD') response.end();
  else writeGradually(response, bytes);
  return true;
}

/** What is written at once is copied when it is encrypted, and kept until the other side takes it: so never all of it. */
const CHUNK_BYTES = 65_536;

function writeGradually(response: ServerResponse, bytes: Uint8Array): void {
  let at = 0;
  function next(): void {
    while (at + CHUNK_BYTES < bytes.length) {
      const part = bytes.subarray(at, at + CHUNK_BYTES);
      at += CHUNK_BYTES;
      if (response.write(part)) continue;
      response.once('drain', next);
      return;
    }
    response.end(bytes.subarray(at));
  }
  next();
}

export function sendText(request: HttpRequest, response: ServerResponse, status: number, text: string): true {
  return send(
    request,
    response,
    status,
    { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
    text,
  );
}

/** JSON that any page may read. */
export function sendJson(request: HttpRequest, response: ServerResponse, value: unknown): true {
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store', ...OPEN_TO_ALL };
  return send(request, response, 200, headers, JSON.stringify(value));
}

/** The body, or null when it is larger than that or does not come to its end. */
export function readBody(request: HttpRequest, maxBytes: number): Promise<Buffer | null> {
  return new Promise((resolve) => {
    const parts: Buffer[] = [];
    let bytes = 0;
    request.raw.on('data', (part: Buffer) => {
      bytes += part.length;
      if (bytes > maxBytes) resolve(null);
      else parts.push(part);
    });
    request.raw.once('end', () => resolve(Buffer.concat(parts)));
    request.raw.once('close', () => resolve(null));
  });
}

/**
 * True when the method was answered here: preflights, and methods that nothing takes.
 * @param takesPost a route reads bodies sent to this path
 */
export function answerMethod(request: HttpRequest, response: ServerResponse, takesPost: boolean): boolean {
  if (request.method === 'GET' || request.method === 'HEAD')
    return takesPost && refuseMethod(response, 'POST');
  if (request.method === 'POST' && takesPost) return false;
  if (request.method === 'OPTIONS') {
    response.writeHead(204, {
      ...OPEN_TO_ALL,
      'Access-Control-Allow-Methods': 'GET, HEAD',
      'Access-Control-Max-Age': '600',
    });
    response.end();
    return true;
  }
  return refuseMethod(response, takesPost ? 'POST' : 'GET, HEAD, OPTIONS');
}

function refuseMethod(response: ServerResponse, allow: string): true {
  response.writeHead(405, { Allow: allow, Connection: 'close' });
  response.end();
  return true;
}
