import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCounters } from '../../../signaling/ops/counters.ts';
import { parseRequest } from '../../../signaling/ops/http.ts';
import { silentLog } from '../../../signaling/ops/log.ts';
import { CREDENTIALS_PATH } from '../../../signaling/protocol/credentials.ts';
import { createCredentialsRoute } from '../../../signaling/speakers/credentials-route.ts';
import { createCredentialStore } from '../../../signaling/speakers/credentials.ts';
import { keysOf, newSecret, temporaryFolder } from '../signaling/support.ts';

const TOKEN = 'eyJ-a-secret-token';
const HOUSE = { url: 'http://10.0.0.5:8123', token: TOKEN };

let folder: ReturnType<typeof temporaryFolder>;
let path: string;
beforeEach(() => {
  folder = temporaryFolder();
  path = join(folder.path, 'speakers.json');
});
afterEach(() => folder.remove());

describe('credentials of speakers', () => {
  it('are kept in a file of their owner alone, and known again', () => {
    const store = createCredentialStore(folder.path, silentLog());
    let told = 0;
    const stop = store.of('home-assistant').onChange(() => told++);
    store.set('home-assistant', HOUSE);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    chmodSync(path, 0o644);
    const again = createCredentialStore(folder.path, silentLog());
    expect(again.of('home-assistant').read()).toEqual(HOUSE);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    stop();
    store.set('home-assistant', null);
    expect([told, store.of('home-assistant').read()]).toEqual([1, null]);
    expect(readFileSync(path, 'utf8')).not.toContain(TOKEN);
  });

  it('are told by their address alone, and never logged', () => {
    const lines: string[] = [];
    const log = pino({ level: 'trace' }, { write: (line: string) => void lines.push(line) });
    const store = createCredentialStore(folder.path, log);
    store.set('home-assistant', HOUSE);
    store.of('home-assistant').report('Home Assistant does not answer at this address.');
    expect(store.describe()).toEqual([
      { kind: 'home-assistant', url: HOUSE.url, trouble: 'Home Assistant does not answer at this address.' },
      { kind: 'alexa', url: null, trouble: null },
    ]);
    writeFileSync(path, `{"home-assistant":{"url":"x","token":"${TOKEN}"}}`);
    expect(createCredentialStore(folder.path, log).describe()[0]?.url).toBeNull();
    writeFileSync(path, `{"${TOKEN}`);
    createCredentialStore(folder.path, log);
    expect(lines.length).toBe(3);
    expect(lines.join('') + JSON.stringify(store.describe())).not.toContain(TOKEN);
  });
});

it('an Echo’s address that an older version took is kept with all others', () => {
  const alexa = {
    url: 'http://10.0.0.5:5000',
    user: '',
    password: '',
    streamUrl: 'http://10.0.0.9',
    name: 'Echo',
  };
  writeFileSync(path, JSON.stringify({ 'home-assistant': HOUSE, alexa }));
  const store = createCredentialStore(folder.path, silentLog());
  expect([store.of('home-assistant').read(), store.of('alexa').read()]).toEqual([HOUSE, alexa]);
});

describe('POST /speakers/credentials', () => {
  let server: Server;
  let url: string;
  let isSecure: boolean;
  let proof: { roomId: string; uplinkKey: string };
  let store: ReturnType<typeof createCredentialStore>;
  beforeEach(async () => {
    const { roomId, uplinkKey } = await keysOf(newSecret());
    proof = { roomId, uplinkKey };
    isSecure = true;
    store = createCredentialStore(folder.path, silentLog());
    const route = createCredentialsRoute({ store, defaultRoomId: roomId, counters: createCounters() });
    server = createServer((raw, response) => {
      if (!route(parseRequest(raw, isSecure)!, response)) response.writeHead(404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${CREDENTIALS_PATH}`;
  });
  afterEach(() => void server.close());

  const post = async (body: unknown): Promise<{ status: number; text: string }> => {
    const answer = await fetch(url, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
    return { status: answer.status, text: await answer.text() };
  };
  const set = { do: 'set', kind: 'home-assistant', credentials: { ...HOUSE, url: `${HOUSE.url}/` } };

  it('sets, lists and forgets them for who has the key, and never gives one back', async () => {
    const answer = await post({ ...set, ...proof });
    expect(answer.status).toBe(200);
    expect(answer.text).not.toContain(TOKEN);
    expect(store.of('home-assistant').read()).toEqual(HOUSE);
    const list = await post({ do: 'list', ...proof });
    expect(JSON.parse(list.text)).toEqual({ credentials: store.describe() });
    await post({ do: 'forget', kind: 'home-assistant', ...proof });
    expect(store.of('home-assistant').read()).toBeNull();
  });

  it('lets nobody in without it, nor with the key of a room that somebody made up', async () => {
    const { roomId, uplinkKey } = await keysOf(newSecret());
    for (const other of [
      { roomId, uplinkKey },
      { ...proof, uplinkKey },
    ])
      expect(await post({ ...set, ...other })).toMatchObject({
        status: 403,
        text: '{"refused":"wrong-key"}',
      });
    isSecure = false;
    expect((await post({ ...set, ...proof })).status).toBe(404);
    expect(store.of('home-assistant').read()).toBeNull();
  });

  it.each([
    ['no JSON', '{"do":'],
    ['another deed', { do: 'show' }],
    ['a password in the address', { ...set, credentials: { url: 'http://me:you@10.0.0.5', token: 'x' } }],
    ['another protocol', { ...set, credentials: { url: 'file:///etc/passwd', token: 'x' } }],
    ['a line break in the token', { ...set, credentials: { url: HOUSE.url, token: 'x\r\nHost: y' } }],
  ])('refuses %s', async (_, body) => {
    const answer = await post(typeof body === 'string' ? body : { ...proof, ...body });
    expect(answer).toMatchObject({ status: 400, text: '{"refused":"bad-message"}' });
  });

  it('takes no more than a few KB', async () => {
    expect((await post('x'.repeat(10_000))).status).toBe(413);
  });
});
