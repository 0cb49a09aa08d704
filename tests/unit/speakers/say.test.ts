/** What somebody says on a loudspeaker: from a member's phone to the node, and from there to the loudspeaker that fetches it. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MAX_SAID_BYTES, SAID_KBPS, SAY_PATH } from '../../../signaling/protocol/say.ts';
import { createDemoDriver, type DemoDriver } from '../../../signaling/speakers/demo.ts';
import { silentFrame } from '../../../signaling/stream/frames.ts';
import { ask, keysOf, newSecret, startNode, type TestNode } from '../signaling/support.ts';

let node: TestNode;
let demo: DemoDriver;
beforeEach(async () => {
  node = await startNode({}, {}, {}, [(options) => (demo = createDemoDriver(['Kitchen', 'Bath'], options))]);
});
afterEach(() => node.close());

const sound = (frames: number): Buffer =>
  Buffer.concat(Array.from({ length: frames }, () => silentFrame(SAID_KBPS)));

async function post(body: string): Promise<{ status: number; body: unknown }> {
  const asked = request(`${node.httpsUrl}${SAY_PATH}`, { method: 'POST', ca: node.ca, agent: false });
  const text = (async () => {
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    const parts: Buffer[] = [];
    for await (const part of response) parts.push(part as Buffer);
    const said = Buffer.concat(parts).toString();
    return { status: response.statusCode ?? 0, body: said === '' ? null : (JSON.parse(said) as unknown) };
  })();
  asked.end(body);
  return text;
}

function say(mp3: Buffer, changes: Record<string, unknown> = {}): ReturnType<typeof post> {
  const { roomId, uplinkKey } = node.keys;
  const message = { roomId, uplinkKey, speakerIds: ['demo:Kitchen'], mp3: mp3.toString('base64') };
  return post(JSON.stringify({ ...message, ...changes }));
}

describe('POST /speakers/say', () => {
  it('the loudspeakers get an address on plain HTTP where what was said lies, byte for byte', async () => {
    const mp3 = sound(50);
    const speakerIds = ['demo:Kitchen', 'demo:Bath', 'demo:nobody'];
    expect(await say(mp3, { speakerIds })).toEqual({
      status: 200,
      body: {
        said: [
          { speakerId: 'demo:Kitchen', error: null },
          { speakerId: 'demo:Bath', error: null },
          { speakerId: 'demo:nobody', error: 'It is out of reach.' },
        ],
      },
    });
    const [url = ''] = demo.device('Kitchen').said;
    expect(demo.device('Bath').said).toEqual([url]);
    expect(new URL(url).origin).toBe(node.httpUrl);
    const heard = await ask(url);
    expect(heard).toMatchObject({ status: 200, headers: { 'content-type': 'audio/mpeg' } });
    expect(heard.body.equals(mp3)).toBe(true);
    expect((await ask(url, { method: 'HEAD' })).headers['content-length']).toBe(String(mp3.length));
    expect((await ask(url.replace(/.{4}\.mp3$/, '0000.mp3'))).status).toBe(404);
  });

  it('takes it from who has the key of a room, over HTTPS, and from nobody else', async () => {
    const { uplinkKey } = await keysOf(newSecret());
    expect(await say(sound(10), { uplinkKey })).toEqual({ status: 403, body: { refused: 'wrong-key' } });
    expect((await ask(`${node.httpsUrl}${SAY_PATH}`, { ca: node.ca })).status).toBe(405);
    expect((await ask(`${node.httpUrl}${SAY_PATH}`, { method: 'POST' })).status).toBe(405);
    expect(demo.device('Kitchen').said).toEqual([]);
  });

  it('serves nothing but whole frames of MP3, and no more than twenty seconds', async () => {
    const page = Buffer.from('<script>alert(1)</script>');
    for (const other of [page, Buffer.concat([sound(3), page]), sound(3).subarray(0, -1)])
      expect(await say(other)).toEqual({ status: 415, body: { refused: 'not-frames' } });
    expect(await say(Buffer.alloc(MAX_SAID_BYTES + 384))).toMatchObject({ status: 413 });
    expect(await post('x'.repeat(2_000_000))).toMatchObject({ status: 413 });
    for (const bent of [{ speakerIds: [] }, { speakerIds: ['../etc'] }, { mp3: 'no base64!' }, { mp3: 7 }])
      expect(await say(sound(3), bent)).toEqual({ status: 400, body: { refused: 'bad-message' } });
    expect(await post('{"roomId":')).toMatchObject({ status: 400 });
    expect(demo.device('Kitchen').said).toEqual([]);
  });

  it('keeps a few at a time, and takes four in a row from one device', async () => {
    const answers: number[] = [];
    for (let at = 0; at < 17; at++) answers.push((await say(sound(2), { speakerIds: ['demo:x'] })).status);
    expect(answers).toEqual([...Array<number>(16).fill(200), 429]);
    await node.close();
    node = await startNode({}, {}, { isExempt: () => false }, [
      (options) => createDemoDriver(['Kitchen'], options),
    ]);
    const paced: number[] = [];
    for (let at = 0; at < 5; at++) paced.push((await say(sound(2))).status);
    expect(paced).toEqual([200, 200, 200, 200, 429]);
  });
});
