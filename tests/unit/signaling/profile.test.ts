import { once } from 'node:events';
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FRAME_MS, parseFrames } from '../../../signaling/stream/frames.ts';
import { MAX_QUEUED_BYTES } from '../../../signaling/stream/listener.ts';
import { burstOf, FORCED_BYTES, framingOf, profileOf } from '../../../signaling/stream/profile.ts';
import {
  ask,
  feedSettled,
  keysOf,
  listen,
  newSecret,
  noiseFrames,
  openHost,
  OWN_TIME,
  startNode,
  until,
} from './support.ts';

const CAST_LITE = 'Mozilla/5.0 (X11; Linux armv7l) AppleWebKit/537.36 CrKey/1.56 Cast Lite';

describe('header profiles', () => {
  it('are chosen by name, then by user agent', () => {
    expect(profileOf(null, '')).toBe('chunked');
    expect(profileOf('none', CAST_LITE)).toBe('none');
    expect(profileOf('nonsense', CAST_LITE)).toBe('ranges');
    expect(profileOf(null, 'Mozilla/5.0 CrKey/1.56')).toBe('chunked');
  });

  it.each([
    ['bytes=0-', `0-${FORCED_BYTES - 1}`],
    ['bytes=0-1', '0-1'],
    ['bytes=350000-', `350000-${FORCED_BYTES - 1}`],
    [`bytes=5-${FORCED_BYTES * 2}`, `5-${FORCED_BYTES - 1}`],
    ['bytes=-128', `${FORCED_BYTES - 128}-${FORCED_BYTES - 1}`],
  ])('answer %s with the part %s', (range, part) => {
    const { status, headers, limitBytes } = framingOf({ profile: 'ranges', range });
    const [first = 0, last = 0] = part.split('-').map(Number);
    expect([status, headers['Content-Range']]).toEqual([206, `bytes ${part}/${FORCED_BYTES}`]);
    expect([limitBytes, headers['Content-Length']]).toEqual([last - first + 1, String(last - first + 1)]);
  });

  it('refuse what lies behind the end, and leave aside what they need not understand', () => {
    for (const range of [`bytes=${FORCED_BYTES}-`, 'bytes=-0'])
      expect(framingOf({ profile: 'ranges', range }).status).toBe(416);
    for (const range of [undefined, '', 'bytes=-', 'bytes=5-2', 'bytes=0-1,4-5', 'items=0-1', 'bytes=a-b'])
      expect(framingOf({ profile: 'ranges', range }).status).toBe(200);
    for (const profile of ['chunked', 'none', 'length'] as const)
      expect(framingOf({ profile, range: 'bytes=5-' }).status).toBe(200);
  });

  it('never promise more than there is, whatever is asked for', () => {
    fc.assert(
      fc.property(fc.string(), fc.nat(), fc.nat(), (text, from, to) => {
        for (const range of [text, `bytes=${from}-${to}`, `bytes=${text}-${to}`]) {
          const { limitBytes } = framingOf({ profile: 'ranges', range });
          expect(limitBytes >= 0 && limitBytes <= FORCED_BYTES).toBe(true);
        }
      }),
    );
  });

  it('bound the burst', () => {
    expect([burstOf(null), burstOf('x'), burstOf('-1'), burstOf('1e9'), burstOf('')]).toEqual(
      Array(5).fill(null),
    );
    expect([burstOf('0'), burstOf('2.5'), burstOf('86400')]).toEqual([0, 2500, 10_000]);
  });
});

describe('the stream as devices ask for it', () => {
  let node: Awaited<ReturnType<typeof startNode>>;
  beforeEach(async () => {
    node = await startNode({}, OWN_TIME);
  });
  afterEach(() => node.close());

  it('is chunked, without a length, or with one that nobody reaches, for HEAD too', async () => {
    for (const [profile, length, coding] of [
      ['chunked', undefined, 'chunked'],
      ['none', undefined, undefined],
      ['length', String(FORCED_BYTES), undefined],
      ['ranges', String(FORCED_BYTES), undefined],
    ] as const) {
      const url = `${node.httpUrl}/stream.mp3?profile=${profile}`;
      const listener = await listen(url);
      expect(listener.response.statusCode).toBe(200);
      expect([
        profile,
        listener.headers['content-length'],
        listener.headers['transfer-encoding'],
        listener.headers['accept-ranges'],
      ]).toEqual([profile, length, coding, profile === 'ranges' ? 'bytes' : 'none']);
      await until(() => listener.received().length > 384 * 40 || undefined);
      expect(parseFrames(listener.received().subarray(0, 384 * 40)).badBytes).toBe(0);
      listener.close();
      const head = await ask(url, { method: 'HEAD' });
      expect([head.status, head.headers['content-length'], head.body.length]).toEqual([200, length, 0]);
    }
  });

  it('goes on for a Cast Lite device that comes back for more', async () => {
    const url = `${node.httpUrl}/stream.mp3`;
    const first = await listen(url, { 'User-Agent': CAST_LITE, Range: 'bytes=0-' });
    expect([first.response.statusCode, first.headers['accept-ranges']]).toEqual([206, 'bytes']);
    await until(() => first.received().length > 5000 || undefined);
    const had = first.received().length;
    first.close();
    const second = await listen(url, { 'User-Agent': CAST_LITE, Range: `bytes=${had}-` });
    expect(second.response.statusCode).toBe(206);
    expect(second.headers['content-range']).toBe(`bytes ${had}-${FORCED_BYTES - 1}/${FORCED_BYTES}`);
    await until(() => second.received().length > 384 * 40 || undefined);
    expect(parseFrames(second.received().subarray(0, 384 * 40)).badBytes).toBe(0);
    second.close();

    const part = await ask(url, { headers: { 'User-Agent': CAST_LITE, Range: 'bytes=100-20099' } });
    expect([part.status, part.body.length]).toEqual([206, 20_000]);
    const beyond = await ask(url, { headers: { 'User-Agent': CAST_LITE, Range: `bytes=${FORCED_BYTES}-` } });
    expect([beyond.status, beyond.headers['content-range']]).toEqual([416, `bytes */${FORCED_BYTES}`]);
    const radio = await listen(url, { Range: 'bytes=100-', 'Icy-MetaData': '1' });
    expect([radio.response.statusCode, radio.headers['icy-metaint']]).toEqual([200, '16384']);
    radio.close();
  });

  it('takes the connection of a range that ended for the next request', async () => {
    const socket = connect(node.ports.http, '127.0.0.1');
    await once(socket, 'connect');
    let text = '';
    socket.setEncoding('latin1').on('data', (part: string) => (text += part));
    const request = `GET /stream.mp3?profile=ranges HTTP/1.1\r\nHost: x\r\nRange: bytes=0-999\r\n\r\n`;
    socket.write(request);
    await until(() => text.includes('Content-Length: 1000') || undefined);
    await until(() => text.length - text.indexOf('\r\n\r\n') - 4 === 1000 || undefined);
    text = '';
    socket.write(request);
    await until(() => text.startsWith('HTTP/1.1 206 Partial Content') || undefined);
    socket.destroy();
  });

  it('begins with as many seconds of the last sound as wished, and with silence where there was none', async () => {
    const noise = noiseFrames(4);
    const host = await openHost(node);
    const first = await listen(`${node.httpUrl}/stream.mp3?burst=0`);
    const sound = noise.slice(0, 115);
    await feedSettled({
      ...{ node, host, listener: first, frameMs: FRAME_MS, leadIn: noise.slice(115), sound },
    });
    const sent = Buffer.concat(sound.slice(40));
    await until(() => first.received().includes(sent) || undefined);
    const late = await listen(`${node.httpUrl}/stream.mp3?burst=4`);
    const burstBytes = Math.round(4000 / 24) * 384;
    await until(() => late.received().length >= burstBytes || undefined);
    expect(late.received().subarray(0, burstBytes).includes(sent)).toBe(true);
    expect(parseFrames(late.received().subarray(0, burstBytes)).badBytes).toBe(0);
    const none = await listen(`${node.httpUrl}/stream.mp3?burst=0`);
    await until(() => none.received().length > 0 || undefined);
    expect(none.received().length).toBeLessThan(burstBytes / 4);
    for (const listener of [first, late, none]) listener.close();
    host.close();
  });

  it('keeps its promise of a burst that is longer than what may wait otherwise', async () => {
    const slow = connect(node.ports.http, '127.0.0.1');
    await once(slow, 'connect');
    slow.pause();
    slow.write('GET /stream.mp3?burst=10 HTTP/1.0\r\n\r\n');
    await until(async () => {
      const { streams } = JSON.parse((await ask(`${node.httpUrl}/stream/status`)).text) as {
        streams: { listeners: number }[];
      };
      return streams[0]?.listeners === 1 || undefined;
    });
    const parts: Buffer[] = [];
    slow.on('data', (part: Buffer) => parts.push(part));
    slow.resume();
    const burstBytes = Math.round(10_000 / 24) * 384;
    expect(burstBytes).toBeGreaterThan(4 * MAX_QUEUED_BYTES);
    await until(() => Buffer.concat(parts).length > burstBytes + 384 * 30 || undefined);
    const all = Buffer.concat(parts);
    const body = all.subarray(all.indexOf('\r\n\r\n') + 4);
    expect(parseFrames(body.subarray(0, burstBytes)).badBytes).toBe(0);
    slow.destroy();
  });

  it('has playlists for each room', async () => {
    const { roomId } = await keysOf(newSecret());
    const m3u = await ask(`${node.httpUrl}/stream/${roomId}.m3u`);
    const pls = await ask(`${node.httpUrl}/stream/${roomId}.pls`);
    expect(m3u.text.split('\n')).toContain(`${node.httpUrl}/stream/${roomId}.mp3`);
    expect(pls.text.split('\n')).toContain(`File1=${node.httpUrl}/stream/${roomId}.mp3`);
    expect([m3u.headers['content-type'], pls.headers['content-type']]).toEqual([
      'audio/x-mpegurl',
      'audio/x-scpls',
    ]);
    expect((await ask(`${node.httpUrl}/stream/nonsense.pls`)).status).toBe(404);
  });
});
