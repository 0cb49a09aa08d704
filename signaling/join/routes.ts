/** The plain-HTTP landing page, which loads everywhere before any trust, and the certificate that it hands out. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Identity } from '../ops/certificate.ts';
import { type Route, send, sendText } from '../ops/http.ts';
import { trustSteps } from './devices.ts';
import { mobileConfig } from './mobileconfig.ts';

const ICON =
  '<svg viewBox="0 0 24 24" width="18" height="18" aria-hidden="true"><path d="M12 3v12m-5-5 5 5 5-5M4 15v4a2 2 0 0 0 2 2h12a2 2 0 0 0 2-2v-4" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round"/></svg>';

const FONTS: Readonly<Record<string, string>> = {
  '/join/figtree.woff2': '@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2',
  '/join/bricolage.woff2':
    '@fontsource-variable/bricolage-grotesque/files/bricolage-grotesque-latin-wght-normal.woff2',
};

const HOST = /^([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::\d+)?$/i;

/** The host that a client asked for, without the port; `fallback` where the Host header makes no sense. */
export function hostOf(header: string | undefined, fallback: string): string {
  return HOST.exec(header ?? '')?.[1] ?? fallback;
}

const readHere = (name: string): string => readFileSync(new URL(name, import.meta.url), 'utf8');

const escapeHtml = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

/** Replaces `{{name}}`, or a comment that holds it, by its value: once, without looking at the values again. */
const fill = (template: string, values: Readonly<Record<string, string>>): string =>
  template.replace(/(?:\/\*\s*)?\{\{([\w-]+)\}\}(?:\s*\*\/)?/g, (_, name: string) => values[name] ?? '');

/** The CSP source for the one inline element of this kind: the hash of all that stands between its tags. */
function inlineHash(html: string, element: 'style' | 'script'): string {
  const content = new RegExp(`<${element}>([^]*?)</${element}>`).exec(html)?.[1] ?? '';
  return `'sha256-${createHash('sha256').update(content).digest('base64')}'`;
}

export interface JoinOptions {
  /** The one that is shown now. */
  identity: () => Identity;
  /** The app's origin for somebody who came by `host` (as in the Host header, without the port). */
  appOrigin(host: string): string;
  /** Landing pages at other addresses of this machine. */
  otherUrls: () => readonly string[];
  /** Used where the Host header makes no sense. */
  fallbackHost: () => string;
}

/** `GET /` and its fonts are for the plain-HTTP port; the certificate is for both. */
export function createJoinRoutes(options: JoinOptions): { landing: Route; certificate: Route } {
  const authority = (): Identity['authority'] => options.identity().authority;
  const style = readHere('page.css');
  const script = readHere('page.js');
  const template = readHere('page.html');
  const trustOwn = readHere('trust-own.html');
  const fonts = new Map(
    Object.entries(FONTS).map(
      ([path, file]) => [path, readFileSync(new URL(import.meta.resolve(file)))] as const,
    ),
  );

  function page(host: string): { html: string; csp: string } {
    const app = options.appOrigin(host);
    const ca = authority();
    const trust = ca === null ? trustOwn : trustSteps(ca.name, ICON);
    const others = options.otherUrls().filter((url) => new URL(url).hostname !== host);
    const html = fill(template, {
      app: escapeHtml(app),
      host: escapeHtml(host),
      style,
      script,
      trust,
      others: others
        .map((url) => `<li><a href="${escapeHtml(url)}">${escapeHtml(new URL(url).host)}</a></li>`)
        .join(''),
      'others-hidden': others.length === 0 ? 'hidden' : '',
    });
    const csp = [
      "default-src 'none'",
      `script-src ${inlineHash(html, 'script')}`,
      `style-src ${inlineHash(html, 'style')}`,
      // A source list cannot name an IPv6 address (CSP level 3, section 2.3.1).
      `connect-src ${app.includes('[') ? 'https:' : new URL(app).origin}`,
      "font-src 'self'",
      'img-src data:',
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ].join('; ');
    return { html, csp };
  }

  return {
    landing(request, response) {
      const font = fonts.get(request.path);
      if (font !== undefined) {
        const headers = { 'Content-Type': 'font/woff2', 'Cache-Control': 'public, max-age=86400' };
        return send(request, response, 200, headers, font);
      }
      if (request.path !== '/') return false;
      const host = hostOf(request.raw.headers.host, options.fallbackHost());
      const { html, csp } = page(host);
      const headers = {
        'Content-Type': 'text/html; charset=utf-8',
        'Content-Security-Policy': csp,
        'Referrer-Policy': 'no-referrer',
        'Cache-Control': 'no-store',
      };
      return send(request, response, 200, headers, html);
    },

    certificate(request, response) {
      if (request.path !== '/ca.crt' && request.path !== '/ca.mobileconfig') return false;
      const ca = authority();
      if (ca === null) return sendText(request, response, 404, 'This node has a certificate of its own.\n');
      if (request.path === '/ca.crt') {
        const headers = {
          'Content-Type': 'application/x-x509-ca-cert',
          'Content-Disposition': 'attachment; filename="earshot.crt"',
          'Cache-Control': 'no-store',
        };
        return send(request, response, 200, headers, ca.pem);
      }
      const fingerprint = createHash('sha256').update(ca.der).digest('hex');
      const headers = {
        'Content-Type': 'application/x-apple-aspen-config',
        'Content-Disposition': 'attachment; filename="earshot.mobileconfig"',
        'Cache-Control': 'no-store',
      };
      return send(request, response, 200, headers, mobileConfig(ca.name, ca.der, fingerprint));
    },
  };
}
