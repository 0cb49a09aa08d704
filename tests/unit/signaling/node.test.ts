import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import * as v from 'valibot';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseCoding } from '../../../signaling/ops/static.ts';
import { NodeInfo } from '../../../signaling/protocol/node-info.ts';
import { ask, startNode, status, temporaryFolder, type TestNode, until } from './support.ts';

let node: TestNode;
beforeEach(async () => {
  node = await startNode();
});
afterEach(() => node.close());

/** Sends bytes as they are, and collects what comes back until the other side closes. */
async function raw(bytes: string | Buffer): Promise<string> {
  const socket = connect(node.ports.http, '127.0.0.1');
  await once(socket, 'connect');
  const parts: Buffer[] = [];
  socket.on('data', (part: Buffer) => parts.push(part));
  socket.on('error', () => {});
  socket.write(bytes);
  await once(socket, 'close');
  return Buffer.concat(parts).toString();
}

describe('the node', () => {
  it('is healthy on both ports, and any page may ask', async () => {
    for (const url of [node.httpUrl, node.httpsUrl]) {
      const answer = await ask(`${url}/health`, { ca: node.ca });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        200,
        expect.objectContaining({ status: 'ok', version: '9.9.9' }),
      ]);
      expect(answer.headers['access-control-allow-origin']).toBe('*');
    }
    const preflight = await ask(`${node.httpsUrl}/health`, { method: 'OPTIONS', ca: node.ca });
    expect([preflight.status, preflight.headers['access-control-allow-private-network']]).toEqual([
      204,
      'true',
    ]);
  });

  it('says what the app must know, and no secret', async () => {
    for (const url of [node.httpUrl, node.httpsUrl]) {
      const { text } = await ask(`${url}/node.json`, { ca: node.ca });
      expect(v.parse(NodeInfo, JSON.parse(text))).toEqual({
        name: 'earshot',
        version: '9.9.9',
        protocol: 1,
        joinUrl: `${node.httpUrl}/`,
        appUrl: `${node.httpsUrl}/`,
        streamBaseUrl: node.httpUrl,
        defaultRoomId: node.keys.roomId,
        stunPort: node.ports.stun,
        minProtocol: 1,
        turnPort: node.ports.stun,
        otherUrls: [],
        certificate: {
          issuedBy: 'local',
          validUntilMs: expect.closeTo(Date.now() + 396 * 86_400_000, -6) as number,
        },
      });
      expect(text).not.toContain(node.joinLink.split('#')[1]);
    }
    expect(node.joinLink).toMatch(new RegExp(`^${node.httpUrl}/#[\\w-]{22}$`));
  });

  it('keeps its room and its certificate over a restart, and reads nobody else in', async () => {
    const secret = node.joinLink.split('#')[1];
    const again = await startNode({ dataDir: node.dataDir });
    expect(again.joinLink.split('#')[1]).toBe(secret);
    expect(again.ca).toBe(node.ca);
    await again.close();
    expect(statSync(join(node.dataDir, 'room.json')).mode & 0o777).toBe(0o600);
    writeFileSync(join(node.dataDir, 'room.json'), '{"secret":"short"}');
    await expect(startNode({ dataDir: node.dataDir })).rejects.toThrow(/room.json holds no room secret/);
  });

  it('tells what stands in front of it', async () => {
    const proxied = await startNode({
      publicUrl: 'https://party.example',
      streamUrl: 'http://radio.example',
    });
    expect(proxied.info).toMatchObject({
      appUrl: 'https://party.example/',
      streamBaseUrl: 'http://radio.example',
    });
    expect((await ask(`${proxied.httpUrl}/stream.m3u`)).text).toContain('http://radio.example/stream.mp3');
    const page = await ask(`${proxied.httpUrl}/`);
    expect(page.text).toContain('data-app="https://party.example"');
    expect(page.headers['content-security-policy']).toContain('connect-src https://party.example;');
    await proxied.close();
  });
});

describe('the landing page', () => {
  it('loads nothing but itself and looks for the app where it was found', async () => {
    const page = await ask(`${node.httpUrl}/`, { headers: { host: `localhost:${node.ports.http}` } });
    expect(page.text).toContain(`data-app="https://localhost:${node.ports.https}"`);
    expect(page.text).toContain('localhost on this network');
    const csp = String(page.headers['content-security-policy']);
    expect(csp).toContain("default-src 'none'");
    for (const element of ['script', 'style']) {
      const inline = new RegExp(`<${element}>([^]*?)</${element}>`).exec(page.text)?.[1] ?? '';
      const hash = createHash('sha256').update(inline).digest('base64');
      expect([element, inline.length > 500, csp.includes(`${element}-src 'sha256-${hash}';`)]).toEqual([
        element,
        true,
        true,
      ]);
    }
    expect(csp).toContain(`connect-src https://localhost:${node.ports.https};`);
    expect(page.text).not.toMatch(/\{\{|https?:\/\/(?!localhost|127)/);
    const fonts = [...page.text.matchAll(/url\((\/join\/[a-z]+\.woff2)\)/g)].map((match) => match[1]);
    expect(fonts).toHaveLength(2);
    for (const font of fonts) {
      const answer = await ask(`${node.httpUrl}${font}`);
      expect([answer.headers['content-type'], answer.body.subarray(0, 4).toString()]).toEqual([
        'font/woff2',
        'wOF2',
      ]);
    }
  });

  it.each(['evil.example', '"><script>', '8.8.8.8:1', ''])(
    'never sends people to a Host header of %j',
    async (host) => {
      const page = await ask(`${node.httpUrl}/`, { headers: { host } });
      expect(page.text).toContain(`data-app="https://127.0.0.1:${node.ports.https}"`);
      expect(page.text).not.toContain('"><script>');
    },
  );

  it('hands out the CA as a file and as a profile', async () => {
    const crt = await ask(`${node.httpUrl}/ca.crt`);
    expect([crt.headers['content-type'], crt.text]).toEqual(['application/x-x509-ca-cert', node.ca]);
    const profile = await ask(`${node.httpUrl}/ca.mobileconfig`);
    expect(profile.headers['content-type']).toBe('application/x-apple-aspen-config');
    const data = /<data>\s*([\w+/=\s]+?)\s*<\/data>/.exec(profile.text)?.[1]?.replace(/\s/g, '');
    expect(node.ca.replace(/\s/g, '')).toContain(data);
    expect(profile.text.match(/<string>[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}<\/string>/g)).toHaveLength(
      2,
    );
  });
});

describe('the app’s files', () => {
  it('says what to do when there is no build', async () => {
    const answer = await ask(`${node.httpsUrl}/`, { ca: node.ca });
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('npm start')]);
  });

  it('come with strict headers, compressed, and cached by kind', async () => {
    const dist = temporaryFolder();
    mkdirSync(join(dist.path, 'assets'));
    const script = `console.log(${JSON.stringify('x'.repeat(5000))})`;
    writeFileSync(join(dist.path, 'index.html'), '<!doctype html><title>app</title>');
    writeFileSync(join(dist.path, 'sw.js'), '//');
    writeFileSync(join(dist.path, 'assets/main-DEADBEEF.js'), script);
    writeFileSync(join(dist.path, '../earshot-outside.txt'), 'secret');
    const app = await startNode({ distDir: dist.path });
    const get = (path: string, headers: Record<string, string> = {}) =>
      ask(app.httpsUrl, { path, headers, ca: app.ca });

    const page = await get('/', { accept: 'text/html' });
    expect(page.text).toContain('app');
    const csp = String(page.headers['content-security-policy']);
    expect(csp).toContain("default-src 'none'");
    expect(csp).not.toMatch(/https?:|wss?:|\*|script-src[^;]*unsafe-inline/);
    expect(page.headers).toMatchObject({
      'cache-control': 'no-cache',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'permissions-policy': expect.stringContaining('microphone=(self)') as string,
    });
    expect((await get('/', { 'if-none-match': page.headers.etag ?? '' })).status).toBe(304);

    const js = await get('/assets/main-DEADBEEF.js', { 'accept-encoding': 'gzip, br;q=0' });
    expect(js.headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: 'Accept-Encoding',
      'content-type': 'text/javascript; charset=utf-8',
    });
    expect(js.headers['cache-control']).toContain('immutable');
    expect(gunzipSync(js.body).toString()).toBe(script);
    expect((await get('/assets/main-DEADBEEF.js')).text).toBe(script);
    expect((await get('/sw.js')).headers['cache-control']).toBe('no-cache');

    expect((await get('/some/room', { accept: 'text/html' })).text).toContain('app');
    expect((await get('/some/room')).status).toBe(404);
    expect((await get('/gone.js', { accept: 'text/html' })).status).toBe(404);
    for (const path of [
      '/../earshot-outside.txt',
      '/%2e%2e/earshot-outside.txt',
      '/assets/..%2f..%2fearshot-outside.txt',
      '//etc/passwd',
    ]) {
      const answer = await get(path);
      expect([path, answer.text.includes('secret') || answer.text.includes('root:')]).toEqual([path, false]);
      expect([400, 404]).toContain(answer.status);
    }

    writeFileSync(join(dist.path, 'index.html'), '<!doctype html><title>new build</title>');
    await until(async () => (await get('/')).text.includes('new build') || undefined);
    rmSync(join(dist.path, 'index.html'));
    expect((await get('/')).text).toContain('new build');
    await app.close();
    rmSync(join(dist.path, '../earshot-outside.txt'));
    dist.remove();
  });

  it('are coded as the client asks', () => {
    expect(chooseCoding({ 'accept-encoding': 'gzip, deflate, br' })).toBe('br');
    expect(chooseCoding({ 'accept-encoding': 'gzip;q=0.5, br;q=0' })).toBe('gzip');
    expect(chooseCoding({ 'accept-encoding': 'gzip;q=0' })).toBeNull();
    expect(chooseCoding({})).toBeNull();
  });
});

describe('bad input over HTTP', () => {
  it.each([
    ['garbage', '\u0000\u0001\u0002\r\n\r\n', '400'],
    ['a TLS hello on the plain port', Buffer.from('160301002f0100002b0303', 'hex'), '400'],
    ['a path that does not decode', 'GET /%E0%A4%A HTTP/1.1\r\nHost: x\r\n\r\n', '400'],
    ['an absolute target', 'GET http://example.com/ HTTP/1.1\r\nHost: x\r\n\r\n', '400'],
    ['a very long path', `GET /${'a'.repeat(4000)} HTTP/1.1\r\nHost: x\r\n\r\n`, '400'],
    ['headers without end', `GET / HTTP/1.1\r\nX: ${'a'.repeat(20_000)}`, '431|400'],
    ['another method', 'DELETE / HTTP/1.1\r\nHost: x\r\n\r\n', '405'],
    [
      'an upgrade on the plain port',
      'GET /uplink HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
      '404',
    ],
  ])('%s is answered and closed', async (_, bytes, expected) => {
    expect(await raw(bytes)).toMatch(new RegExp(`^HTTP/1.1 (${expected}) `));
    expect((await ask(`${node.httpUrl}/health`)).status).toBe(200);
  });

  it('is counted', async () => {
    await raw('nonsense\r\n\r\n');
    const { rejected } = await status(node);
    expect(rejected['http bad-request']).toBe(1);
  });

  it('is not what a listener sends who hangs up', async () => {
    const { rejected: before } = await status(node);
    const listener = connect(node.ports.http, '127.0.0.1');
    listener.write('GET /stream.mp3 HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(listener, 'data');
    const listeners = async (): Promise<number | undefined> => (await status(node)).streams[0]?.listeners;
    expect(await listeners()).toBe(1);
    listener.resetAndDestroy();
    await until(async () => (await listeners()) === 0 || undefined);
    expect((await status(node)).rejected['http bad-request']).toBe(before['http bad-request']);
  });

  it('a connection that says nothing is closed', async () => {
    const socket = connect(node.ports.http, '127.0.0.1');
    socket.on('error', () => {});
    socket.resume();
    await once(socket, 'close');
    expect((await ask(`${node.httpUrl}/health`)).status).toBe(200);
  });

  it('keeps key files out of reach', async () => {
    const key = readFileSync(join(node.dataDir, 'ca.key'), 'utf8');
    for (const path of ['/ca.key', '/certs/ca.key', '/../ca.key', '/room.json']) {
      for (const url of [node.httpUrl, node.httpsUrl]) {
        expect((await ask(url, { path, ca: node.ca })).text).not.toContain(key.slice(30, 60));
      }
    }
  });
});
