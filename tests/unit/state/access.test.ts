/** What somebody types on Speakers reaches the node and its drivers; what comes back is words and no secret. */
import { request } from 'node:https';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AccessPost, createAccessRequests, ELSEWHERE } from '../../../app/state/access.ts';
import { CREDENTIALS_PATH } from '../../../signaling/protocol/credentials.ts';
import { keysOf, newSecret, startNode, type TestNode } from '../signaling/support.ts';

const HOUSE = { url: ' http://127.0.0.1:8123/ ', token: 'a-token-of-the-house\n' };

let node: TestNode;
let said: string[] = [];
beforeAll(async () => {
  node = await startNode();
});
afterAll(() => node.close());

const post: AccessPost = (body) =>
  new Promise((resolve, reject) => {
    const options = { method: 'POST', ca: node.ca, agent: false };
    const asked = request(`${node.httpsUrl}${CREDENTIALS_PATH}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => {
        said.push(text);
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as unknown });
      });
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });

describe('what lets the node in', () => {
  it('is set, told without its secret, and forgotten', async () => {
    const requests = createAccessRequests({ ...node.keys, post });
    const path = join(node.dataDir, 'speakers.json');
    expect(existsSync(path)).toBe(false);
    const set = { kind: 'home-assistant', url: 'http://127.0.0.1:8123', trouble: null };
    const unset = { kind: 'alexa', url: null, trouble: null };
    expect(await requests.set('home-assistant', HOUSE)).toEqual({ kind: 'told', list: [set, unset] });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      'home-assistant': { url: 'http://127.0.0.1:8123', token: 'a-token-of-the-house' },
    });
    expect(await requests.list()).toEqual({ kind: 'told', list: [set, unset] });
    expect(await requests.forget('home-assistant')).toEqual({
      kind: 'told',
      list: [{ ...set, url: null }, unset],
    });
    expect(said.join('')).not.toContain('a-token-of-the-house');
  });

  it('is not taken from another room, which is told where to go', async () => {
    const other = createAccessRequests({ ...(await keysOf(newSecret())), post });
    expect(await other.list()).toEqual({ kind: 'elsewhere', says: ELSEWHERE });
    expect(await other.set('home-assistant', HOUSE)).toEqual({ kind: 'elsewhere', says: ELSEWHERE });
  });

  const echo = {
    url: 'http://10.0.0.5:5000',
    user: '',
    password: '',
    streamUrl: 'https://a.example',
    name: 'Echo',
  };
  it.each([
    ['home-assistant', { ...HOUSE, url: '10.0.0.5:8123' }, 'url'],
    ['home-assistant', { ...HOUSE, url: 'http://me:you@10.0.0.5' }, 'url'],
    ['home-assistant', { ...HOUSE, token: ' ' }, 'token'],
    ['home-assistant', { ...HOUSE, token: 'x\ny' }, 'token'],
    ['alexa', { ...echo, user: 'a:b' }, 'user'],
    ['alexa', { ...echo, password: 'gürtel' }, 'password'],
    ['alexa', { ...echo, streamUrl: '' }, 'streamUrl'],
    ['alexa', { ...echo, name: '  ' }, 'name'],
  ] as const)('of %s, %o, is not sent: the field %s is named', async (kind, given, field) => {
    said = [];
    const answer = await createAccessRequests({ ...node.keys, post }).set(kind, given);
    expect(answer).toMatchObject({ kind: 'failed', problem: { field } });
    expect(said).toEqual([]);
  });

  it.each([
    ['http://a.example', 'HTTPS only'],
    ['https://192.168.1.20', 'your own network only'],
    ['https://earshot.local/stream.mp3', 'your own network only'],
    ['https://a.example:8443', 'port 443 only'],
    ['a.example', 'looks like https://'],
  ])('an Echo’s stream at %s is not sent: the form says why', async (streamUrl, words) => {
    said = [];
    const answer = await createAccessRequests({ ...node.keys, post }).set('alexa', { ...echo, streamUrl });
    expect(answer).toMatchObject({ kind: 'failed', problem: { field: 'streamUrl' } });
    expect(JSON.stringify(answer)).toContain(words);
    expect(said).toEqual([]);
  });

  it.each([
    'https://a.example/stream.mp3',
    'https://a.example/stream-320.mp3/',
    'https://a.example/stream/abcdefghijklmnopqrst.wav',
  ])('an Echo’s stream is taken as %s, which is how it is called', async (streamUrl) => {
    const requests = createAccessRequests({ ...node.keys, post });
    expect(await requests.set('alexa', { ...echo, streamUrl })).toMatchObject({ kind: 'told' });
    const kept = JSON.parse(readFileSync(join(node.dataDir, 'speakers.json'), 'utf8')) as object;
    expect(kept).toMatchObject({ alexa: { streamUrl: 'https://a.example' } });
    await requests.forget('alexa');
  });

  it('says so when the node is away, or too old to know of this', async () => {
    const away = createAccessRequests({ ...node.keys, post: () => Promise.reject(new Error('away')) });
    expect(JSON.stringify(await away.list())).toContain('does not answer');
    const old = createAccessRequests({
      ...node.keys,
      post: () => Promise.resolve({ status: 405, body: null }),
    });
    expect(JSON.stringify(await old.list())).toContain('Update Earshot');
  });
});
