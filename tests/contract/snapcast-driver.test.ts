import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from 'vitest';
import { createCounters } from '../../signaling/ops/counters.ts';
import { silentLog } from '../../signaling/ops/log.ts';
import { openRpc, type Rpc } from '../../signaling/speakers/snapcast/rpc.ts';
import { createSnapcastDriver } from '../../signaling/speakers/snapcast/driver.ts';
import { freePort } from '../fixtures/ports.ts';
import {
  snapcastMissing,
  startSnapclient,
  startSnapserver,
  type Snapclient,
  type Snapserver,
} from '../fixtures/snapcast.ts';
import { until } from '../fixtures/until.ts';
import { runSpeakerDriverContract } from './speaker-driver.ts';

const missing = snapcastMissing();
if (missing !== null) console.log(`Skipped: ${missing}.`);

const STREAM = 'http://10.0.0.1:8097/stream.mp3';

/** Feeds the source with a loud square wave in real time: 48 kHz, stereo, 16 bit. */
function feed(port: number): { close(): void } {
  const chunk = Buffer.alloc(48_000 * 4 * 0.05);
  for (let at = 0; at < chunk.length; at += 2) chunk.writeInt16LE((at >> 8) & 1 ? 12_000 : -12_000, at);
  const socket: Socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  const timer = setInterval(() => socket.write(chunk), 50);
  return {
    close() {
      clearInterval(timer);
      socket.destroy();
    },
  };
}

function driverFor(ports: { control: number; source: number }, onChange: () => void) {
  return createSnapcastDriver(
    {
      onChange,
      interfaces: () => ({}),
      now: () => performance.now(),
      counters: createCounters(),
      log: silentLog(),
    },
    { host: '127.0.0.1', controlPort: ports.control, sourcePort: ports.source, streamUrl: () => STREAM },
  );
}

interface Told {
  latency: number;
  volume: { muted: boolean; percent: number };
}

describe.skipIf(missing !== null)('a Snapclient', () => {
  async function remote(port: number): Promise<Rpc> {
    let isUp = false;
    const rpc = openRpc({
      host: '127.0.0.1',
      port,
      onUp: () => (isUp = true),
      onNotice: () => undefined,
      onLost: () => undefined,
    });
    await until('the other controller', () => isUp);
    return rpc;
  }

  runSpeakerDriverContract({
    test,
    expect,
    async setup() {
      let changes = 0;
      const server: Snapserver = await startSnapserver();
      const source = feed(server.ports.source);
      let client: Snapclient = startSnapclient(server.ports.stream);
      const controller = await remote(server.ports.control);
      const told = async (): Promise<Told & { id: string }> => {
        const status = (await controller.ask('Server.GetStatus')) as {
          server: { groups: { clients: { id: string; config: Told }[] }[] };
        };
        const one = status.server.groups[0]!.clients[0]!;
        return { id: one.id, ...one.config };
      };
      const set = async (change: Partial<Told['volume']>): Promise<void> => {
        const { id, volume } = await told();
        await controller.ask('Client.SetVolume', { id, volume: { ...volume, ...change } });
      };
      const { id } = await until('the client', () => told().catch(() => null));
      await controller.ask('Client.SetName', { id, name: 'Study' });
      await set({ muted: true });
      const driver = driverFor(server.ports, () => changes++);
      return {
        driver,
        device: {
          name: 'Study',
          async heard() {
            const before = client.played().length;
            const grown = await until('the client to go on', () => {
              const played = client.played();
              return played.length > before + 9_600 ? played : null;
            });
            return grown.subarray(-4_800).some((sample) => Math.abs(sample) > 100) ? STREAM : null;
          },
          volume: async () => (await told()).volume.percent / 100,
          muted: null,
          delayMs: async () => -(await told()).latency,
          pressStop: () => set({ muted: true }),
          turnKnob: (volume) => set({ percent: Math.round(volume * 100) }),
          unplug: () => client.close(),
          async plugIn() {
            client = startSnapclient(server.ports.stream);
          },
          refuse: null,
        },
        changes: () => changes,
        // There is one source: what it is told next is the same.
        streams: [STREAM, STREAM],
        async close() {
          await driver.close();
          controller.close();
          await client.close();
          source.close();
          await server.close();
        },
      };
    },
  });

  const closing: (() => Promise<unknown> | void)[] = [];
  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  test('a Snapserver that restarts is connected to again; another room is refused', async () => {
    let server = await startSnapserver();
    const client = startSnapclient(server.ports.stream);
    closing.push(
      () => server.close(),
      () => client.close(),
    );
    const driver = driverFor(server.ports, () => undefined);
    closing.push(() => driver.close());
    const { id } = await until('the client', () => driver.speakers()[0]);
    const other = { url: () => 'http://10.0.0.1:8097/stream/other.mp3', title: 'x' };
    await expect(driver.play(id, other)).rejects.toThrow('Only the room that the node made itself');
    await server.close();
    await until('it to be missed', () => driver.speakers().length === 0);
    server = await startSnapserver(server.ports);
    await until('it to be back', () => driver.speakers().some((speaker) => speaker.id === id), {
      deadlineMs: 25_000,
    });
  }, 60_000);

  test('with nobody there it has no speakers and refuses in words', async () => {
    const driver = driverFor({ control: await freePort(), source: 1 }, () => undefined);
    closing.push(() => driver.close());
    await expect(driver.stop('snapcast:x')).rejects.toThrow(/^It does not answer|reach/);
    expect(driver.speakers()).toEqual([]);
  });
});

test('a server that remembers hundreds of clients still shows those that are there', async () => {
  const groups = Array.from({ length: 300 }, (_, at) => ({
    ...{ id: `group-${at}`, name: '', muted: false, stream_id: 'default' },
    clients: [
      {
        ...{ id: `client-${at}`, connected: at === 299, host: { name: `browser-${at}` } },
        config: { name: '', latency: 0, volume: { muted: false, percent: 50 } },
      },
    ],
  }));
  const streams = [{ id: 'default', status: 'idle', uri: { raw: 'tcp://0.0.0.0:4953?name=default' } }];
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', (data) => {
      const { id } = JSON.parse(data.toString()) as { id: number };
      socket.write(`${JSON.stringify({ id, jsonrpc: '2.0', result: { server: { groups, streams } } })}\r\n`);
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const control = (server.address() as AddressInfo).port;
  const driver = driverFor({ control, source: 4953 }, () => undefined);
  try {
    const [speaker] = await until('it', () => (driver.speakers().length > 0 ? driver.speakers() : null));
    expect(speaker?.name).toBe('browser-299');
  } finally {
    await driver.close();
    server.close();
  }
});
