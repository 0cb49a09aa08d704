/** Builds the harness page as production would, serves it under the app's policy, and opens it in Chromium. */
import { createServer, type Server } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { chromium, type Browser, type Page } from '@playwright/test';
import { build } from 'vite';

const ROOT = new URL('./harness/', import.meta.url).pathname;
const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript',
  '.wasm': 'application/wasm',
};
const POLICY =
  "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self' ws://localhost:*; " +
  "media-src 'self' blob:; img-src 'self' data:; style-src 'self'; base-uri 'none'; form-action 'none'";

export interface Harness {
  page: Page;
  browser: Browser;
  /** Makes a file available to the page below `/files/`. */
  put(name: string, bytes: Uint8Array): string;
  /** Everything that the page's consoles called an error, and policy violations. */
  readonly errors: readonly string[];
  close(): Promise<void>;
}

/** The harness page as production would build it; the folder is the caller's to remove. */
export async function buildHarness(): Promise<string> {
  const outDir = await mkdtemp(join(tmpdir(), 'earshot-harness-'));
  await build({
    configFile: false,
    root: ROOT,
    base: './',
    logLevel: 'error',
    worker: { format: 'es' },
    build: { outDir, target: 'es2022', emptyOutDir: true, minify: false },
  });
  return outDir;
}

export async function openHarness(): Promise<Harness> {
  const outDir = await buildHarness();
  const files = new Map<string, Uint8Array>();
  const server = await serve(outDir, files);
  const origin = `http://localhost:${(server.address() as AddressInfo).port}`;
  const opened = await openPage(origin);
  return {
    ...opened,
    put(name, bytes) {
      files.set(`/files/${name}`, bytes);
      return `/files/${name}`;
    },
    async close() {
      await opened.browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await rm(outDir, { recursive: true, force: true });
    },
  };
}

/** Opens a harness page that is served somewhere, in a Chromium of its own. */
export async function openPage(origin: string): Promise<Pick<Harness, 'page' | 'browser' | 'errors'>> {
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--autoplay-policy=no-user-gesture-required',
      '--use-fake-device-for-media-stream',
      '--use-fake-ui-for-media-stream',
      // The node's certificate comes from a local authority that this browser does not know.
      '--ignore-certificate-errors',
    ],
  });
  const page = await browser.newPage();
  const errors: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') errors.push(message.text());
    if (message.type() === 'info') console.log(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(`${origin}/index.html`);
  await page.waitForFunction(() => 'sound' in window);
  return { page, browser, errors };
}

function serve(outDir: string, files: ReadonlyMap<string, Uint8Array>): Promise<Server> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname);
    const held = files.get(path);
    const content = held ? Promise.resolve(held) : readFile(join(outDir, path));
    content.then(
      (bytes) => {
        response.writeHead(200, {
          'content-type': TYPES[extname(path)] ?? 'application/octet-stream',
          'content-security-policy': POLICY,
        });
        response.end(bytes);
      },
      () => response.writeHead(404).end(),
    );
  });
  return new Promise((resolve) => server.listen(0, 'localhost', () => resolve(server)));
}

export function floats(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64');
  return new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}
