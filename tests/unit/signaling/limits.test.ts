import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { createAddressBudgets } from '../../../signaling/ops/address-budgets.ts';
import { createBudget } from '../../../signaling/ops/budget.ts';
import { createCounters } from '../../../signaling/ops/counters.ts';
import { createShares, shareOf } from '../../../signaling/ops/shares.ts';
import { createSocketPath, type SocketPath, type SocketPathOptions } from '../../../signaling/ops/sockets.ts';
import { createVisitors } from '../../../signaling/ops/visitors.ts';
import { connect } from 'node:net';
import { ask, listen, openSocket, startNode, status, until } from './support.ts';

describe('a budget', () => {
  it('gives a burst at once, and its rate after that', () => {
    const budget = createBudget({ burst: 10, perSecond: 5 }, 0);
    const spent = Array.from({ length: 20 }, () => budget.spend(1, 0)).filter(Boolean).length;
    expect([spent, budget.spend(1, 199), budget.spend(1, 200), budget.spend(1, 200)]).toEqual([
      10,
      false,
      true,
      false,
    ]);
    expect(budget.spend(10, 100_000)).toBe(true);
  });

  it('can be overdrawn, and says for how long', () => {
    const budget = createBudget({ burst: 10, perSecond: 5 }, 0);
    expect([budget.charge(10, 0), budget.owedMs(0)]).toEqual([true, 0]);
    expect([budget.charge(5, 0), budget.owedMs(0), budget.owedMs(400), budget.owedMs(1_000)]).toEqual([
      false,
      1_000,
      600,
      0,
    ]);
  });

  it('of one address is not another’s, and invented addresses cost no memory', () => {
    const budgets = createAddressBudgets({ burst: 2, perSecond: 1 });
    expect([1, 2, 3].map(() => budgets.spend('a', 1, 0))).toEqual([true, true, false]);
    expect(budgets.spend('b', 1, 0)).toBe(true);
    for (let i = 0; i < 10_000; i++) budgets.spend(`x${i}`, 1, 0);
    expect(budgets.size()).toBe(4_096);
  });
});

describe('visitors', () => {
  const limits = { open: 3, opening: { burst: 5, perSecond: 1 }, requests: { burst: 2, perSecond: 1 } };

  it('have a share of connections each', () => {
    let nowMs = 0;
    const visitors = createVisitors(() => nowMs, limits);
    expect([1, 2, 3, 4].map(() => visitors.arrive('10.0.0.1'))).toEqual([
      null,
      null,
      null,
      'too-many-connections-of-one',
    ]);
    expect(visitors.arrive('10.0.0.2')).toBeNull();
    for (let i = 0; i < 2; i++) {
      visitors.left('10.0.0.1');
      expect(visitors.arrive('10.0.0.1')).toBeNull();
    }
    visitors.left('10.0.0.1');
    expect(visitors.arrive('10.0.0.1')).toBe('connecting-too-fast');
    nowMs = 1_000;
    expect(visitors.arrive('10.0.0.1')).toBeNull();
  });

  it('ask so often, but for this machine, where a proxy may speak for all', () => {
    const visitors = createVisitors(() => 0, limits);
    expect([1, 2, 3].map(() => visitors.ask('10.0.0.1'))).toEqual([null, null, 'asking-too-fast']);
    for (const own of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      for (let i = 0; i < 9; i++) expect([visitors.ask(own), visitors.arrive(own)]).toEqual([null, null]);
    }
  });

  it('are told to come back later', async () => {
    const isExempt = (): boolean => false;
    const node = await startNode({}, {}, { isExempt, requests: { burst: 3, perSecond: 0.01 } });
    const answers = await Promise.all([1, 2, 3].map(() => ask(`${node.httpUrl}/health`)));
    expect(answers.map((answer) => answer.status)).toEqual([200, 200, 200]);
    const refused = await ask(`${node.httpUrl}/health`);
    expect([refused.status, refused.headers['retry-after']]).toEqual([429, '5']);
    await expect(openSocket(node, '/signaling')).rejects.toThrow(/429/);
    await node.close();
  });

  it('who open too many connections get no more, and the status says so', async () => {
    // Everybody in this process is one address: only it is limited, and only after the status could be asked.
    let isExempt = true;
    const node = await startNode({}, {}, { isExempt: () => isExempt, open: 5 });
    const sockets = await Promise.all([1, 2, 3, 4, 5].map(() => openSocket(node, '/signaling')));
    isExempt = false;
    await expect(openSocket(node, '/signaling')).rejects.toThrow();
    isExempt = true;
    expect((await status(node)).rejected['https too-many-connections-of-one']).toBe(1);
    for (const socket of sockets) socket.close();
    await node.close();
  });
});

describe('shares', () => {
  it('are held per address until they are given back, once', () => {
    const shares = createShares(2, (address) => address === 'proxy');
    const [first, second, third] = [1, 2, 3].map(() => shares.take('a'));
    expect([first, second, third].map((held) => held !== null)).toEqual([true, true, false]);
    expect(shares.take('b')).not.toBeNull();
    first?.();
    first?.();
    expect([shares.take('a') !== null, shares.take('a')]).toEqual([true, null]);
    expect(Array.from({ length: 9 }, () => shares.take('proxy'))).not.toContain(null);
  });

  it('are a quarter of all, and never nothing', () => {
    expect([1_024, 10, 3].map(shareOf)).toEqual([256, 2, 1]);
  });

  it('of listeners leave the stream to the others', async () => {
    let isExempt = false;
    const node = await startNode(
      {},
      {},
      {
        isExempt: () => isExempt,
        opening: { burst: 2_000, perSecond: 1 },
      },
    );
    const sockets = Array.from({ length: 501 }, () => {
      const socket = connect(node.ports.http, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET /stream.mp3 HTTP/1.1\r\nHost: x\r\n\r\n');
      return socket.resume();
    });
    const rejected = async (): Promise<number | undefined> =>
      (await status(node)).rejected['/stream too-many-listeners-of-one'];
    expect(await until(rejected)).toBe(1);
    expect((await status(node)).streams[0]?.listeners).toBe(500);
    isExempt = true;
    const other = await listen(`${node.httpUrl}/stream.mp3`);
    expect(other.headers['content-type']).toBe('audio/mpeg');
    isExempt = false;
    sockets[0]?.destroy();
    sockets.at(-1)?.destroy();
    const again = await until(async () => {
      const listener = await listen(`${node.httpUrl}/stream.mp3`);
      return listener.headers['content-type'] === 'audio/mpeg' ? listener : undefined;
    });
    for (const listener of [other, again]) listener.close();
    for (const socket of sockets) socket.destroy();
    await node.close();
  }, 60_000);

  it('are given back by whoever asked for many streams on one connection and hung up', async () => {
    const node = await startNode();
    const ASKED = 40;
    for (let round = 0; round < 3; round++) {
      const socket = connect(node.ports.http, '127.0.0.1');
      socket.on('error', () => {});
      socket.write('GET /stream.mp3?burst=0 HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(ASKED));
      socket.resume();
      await until(async () => (await status(node)).streams[0]?.listeners === 1 || undefined);
      socket.destroy();
      await until(async () => (await status(node)).streams[0]?.listeners === 0 || undefined);
    }
    expect((await status(node)).rejected['/stream behind-another']).toBeGreaterThan(3);
    await node.close();
  });
});

describe('a socket path', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(changes: Partial<SocketPathOptions>): Promise<{
    path: SocketPath;
    counters: ReturnType<typeof createCounters>;
    port: number;
    open(): Promise<WebSocket>;
  }> {
    const counters = createCounters();
    const path = createSocketPath({
      path: '/test',
      maxMessageBytes: 100_000,
      maxSockets: 10,
      isExempt: () => true,
      pace: { messages: { burst: 10, perSecond: 100 }, bytes: { burst: 1_000_000, perSecond: 1_000_000 } },
      now: () => performance.now(),
      counters,
      onSocket: (socket) => socket.onMessage((data) => void socket.send(data.toString())),
      ...changes,
    });
    const server = createServer();
    server.on('upgrade', (...args) => path.upgrade(...args));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    closing.push(
      () => new Promise((resolve) => server.close(resolve)),
      () => path.close(),
    );
    const { port } = server.address() as AddressInfo;
    return {
      path,
      counters,
      port,
      open: () =>
        new Promise((resolve, reject) => {
          const socket = new WebSocket(`ws://127.0.0.1:${port}`);
          socket.once('open', () => resolve(socket));
          socket.once('error', reject);
        }),
    };
  }

  it('gives one address a share of its sockets, and gets them back however they end', async () => {
    // Everybody in this process is one address; whoever is exempt stands for the others.
    let isExempt = false;
    const { counters, open, path } = await serve({ maxSockets: 8, isExempt: () => isExempt });
    const [first] = await Promise.all([open(), open()]);
    await expect(open()).rejects.toThrow(/429/);
    expect(counters.report()['/test too-many-sockets-of-one']).toBe(1);
    isExempt = true;
    await Promise.all([1, 2, 3, 4, 5, 6].map(open));
    await expect(open()).rejects.toThrow(/503/);
    isExempt = false;
    first.terminate();
    await until(() => path.connections() === 7 || undefined);
    await open();
    await expect(open()).rejects.toThrow(/503/);
  });

  it('counts no handshake that came to nothing', async () => {
    const { open, path, port } = await serve({ maxSockets: 4, isExempt: () => false });
    for (let i = 0; i < 3; i++) {
      const socket = connect(port, '127.0.0.1');
      socket.resume();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
      await closed;
    }
    await open();
    expect(path.connections()).toBe(1);
  });

  it('slows down who says too much, loses nothing of it, and lets the others pass', async () => {
    const { counters, open } = await serve({});
    const [loud, calm] = await Promise.all([open(), open()]);
    const echoes: number[] = [];
    loud.on('message', (data: Buffer) => echoes.push(Number(data.toString())));
    const startedAt = performance.now();
    for (let i = 0; i < 60; i++) loud.send(String(i));
    const before = await new Promise<number>((resolve) => {
      calm.once('message', () => resolve(echoes.length));
      calm.send('hello');
    });
    expect(before).toBeLessThan(60);
    await until(() => echoes.length === 60 || undefined);
    expect(echoes).toEqual(Array.from({ length: 60 }, (_, at) => at));
    // Ten at once and fifty at a hundred a second.
    expect(performance.now() - startedAt).toBeGreaterThan(400);
    expect(counters.report()['/test slowed-down']).toBeGreaterThan(0);
  });

  it('slows down an address as a whole, however many sockets it says it with', async () => {
    const pace = {
      messages: { burst: 100, perSecond: 100 },
      bytes: { burst: 1_000_000, perSecond: 1_000_000 },
    };
    let isExempt = false;
    const { counters, open } = await serve({
      maxSockets: 40,
      isExempt: () => isExempt,
      pace,
      paceOfAddress: { burst: 20, perSecond: 100 },
    });
    const loud = await Promise.all(Array.from({ length: 10 }, open));
    isExempt = true;
    const calm = await open();
    let echoes = 0;
    for (const socket of loud) socket.on('message', () => echoes++);
    const startedAt = performance.now();
    for (let i = 0; i < 7; i++) for (const socket of loud) socket.send('x');
    const before = await new Promise<number>((resolve) => {
      calm.once('message', () => resolve(echoes));
      calm.send('hello');
    });
    expect(before).toBeLessThan(70);
    await until(() => echoes === 70 || undefined);
    // Twenty at once; of the fifty after that, ten sockets go one message into debt.
    expect(performance.now() - startedAt).toBeGreaterThan(350);
    expect(counters.report()['/test slowed-down']).toBeGreaterThan(0);
  });

  it('lets a message cost what it causes', async () => {
    const { counters, open } = await serve({
      onSocket: (socket) =>
        socket.onMessage((data) => {
          socket.charge(50);
          socket.send(data.toString());
        }),
    });
    const socket = await open();
    const startedAt = performance.now();
    const both = new Promise<void>((resolve) => {
      let count = 0;
      socket.on('message', () => ++count === 2 && resolve());
    });
    socket.send('one');
    socket.send('two');
    await both;
    expect(performance.now() - startedAt).toBeGreaterThan(300);
    expect(counters.report()['/test slowed-down']).toBeGreaterThan(0);
  });

  it('closes instead where being late makes no sense', async () => {
    const { open } = await serve({ onTooFast: (socket) => socket.close(1008, 'too-fast') });
    const socket = await open();
    const closed = new Promise<string>((resolve) =>
      socket.once('close', (_, reason: Buffer) => resolve(reason.toString())),
    );
    for (let i = 0; i < 30; i++) socket.send('x');
    expect(await closed).toBe('too-fast');
  });

  it('keeps a bounded amount for who does not read, and closes them', async () => {
    let deaf: { send(text: string): boolean } | null = null;
    const { counters, open, path } = await serve({ onSocket: (socket) => (deaf = socket) });
    const socket = await open();
    socket.pause();
    const text = 'x'.repeat(60_000);
    let accepted = 0;
    while (deaf!.send(text)) {
      accepted += text.length;
      if (accepted % 600_000 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(counters.report()['/test too-slow']).toBe(1);
    // What the system's own buffers take comes on top of the node's megabyte.
    expect(accepted).toBeLessThan(64_000_000);
    socket.resume();
    await until(() => path.connections() === 0 || undefined);
  });
});
