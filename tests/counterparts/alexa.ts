/**
 * music-assistant-alexa from its own side, as it documents itself (`POST /ma/push-url`, `GET /ma/latest-url`, basic auth), and an
 * Echo that is asked to open the skill after each push: it fetches the address, and plays while that flows.
 */
import { createServer, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { counterpartSettings, serveCounterpart } from '../fixtures/counterpart.ts';

export interface AlexaSettings {
  address: string;
  port: number;
  user: string;
  password: string;
}

const { address, port, user, password } = counterpartSettings<AlexaSettings>();
let store: Record<string, unknown> | null = null;
let playing: string | null = null;
let sound: IncomingMessage | null = null;
let refuses = false;
let babbles: string | null = null;
/** What the public name leads to, as its DNS entry would say. */
let world = { name: '', base: '' };

function echo(url: string): void {
  sound?.destroy();
  sound = null;
  playing = null;
  get(url.replace(world.name, world.base), (response) => {
    if (store?.['streamUrl'] !== url || response.statusCode !== 200) return void response.destroy();
    sound = response;
    response.once('data', () => (playing = url));
    response.on('error', () => {});
  }).on('error', () => {});
}

const server = createServer((request, response) => {
  const reply = (status: number, value: unknown): void => {
    response.writeHead(status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(value));
  };
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  if (request.headers.authorization !== wanted) {
    response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="music-assistant-alexa-api"' });
    return void response.end('Access denied');
  }
  if (request.method === 'GET' && request.url === '/ma/latest-url') {
    if (babbles !== null) return void response.end(babbles);
    return store === null ? reply(404, { error: 'No URL available' }) : reply(200, store);
  }
  if (request.method !== 'POST' || request.url !== '/ma/push-url') return reply(404, {});
  const parts: Buffer[] = [];
  request.on('data', (part: Buffer) => parts.push(part));
  request.on('end', () => {
    const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
    if (refuses || typeof body['streamUrl'] !== 'string')
      return reply(400, { error: 'Missing required fields' });
    const { streamUrl, title, artist, album, imageUrl } = body;
    store = { streamUrl, title, artist, album, imageUrl };
    reply(200, { status: 'ok' });
    echo(streamUrl);
  });
});
server.listen(port, address);
const ready = once(server, 'listening');

serveCounterpart({
  ready: async () => void (await ready),
  reset() {
    sound?.destroy();
    [store, playing, sound, refuses, babbles] = [null, null, null, false, null];
  },
  world: (name: string, base: string) => void (world = { name, base }),
  heard: () => playing,
  latest: () => store,
  refuse: () => void (refuses = true),
  babble: (text: string | null) => void (babbles = text),
});
