/** The stream as something else than the usual MP3: MP3 at 320 kbit/s, and bare samples. */
import { execFileSync } from 'node:child_process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  PCM_PIECE_BYTES,
  PCM_PIECE_MS,
  VARIANT_TAGS,
  type ExtraVariant,
} from '../../../signaling/protocol/uplink.ts';
import { FRAME_MS } from '../../../signaling/stream/frames.ts';
import { MAX_PCM_LISTENERS } from '../../../signaling/stream/stations.ts';
import { parseTagged, wavHead } from '../../../signaling/stream/variants.ts';
import {
  ask,
  decode,
  feedSettled,
  listen,
  MAX_PROBED_BYTES,
  noiseFrames,
  openHost,
  OWN_TIME,
  probe,
  startNode,
  status,
  type TestNode,
  type TestSocket,
  toneFrames,
  until,
  uplinkMessage,
} from './support.ts';

const HEAD_BYTES = 44;
let node: TestNode;
beforeEach(async () => {
  node = await startNode({}, OWN_TIME);
});
afterEach(() => node.close());

const tagged = (variant: ExtraVariant, bytes: Uint8Array): Buffer =>
  Buffer.concat([Uint8Array.of(VARIANT_TAGS[variant]), bytes]);

/** Every sample differs from its neighbours, so that a shift by a byte would show. */
function piece(serial: number): Buffer {
  const bytes = Buffer.alloc(PCM_PIECE_BYTES);
  for (let at = 0; at < bytes.length; at += 2)
    bytes.writeInt16LE(((serial * 977 + at * 31) % 20_000) + 1, at);
  return bytes;
}

async function untilWanted(host: TestSocket, variants: ExtraVariant[]): Promise<void> {
  await until(() => {
    const said = host.messages.flatMap((message) => uplinkMessage('wanted')(message) ?? []);
    return (said.at(-1)?.variants ?? []).join() === variants.join() || undefined;
  });
}

describe('a host', () => {
  it('is told what is listened to beside the usual MP3, and when it no longer is', async () => {
    const host = await openHost(node);
    const usual = await listen(`${node.httpUrl}/stream.mp3`);
    await host.next(uplinkMessage('listeners'));
    expect(host.messages.some((message) => uplinkMessage('wanted')(message))).toBe(false);
    const wav = await listen(`${node.httpUrl}/stream.wav`);
    await untilWanted(host, ['wav']);
    const loud = await listen(`${node.httpUrl}/stream-320.mp3`);
    await untilWanted(host, ['mp3-320', 'wav']);
    wav.close();
    await untilWanted(host, ['mp3-320']);

    const next = await openHost(node, { epoch: 2 });
    await untilWanted(next, ['mp3-320']);
    loud.close();
    await untilWanted(next, []);
    usual.close();
  });

  it('that sends what nobody listens to, or what is no whole piece, harms nobody', async () => {
    const host = await openHost(node);
    const usual = await listen(`${node.httpUrl}/stream.mp3`);
    host.sendRaw(tagged('wav', piece(1)));
    host.sendRaw(tagged('wav', piece(1).subarray(1)));
    host.sendRaw(tagged('mp3-320', Buffer.from('no frame')));
    host.sendRaw(Uint8Array.of(3, 1, 4));
    await until(async () => (await status(node)).rejected['/uplink bad-frames'] === 3 || undefined);
    expect((await status(node)).streams[0]).toMatchObject({ bytesIn: 0, host: { epoch: 1 } });
    usual.close();
  });
});

describe('/stream.wav', () => {
  it('is an endless WAV whose samples are the host’s, bit by bit, and silence before and after them', async () => {
    const host = await openHost(node);
    const listener = await listen(`${node.httpUrl}/stream.wav?burst=0`);
    expect(listener.headers).toMatchObject({
      'content-type': 'audio/wav',
      'contentfeatures.dlna.org': expect.not.stringContaining('MP3') as string,
    });
    await untilWanted(host, ['wav']);
    const pieces = Array.from({ length: 160 }, (_, serial) => piece(serial));
    await feedSettled({
      ...{ node, host, listener, frameMs: PCM_PIECE_MS, message: (one) => tagged('wav', one) },
      ...{ leadIn: pieces.slice(60), sound: pieces.slice(0, 60) },
    });
    const sent = Buffer.concat(pieces.slice(0, 60));
    await until(() => listener.received().includes(sent) || undefined);
    const length = listener.received().length;
    await until(() => listener.received().length > length + 192 * 600 || undefined);
    const all = listener.received();
    const start = all.indexOf(sent);
    expect((start - HEAD_BYTES) % 4).toBe(0);
    const after = all.subarray(start + sent.length);
    expect(after.length).toBeGreaterThan(192 * 400);
    expect(after.every((byte) => byte === 0)).toBe(true);
    const entries = ['-show_entries', 'stream=codec_name,sample_rate,channels', '-of', 'csv=p=0'];
    expect(
      execFileSync('ffprobe', ['-v', 'error', ...entries, '-i', '-'], {
        input: all.subarray(0, MAX_PROBED_BYTES),
      })
        .toString()
        .trim(),
    ).toBe('pcm_s16le,48000,2');
    const decoded = execFileSync('ffmpeg', ['-v', 'error', '-i', '-', '-f', 's16le', '-'], {
      input: all,
      maxBuffer: 1 << 26,
    });
    expect(decoded.length).toBeGreaterThan(all.length - 2 * PCM_PIECE_BYTES);
    expect(decoded.includes(sent)).toBe(true);
    listener.close();
  });

  it('runs at real time without a host, too', async () => {
    const listener = await listen(`${node.httpUrl}/stream.wav?burst=0`);
    await until(() => listener.received().length > HEAD_BYTES || undefined);
    const before = listener.received().length;
    const startedAt = node.now();
    await until(() => listener.received().length >= before + 192_000 * 1.5 || undefined);
    const seconds = (node.now() - startedAt) / 1000;
    expect(seconds).toBeGreaterThan(1.2);
    expect(seconds).toBeLessThan(4);
    listener.close();
  });

  it('goes on at a whole sample for who comes back for more of it', async () => {
    for (const first of [0, 20, HEAD_BYTES, 1_000, 1_001, 1_002, 1_003]) {
      const listener = await listen(`${node.httpUrl}/stream.wav?profile=ranges&burst=0`, {
        Range: `bytes=${first}-`,
      });
      expect(listener.response.statusCode).toBe(206);
      await until(() => listener.received().length > 200 || undefined);
      const head = wavHead(first);
      expect(listener.received().subarray(0, head.length)).toEqual(Buffer.from(head));
      // From here on whole samples: what was sent before, with this, ends on one.
      expect((first + head.length - HEAD_BYTES) % 4).toBe(0);
      listener.close();
    }
  });

  it('is for a few: what waits for slow ones would be a lot', async () => {
    const open = await Promise.all(
      Array.from({ length: MAX_PCM_LISTENERS }, () => listen(`${node.httpUrl}/stream.wav`)),
    );
    const refused = await ask(`${node.httpUrl}/stream.wav`);
    expect([refused.status, refused.text]).toEqual([503, expect.stringContaining('/stream.mp3') as string]);
    const usual = await listen(`${node.httpUrl}/stream.mp3`);
    expect(usual.headers['content-type']).toBe('audio/mpeg');
    for (const listener of [...open, usual]) listener.close();
  });

  it('has no titles between its samples', async () => {
    const head = await ask(`${node.httpUrl}/stream.wav`, {
      method: 'HEAD',
      headers: { 'Icy-MetaData': '1' },
    });
    expect([head.status, head.headers['icy-metaint']]).toEqual([200, undefined]);
  });
});

describe('/stream-320.mp3', () => {
  it('is the host’s sound at 320 kbit/s, with silence of the same rate around it', async () => {
    const host = await openHost(node);
    const listener = await listen(`${node.httpUrl}/stream-320.mp3`);
    await untilWanted(host, ['mp3-320']);
    const sound = toneFrames(1.2, 440, 320);
    await feedSettled({
      ...{ node, host, listener, frameMs: FRAME_MS, message: (frame) => tagged('mp3-320', frame) },
      ...{ leadIn: noiseFrames(2, 320), sound },
    });
    const sent = Buffer.concat(sound);
    await until(() => listener.received().includes(sent) || undefined);
    const length = listener.received().length;
    await until(() => listener.received().length > length + 960 * 20 || undefined);
    const all = listener.received();
    const parsed = parseTagged(tagged('mp3-320', all));
    expect([parsed.badBytes, new Set(parsed.frames.map((frame) => frame.length))]).toEqual([
      0,
      new Set([960]),
    ]);
    expect(probe(all)).toBe('mp3,48000,2');
    expect(Math.max(...decode(sent).map(Math.abs))).toBeGreaterThan(0.05);
    listener.close();
  });

  it('and the others have an address in every room, and playlists', async () => {
    const { roomId } = node.keys;
    for (const path of [
      `/stream/${roomId}-320.mp3`,
      `/stream/${roomId}.wav`,
      '/stream-320.mp3',
      '/stream.wav',
    ]) {
      expect((await ask(`${node.httpUrl}${path}`, { method: 'HEAD' })).status, path).toBe(200);
    }
    expect((await ask(`${node.httpUrl}/stream-320.m3u`)).text).toContain(`${node.httpUrl}/stream-320.mp3\n`);
    expect((await ask(`${node.httpUrl}/stream-320.wav`)).status).toBe(404);
    expect((await ask(`${node.httpUrl}/stream/nonsense.wav`)).status).toBe(404);
  });
});

it('the status names what is listened to, each with its own counts', async () => {
  const [usual, wav] = await Promise.all([
    listen(`${node.httpUrl}/stream.mp3`),
    listen(`${node.httpUrl}/stream.wav`),
  ]);
  const stream = (await status(node)).streams[0]!;
  expect(stream.listeners).toBe(2);
  expect(stream.variants.map(({ path, listeners }) => [path, listeners])).toEqual([
    ['/stream.mp3', 1],
    ['/stream.wav', 1],
  ]);
  expect(stream.bytesOut).toBe(stream.variants.reduce((sum, { bytesOut }) => sum + bytesOut, 0));
  usual.close();
  wav.close();
});
