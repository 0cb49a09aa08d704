/** The app's link to a node that loses its power: a real WebSocket, whose other end says nothing any more and closes nothing. */
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createSpeakerLink, type SpeakerLink } from '../../../app/host/speaker-link.ts';
import type { NodeSpeakersMessage } from '../../../signaling/protocol/speakers.ts';
import { until } from '../../fixtures/until.ts';

const NOTHING: NodeSpeakersMessage = { type: 'observed', whole: false, speakers: [], gone: [] };

let server: WebSocketServer;
let sockets: WebSocket[];
let link: SpeakerLink;
let look: () => void;
let told: number;

beforeEach(async () => {
  vi.stubGlobal('WebSocket', WebSocket);
  sockets = [];
  told = 0;
  server = new WebSocketServer({ port: 0, host: '127.0.0.1' });
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.once('message', () => socket.send(JSON.stringify({ ...NOTHING, whole: true })));
  });
  await new Promise((resolve) => server.once('listening', resolve));
  link = createSpeakerLink({
    url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}`,
    roomId: 'abcdefghijklmnopqrst',
    uplinkKey: 'x'.repeat(43),
    nowMs: () => performance.now(),
    ticker(_, onTick) {
      look = onTick;
      return { close: () => (look = () => {}) };
    },
  });
  link.onChange(() => told++);
  await until('the list', () => link.seen() !== null);
});

afterEach(async () => {
  link.close();
  for (const socket of sockets) socket.terminate();
  await new Promise((resolve) => server.close(resolve));
  vi.unstubAllGlobals();
});

const looks = (times: number): void => {
  for (let at = 0; at < times; at++) look();
};

test('a node that says nothing any more is out of reach, and found again when it is back', async () => {
  const answer = link.act('demo:Kitchen', { do: 'stop' }, { epoch: 1, peerId: 'a' });
  looks(4);
  expect(link.seen()).not.toBeNull();
  looks(1);
  expect(link.seen()).toBeNull();
  expect(await answer).toBe('The computer that runs Earshot is out of reach.');
  await until('the next connection', () => link.seen() !== null);
  expect(sockets).toHaveLength(2);
  // What the first one says when its power is back is old.
  sockets[0]!.terminate();
  looks(4);
  expect(link.seen()).not.toBeNull();
});

test('a node that beats, and has nothing to tell, stays', async () => {
  const before = told;
  for (let beat = 0; beat < 5; beat++) {
    looks(4);
    const heard = new Promise((resolve) => sockets[0]!.once('pong', resolve));
    sockets[0]!.send(JSON.stringify(NOTHING));
    sockets[0]!.ping();
    await heard;
  }
  expect([link.seen(), sockets.length, told - before]).toEqual([[], 1, 0]);
});
