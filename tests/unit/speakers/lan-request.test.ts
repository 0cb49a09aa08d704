/** Devices that answer in ways of their own: each question ends, and nothing is kept. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { LanError, lanRequest } from '../../../signaling/speakers/lan-request.ts';

const servers: { server: Server; sockets: Set<Socket> }[] = [];
afterEach(() => {
  for (const { server, sockets } of servers.splice(0)) {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});

/** Says this to whoever asks. */
async function device(answer: (socket: Socket) => void): Promise<string> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  servers.push({ server, sockets });
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

it('takes an answer that ends with its connection', async () => {
  const url = await device((socket) => socket.end('HTTP/1.0 200 OK\r\n\r\nhere'));
  expect(await lanRequest({ url })).toMatchObject({ status: 200, body: 'here', localAddress: '127.0.0.1' });
});

it.each<[string, (socket: Socket) => void]>([
  [
    'begins another protocol',
    (socket) => socket.write('HTTP/1.1 101 Go\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n'),
  ],
  ['hangs up', (socket) => socket.destroy()],
  [
    'breaks off',
    (socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhal', () => socket.destroy()),
  ],
  ['speaks no HTTP', (socket) => socket.end('\0\0 hello')],
  ['goes on and on', (socket) => socket.write(`HTTP/1.1 200 OK\r\n\r\n${'x'.repeat(300_000)}`)],
  ['is silent', () => undefined],
  ['never gets to the point', (socket) => socket.write('HTTP/1.1 200 OK\r\nX: ')],
])('ends when the device %s', async (_, answer) => {
  const url = await device(answer);
  await expect(lanRequest({ url, timeoutMs: 500 })).rejects.toThrow(LanError);
});
