import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { icecastMissing, SOURCE_PASSWORD, startIcecast } from '../../fixtures/icecast.ts';
import { type Sound, toneDbfs } from '../../fixtures/listen.ts';
import { freePort } from '../../fixtures/ports.ts';
import { until as heard } from '../../fixtures/until.ts';
import { snapcastMissing, startSnapclient, startSnapserver } from '../../fixtures/snapcast.ts';
import { FRAME_MS, parseFrames, silentFrame } from '../../../signaling/stream/frames.ts';
import { feedIcecast } from '../../../signaling/stream/icecast.ts';
import { createStation } from '../../../signaling/stream/station.ts';
import {
  ask,
  decode,
  listen,
  openHost,
  startNode,
  status,
  type TestNode,
  type TestSocket,
  toneFrames,
  until,
} from './support.ts';

const TONE_HZ = 1000;
const RECONNECTED_MS = 20_000;
/** 48 kHz, stereo, 16 bit. */
const SAMPLE_BYTES_PER_MS = 192;

let cleanUp: (() => unknown)[];
beforeEach(() => {
  cleanUp = [];
});
afterEach(async () => {
  for (const undo of cleanUp.reverse()) await undo();
});

async function nodeWith(changes: Parameters<typeof startNode>[0]): Promise<TestNode> {
  const node = await startNode(changes);
  cleanUp.push(() => node.close());
  return node;
}

/** A host that plays a tone until the test ends. */
async function playTone(node: TestNode): Promise<TestSocket> {
  const tone = toneFrames(2, TONE_HZ).slice(5, -5);
  const host = await openHost(node);
  const startedAtMs = node.now();
  let sent = 0;
  const timer = setInterval(() => {
    while (sent * FRAME_MS < node.now() - startedAtMs) host.sendRaw(tone[sent++ % tone.length] ?? '');
  }, 10);
  cleanUp.push(() => {
    clearInterval(timer);
    host.close();
  });
  return host;
}

const soundOf = (channel: Float32Array): Sound => ({
  rateHz: 48_000,
  channels: [channel],
  durationMs: channel.length / 48,
});

/** The left channel of samples that are interleaved. */
const left = (samples: ArrayLike<number>, scale: number): Float32Array =>
  Float32Array.from({ length: Math.floor(samples.length / 2) }, (_, at) => (samples[at * 2] ?? 0) * scale);

const iceMissing = icecastMissing();
describe.skipIf(iceMissing !== null)(`a real Icecast${iceMissing === null ? '' : `: ${iceMissing}`}`, () => {
  const target = (port: number, password = SOURCE_PASSWORD) => ({
    host: '127.0.0.1',
    port,
    mount: '/room.mp3',
    user: 'source',
    password,
  });

  async function titleAt(port: number): Promise<string | undefined> {
    const { text } = await ask(`http://127.0.0.1:${port}/status-json.xsl`);
    const parsed = JSON.parse(text) as { icestats: { source?: { title?: string } } };
    return parsed.icestats.source?.title;
  }

  /** Resolves when the mount answers. */
  const mountAt = (port: number) =>
    until(async () => {
      const listener = await listen(`http://127.0.0.1:${port}/room.mp3`).catch(() => null);
      if (listener?.response.statusCode === 200) return listener;
      listener?.close();
      return undefined;
    }, RECONNECTED_MS);

  it('gets the room’s sound frame by frame, its titles, and counts as a listener', async () => {
    const icecast = await startIcecast();
    cleanUp.push(() => icecast.close());
    const node = await nodeWith({ icecast: target(icecast.port) });
    const host = await playTone(node);
    host.send({ type: 'title', title: 'Öl & Wasser?', artist: 'Mira Sol' });
    const listener = await mountAt(icecast.port);
    expect(listener.headers['content-type']).toBe('audio/mpeg');
    expect(listener.headers['icy-name']).toBe('Earshot');
    const from = listener.received().length;
    await until(() => listener.received().length > from + 384 * 120 || undefined);
    // What it sends first begins anywhere in a frame.
    const heard = listener.received();
    const { frames, badBytes } = parseFrames(heard);
    expect(badBytes).toBeLessThan(2 * 384);
    const samples = left(decode(Buffer.concat(frames.slice(-80))), 1);
    expect(toneDbfs(soundOf(samples.subarray(4800)), TONE_HZ)).toBeGreaterThan(-30);
    await until(async () => (await titleAt(icecast.port)) === 'Mira Sol - Öl & Wasser?' || undefined);
    const { streams, relays } = await status(node);
    expect(streams[0]?.listeners).toBe(1);
    const to = `127.0.0.1:${icecast.port}/room.mp3`;
    expect(relays).toEqual([
      { relay: 'icecast', to, state: 'up', seconds: expect.any(Number) as number, why: null },
    ]);
    listener.close();
  }, 60_000);

  it('gets it again when it was away, and when it was not there to begin with', async () => {
    const port = await freePort();
    const node = await nodeWith({ icecast: target(port) });
    await playTone(node);
    const first = await startIcecast(port);
    cleanUp.push(() => first.close());
    (await mountAt(port)).close();
    await first.close();
    await until(async () => (await status(node)).streams[0]?.listeners === 0 || undefined);
    const second = await startIcecast(port);
    cleanUp.push(() => second.close());
    const listener = await mountAt(port);
    await until(() => listener.received().length > 384 * 60 || undefined);
    listener.close();
  }, 60_000);

  it('that refuses the password is asked again, and the node goes on', async () => {
    const icecast = await startIcecast();
    cleanUp.push(() => icecast.close());
    const node = await nodeWith({ icecast: target(icecast.port, 'wrong') });
    await until(() => /(source|room\.mp3).*(bad|fail|invalid)/i.test(icecast.log()) || undefined);
    // It writes its log before it answers.
    await until(async () => (await status(node)).relays[0]?.state === 'lost' || undefined);
    const { streams, relays } = await status(node);
    expect(streams[0]?.listeners).toBe(0);
    expect(relays[0]).toMatchObject({ why: 'the password is wrong' });
    expect(JSON.stringify(relays)).not.toContain('wrong:');
    const listener = await listen(`${node.httpUrl}/stream.mp3`);
    await until(() => listener.received().length > 384 * 40 || undefined);
    listener.close();
  }, 60_000);
});

const snapMissing = snapcastMissing();
describe.skipIf(snapMissing !== null)(
  `a real Snapserver${snapMissing === null ? '' : `: ${snapMissing}`}`,
  () => {
    it('gets the room’s sound, a client of it plays it, and both again after it was away', async () => {
      const first = await startSnapserver();
      cleanUp.push(() => first.close());
      const node = await nodeWith({ snapcast: { host: '127.0.0.1', port: first.ports.source } });
      await playTone(node);

      /** The level of the tone in the last second that a client played, once it plays. */
      async function playedLevel(): Promise<number> {
        const client = startSnapclient(first.ports.stream);
        try {
          return await heard(
            'the tone',
            () => {
              const last = left(client.played(1), 1 / 32_768);
              const level = last.length < 48_000 ? -Infinity : toneDbfs(soundOf(last), TONE_HZ);
              return level > -30 ? level : null;
            },
            // What looks all the time takes the time from the host that plays, and from the node.
            { deadlineMs: RECONNECTED_MS, everyMs: 200 },
          );
        } catch (error) {
          const { relays } = await status(node);
          throw new Error(`the relay: ${JSON.stringify(relays)}; the client: ${client.output()}`, {
            cause: error,
          });
        } finally {
          await client.close();
        }
      }

      expect(await playedLevel()).toBeLessThan(0);
      await first.close();
      await until(async () => (await status(node)).streams[0]?.listeners === 0 || undefined, RECONNECTED_MS);
      const second = await startSnapserver(first.ports);
      cleanUp.push(() => second.close());
      expect(await playedLevel()).toBeLessThan(0);
    }, 60_000);
  },
);

/** What takes samples as a Snapserver does: at its own real time, and each connection to its end before the next. */
async function startSink() {
  const connections: Socket[] = [];
  let stands = false;
  let takenBytes = 0;
  let takenOfRun = 0;
  let runFromMs = 0;
  let last = Buffer.alloc(0);
  const begin = (): void => void ([takenOfRun, runFromMs] = [0, performance.now()]);
  const timer = setInterval(() => {
    const [socket] = connections;
    if (stands || socket === undefined) return begin();
    const due = Math.floor((performance.now() - runFromMs) * SAMPLE_BYTES_PER_MS) - takenOfRun;
    const bytes = socket.read(Math.max(1, Math.min(due, socket.readableLength))) as Buffer | null;
    if (bytes === null) {
      // Starved, it begins anew.
      if (socket.readableEnded || socket.destroyed) connections.shift();
      return begin();
    }
    takenOfRun += bytes.length;
    takenBytes += bytes.length;
    last = Buffer.concat([last, bytes]).subarray(-SAMPLE_BYTES_PER_MS * 100);
  }, 10);
  const server = createServer((socket) => {
    socket.on('error', () => {});
    connections.push(socket.pause());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cleanUp.push(() => {
    clearInterval(timer);
    for (const socket of connections) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return {
    port: (server.address() as AddressInfo).port,
    stand: () => void (stands = true),
    goOn: () => void (stands = false),
    takenMs: () => takenBytes / SAMPLE_BYTES_PER_MS,
    connections: () => connections.length,
    isLoud: () => last.some((byte) => byte !== 0),
  };
}

describe('a sink of samples', () => {
  const relayOf = async (node: TestNode) => (await status(node)).relays[0];

  it('that stood still is cut off, so that what piled up is not heard late for ever', async () => {
    const sink = await startSink();
    const node = await nodeWith({ snapcast: { host: '127.0.0.1', port: sink.port } });
    await until(() => sink.takenMs() > 1_000 || undefined, RECONNECTED_MS);
    sink.stand();
    await until(async () => (await relayOf(node))?.why ?? undefined, RECONNECTED_MS);
    expect((await relayOf(node))?.why).toBe('it takes the sound too slowly');
    sink.goOn();
    await until(
      async () => (sink.connections() === 1 && (await relayOf(node))?.state === 'up') || undefined,
      RECONNECTED_MS,
    );
    const takenMs = sink.takenMs();
    await playTone(node);
    await until(() => sink.isLoud() || undefined, RECONNECTED_MS);
    // By its own samples, however slow this machine is: what the system holds, and what may wait until it is cut off.
    expect(sink.takenMs() - takenMs).toBeLessThan(2_000);
  }, 60_000);

  it('that is not there is asked again, and the status says why it is not fed', async () => {
    const port = await freePort();
    const node = await nodeWith({ snapcast: { host: '127.0.0.1', port } });
    await until(async () => (await relayOf(node))?.state === 'lost' || undefined);
    expect(await relayOf(node)).toMatchObject({ why: 'Connection refused' });
  });
});

describe('an engine that is none', () => {
  /** Says that it wants sound, as an Icecast does, and then takes none. */
  async function startWall(): Promise<number> {
    const held: Socket[] = [];
    const wall = createServer((socket) => {
      held.push(socket.pause());
      socket.on('error', () => {});
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
    });
    await new Promise<void>((resolve) => wall.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => {
      for (const socket of held) socket.destroy();
      return new Promise((resolve) => wall.close(resolve));
    });
    return (wall.address() as AddressInfo).port;
  }

  it('is given up ten seconds after it took the last sound, where a player may pause for a minute', async () => {
    let nowMs = 0;
    const now = (): number => nowMs;
    const station = createStation({ roomId: 'a', path: '/a', now });
    const target = {
      host: '127.0.0.1',
      port: await startWall(),
      mount: '/a.mp3',
      user: 'source',
      password: 'x',
    };
    const lost: string[] = [];
    let isUp = false;
    const attempt = feedIcecast(
      { target, station, now },
      { up: () => void (isUp = true), lost: (why) => void lost.push(why) },
    );
    cleanUp.push(() => {
      attempt.close();
      station.close();
    });
    await until(() => isUp || undefined);
    const feed = station.claim({ epoch: 1, peerId: 'p', bitrateKbps: 320 }, () => {});
    const frame = silentFrame(320);
    let bytesOut = 0;
    let takenAtMs = 0;
    // What the system holds for it is megabytes: more time than a test has.
    for (let n = 0; lost.length === 0 && nowMs - takenAtMs < 60_000; n++) {
      nowMs += FRAME_MS;
      feed?.frames([frame]);
      if (station.status().bytesOut !== bytesOut) takenAtMs = nowMs;
      ({ bytesOut } = station.status());
      if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(lost).toEqual(['it takes no more sound']);
    expect(nowMs - takenAtMs).toBeLessThanOrEqual(10_000);
  });

  it('slows no listener when it takes no sound', async () => {
    const port = await startWall();
    const node = await nodeWith({
      icecast: { host: '127.0.0.1', port, mount: '/a.mp3', user: 'source', password: 'x' },
    });
    await until(async () => (await status(node)).streams[0]?.listeners === 1 || undefined);
    const listener = await listen(`${node.httpUrl}/stream.mp3`);
    await until(() => listener.received().length > 384 * 60 || undefined);
    expect(parseFrames(listener.received()).badBytes).toBe(0);
    listener.close();
  });

  it('is left alone when it speaks no HTTP', async () => {
    const asked: string[] = [];
    const stranger = createServer((socket) => {
      socket.on('error', () => {});
      socket.once('data', (data) => {
        asked.push(data.toString('latin1'));
        socket.write(Buffer.alloc(20_000, 'x'));
      });
    });
    await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
    cleanUp.push(() => new Promise((resolve) => stranger.close(resolve)));
    const { port } = stranger.address() as AddressInfo;
    const node = await nodeWith({
      icecast: { host: '127.0.0.1', port, mount: '/a.mp3', user: 'me', password: 'secret' },
    });
    await until(() => asked.length >= 2 || undefined);
    expect(asked[0]).toContain('PUT /a.mp3 HTTP/1.1\r\n');
    expect(asked[0]).toContain(`Authorization: Basic ${Buffer.from('me:secret').toString('base64')}\r\n`);
    expect((await status(node)).streams[0]?.listeners).toBe(0);
  });
});
