import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { createUplink } from '../../../app/host/uplink.ts';
import type { UplinkState } from '../../../app/host/mp3/shared.ts';
import { until } from '../../fixtures/until.ts';

/** A node that answers as long as nothing is asked of it: it takes connections and reads nothing of what they say. */
async function halfDeadNode(): Promise<{ url: string; opened: () => number; close(): void }> {
  const http: Server = createServer((_, response) => void response.end());
  const sockets = new WebSocketServer({ server: http });
  sockets.on('connection', (socket) => socket.pause());
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  let opened = 0;
  sockets.on('connection', () => (opened += 1));
  return {
    url: `ws://127.0.0.1:${(http.address() as AddressInfo).port}`,
    opened: () => opened,
    close() {
      for (const socket of sockets.clients) socket.terminate();
      sockets.close();
      http.close();
    },
  };
}

afterEach(() => void vi.unstubAllGlobals());

test('a node that opens the connection and then says nothing is left, without waiting for its goodbye', async () => {
  // As the browser's, it waits long for the other side's part of a closing handshake: 30 s.
  vi.stubGlobal('WebSocket', WebSocket);
  const node = await halfDeadNode();
  const states: UplinkState[] = [];
  const uplink = createUplink({
    settings: { url: node.url, roomId: 'room', uplinkKey: 'key', epoch: 1, peerId: 'a' },
    bitrateKbps: 128,
    onState: (state) => states.push(state),
    onWanted: () => undefined,
  });
  await until('another connection', () => node.opened() === 2, { deadlineMs: 20_000 });
  expect(states).toMatchObject([{ state: 'connecting' }, { state: 'down', reason: 'unreachable' }]);
  uplink.close();
  node.close();
}, 30_000);
