/** A node in this process on free loopback ports, and clients for everything it speaks. */
import { execFileSync } from 'node:child_process';
import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import {
  get as httpGet,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request as httpRequest,
} from 'node:http';
import { get as httpsGet } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { WebSocket } from 'ws';
import { createNode, type EarshotNode, type Machine } from '../../../signaling/node.ts';
import type { NodeConfig } from '../../../signaling/ops/config.ts';
import { silentLog } from '../../../signaling/ops/log.ts';
import type { VisitorLimits } from '../../../signaling/ops/visitors.ts';
import { base64url, deriveRoomKeys, type RoomKeys } from '../../../signaling/protocol/secret.ts';
import { StatusReport } from '../../../signaling/protocol/status.ts';
import type { CreateDriver } from '../../../signaling/speakers/port.ts';
import { GAP_MS } from '../../../signaling/stream/pace.ts';
import { NodeUplinkMessage, PROTOCOL_VERSION, type UplinkHello } from '../../../signaling/protocol/uplink.ts';

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'earshot-test-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/**
 * Monotonic time in which this process was run, and the node in it: a busy machine, which runs it now and then, looks to a stream
 * like a host that stalls and hurries. What is promised in milliseconds is promised where somebody runs the node. Not for
 * listeners that play in real time.
 */
export const OWN_TIME: Pick<Machine, 'now'> = createOwnTime();

function createOwnTime(): Pick<Machine, 'now'> {
  const TICK_MS = 10;
  let ownMs = performance.now();
  let lookedAtMs = ownMs;
  function now(): number {
    const wallMs = performance.now();
    ownMs += Math.min(wallMs - lookedAtMs, 3 * TICK_MS);
    lookedAtMs = wallMs;
    return ownMs;
  }
  setInterval(now, TICK_MS).unref();
  return { now };
}

export interface TestNode extends EarshotNode {
  /** The node's own monotonic time. */
  now(): number;
  readonly dataDir: string;
  readonly ca: string;
  readonly httpUrl: string;
  readonly httpsUrl: string;
  readonly wssUrl: string;
  readonly keys: RoomKeys;
  readonly notices: string[];
}

export async function startNode(
  changes: Partial<NodeConfig> = {},
  machine: Partial<Machine> = {},
  limits: Partial<VisitorLimits> = {},
  drivers?: readonly CreateDriver[],
): Promise<TestNode> {
  const folder = temporaryFolder();
  const notices: string[] = [];
  const config: NodeConfig = {
    port: 0,
    httpPort: 0,
    stunPort: 0,
    relayPorts: undefined,
    mdns: false,
    speakers: false,
    bind: '127.0.0.1',
    dataDir: folder.path,
    ownCertificate: undefined,
    publicUrl: undefined,
    streamUrl: undefined,
    icecast: undefined,
    snapcast: undefined,
    strictPorts: false,
    roomSecret: undefined,
    distDir: join(folder.path, 'dist'),
    ...changes,
  };
  const node = await createNode({
    config,
    version: '9.9.9',
    log: silentLog(),
    notice: (text) => void notices.push(text),
    machine,
    limits,
    ...(drivers === undefined ? {} : { drivers }),
  });
  const caPath = join(config.dataDir, 'ca.crt');
  return {
    ...node,
    get info() {
      return node.info;
    },
    get joinLink() {
      return node.joinLink;
    },
    get streamUrl() {
      return node.streamUrl;
    },
    dataDir: folder.path,
    ca: existsSync(caPath) ? readFileSync(caPath, 'utf8') : '',
    httpUrl: `http://127.0.0.1:${node.ports.http}`,
    httpsUrl: `https://127.0.0.1:${node.ports.https}`,
    wssUrl: `wss://127.0.0.1:${node.ports.https}`,
    keys: await keysOf(new URL(node.joinLink).hash.slice(1)),
    notices,
    now: machine.now ?? (() => performance.now()),
    async close() {
      await node.close();
      folder.remove();
    },
  };
}

export function keysOf(secret: string): Promise<RoomKeys> {
  return deriveRoomKeys(secret, {
    sha256: (data) => Promise.resolve(new Uint8Array(createHash('sha256').update(data).digest())),
    hkdf: (key, info, bytes) =>
      Promise.resolve(new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, bytes))),
  });
}

export const newSecret = (): string => base64url(randomBytes(16));

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
  text: string;
}

/** One request; `ca` makes it trust the node's CA and nothing else. */
export function ask(
  url: string,
  options: { method?: string; headers?: Record<string, string>; ca?: string; path?: string } = {},
): Promise<Answer> {
  const get = url.startsWith('https:') ? httpsGet : httpGet;
  return new Promise((resolve, reject) => {
    const { ca, path, ...rest } = options;
    const request = get(
      url,
      { ...rest, ...(ca === undefined ? {} : { ca }), ...(path === undefined ? {} : { path }), agent: false },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => {
          const body = Buffer.concat(parts);
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body,
            text: body.toString(),
          });
        });
      },
    );
    request.on('error', reject);
  });
}

export async function status(node: TestNode): Promise<StatusReport> {
  return v.parse(StatusReport, JSON.parse((await ask(`${node.httpUrl}/stream/status`)).text));
}

export interface TestListener {
  readonly headers: IncomingHttpHeaders;
  received(): Buffer;
  /** Resolves when the whole response came to its proper end. */
  readonly ended: Promise<void>;
  readonly response: IncomingMessage;
  close(): void;
}

/** A listener that collects what it hears. */
export function listen(url: string, headers: Record<string, string> = {}): Promise<TestListener> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      const ended = new Promise<void>((done) => response.once('end', done));
      response.on('error', () => {});
      resolve({
        headers: response.headers,
        received: () => Buffer.concat(parts),
        ended,
        response,
        close: () => request.destroy(),
      });
    });
    request.on('error', reject);
    request.end();
  });
}

export interface TestSocket {
  readonly socket: WebSocket;
  /** Every text message so far, parsed. */
  readonly messages: unknown[];
  readonly closed: Promise<{ code: number; reason: string }>;
  send(value: unknown): void;
  sendRaw(data: string | Uint8Array): void;
  /** The first message that fits, come or yet to come. */
  next<T>(pick: (message: unknown) => T | undefined): Promise<T>;
  close(): void;
}

export function openSocket(node: TestNode, path: string): Promise<TestSocket> {
  const socket = new WebSocket(`${node.wssUrl}${path}`, { ca: node.ca });
  const messages: unknown[] = [];
  socket.on('message', (data: Buffer) => messages.push(JSON.parse(data.toString())));
  const closed = new Promise<{ code: number; reason: string }>((resolve) =>
    socket.once('close', (code: number, reason: Buffer) => resolve({ code, reason: reason.toString() })),
  );
  const opened: TestSocket = {
    socket,
    messages,
    closed,
    send: (value) => socket.send(JSON.stringify(value)),
    sendRaw: (data) => socket.send(data),
    next: (pick) =>
      until(() => {
        for (const message of messages) {
          const picked = pick(message);
          if (picked !== undefined) return picked;
        }
        return undefined;
      }),
    close: () => socket.close(),
  };
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('open', () => {
      socket.on('error', () => {});
      resolve(opened);
    });
  });
}

/** Polls until the value is there. */
export async function until<T>(
  read: () => T | undefined | Promise<T | undefined>,
  deadlineMs = 10_000,
): Promise<T> {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const value = await read();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > end) throw new Error(`not within ${deadlineMs} ms: ${read.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

export const uplinkMessage =
  <T extends NodeUplinkMessage['type']>(type: T) =>
  (message: unknown): Extract<NodeUplinkMessage, { type: T }> | undefined => {
    const parsed = v.safeParse(NodeUplinkMessage, message);
    return parsed.success && parsed.output.type === type
      ? (parsed.output as Extract<NodeUplinkMessage, { type: T }>)
      : undefined;
  };

export function hello(keys: RoomKeys, changes: Partial<UplinkHello> = {}): UplinkHello {
  return {
    type: 'hello',
    protocol: PROTOCOL_VERSION,
    roomId: keys.roomId,
    uplinkKey: keys.uplinkKey,
    epoch: 1,
    peerId: 'peer-a',
    bitrateKbps: 128,
    sampleRateHz: 48_000,
    ...changes,
  };
}

/** A socket that has been welcomed as host. */
export async function openHost(
  node: TestNode,
  changes: Partial<UplinkHello> = {},
  keys = node.keys,
): Promise<TestSocket> {
  const host = await openSocket(node, '/uplink');
  host.send(hello(keys, changes));
  await host.next(uplinkMessage('welcome'));
  return host;
}

/** Frames of a real encoder: 48 kHz stereo, constant bit rate, without a bit reservoir or a tag. */
function encodedFrames(source: string, kbps: number): Buffer[] {
  const mp3 = execFileSync('ffmpeg', [
    ...['-v', 'error', '-f', 'lavfi', '-i', source, '-ac', '2', '-ar', '48000'],
    ...['-c:a', 'libmp3lame', '-b:a', `${kbps}k`, '-reservoir', '0', '-write_xing', '0'],
    ...['-id3v2_version', '0', '-f', 'mp3', '-'],
  ]);
  const size = kbps * 3;
  return Array.from({ length: Math.floor(mp3.length / size) }, (_, at) =>
    mp3.subarray(at * size, (at + 1) * size),
  );
}

export const toneFrames = (seconds: number, hertz: number, kbps = 128): Buffer[] =>
  encodedFrames(`sine=f=${hertz}:d=${seconds}:r=48000`, kbps);

/** No frame is like another. */
export const noiseFrames = (seconds: number, kbps = 128): Buffer[] =>
  encodedFrames(`anoisesrc=d=${seconds}:r=48000:seed=7`, kbps);

export interface SettledFeed {
  node: TestNode;
  host: TestSocket;
  /** Of the variant that is fed; shows when the sound comes through. */
  listener: TestListener;
  frameMs: number;
  /** Sent first, in turn: no frame like another, at least 400 ms of them. */
  leadIn: readonly Buffer[];
  sound: readonly Buffer[];
  /** How a frame is put into a message; as it is, by default. */
  message?: (frame: Buffer) => Uint8Array;
}

/**
 * A host that plays: something else until the stream has settled, then the sound, both in real time by the node's clock.
 * Where sound follows silence the node drops what would stay behind as latency (`pace.ts`), and after it only what is ahead
 * by more than a machine's hiccups: what is compared bit by bit must not be the beginning.
 * @returns how many frames it sent
 */
export async function feedSettled(feed: SettledFeed): Promise<number> {
  const { node, host, listener, frameMs, leadIn, sound, message = (frame) => frame } = feed;
  const unbroken = Math.ceil((GAP_MS + 50) / frameMs);
  const lookEvery = Math.ceil(96 / frameMs);
  const startedAtMs = node.now();
  let sent = 0;
  async function send(frame: Buffer): Promise<void> {
    await until(() => node.now() - startedAtMs >= sent * frameMs || undefined);
    sent++;
    host.sendRaw(message(frame));
  }
  const isSettled = (): boolean => {
    // To look is work, and what is fed by the clock has little time for it.
    if (sent < unbroken || sent % lookEvery !== 0) return false;
    const last = Array.from({ length: unbroken }, (_, at) => leadIn[(sent - unbroken + at) % leadIn.length]!);
    return listener.received().includes(Buffer.concat(last));
  };
  await until(async () => {
    await send(leadIn[sent % leadIn.length]!);
    return isSettled() || undefined;
  });
  for (const frame of sound) await send(frame);
  return sent;
}

/** What a player makes of it: samples of both channels, interleaved, between -1 and 1. */
export function decode(mp3: Uint8Array): Float32Array {
  const raw = execFileSync('ffmpeg', ['-v', 'error', '-f', 'mp3', '-i', '-', '-f', 'f32le', '-'], {
    input: mp3,
    maxBuffer: 1 << 28,
  });
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
}

/** A pipe's worth: ffprobe reads what it needs, and leaves whoever writes more to it with a broken pipe. */
export const MAX_PROBED_BYTES = 32_768;

/** Kind of stream as ffprobe sees it, e.g. `mp3,48000,2`. */
export function probe(mp3: Uint8Array): string {
  const entries = ['-show_entries', 'stream=codec_name,sample_rate,channels', '-of', 'csv=p=0'];
  return execFileSync('ffprobe', ['-v', 'error', '-f', 'mp3', ...entries, '-i', '-'], {
    input: mp3.subarray(0, MAX_PROBED_BYTES),
  })
    .toString()
    .trim();
}
