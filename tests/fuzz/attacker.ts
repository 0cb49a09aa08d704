/**
 * Runs on a host of the lab and does not behave: for each line of its stdin one attack; prints how many blows it dealt.
 * What an attack holds on to, it holds until the next line comes.
 */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { setMaxListeners } from 'node:events';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { connect as connectTls } from 'node:tls';
import { WebSocket } from 'ws';
import { hello as helloOf, keysOf, newSecret } from '../unit/signaling/support.ts';
import { buildStun, METHOD } from '../../signaling/rendezvous/stun-message.ts';
import { silentFrame } from '../../signaling/stream/frames.ts';

const [node = '', hello = ''] = process.argv.slice(2);
/** An attack is over after so many blows, or when the machine is too busy to deal them in time. */
const LIMIT_MS = 8_000;
let endsAt = 0;
let wanted = 0;
let done = 0;
const isOver = (): boolean => done >= wanted || performance.now() > endsAt;
const breath = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const open = (path: string): Promise<WebSocket | null> =>
  new Promise((resolve) => {
    const socket = new WebSocket(`wss://${node}:8443${path}`, { rejectUnauthorized: false });
    socket.once('open', () => resolve(socket));
    socket.on('error', () => resolve(null));
  });

/** All of it was read, or the node takes its time to. */
async function heard(socket: WebSocket): Promise<void> {
  if (socket.readyState !== WebSocket.OPEN) return;
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.close();
  await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 2_000))]);
}

/** Keeps `count` sockets busy saying `message`; what is closed is opened again. */
async function flood(
  count: number,
  path: (n: number) => string,
  message: (n: number) => string | Buffer,
): Promise<void> {
  await Promise.all(
    Array.from({ length: count }, async (_, at) => {
      while (!isOver()) {
        const socket = await open(path(at));
        if (socket === null) {
          await new Promise((resolve) => setTimeout(resolve, 50));
          continue;
        }
        while (!isOver() && socket.readyState === WebSocket.OPEN) {
          for (let i = 0; i < 20 && !isOver() && socket.bufferedAmount < 200_000; i++) {
            socket.send(message(done++));
          }
          await breath();
        }
        await heard(socket);
        socket.terminate();
      }
    }),
  );
}

/** Sockets that ask for a lot and read none of it. */
async function deaf(count: number, port: number, isTls: boolean, request: string): Promise<void> {
  const sockets: Socket[] = [];
  for (let i = 0; i < count && performance.now() < endsAt; i++) {
    const socket = isTls ? connectTls({ host: node, port, rejectUnauthorized: false }) : connect(port, node);
    socket.on('error', () => {});
    socket.pause();
    socket.write(request);
    sockets.push(socket);
    done++;
    if (i % 10 === 0) await breath();
  }
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  for (const socket of sockets) socket.destroy();
}

/** Ends when the next line comes. */
let hold = new AbortController();
const LATER_MS = 1_000;
const SOON_MS = 50;

/** Counts each that resolves, and waits no longer than the attack lasts. */
async function allOrLate(blows: readonly Promise<void>[]): Promise<void> {
  const all = Promise.all(blows.map((blow) => blow.then(() => done++)));
  await Promise.race([all, new Promise((resolve) => setTimeout(resolve, endsAt - performance.now()))]);
}

/**
 * Holds as many sockets of a path as it gets, `count` at most, and tries again for those that are refused or closed.
 * Resolves when the path has answered each of them once, one way or the other.
 */
async function occupy(count: number, path: string, say: string | null = null): Promise<void> {
  const { signal } = hold;
  const one = (onAnswer: () => void): void => {
    if (signal.aborted) return;
    const socket = new WebSocket(`wss://${node}:8443${path}`, { rejectUnauthorized: false });
    let againMs = SOON_MS;
    const answered = (): void => {
      againMs = LATER_MS;
      onAnswer();
    };
    socket.once('open', () => {
      if (say !== null) socket.send(say);
      answered();
    });
    socket.once('unexpected-response', (request) => {
      answered();
      request.destroy();
    });
    socket.on('error', () => {});
    const letGo = (): void => socket.terminate();
    signal.addEventListener('abort', letGo, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', letGo);
      setTimeout(() => one(onAnswer), againMs);
    });
  };
  await allOrLate(Array.from({ length: count }, () => new Promise<void>((resolve) => one(resolve))));
}

/** Hears the stream of each until the next line comes. Resolves when each has had an answer. */
async function hear(paths: readonly string[]): Promise<void> {
  const { signal } = hold;
  const one = (path: string, onAnswer: () => void): void => {
    if (signal.aborted) return;
    const socket = connect(8097, node);
    let isAnswered = false;
    socket.on('error', () => {});
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.once('data', () => {
      isAnswered = true;
      onAnswer();
    });
    const letGo = (): void => void socket.destroy();
    signal.addEventListener('abort', letGo, { once: true });
    socket.once('close', () => {
      signal.removeEventListener('abort', letGo);
      // Too many connections in too short a time: the node said nothing to this one yet.
      if (!isAnswered) setTimeout(() => one(path, onAnswer), SOON_MS);
    });
    socket.resume();
  };
  await allOrLate(paths.map((path) => new Promise<void>((resolve) => one(path, resolve))));
}

const crowd = async (count: number, topic: string): Promise<(WebSocket | null)[]> => {
  const sockets = await Promise.all(Array.from({ length: count }, () => open('/signaling')));
  for (const socket of sockets) socket?.send(JSON.stringify({ type: 'subscribe', topics: [topic] }));
  return sockets;
};
const publish = (topic: string, bytes: number): string =>
  JSON.stringify({ type: 'publish', topic, data: 'x'.repeat(bytes) });

const ATTACKS: Record<string, { blows: number; run: () => Promise<void> }> = {
  'sockets that stay': {
    blows: 410,
    async run() {
      await occupy(270, '/signaling', JSON.stringify({ type: 'subscribe', topics: ['stay'] }));
      await occupy(140, '/uplink');
    },
  },
  'listeners of invented rooms': {
    blows: 40,
    async run() {
      const rooms = await Promise.all(Array.from({ length: 40 }, () => keysOf(newSecret())));
      await hear(rooms.map(({ roomId }) => `/stream/${roomId}.mp3`));
    },
  },
  'rooms of its own': {
    blows: 40,
    async run() {
      for (let i = 0; i < 40; i++)
        await occupy(1, '/uplink', JSON.stringify(helloOf(await keysOf(newSecret()))));
    },
  },
  'noise on /signaling': {
    blows: 1_000,
    run: () =>
      flood(
        4,
        () => '/signaling',
        () => randomBytes(200),
      ),
  },
  'a flood of topics': {
    blows: 3_000,
    run: () =>
      flood(
        4,
        () => '/signaling',
        (n) => JSON.stringify({ type: 'subscribe', topics: [`${n}`.padEnd(190, 'x')] }),
      ),
  },
  'a flood of messages to a full topic': {
    blows: 2_000,
    run: async () => {
      const sockets = await crowd(100, 'crowd');
      const message = publish('crowd', 300);
      await flood(
        1,
        () => '/signaling',
        () => message,
      );
      for (const socket of sockets) socket?.terminate();
    },
  },
  'a room that shouts': {
    blows: 4_000,
    async run() {
      const sockets = await crowd(100, 'shouting');
      const message = publish('shouting', 300);
      // What came back was dealt.
      sockets[0]?.on('message', () => done++);
      await Promise.all(
        sockets.map(async (socket) => {
          while (!isOver() && socket?.readyState === WebSocket.OPEN) {
            if (socket.bufferedAmount < 20_000) socket.send(message);
            await breath();
          }
        }),
      );
      for (const socket of sockets) socket?.terminate();
    },
  },
  'subscribers that do not read': {
    blows: 1_200,
    run: async () => {
      const sockets = await crowd(4, 'deaf');
      for (const socket of sockets) socket?.pause();
      const message = publish('deaf', 60_000);
      await flood(
        6,
        () => '/signaling',
        () => message,
      );
      for (const socket of sockets) socket?.terminate();
    },
  },
  'giants on every path': {
    blows: 60,
    run: () =>
      flood(
        3,
        (n) => ['/signaling', '/uplink', `/broker/peerjs?key=peerjs&id=g${n}&token=t`][n % 3] ?? '',
        () => Buffer.alloc(2_000_000, 120),
      ),
  },
  'offers for nobody': {
    blows: 14_000,
    run: () =>
      flood(
        2,
        (n) => `/broker/peerjs?key=peerjs&id=a${n}&token=t`,
        (n) => JSON.stringify({ type: 'OFFER', dst: `nobody${n % 50}`, payload: 'x'.repeat(300) }),
      ),
  },
  'noise on an uplink': {
    blows: 800,
    run: async () => {
      const socket = await open('/uplink');
      if (socket === null) return;
      socket.send(hello);
      // Ever again one frame, so that it might be a stream.
      const noise = Buffer.concat([randomBytes(8_000), Buffer.from(silentFrame(128))]);
      while (!isOver() && socket.readyState === WebSocket.OPEN) {
        if (socket.bufferedAmount < 200_000) {
          socket.send(noise);
          done++;
        }
        await breath();
      }
      wanted = done;
      await heard(socket);
      socket.terminate();
    },
  },
  'a flood of connections': {
    blows: 1_500,
    async run() {
      while (!isOver()) {
        const socket = connectTls({ host: node, port: 8443, rejectUnauthorized: false });
        socket.on('error', () => {});
        setTimeout(() => socket.destroy(), 1_000);
        if (++done % 20 === 0) await breath();
      }
    },
  },
  'connections that say half a word': {
    blows: 1_200,
    async run() {
      await Promise.all([
        deaf(600, 8097, false, 'GET / HTTP/1.1\r\nHost: x\r\nX-Slow: '),
        deaf(600, 8443, false, '\u0016\u0003\u0001'),
      ]);
    },
  },
  'downloads that are not read': {
    blows: 100,
    run: () => deaf(100, 8443, true, 'GET /big.js HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(4)),
  },
  'listeners that do not read': {
    blows: 200,
    run: () => deaf(200, 8097, false, 'GET /stream.mp3 HTTP/1.1\r\nHost: x\r\n\r\n'),
  },
  'a flood of requests': {
    blows: 3_000,
    async run() {
      while (!isOver()) {
        const socket = connect(8097, node);
        socket.on('error', () => {});
        socket.resume();
        await new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
        while (!isOver() && !socket.destroyed) {
          if (socket.writableLength < 1_000_000) {
            socket.write('GET /node.json HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(50));
            done += 50;
          }
          await breath();
        }
        // The last of them are still to be read.
        if (!socket.destroyed) {
          socket.setTimeout(2_000, () => socket.destroy());
          socket.end();
          await new Promise((resolve) => socket.once('close', resolve));
        }
      }
    },
  },
  'a flood of datagrams': {
    blows: 20_000,
    async run() {
      const socket = createSocket('udp4');
      socket.on('message', () => {});
      const transactionId = randomBytes(12);
      const asks = [METHOD.binding, METHOD.allocate].map((method) =>
        buildStun({ method, class: 'request', transactionId, attributes: [] }, null),
      );
      while (!isOver()) {
        for (const bytes of [...asks, randomBytes(100), Buffer.from([0x40, 0, 0, 2, 1, 2])])
          socket.send(bytes, 3478, node);
        done += 4;
        if (done % 100 === 0) await breath();
      }
      socket.close();
    },
  },
};

console.log('ready');
for await (const name of createInterface({ input: process.stdin })) {
  const attack = ATTACKS[name];
  hold.abort();
  hold = new AbortController();
  setMaxListeners(0, hold.signal);
  done = 0;
  wanted = attack?.blows ?? 0;
  endsAt = performance.now() + LIMIT_MS;
  await attack?.run();
  console.log(JSON.stringify({ done, wanted }));
}
process.exit(0);
