import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FRAME_MS, parseFrames } from '../../../signaling/stream/frames.ts';
import { ICY_METAINT } from '../../../signaling/stream/icy.ts';
import { createListener, type Listener, MAX_QUEUED_BYTES } from '../../../signaling/stream/listener.ts';
import { createStation } from '../../../signaling/stream/station.ts';
import { createStations } from '../../../signaling/stream/stations.ts';
import {
  ask,
  decode,
  feedSettled,
  keysOf,
  listen,
  newSecret,
  noiseFrames,
  openHost,
  OWN_TIME,
  probe,
  startNode,
  status,
  type TestListener,
  type TestNode,
  toneFrames,
  until,
} from './support.ts';

const TONE_HZ = 1000;
/** Encoders and decoders need a moment to swing in. */
const MARGIN = 4800;

let node: TestNode;
beforeEach(async () => {
  node = await startNode({}, OWN_TIME);
});
afterEach(() => node.close());

/** Root mean square and the share of the energy that lies at `hertz` (Goertzel), of the left channel. */
function measure(samples: Float32Array, hertz: number): { rms: number; share: number } {
  let real = 0;
  let imaginary = 0;
  let energy = 0;
  const count = samples.length / 2;
  for (let at = 0; at < count; at++) {
    const sample = samples[at * 2] ?? 0;
    const angle = (2 * Math.PI * hertz * at) / 48_000;
    real += sample * Math.cos(angle);
    imaginary += sample * Math.sin(angle);
    energy += sample * sample;
  }
  return {
    rms: Math.sqrt(energy / count),
    share: (2 * (real * real + imaginary * imaginary)) / count / energy,
  };
}

describe('the stream without a host', () => {
  it('is silence in whole frames at real time, at 48 kHz in stereo, and does not end', async () => {
    const listener = await listen(`${node.httpUrl}/stream.mp3`);
    await until(() => listener.received().length >= 384 * 60 || undefined);
    const startedAt = node.now();
    const before = listener.received().length;
    await until(() => listener.received().length >= before + 384 * 84 || undefined);
    const seconds = (node.now() - startedAt) / 1000;
    const { frames, badBytes } = parseFrames(listener.received());
    expect(badBytes).toBe(0);
    expect(seconds).toBeGreaterThan(1.6);
    expect(seconds).toBeLessThan(6);
    const mp3 = Buffer.concat(frames);
    expect(probe(mp3)).toBe('mp3,48000,2');
    expect(decode(mp3).every((sample) => sample === 0)).toBe(true);
    listener.close();
  });

  it('has the headers that speakers want, on both ports, and answers HEAD without a listener', async () => {
    for (const [url, ca] of [
      [node.httpUrl, undefined],
      [node.httpsUrl, node.ca],
    ] as const) {
      const head = await ask(`${url}/stream.mp3`, { method: 'HEAD', ...(ca === undefined ? {} : { ca }) });
      expect(head.status).toBe(200);
      expect(head.body.length).toBe(0);
      expect(head.headers).toMatchObject({
        'content-type': 'audio/mpeg',
        'accept-ranges': 'none',
        'transfermode.dlna.org': 'Streaming',
        'contentfeatures.dlna.org': expect.stringContaining('DLNA.ORG_FLAGS=81700000') as string,
        'access-control-allow-origin': '*',
      });
      expect(head.headers['cache-control']).toContain('no-cache');
      expect(head.headers['icy-metaint']).toBeUndefined();
    }
    const report = await status(node);
    expect(report.streams[0]).toMatchObject({ listeners: 0, bytesOut: 0, host: null, lastFrameAgeMs: null });
  });

  it('counts listeners as they come and go', async () => {
    const listeners = await Promise.all([1, 2, 3].map(() => listen(`${node.httpUrl}/stream.mp3`)));
    expect((await status(node)).streams[0]?.listeners).toBe(3);
    listeners[0]?.close();
    await until(async () => (await status(node)).streams[0]?.listeners === 2 || undefined);
    for (const listener of listeners) listener.close();
  });

  it('gives other rooms their own address, and none to what is no room', async () => {
    const { roomId } = await keysOf(newSecret());
    const listener = await listen(`${node.httpUrl}/stream/${roomId}.mp3`);
    await until(() => listener.received().length > 0 || undefined);
    expect((await status(node)).streams.map((stream) => [stream.path, stream.listeners])).toEqual([
      ['/stream.mp3', 0],
      [`/stream/${roomId}.mp3`, 1],
    ]);
    listener.close();
    expect((await ask(`${node.httpUrl}/stream/nonsense.mp3`)).status).toBe(404);
    expect((await status(node)).rejected['/stream bad-room']).toBe(1);
  });

  it('says so when there are too many rooms, and makes place when rooms are idle', async () => {
    const open = [];
    for (let i = 0; i < 31; i++)
      open.push(await listen(`${node.httpUrl}/stream/${(await keysOf(newSecret())).roomId}.mp3`));
    const { roomId } = await keysOf(newSecret());
    const refused = await ask(`${node.httpUrl}/stream/${roomId}.mp3`);
    expect([refused.status, refused.headers['retry-after']]).toEqual([503, '10']);
    open[0]?.close();
    const late = await until(async () => {
      const listener = await listen(`${node.httpUrl}/stream/${roomId}.mp3`);
      return listener.headers['content-type'] === 'audio/mpeg' ? listener : undefined;
    });
    for (const listener of [...open, late]) listener.close();
  });

  it('offers playlists that point to it', async () => {
    const m3u = await ask(`${node.httpUrl}/stream.m3u`);
    const pls = await ask(`${node.httpsUrl}/stream.pls`, { ca: node.ca });
    expect(m3u.text).toContain(`\n${node.httpUrl}/stream.mp3\n`);
    expect(pls.text).toContain(`File1=${node.httpUrl}/stream.mp3\n`);
    expect([m3u.headers['content-type'], pls.headers['content-type']]).toEqual([
      'audio/x-mpegurl',
      'audio/x-scpls',
    ]);
  });
});

describe('the stream with a host', () => {
  it('carries its sound bit by bit, then silence again on the same connection', async () => {
    const tone = toneFrames(1.2, TONE_HZ);
    const listener = await listen(`${node.httpUrl}/stream.mp3`);
    const host = await openHost(node);
    const frames = await feedSettled({
      ...{ node, host, listener, frameMs: FRAME_MS, leadIn: noiseFrames(2), sound: tone },
    });
    host.close();
    const sent = Buffer.concat(tone);
    await until(() => listener.received().includes(sent) || undefined);
    const lengthWithTone = listener.received().length;
    await until(() => listener.received().length > lengthWithTone + 384 * 20 || undefined);

    const all = listener.received();
    expect(parseFrames(all).badBytes).toBe(0);
    const start = all.indexOf(sent);
    const heard = decode(all.subarray(start, start + sent.length)).subarray(2 * MARGIN, -2 * MARGIN);
    const { rms, share } = measure(heard, TONE_HZ);
    expect(share).toBeGreaterThan(0.99);
    expect(rms).toBeGreaterThan(0.05);
    const after = decode(all.subarray(start + sent.length)).subarray(2 * MARGIN);
    expect(Math.max(...after.map(Math.abs))).toBe(0);
    const report = (await status(node)).streams[0];
    expect(report?.host).toBeNull();
    expect(report?.bytesIn).toBe(frames * 384);
    listener.close();
  });

  it('hands a frame to its listeners in the moment it comes, and several at a time to a crowd', () => {
    let nowMs = 0;
    const station = createStation({ roomId: 'a', path: '/a', now: () => nowMs });
    const [frame] = toneFrames(0.1, TONE_HZ) as [Buffer];
    const written: number[] = [];
    const counting: Listener = { write: (bytes) => written.push(bytes.length / frame.length), end: () => {} };
    station.listen(counting);
    const feed = station.claim({ epoch: 1, peerId: 'p', bitrateKbps: 128 }, () => {});
    written.length = 0;
    feed?.frames([frame]);
    expect(written).toEqual([1]);

    /** What the first listener is handed while frames come in real time, each 24 ms. */
    function handed(frames: number, crowd: number): number[] {
      while (station.listenerCount() < crowd) station.listen({ write: () => 0, end: () => {} });
      nowMs += 1000;
      feed?.frames([frame]);
      written.length = 0;
      for (let i = 0; i < frames; i++) {
        nowMs += 24;
        feed?.frames([frame]);
      }
      return [...written];
    }
    expect(handed(8, 70)).toEqual([4, 4]);
    expect(handed(10, 300)).toEqual([5, 5]);
    // What is here waits no longer for one that is late.
    nowMs += 24;
    feed?.frames([frame]);
    nowMs += 96;
    written.length = 0;
    feed?.frames([frame]);
    expect(written).toEqual([2]);
    station.close();
  });

  it('hands nothing twice to who joins a crowd in a silence', () => {
    let nowMs = 0;
    const station = createStation({ roomId: 'a', path: '/a', now: () => nowMs });
    const deaf = (): Listener => ({ write: () => 0, end: () => {} });
    for (let n = 0; n < 70; n++) station.listen(deaf());
    for (let n = 0; n < 3; n++) {
      nowMs += 200;
      station.listen(deaf());
    }
    nowMs += 48;
    let bytes = 0;
    const late: Listener = { write: (more) => (bytes += more.length), end: () => {} };
    station.listen(late, { burstMs: 480 });
    const burstBytes = bytes;
    nowMs += 240;
    station.listen(deaf());
    expect([burstBytes, bytes - burstBytes]).toEqual([20 * 384, 10 * 384]);
    station.close();
  });

  it('puts no silence in the place of what a host sent while the node itself stood still', () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    let nowMs = 0;
    const station = createStation({ roomId: 'a', path: '/a', now: () => nowMs });
    try {
      const [frame] = toneFrames(0.1, TONE_HZ) as [Buffer];
      const feed = station.claim({ epoch: 1, peerId: 'p', bitrateKbps: 128 }, () => {});
      let bytes = 0;
      station.listen({ write: (more) => (bytes += more.length), end: () => {} }, { burstMs: 0 });
      const pass = (frames: number): void => {
        for (let n = 0; n < frames; n++) {
          nowMs += 24;
          vi.advanceTimersByTime(24);
        }
      };
      for (let n = 0; n < 40; n++) {
        feed?.frames([frame]);
        pass(1);
      }
      const heard = bytes;
      // A timer that was due runs first, and then what had come to the sockets meanwhile is read.
      nowMs += 18 * 24;
      vi.advanceTimersByTime(24);
      feed?.frames(Array<Uint8Array>(18).fill(frame));
      expect([bytes - heard, station.status().silenceFrames]).toEqual([18 * 384, 0]);
      // A host that is silent is no such case.
      pass(20);
      expect(station.status().silenceFrames).toBeGreaterThan(5);
    } finally {
      station.close();
      vi.useRealTimers();
    }
  });

  it('reaches a crowd too, where several frames share a write', async () => {
    const tone = toneFrames(0.8, TONE_HZ);
    const crowd = await Promise.all(Array.from({ length: 70 }, () => listen(`${node.httpUrl}/stream.mp3`)));
    const host = await openHost(node);
    const [listener] = crowd as [TestListener];
    await feedSettled({
      ...{ node, host, listener, frameMs: FRAME_MS, leadIn: noiseFrames(2), sound: tone },
    });
    host.close();
    const sent = Buffer.concat(tone);
    await until(() => crowd.every((listener) => listener.received().includes(sent)) || undefined);
    for (const listener of crowd) {
      expect(parseFrames(listener.received()).badBytes).toBe(0);
      listener.close();
    }
  });

  it('is described by the status while it runs', async () => {
    const host = await openHost(node, { epoch: 7, peerId: 'laptop', bitrateKbps: 192 });
    host.send({ type: 'title', title: 'Glass Harbour', artist: 'Mira Sol' });
    host.sendRaw(toneFrames(0.2, TONE_HZ, 192)[0] ?? '');
    const stream = await until(async () => {
      const found = (await status(node)).streams[0];
      return found?.title != null && found.lastFrameAgeMs !== null ? found : undefined;
    });
    expect(stream).toMatchObject({
      roomId: node.keys.roomId,
      path: '/stream.mp3',
      host: { peerId: 'laptop', epoch: 7 },
      bitrateKbps: 192,
      bytesIn: 576,
      title: 'Mira Sol - Glass Harbour',
    });
    expect(stream.lastFrameAgeMs).toBeLessThan(5000);
    host.close();
  });

  it('tells titles to those who ask for them, between whole pieces of sound', async () => {
    const host = await openHost(node);
    host.send({ type: 'title', title: "Don't stop" });
    await until(async () => (await status(node)).streams[0]?.title === "Don't stop" || undefined);
    const radio = await listen(`${node.httpUrl}/stream.mp3`, { 'Icy-MetaData': '1' });
    expect(radio.headers['icy-metaint']).toBe(String(ICY_METAINT));
    await until(() => radio.received().length > ICY_METAINT + 1000 || undefined);
    const all = radio.received();
    const length = (all[ICY_METAINT] ?? 0) * 16;
    const block = all.subarray(ICY_METAINT + 1, ICY_METAINT + 1 + length).toString();
    expect(block.replace(/\0+$/, '')).toBe("StreamTitle='Don’t stop';");
    const sound = Buffer.concat([all.subarray(0, ICY_METAINT), all.subarray(ICY_METAINT + 1 + length)]);
    expect(parseFrames(sound).badBytes).toBeLessThan(384);
    radio.close();
    host.close();
  });
});

describe('rooms', () => {
  /** As an uplink that has proved its right to the room sees it. */
  const HOST = { epoch: 1, peerId: 'a', bitrateKbps: 128 };

  it('whose host may still come back are kept for a minute, while those that never had one make place', () => {
    let nowMs = 0;
    const stations = createStations('default', () => nowMs);
    let endedAt: string[] = [];
    const hear = (roomId: string): void =>
      void stations.station(roomId)?.listen({ write: () => 0, end: () => endedAt.push(roomId) });
    const feed = stations.stationForHost('real')?.claim(HOST, () => {});
    hear('real');
    for (let i = 0; i < 30; i++) hear(`invented${i}`);
    hear('default');
    feed?.release();

    expect(stations.station('one more')).toBeNull();
    for (let i = 0; i < 30; i++) stations.stationForHost(`hosted${i}`)?.claim(HOST, () => {});
    expect(endedAt.toSorted()).toEqual(Array.from({ length: 30 }, (_, i) => `invented${i}`).toSorted());
    endedAt = [];
    nowMs = 59_999;
    expect([stations.stationForHost('late'), endedAt]).toEqual([null, []]);
    nowMs = 60_000;
    expect(stations.stationForHost('late')?.listenerCount()).toBe(0);
    expect([endedAt, stations.station('default')?.listenerCount()]).toEqual([['real'], 1]);
    stations.close();
  });
});

describe('a slow listener', () => {
  const server = createServer();

  it('that never reads slows nobody', async () => {
    const stuck: Socket = connect(node.ports.http, '127.0.0.1');
    await once(stuck, 'connect');
    stuck.pause();
    stuck.write('GET /stream.mp3 HTTP/1.1\r\nHost: x\r\n\r\n');
    await until(async () => (await status(node)).streams[0]?.listeners === 1 || undefined);
    const quick = await listen(`${node.httpUrl}/stream.mp3`);
    await until(() => quick.received().length > 384 * 100 || undefined);
    expect(parseFrames(quick.received()).badBytes).toBe(0);
    stuck.destroy();
    quick.close();
  });

  it('costs bounded memory however much it missed, and hears whole frames when it reads again', async () => {
    const [frame] = toneFrames(0.1, TONE_HZ) as [Buffer];
    const [last] = toneFrames(0.1, 500) as [Buffer];
    const joined = new Promise<{ listener: Listener; response: ServerResponse }>((resolve) => {
      server.on('request', (_, response: ServerResponse) => {
        response.writeHead(200);
        resolve({
          listener: createListener(response, { icy: false, nowMs: 0, limitBytes: Infinity }),
          response,
        });
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const stuck = connect((server.address() as AddressInfo).port, '127.0.0.1');
    await once(stuck, 'connect');
    stuck.pause();
    // Without chunks around it, as HTTP/1.0 has none.
    stuck.write('GET / HTTP/1.0\r\n\r\n');
    const { listener, response } = await joined;
    let skipped = 0;
    let most = 0;
    for (let i = 0; i < 60_000; i++) {
      if (listener.write(frame, '', 0) === 0) skipped++;
      most = Math.max(most, response.writableLength);
      if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    expect(skipped).toBeGreaterThan(1000);
    expect(most).toBeLessThan(2 * MAX_QUEUED_BYTES);

    const parts: Buffer[] = [];
    stuck.on('data', (part: Buffer) => parts.push(part));
    stuck.resume();
    await until(() => response.writableLength === 0 || undefined);
    expect(listener.write(last, '', 0)).toBe(last.length);
    await until(() => (parts.at(-1)?.includes(last.subarray(-100)) === true ? true : undefined));
    const all = Buffer.concat(parts);
    expect(parseFrames(all.subarray(all.indexOf('\r\n\r\n') + 4)).badBytes).toBe(0);
    stuck.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  it('skips whole frames and comes back at the live edge', () => {
    const written: Uint8Array[] = [];
    const response = {
      queued: 0,
      destroyed: false,
      socket: { bytesWritten: 0, writableLength: 0 },
      get writableLength() {
        return this.queued;
      },
      write(bytes: Uint8Array) {
        written.push(bytes);
        this.queued += bytes.length;
        this.socket.bytesWritten += bytes.length;
        this.socket.writableLength = this.queued;
      },
      destroy() {
        this.destroyed = true;
      },
    };
    const listener = createListener(response as never, { icy: false, nowMs: 0, limitBytes: Infinity });
    const frame = (mark: number): Uint8Array => new Uint8Array(384).fill(mark);
    let nowMs = 0;
    for (let i = 0; i < 1000; i++) listener.write(frame(i % 200), '', (nowMs += 24));
    expect(response.queued).toBeLessThanOrEqual(MAX_QUEUED_BYTES + 384);
    const kept = written.length;

    response.queued = 384;
    response.socket.writableLength = 384;
    expect(listener.write(frame(201), '', (nowMs += 24))).toBe(0);
    response.queued = 0;
    response.socket.writableLength = 0;
    expect(listener.write(frame(202), '', (nowMs += 24))).toBe(384);
    expect(written.slice(kept)).toEqual([frame(202)]);

    for (let i = 0; i < 5000; i++) listener.write(frame(1), '', (nowMs += 24));
    expect(response.destroyed).toBe(true);
  });
});
