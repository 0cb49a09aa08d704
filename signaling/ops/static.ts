/** The built app from `dist/` over HTTPS: nothing off this origin may load, hashed files are kept for ever. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { type HttpRequest, type Route, send, sendText } from './http.ts';

/** `'self'` covers the wss: addresses of the same host and port (CSP level 3, section 6.7.2.8). */
export const APP_CSP = [
  "default-src 'none'",
  // WebAssembly: the MP3 encoder.
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self' blob:",
  "style-src 'self'",
  // Positions on the ring and progress are set as style attributes.
  "style-src-attr 'unsafe-inline'",
  "img-src 'self' blob: data:",
  "media-src 'self' blob: mediastream:",
  "connect-src 'self'",
  "font-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

const APP_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': APP_CSP,
  'Referrer-Policy': 'no-referrer',
  'Permissions-Policy': 'microphone=(self), camera=(), geolocation=()',
  // Together they isolate the page, which gives it timers of 5 µs instead of 100 µs: the clock is made of them.
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.mjs': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.jpg': 'image/jpeg',
  '.webp': 'image/webp',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.wasm': 'application/wasm',
  '.txt': 'text/plain; charset=utf-8',
  '.mp3': 'audio/mpeg',
};
const COMPRESSIBLE = new Set([
  '.html',
  '.js',
  '.mjs',
  '.css',
  '.json',
  '.webmanifest',
  '.svg',
  '.wasm',
  '.txt',
]);
const HASHED = /^\/assets\/.+-[\w-]{8,}\.\w+$/;
const FOR_EVER = 'public, max-age=31536000, immutable';
/** Below this, compression costs more than it saves. */
const MIN_COMPRESSED_BYTES = 1024;

type Coding = 'br' | 'gzip';

interface Asset {
  path: string;
  type: string;
  body: Buffer;
  etag: string;
  compressible: boolean;
  compressed: Partial<Record<Coding, Promise<Buffer>>>;
}

const compress = {
  br: (body: Buffer) => promisify(brotliCompress)(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 6 } }),
  gzip: (body: Buffer) => promisify(gzip)(body),
};

/** Every file below `dir`, by its URL path, read into memory: so no request ever names a path on disk. */
function readAll(dir: string): Map<string, Asset> {
  const assets = new Map<string, Asset>();
  for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = `/${relative(dir, file).split(sep).join('/')}`;
    const { mtimeMs, size } = statSync(file);
    const extension = extname(file);
    assets.set(path, {
      path,
      type: TYPES[extension] ?? 'application/octet-stream',
      body: readFileSync(file),
      etag: `W/"${size.toString(36)}-${Math.round(mtimeMs).toString(36)}"`,
      compressible: COMPRESSIBLE.has(extension) && size >= MIN_COMPRESSED_BYTES,
      compressed: {},
    });
  }
  return assets;
}

/** The best coding that the client takes (RFC 9110, section 12.5.3); `q=0` refuses one. */
export function chooseCoding(headers: IncomingHttpHeaders): Coding | null {
  const offered = new Map<string, number>();
  for (const part of String(headers['accept-encoding'] ?? '').split(',')) {
    const [name = '', ...parameters] = part.trim().toLowerCase().split(';');
    const q = parameters
      .map((text) => /^\s*q=([\d.]+)\s*$/.exec(text)?.[1])
      .find((text) => text !== undefined);
    offered.set(name, q === undefined ? 1 : Number(q));
  }
  if ((offered.get('br') ?? 0) > 0) return 'br';
  return (offered.get('gzip') ?? 0) > 0 ? 'gzip' : null;
}

const NOT_BUILT = `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Earshot</title><h1>The app is not built yet</h1><p>On the machine that runs this node, stop it and run <code>npm start</code>.</p></html>`;

/** @param distDir read when first asked for, and again after a new build */
export function createStatic(distDir: string): Route {
  let assets: Map<string, Asset> | null = null;
  let builtAtMs = 0;

  function current(): Map<string, Asset> | null {
    try {
      const { mtimeMs } = statSync(join(distDir, 'index.html'));
      if (assets === null || mtimeMs !== builtAtMs) {
        assets = readAll(distDir);
        builtAtMs = mtimeMs;
      }
    } catch {
      // A build in progress empties the folder for a moment: what was read before still serves.
    }
    return assets;
  }

  function deliver(request: HttpRequest, response: ServerResponse, asset: Asset): void {
    const headers: Record<string, string> = {
      ...APP_HEADERS,
      'Content-Type': asset.type,
      'Cache-Control': HASHED.test(asset.path) ? FOR_EVER : 'no-cache',
      ETag: asset.etag,
      ...(asset.compressible ? { Vary: 'Accept-Encoding' } : {}),
    };
    if (request.raw.headers['if-none-match'] === asset.etag) {
      response.writeHead(304, headers);
      response.end();
      return;
    }
    const coding = asset.compressible ? chooseCoding(request.raw.headers) : null;
    if (coding === null) {
      send(request, response, 200, headers, asset.body);
      return;
    }
    const compressed = (asset.compressed[coding] ??= compress[coding](asset.body));
    void compressed.then(
      (body) => send(request, response, 200, { ...headers, 'Content-Encoding': coding }, body),
      () => response.destroy(),
    );
  }

  return (request, response) => {
    const files = current();
    if (files === null) {
      const headers = {
        'Content-Type': 'text/html; charset=utf-8',
        'Cache-Control': 'no-store',
        ...APP_HEADERS,
      };
      return send(request, response, 503, headers, NOT_BUILT);
    }
    const wantsPage = request.path.endsWith('/') || extname(request.path) === '';
    const isNavigation = String(request.raw.headers.accept ?? '').includes('text/html');
    const asset =
      files.get(request.path) ??
      (wantsPage && (isNavigation || request.path === '/') ? files.get('/index.html') : undefined);
    if (asset === undefined) return sendText(request, response, 404, 'Not found.\n');
    deliver(request, response, asset);
    return true;
  };
}
