/** Pages of the contract harness: one Chromium, one browser context a peer. */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { type Browser, chromium } from '@playwright/test';
import { build } from 'vite';

const HARNESS = join(import.meta.dirname, 'harness');
const BUILT = join(import.meta.dirname, '..', '.cache', 'contract-harness');
const MIME: Record<string, string> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};

export const CHROMIUM_ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--ignore-certificate-errors',
  '--autoplay-policy=no-user-gesture-required',
];

export interface Harness {
  browser: Browser;
  /** Where the harness page is. */
  origin: string;
  /** Where the peers meet. */
  node: { origin: string; stunPort: number | null };
  /** Files put here are served beside the page. */
  folder: string;
  close(): Promise<void>;
}

/** Builds the harness with Vite, serves it on loopback (a secure context) and starts Chromium. */
export async function startHarness(): Promise<Harness> {
  await build({
    configFile: false,
    root: HARNESS,
    logLevel: 'error',
    base: './',
    worker: { format: 'es' },
    build: { outDir: BUILT, emptyOutDir: true, target: 'es2022' },
  });
  const server = await serve();
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: CHROMIUM_ARGS });
  const { port } = server.address() as AddressInfo;
  return {
    browser,
    origin: `http://127.0.0.1:${port}`,
    node: { origin: 'http://127.0.0.1:4777', stunPort: 4777 },
    folder: BUILT,
    async close() {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function serve(): Promise<Server> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://harness').pathname;
    if (path === '/favicon.ico') return void response.writeHead(204).end();
    const file = join(BUILT, path === '/' ? 'index.html' : path);
    readFile(file).then(
      (body) => {
        response.setHeader('content-type', MIME[extname(file)] ?? 'application/octet-stream');
        // The app's own policy: nothing here may need more.
        response.setHeader(
          'content-security-policy',
          "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self' ws: wss: blob:; img-src 'self' blob:; media-src 'self' blob:",
        );
        response.end(body);
      },
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

export function randomRoom() {
  return {
    roomId: Array.from(randomBytes(20), (byte) => 'abcdefghijklmnopqrstuvwxyz234567'[byte % 32]).join(''),
    signalingKey: randomBytes(32).toString('base64url'),
    meshKey: [...randomBytes(32)],
  };
}
