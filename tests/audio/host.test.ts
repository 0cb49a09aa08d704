/**
 * Host mode against the real node, in a page that the node serves under its own policy: what goes into the mixer is
 * looked for in what a listener of the stream decodes.
 */
import { get } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { StatusReport } from '../../signaling/protocol/status.ts';
import { startNode, type TestNode } from '../unit/signaling/support.ts';
import { buildHarness, floats, openPage, type Harness } from './harness.ts';
import { ffmpeg, toneAmplitude } from './signals.ts';

const RATE_HZ = 48_000;
const MUSIC_HZ = 1_000;
const VOICE_HZ = 300;

let distDir: string;
let dataDir: string;
let node: TestNode;
let harness: Pick<Harness, 'page' | 'browser' | 'errors'>;
const page = () => harness.page;

beforeAll(async () => {
  distDir = await buildHarness();
  dataDir = await mkdtemp(join(tmpdir(), 'earshot-data-'));
  node = await startNode({ distDir, dataDir });
  harness = await openPage(`https://localhost:${node.ports.https}`);
});
afterAll(async () => {
  await harness.browser.close();
  await node.close();
  await rm(distDir, { recursive: true, force: true });
  await rm(dataDir, { recursive: true, force: true });
});

async function makeHost(change: Partial<{ uplinkKey: string; url: string }> = {}): Promise<void> {
  const { roomId, uplinkKey } = node.keys;
  const url = `wss://localhost:${node.ports.https}/uplink`;
  await page().evaluate(([uplink, hz]) => window.sound.makeHost(uplink, hz), [
    { url, roomId, uplinkKey, peerId: 'host-1', ...change },
    MUSIC_HZ,
  ] as const);
}
const start = (epoch: number): Promise<void> => page().evaluate((e) => window.sound.startHost(e), epoch);
const untilHost = async (state: string): Promise<void> => {
  await page().waitForFunction((s) => window.sound.hostState().state === s, state, { timeout: 20_000 });
};
async function status(): Promise<StatusReport['streams'][number]> {
  const report = (await (await fetch(`${node.httpUrl}/stream/status`)).json()) as StatusReport;
  return report.streams.find(({ roomId }) => roomId === node.keys.roomId)!;
}

/** The left channel as it is: ffmpeg's own way to mono makes it 3 dB louder. */
async function decodeLeft(mp3: Uint8Array): Promise<Float32Array> {
  const raw = await ffmpeg(['-f', 'mp3', '-i', '-', '-af', 'pan=mono|c0=c0', '-f', 'f32le', '-'], mp3);
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
}

/** A listener of the stream, as a loudspeaker is one. */
function listen() {
  const parts: Buffer[] = [];
  let held = 0;
  let grown: () => void = () => undefined;
  const request = get(`${node.httpUrl}/stream.mp3`, (response) => {
    response.on('data', (chunk: Buffer) => {
      parts.push(chunk);
      held += chunk.length;
      grown();
    });
  });
  // Destroyed at the end of a test, or by a node that goes.
  request.on('error', () => undefined);
  const until = async (bytes: number): Promise<void> => {
    while (held < bytes) await new Promise<void>((resolve) => (grown = resolve));
  };
  return {
    /** The next `seconds` that arrive, decoded: left channel. */
    async next(seconds: number): Promise<Float32Array> {
      const from = held;
      // Some frames more in front, which a decoder that begins in mid-stream cannot use yet.
      await until(from + (seconds + 0.3) * 16_000);
      const bytes = Buffer.concat(parts).subarray(from);
      const all = await decodeLeft(bytes);
      return all.subarray(all.length - Math.round(seconds * RATE_HZ));
    },
    /** Listens on until what arrives satisfies `check`, at most half a minute. */
    async until(what: string, check: (samples: Float32Array) => boolean): Promise<Float32Array> {
      const deadline = Date.now() + 30_000;
      for (;;) {
        const samples = await this.next(0.5);
        if (check(samples)) return samples;
        if (Date.now() > deadline) {
          throw new Error(
            `${what}: not heard; music ${tone(samples, MUSIC_HZ)}, voice ${tone(samples, VOICE_HZ)}`,
          );
        }
      }
    },
    close: () => request.destroy(),
  };
}
/** Listens until a whole second of music came: bytes of that second, decoded. Closes the connection then. */
function collect(
  path: string,
  secondBytes: number,
  decoded: (bytes: Buffer) => Float32Array | Promise<Float32Array>,
): Promise<Float32Array> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let held = 0;
    const request = get(`${node.httpUrl}${path}`, (response) => {
      response.on('data', (chunk: Buffer) => {
        parts.push(chunk);
        held += chunk.length;
        // One second in which the encoder starts, one that counts.
        if (held < 44 + 3 * secondBytes) return;
        request.destroy();
        const whole = Buffer.concat(parts).subarray(44 + 2 * secondBytes, 44 + 3 * secondBytes);
        Promise.resolve(decoded(whole)).then(resolve, reject);
      });
    });
    request.on('error', (error) => {
      if (!request.destroyed) reject(error);
    });
  });
}
/**
 * Median amplitude over windows of 20 ms. Not one number over all: a machine that is too busy for the audio thread itself
 * leaves frames of silence in the stream, and those say nothing about the mix.
 */
function tone(samples: Float32Array, hz: number): number {
  const windows: number[] = [];
  for (let at = 0; at + 960 <= samples.length; at += 960) {
    windows.push(toneAmplitude(samples.subarray(at, at + 960), hz, RATE_HZ));
  }
  return windows.sort((a, b) => a - b)[windows.length >> 1] ?? 0;
}
const db = (ratio: number): number => 20 * Math.log10(ratio);
const loudest = (samples: Float32Array): number =>
  samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);

describe('the engine', () => {
  test('feeds the stream: the tone is heard at its level, and the status knows the host', async () => {
    await makeHost();
    await start(1);
    await untilHost('up');
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    expect(tone(await listener.next(0.5), MUSIC_HZ)).toBeCloseTo(0.4, 1);
    expect((await status()).host).toMatchObject({ peerId: 'host-1', epoch: 1 });
    await page().waitForFunction(() => {
      const state = window.sound.hostState();
      return state.state === 'up' && state.listeners === 1 && state.bitrateKbps === 128;
    });
    expect((await page().evaluate(() => window.sound.hostLevels())).music).toBeGreaterThan(0.6);
    listener.close();
  });

  test('what else is listened to is encoded too, and only while it is', async () => {
    const samples = await collect('/stream.wav', 192_000, (bytes) => {
      const pcm = new Int16Array(Uint8Array.from(bytes).buffer);
      return Float32Array.from({ length: pcm.length / 2 }, (_, n) => pcm[2 * n]! / 32_768);
    });
    expect(tone(samples, MUSIC_HZ)).toBeCloseTo(0.4, 1);
    const loud = await collect('/stream-320.mp3', 40_000, decodeLeft);
    expect(tone(loud, MUSIC_HZ)).toBeCloseTo(0.4, 1);
    // Both are gone: their counts stand still, and the usual one's goes on.
    const usual = listen();
    await usual.next(0.5);
    const before = (await status()).variants;
    await usual.next(1);
    const after = (await status()).variants;
    expect(after.map(({ path, bytesIn }, at) => [path, bytesIn > (before[at]?.bytesIn ?? 0)])).toEqual([
      ['/stream.mp3', true],
      ['/stream.wav', false],
      ['/stream-320.mp3', false],
    ]);
    usual.close();
  });

  test('a voice comes out over music that steps back, and the music returns', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    const before = await listener.next(0.5);
    await page().evaluate((hz) => window.sound.speak('guest', hz, 0.1), VOICE_HZ);
    try {
      const during = await listener.until(
        'voice',
        (heard) => tone(heard, VOICE_HZ) > 0.05 && tone(heard, MUSIC_HZ) < 0.15,
      );
      expect(tone(during, VOICE_HZ)).toBeGreaterThan(0.05);
      const steppedBack = db(tone(await listener.next(0.5), MUSIC_HZ) / tone(before, MUSIC_HZ));
      expect(steppedBack).toBeLessThan(-9);
      expect(steppedBack).toBeGreaterThan(-15);
      expect((await page().evaluate(() => window.sound.hostLevels())).voice).toBeGreaterThan(0.3);
    } finally {
      await page().evaluate(() => window.sound.hush('guest'));
    }
    const after = await listener.until('music again', (heard) => tone(heard, MUSIC_HZ) > 0.35);
    expect(tone(after, VOICE_HZ)).toBeLessThan(0.01);
    listener.close();
  });

  test('what is set on the desk is heard: levels of music and voice, how far the music steps back; and it is remembered over a stop', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.35);
    const half = Math.SQRT1_2;
    await page().evaluate((music) => window.sound.hostMix({ music, voice: 1, duckDb: 6 }), half);
    await listener.until('half the music', (heard) => Math.abs(tone(heard, MUSIC_HZ) - 0.2) < 0.02);
    await page().evaluate((hz) => window.sound.speak('guest', hz, 0.1), VOICE_HZ);
    await listener.until('a small step back', (heard) => Math.abs(tone(heard, MUSIC_HZ) - 0.1) < 0.01);
    const voiceBefore = tone(await listener.next(0.5), VOICE_HZ);
    await page().evaluate((level) => window.sound.hostMix({ music: level, voice: level, duckDb: 6 }), half);
    await listener.until('half the voice', (heard) => tone(heard, VOICE_HZ) < 0.6 * voiceBefore);
    await page().evaluate((music) => window.sound.hostMix({ music, voice: 0, duckDb: 6 }), half);
    await listener.until(
      'no voice, for which nothing steps back',
      (heard) => tone(heard, VOICE_HZ) < 0.003 && Math.abs(tone(heard, MUSIC_HZ) - 0.2) < 0.02,
    );
    await page().evaluate(() => window.sound.stopHost());
    await start(2);
    await untilHost('up');
    await listener.until('half the music again', (heard) => Math.abs(tone(heard, MUSIC_HZ) - 0.2) < 0.02);
    await page().evaluate(() => {
      window.sound.hush('guest');
      window.sound.hostMix({ music: 1, voice: 1, duckDb: 12 });
    });
    await listener.until('all the music', (heard) => tone(heard, MUSIC_HZ) > 0.35);
    listener.close();
  });

  test('the chime sounds on the stream, and the effects’ meter shows it', async () => {
    const listener = listen();
    await page().evaluate(() => window.sound.setMusic(0));
    await listener.until('silence', (heard) => loudest(heard) < 1e-3);
    const heard = listener.next(5);
    // The beginning of the first may lie in front of what is listened to; the second does not.
    for (let ring = 0; ring < 2; ring++) {
      await page().evaluate(() => window.sound.hostChime());
      await page().waitForFunction(() => window.sound.hostLevels().effects > 0.5);
      await page().waitForFunction(() => window.sound.hostLevels().effects < 0.2);
    }
    const samples = await heard;
    const strongest = (hz: number): number => {
      const parts = Array.from({ length: samples.length / 2_400 - 1 }, (_, n) =>
        samples.subarray(2_400 * n, 2_400 * (n + 2)),
      );
      return Math.max(...parts.map((part) => toneAmplitude(part, hz, RATE_HZ)));
    };
    expect(strongest(659.26)).toBeGreaterThan(0.1);
    expect(strongest(523.25)).toBeGreaterThan(0.1);
    expect(strongest(587.33)).toBeLessThan(strongest(659.26) / 2);
    await page().evaluate(() => window.sound.setMusic(0.4));
    listener.close();
  });

  test('the voices’ hum is taken out and loud and soft ones come nearer to each other', async () => {
    const listener = listen();
    await page().evaluate(() => window.sound.setMusic(0));
    const heardOf = async (hz: number, amplitude: number): Promise<number> => {
      await page().evaluate(([f, a]) => window.sound.speak('guest', f, a), [hz, amplitude] as const);
      await listener.next(0.7);
      const level = tone(await listener.next(0.5), hz);
      await page().evaluate(() => window.sound.hush('guest'));
      await listener.until('silence', (samples) => loudest(samples) < 1e-3);
      return level;
    };
    const soft = await heardOf(300, 0.02);
    const hum = await heardOf(50, 0.02);
    const bass = await heardOf(150, 0.02);
    const loud = await heardOf(300, 0.5);
    console.log(
      `50 Hz ${db(hum / soft).toFixed(1)} dB, 150 Hz ${db(bass / soft).toFixed(1)} dB beside 300 Hz; ` +
        `voices 28 dB apart are ${db(loud / soft).toFixed(1)} dB apart on the stream`,
    );
    expect(db(hum / soft)).toBeLessThan(-17);
    expect(Math.abs(db(bass / soft))).toBeLessThan(1);
    expect(db(loud / soft)).toBeLessThan(18);
    expect(db(loud / soft)).toBeGreaterThan(8);
    await page().evaluate(() => window.sound.setMusic(0.4));
    listener.close();
  });

  test('the music steps back within a tenth of a second of a voice, and has returned a second and a half after it', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.35);
    const said = listener.next(4.5);
    await page().evaluate((hz) => window.sound.sayLater('guest', hz, 0.2, 0.7, 1.2), VOICE_HZ);
    const samples = await said;
    await page().evaluate(() => window.sound.hush('guest'));
    const STEP = 480;
    const at = (hz: number): number[] =>
      Array.from({ length: Math.floor(samples.length / STEP) - 1 }, (_, n) =>
        toneAmplitude(samples.subarray(n * STEP, (n + 2) * STEP), hz, RATE_HZ),
      );
    const voice = at(VOICE_HZ);
    const music = at(MUSIC_HZ);
    const begins = voice.findIndex((level) => level > 0.05);
    const ends = voice.findLastIndex((level) => level > 0.05);
    expect(begins).toBeGreaterThan(0);
    const full = music[begins - 10]!;
    const down = music.findIndex((level, n) => n >= begins && db(level / full) < -10);
    const up = music.findIndex((level, n) => n > ends && db(level / full) > -1);
    console.log(
      `the music is 10 dB down after ${(down - begins) * 10} ms, back after ${(up - ends) * 10} ms`,
    );
    expect(down).toBeGreaterThan(0);
    expect(down - begins).toBeLessThanOrEqual(12);
    expect(up - ends).toBeGreaterThan(40);
    expect(up - ends).toBeLessThan(150);
    listener.close();
  });

  test('two songs of full scale that fade into each other, and somebody who shouts: nothing on the stream is clipped', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.35);
    await page().evaluate(() => {
      window.sound.hostMix({ music: 1, voice: 1, duckDb: 0 });
      window.sound.shout();
    });
    await listener.until('the shout', (heard) => loudest(heard) > 0.6);
    const samples = await listener.next(6);
    console.log(`decoded peak ${db(loudest(samples)).toFixed(2)} dB`);
    expect(loudest(samples)).toBeLessThan(1);
    await page().waitForFunction(() => {
      const { limitedDb, output } = window.sound.hostLevels();
      return limitedDb > 3 && output > 0.8;
    });
    expect(tone(samples, 311)).toBeGreaterThan(0.05);
    await page().evaluate(() => {
      window.sound.endShout();
      window.sound.hostMix({ music: 1, voice: 1, duckDb: 12 });
      window.sound.setMusic(0.4);
    });
    listener.close();
  });

  test('a title reaches the status', async () => {
    await page().evaluate(() => window.sound.hostTitle('Rings', 'The Nodes'));
    await expect.poll(async () => (await status()).title, { timeout: 10_000 }).toBe('The Nodes - Rings');
  });

  test('a main thread that hangs for three seconds does not starve the stream', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    const silentBefore = (await status()).silenceFrames;
    const blocked = page().evaluate(() => window.sound.block(3_000));
    const samples = await listener.next(2.5);
    const ages = (await status()).lastFrameAgeMs;
    await blocked;
    for (let at = 0; at + 12_000 <= samples.length; at += 12_000) {
      expect(tone(samples.subarray(at, at + 12_000), MUSIC_HZ)).toBeGreaterThan(0.25);
    }
    expect(ages).toBeLessThan(1_000);
    // Starved for three seconds it would be a hundred and more.
    expect((await status()).silenceFrames - silentBefore).toBeLessThan(30);
    listener.close();
  });

  test('goes on with a newer epoch on the same stream', async () => {
    const listener = listen();
    await start(5);
    await expect.poll(async () => (await status()).host?.epoch, { timeout: 10_000 }).toBe(5);
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    listener.close();
  });

  test('comes back by itself when the node was away, and says so meanwhile', async () => {
    const { https, http, stun } = node.ports;
    await node.close();
    await untilHost('down');
    await page().waitForFunction(() => {
      const state = window.sound.hostState();
      return state.state === 'down' && state.message.includes('out of reach');
    });
    node = await startNode({
      port: https,
      httpPort: http,
      stunPort: stun,
      strictPorts: true,
      distDir,
      dataDir,
    });
    await untilHost('up');
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    listener.close();
  });

  test('an encoder that crashes is said, and replaced without anybody’s help', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    const before = await page().evaluate(() => window.sound.encodersStarted());
    await page().evaluate(() => window.sound.crashEncoder());
    const state = await page().evaluate(() => window.sound.hostState());
    expect(state.state === 'down' && state.message).toContain('encoder stopped');
    await listener.until('silence', (heard) => loudest(heard) < 1e-3);
    await untilHost('up');
    expect(await page().evaluate(() => window.sound.encodersStarted())).toBe(before + 1);
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    listener.close();
  });

  test('a newer claim replaces an encoder that crashed at once, where it fed a dead one', async () => {
    const before = await page().evaluate(() => window.sound.encodersStarted());
    const started = await page().evaluate(async (epoch) => {
      window.sound.crashEncoder();
      await window.sound.startHost(epoch);
      return window.sound.encodersStarted();
    }, 6);
    expect(started).toBe(before + 1);
    await untilHost('up');
    expect((await status()).host?.epoch).toBe(6);
  });

  test('an encoder that cannot be loaded is said, and loaded once it can be', async () => {
    await page().evaluate(() => window.sound.closeHost());
    await makeHost();
    await page().evaluate(() => window.sound.letEncodersLoad(false));
    await start(7);
    const state = await page().evaluate(() => window.sound.hostState());
    expect(state.state === 'down' && state.message).toContain('is started again');
    await page().evaluate(() => window.sound.letEncodersLoad(true));
    await untilHost('up');
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    listener.close();
  });

  test('switched off, the stream is silent and still open', async () => {
    const listener = listen();
    await listener.until('music', (heard) => tone(heard, MUSIC_HZ) > 0.3);
    await page().evaluate(() => window.sound.stopHost());
    expect(await page().evaluate(() => window.sound.hostState())).toEqual({ state: 'off' });
    await listener.until('silence', (heard) => loudest(heard) < 1e-3);
    expect(await page().evaluate(() => window.sound.hostLevels())).toEqual({
      music: 0,
      voice: 0,
      effects: 0,
      output: 0,
      limitedDb: 0,
    });
    listener.close();
    await start(8);
    await untilHost('up');
    await page().evaluate(() => window.sound.closeHost());
  });

  test('who stands by is on the air at once, again and again', async () => {
    const firstFrameMs = async (epoch: number): Promise<number> => {
      const before = (await status()).bytesIn;
      const startedAtMs = performance.now();
      const started = start(epoch);
      while ((await status()).bytesIn === before) {
        if (performance.now() - startedAtMs > 20_000) throw new Error('no frame in 20 s');
      }
      const tookMs = performance.now() - startedAtMs;
      await started;
      await page().evaluate(() => window.sound.stopHost());
      await expect.poll(async () => (await status()).host).toBeNull();
      return tookMs;
    };
    await makeHost();
    const coldMs = await firstFrameMs(10);
    await page().evaluate(() => window.sound.standBy(true));
    const warmMs: number[] = [];
    for (const epoch of [11, 12, 13]) warmMs.push(await firstFrameMs(epoch));
    await page().evaluate(() => window.sound.closeHost());
    console.log(
      `from the claim to the first frame: ${Math.round(coldMs)} ms, standing by ${warmMs.map(Math.round).join(', ')} ms`,
    );
    expect(Math.min(...warmMs)).toBeLessThan(1_000);
  });

  test('a key of another room is refused, in words, and not tried again', async () => {
    await makeHost({ uplinkKey: 'A'.repeat(43) });
    await start(1);
    await untilHost('down');
    expect(await page().evaluate(() => window.sound.hostState())).toMatchObject({
      message: expect.stringContaining('key') as string,
    });
    await page().evaluate(() => window.sound.closeHost());
  });
});

describe('the mixer', () => {
  test('lowers the music by 12 dB while somebody speaks, within 0.1 s, and gives it back', async () => {
    const { samples, levels } = await page().evaluate(
      ([music, voice]) => window.sound.duck(music, voice, 3),
      [MUSIC_HZ, VOICE_HZ] as const,
    );
    const mix = floats(samples);
    const musicAt = (seconds: number): number => {
      const from = Math.round(seconds * RATE_HZ);
      return tone(mix.subarray(from, from + 4_800), MUSIC_HZ);
    };
    expect(musicAt(2)).toBeCloseTo(0.4, 2);
    expect(db(musicAt(3.15) / musicAt(2))).toBeLessThan(-9);
    expect(db(musicAt(5) / musicAt(2))).toBeCloseTo(-12, 0);
    expect(db(musicAt(6.2) / musicAt(2))).toBeLessThan(-11);
    expect(db(musicAt(8.5) / musicAt(2))).toBeGreaterThan(-1);
    expect(tone(mix.subarray(4 * RATE_HZ, 5 * RATE_HZ), VOICE_HZ)).toBeGreaterThan(0.08);
    expect(levels.music).toBeGreaterThan(0.6);
    expect(levels.voice).toBeLessThan(0.2);
  });

  /** The three tones, at equal strength: turned down, not cut off. */
  async function expectTones(mp3: string): Promise<void> {
    const samples = await decodeLeft(Buffer.from(mp3, 'base64'));
    expect(samples.length / RATE_HZ).toBeGreaterThan(2.5);
    const settled = samples.subarray(RATE_HZ);
    expect(loudest(settled)).toBeLessThan(1);
    expect(loudest(settled)).toBeGreaterThan(0.6);
    const tones = [110, 997, 3_301].map((hz) => tone(settled.subarray(0, RATE_HZ), hz));
    for (const each of tones) expect(each).toBeGreaterThan(0.15);
    expect(Math.max(...tones) / Math.min(...tones)).toBeLessThan(1.3);
  }

  test('a mix of 14 dB too much comes out of the encoder without a clipped sample', async () => {
    const { encoder, mp3 } = await page().evaluate(() => window.sound.encodeLoud(3));
    expect(encoder).toBe('lame');
    await expectTones(mp3);
  });

  test('where the encoder’s module cannot be loaded the other one stands in', async () => {
    await page().route(/\/lame[^/]*\.wasm$/, (route) => route.fulfill({ status: 200, body: 'no module' }));
    const { encoder, mp3 } = await page().evaluate(() => window.sound.encodeLoud(3));
    await page().unrouteAll();
    expect(encoder).toBe('wasm-media-encoders');
    await expectTones(mp3);
  });
});

test('no policy was violated and no error logged, apart from the node’s absence', () => {
  const expected = /WebSocket connection to .* failed|ERR_CONNECTION/;
  expect(harness.errors.filter((error) => !expected.test(error))).toEqual([]);
});
