/**
 * Runs on a host of the lab and behaves: listens, signals and calls through the node; for each line of its stdin it prints
 * what it went through since the one before. Asked how it was, it also tries whether somebody new gets in.
 */
import { get, type IncomingMessage } from 'node:http';
import { createSocket } from 'node:dgram';
import { createInterface } from 'node:readline';
import { WebSocket } from 'ws';
import { silentFrame } from '../../signaling/stream/frames.ts';
import { hello, keysOf, newSecret } from '../unit/signaling/support.ts';
import { buildStun, METHOD } from '../../signaling/rendezvous/stun-message.ts';

export interface Suffered {
  listener: { bytes: number; worstGapMs: number; ended: boolean };
  seconds: number;
  /** Of what was sent every 100 ms. */
  signaling: RoundTrips;
  broker: RoundTrips;
  stun: RoundTrips;
  /** Null when nobody asked. */
  newcomer: Newcomer | null;
}
/** Who comes only now, to a room of their own. */
export interface Newcomer {
  signaling: boolean;
  broker: boolean;
  /** The node's answer to the room's host. */
  host: string;
  /** The host's frame came out of the room's stream. */
  heard: boolean;
}
interface RoundTrips {
  sent: number;
  came: number;
  worstMs: number;
}

const node = process.argv[2] ?? '';
const EVERY_MS = 100;

function probe(every: (send: (id: number) => void) => void): { trips: RoundTrips; came(id: number): void } {
  const trips: RoundTrips = { sent: 0, came: 0, worstMs: 0 };
  const sentAt = new Map<number, number>();
  every((id) => {
    trips.sent++;
    sentAt.set(id, performance.now());
  });
  return {
    trips,
    came(id) {
      const at = sentAt.get(id);
      if (at === undefined) return;
      sentAt.delete(id);
      trips.came++;
      trips.worstMs = Math.max(trips.worstMs, performance.now() - at);
    },
  };
}

const open = (path: string): Promise<WebSocket> =>
  new Promise((resolve, reject) => {
    const socket = new WebSocket(`wss://${node}:8443${path}`, { rejectUnauthorized: false });
    socket.once('open', () => resolve(socket));
    socket.once('error', reject);
  });

let next = 0;
const repeat = (work: (id: number) => void): void => void setInterval(() => work(next++), EVERY_MS);

const listener = { bytes: 0, worstGapMs: 0, ended: false };
const listening = get(`http://${node}:8097/stream.mp3`, (response) => {
  let lastAt = performance.now();
  response.on('data', (part: Buffer) => {
    const now = performance.now();
    listener.worstGapMs = Math.max(listener.worstGapMs, now - lastAt);
    lastAt = now;
    listener.bytes += part.length;
  });
  response.on('close', () => (listener.ended = true));
});
listening.on('error', () => (listener.ended = true));

const [a, b] = await Promise.all([open('/signaling'), open('/signaling')]);
for (const socket of [a, b]) socket.send(JSON.stringify({ type: 'subscribe', topics: ['party'] }));
const signaling = probe((note) =>
  repeat((id) => {
    note(id);
    a.send(JSON.stringify({ type: 'publish', topic: 'party', id }));
  }),
);
b.on('message', (data: Buffer) => signaling.came((JSON.parse(data.toString()) as { id: number }).id));

const [c, d] = await Promise.all(
  ['vera', 'viktor'].map((id) => open(`/broker/peerjs?key=peerjs&id=${id}&token=t`)),
);
const broker = probe((note) =>
  repeat((id) => {
    note(id);
    c?.send(JSON.stringify({ type: 'CANDIDATE', dst: 'viktor', payload: id }));
  }),
);
d?.on('message', (data: Buffer) => broker.came((JSON.parse(data.toString()) as { payload: number }).payload));

const udp = createSocket('udp4');
const stun = probe((note) =>
  repeat((id) => {
    note(id);
    const transactionId = Buffer.alloc(12);
    transactionId.writeUInt32BE(id);
    udp.send(
      buildStun({ method: METHOD.binding, class: 'request', transactionId, attributes: [] }, null),
      3478,
      node,
    );
  }),
);
udp.on('message', (data) => stun.came(data.readUInt32BE(8)));

const NEWCOMER_MS = 5_000;

/** Null: it was refused, or took too long. */
const inTime = <T>(work: Promise<T>): Promise<T | null> =>
  Promise.race([
    work.catch(() => null),
    new Promise<null>((resolve) => setTimeout(() => resolve(null), NEWCOMER_MS)),
  ]);

const nextMessage = (socket: WebSocket): Promise<Record<string, unknown>> =>
  new Promise((resolve, reject) => {
    socket.once('message', (data: Buffer) => resolve(JSON.parse(data.toString()) as Record<string, unknown>));
    socket.once('close', () => reject(new Error('closed')));
  });

/** True as soon as these bytes were heard; false when the stream ends before. */
async function hears(path: string, bytes: Buffer, onOpen: () => void): Promise<boolean> {
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get(`http://${node}:8097${path}`, resolve).on('error', reject),
  );
  onOpen();
  let heard = Buffer.alloc(0);
  for await (const part of response as AsyncIterable<Buffer>) {
    heard = Buffer.concat([heard, part]);
    if (heard.includes(bytes)) return true;
  }
  return false;
}

async function arrive(): Promise<Newcomer> {
  const keys = await keysOf(newSecret());
  const opened = await Promise.all(
    ['/signaling', '/broker/peerjs?key=peerjs&id=newcomer&token=t', '/uplink'].map((path) =>
      inTime(open(path)),
    ),
  );
  const [introduced, called, host] = opened;
  const result: Newcomer = {
    signaling: introduced != null,
    broker: called != null,
    host: 'none',
    heard: false,
  };
  if (host != null) {
    host.send(JSON.stringify(hello(keys)));
    const answer = await inTime(nextMessage(host));
    result.host = String(answer?.['reason'] ?? answer?.['type']);
    // Silence whose last bytes, which decoders skip, are found again.
    const frame = Buffer.from(silentFrame(128)).fill(0x5a, 320);
    if (result.host === 'welcome') {
      const path = `/stream/${keys.roomId}.mp3`;
      result.heard = (await inTime(hears(path, frame, () => host.send(frame)))) === true;
    }
  }
  for (const socket of opened) socket?.terminate();
  return result;
}

let since = performance.now();
console.log('ready');
/** A round trip goes off every 100 ms, and an attack may be over sooner. */
const ENOUGH_TRIPS = 5;
const LONGEST_WAIT_MS = 5_000;
for await (const line of createInterface({ input: process.stdin })) {
  const askedAt = performance.now();
  while (
    line === 'how was it?' &&
    Math.min(signaling.trips.came, broker.trips.came, stun.trips.came) < ENOUGH_TRIPS &&
    performance.now() - askedAt < LONGEST_WAIT_MS
  ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const newcomer = line === 'how was it?' ? await arrive() : null;
  const now = performance.now();
  const all = [signaling.trips, broker.trips, stun.trips];
  const suffered: Suffered = {
    seconds: (now - since) / 1000,
    listener,
    signaling: signaling.trips,
    broker: broker.trips,
    stun: stun.trips,
    newcomer,
  };
  console.log(JSON.stringify(suffered));
  since = now;
  Object.assign(listener, { bytes: 0, worstGapMs: 0 });
  for (const trips of all) Object.assign(trips, { sent: 0, came: 0, worstMs: 0 });
}
process.exit(0);
