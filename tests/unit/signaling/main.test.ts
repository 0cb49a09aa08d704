import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { WebSocket } from 'ws';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ask, listen, temporaryFolder, until } from './support.ts';

const MAIN = new URL('../../../signaling/main.ts', import.meta.url).pathname;

interface Running {
  child: ChildProcessByStdio<null, Readable, Readable>;
  out(): string;
  err(): string;
  exit: Promise<number | null>;
}

let folder: ReturnType<typeof temporaryFolder>;
const running: Running[] = [];
beforeEach(() => {
  folder = temporaryFolder();
});
afterEach(async () => {
  for (const { child, exit } of running.splice(0)) {
    child.kill('SIGKILL');
    await exit;
  }
  folder.remove();
});

function run(...args: string[]): Running {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (part: Buffer) => (out += part.toString()));
  child.stderr.on('data', (part: Buffer) => (err += part.toString()));
  const exit = new Promise<number | null>((resolve) => child.once('close', (code) => resolve(code)));
  const started = { child, out: () => out, err: () => err, exit };
  running.push(started);
  return started;
}

const LOCAL = ['--bind', '127.0.0.1'];
const data = (): string[] => ['--data', join(folder.path, 'data')];
const FREE = ['--port', '0', '--http-port', '0', '--stun-port', '0'];

/** The addresses of the start-up banner. */
async function banner(node: Running): Promise<{ join: string; app: string; stream: string }> {
  const text = await until(() => (node.out().includes('Ctrl+C') ? node.out() : undefined), 15_000);
  const line = (name: string): string => new RegExp(`${name} +(\\S+)`).exec(text)?.[1] ?? '';
  return { join: line('Join'), app: line('App'), stream: line('Stream') };
}

/** A port that somebody else has. */
async function takenPort(): Promise<{ port: number; free(): Promise<void> }> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    free: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

describe('the command', () => {
  it.each([
    ['an unknown flag', () => ['--nope'], /--nope/],
    ['a bad port', () => ['--port', 'x'], /--port: "x" is not a port/],
    [
      'a missing certificate',
      () => ['--cert', '/none', '--key', '/none'],
      /\/none cannot be read \(ENOENT\)/,
    ],
    [
      'a mismatched key',
      () => {
        const other = join(folder.path, 'k.pem');
        writeFileSync(other, 'not a key');
        return ['--cert', other, '--key', other];
      },
      /k\.pem is not a PEM certificate/,
    ],
    [
      'a data folder that is a file',
      () => {
        const file = join(folder.path, 'file');
        writeFileSync(file, '');
        return ['--data', join(file, 'x')];
      },
      /data folder .*file\/x cannot be written \(ENOTDIR\)/,
    ],
    // Where Node's own `mkdir` tries for ever.
    [
      'a data folder where there can be none',
      () => ['--data', '/proc/x/y'],
      /data folder \/proc\/x\/y cannot be written \(ENOENT\)/,
    ],
    [
      'a data folder that takes no file',
      () => ['--data', '/proc'],
      /data folder \/proc cannot be written \(/,
    ],
    [
      'an address that is not ours',
      () => ['--bind', '192.0.2.77'],
      /192\.0\.2\.77, port 0, cannot be opened/,
    ],
  ])('says %s in one line and exits with 2', async (_, args, message) => {
    const node = run(...FREE, ...LOCAL, ...data(), ...args());
    expect(await node.exit).toBe(2);
    expect(node.err()).toMatch(message);
    expect(node.err().trim().split('\n')).toHaveLength(1);
    expect(node.err()).toMatch(/^earshot: /);
  });

  it('prints help and version', async () => {
    const help = run('--help');
    const version = run('--version');
    expect([await help.exit, await version.exit]).toEqual([0, 0]);
    expect(help.out()).toContain('--strict-ports');
    expect(version.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('takes a room for its own, for good, and tells its secret in no error', async () => {
    const secret = 'AbCdEfGhIjKlMnOpQrStUg';
    const bad = run(...FREE, ...LOCAL, ...data(), '--room', `https://10.0.0.1/#${secret}x`);
    expect(await bad.exit).toBe(2);
    expect(bad.err()).not.toContain(secret);
    const given = run(...FREE, ...LOCAL, ...data(), '--room', `https://10.0.0.1/#${secret}`);
    expect(new URL((await banner(given)).join).hash).toBe(`#${secret}`);
    given.child.kill('SIGTERM');
    await given.exit;
    const again = run(...FREE, ...LOCAL, ...data());
    expect(new URL((await banner(again)).join).hash).toBe(`#${secret}`);
  });

  it('moves to the next free port and says so, or refuses when ports are strict', async () => {
    const [a, b] = await Promise.all([takenPort(), takenPort()]);
    const ports = ['--port', String(a.port), '--http-port', String(b.port), '--stun-port', '0'];
    const strict = run(...ports, ...LOCAL, ...data(), '--strict-ports');
    expect(await strict.exit).toBe(2);
    expect(strict.err()).toContain(`port ${a.port} for the app is taken`);

    const node = run(...ports, ...LOCAL, ...data());
    const { app, stream } = await banner(node);
    expect(node.out()).toMatch(new RegExp(`^Port ${a.port} is taken: the app is on \\d+ instead\\.$`, 'm'));
    expect(node.out()).toMatch(new RegExp(`^Port ${b.port} is taken: .*stream is on \\d+ instead\\.$`, 'm'));
    expect(Number(new URL(app).port)).toBeGreaterThan(a.port);
    expect((await ask(`${new URL(stream).origin}/health`)).status).toBe(200);

    const http = new URL(stream).port;
    const second = run('--port', '0', '--http-port', http, '--stun-port', '0', ...LOCAL, ...data());
    expect(new URL((await banner(second)).stream).port).not.toBe(http);
    await Promise.all([a.free(), b.free()]);
  });

  it('moves the STUN port too', async () => {
    const first = run(...FREE.slice(0, 4), '--stun-port', '0', ...LOCAL, ...data());
    const { app } = await banner(first);
    const ca = readFileSync(join(folder.path, 'data/ca.crt'), 'utf8');
    const { stunPort } = JSON.parse((await ask(`${app}node.json`, { ca })).text) as { stunPort: number };
    const second = run(...FREE.slice(0, 4), '--stun-port', String(stunPort), ...LOCAL, ...data());
    await banner(second);
    expect(second.out()).toContain(`Port ${stunPort} is taken: STUN is on `);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)(
    'ends within 5 s and with 0 on %s, with everything open',
    async (signal) => {
      const node = run(...FREE, ...LOCAL, ...data());
      const { app, stream, join: link } = await banner(node);
      const listener = await listen(stream);
      const ca = readFileSync(join(folder.path, 'data/ca.crt'), 'utf8');
      const paths = ['/signaling', '/uplink', '/broker/peerjs?key=peerjs&id=a&token=b'];
      const sockets = paths.map(
        (path) => new WebSocket(`${app.replace('https', 'wss').replace(/\/$/, '')}${path}`, { ca }),
      );
      await Promise.all(sockets.map((socket) => once(socket, 'open')));
      const closings = sockets.map((socket) => once(socket, 'close') as Promise<[number, Buffer]>);
      const startedAt = performance.now();
      node.child.kill(signal);
      expect(await node.exit).toBe(0);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
      await listener.ended;
      expect((await Promise.all(closings)).map(([code]) => code)).toEqual([1001, 1001, 1001]);
      expect(node.err()).toBe('');

      const lines = node
        .out()
        .split('\n')
        .filter((line) => line.startsWith('{'));
      const events = lines.map((line) => (JSON.parse(line) as { event: string }).event);
      expect(events).toEqual(expect.arrayContaining(['started', 'listener-joined', 'stopping', 'stopped']));
      const secret = link.split('#')[1] ?? 'missing';
      expect(lines.join('\n')).not.toContain(secret);
      expect(node.out().split(secret)).toHaveLength(2);
    },
  );

  it('starts quickly the second time, with the same room', async () => {
    const first = run(...FREE, ...LOCAL, ...data());
    const { join: link } = await banner(first);
    first.child.kill('SIGTERM');
    await first.exit;
    mkdirSync(join(folder.path, 'data'), { recursive: true });
    const second = run(...FREE, ...LOCAL, ...data());
    expect((await banner(second)).join.split('#')[1]).toBe(link.split('#')[1]);
  });
});
