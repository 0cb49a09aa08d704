/** From a token that somebody gives the node to a loudspeaker that every member sees, and to its sound. */
import { request } from 'node:https';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import { afterEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { CREDENTIALS_PATH } from '../../../signaling/protocol/credentials.ts';
import {
  NodeSpeakersMessage,
  type ObservedSpeaker,
  SPEAKERS_PATH,
} from '../../../signaling/protocol/speakers.ts';
import { PROTOCOL_VERSION } from '../../../signaling/protocol/uplink.ts';
import type { HomeAssistantSettings } from '../../counterparts/home-assistant.ts';
import { startCounterpart } from '../../fixtures/counterpart.ts';
import { freePort } from '../../fixtures/ports.ts';
import { until } from '../../fixtures/until.ts';
import { ask, startNode, type TestNode } from '../signaling/support.ts';

const closing: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

function post(node: TestNode, body: unknown): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const options = { method: 'POST', ca: node.ca, agent: false };
    const asked = request(`${node.httpsUrl}${CREDENTIALS_PATH}`, options, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (part: string) => (text += part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    });
    asked.on('error', reject);
    asked.end(JSON.stringify(body));
  });
}

it('a token given over HTTPS brings its speakers to the members, and stays where it is', async () => {
  const settings: HomeAssistantSettings = {
    ...{ address: '127.0.1.11', port: await freePort(), token: 'a-token-of-the-house' },
    ...{ objectId: 'study', name: 'Study' },
  };
  const house = await startCounterpart('home-assistant.ts', settings);
  closing.push(() => house.kill());
  const node = await startNode({ speakers: true });
  closing.push(() => node.close());
  const { roomId, uplinkKey } = node.keys;
  const url = `http://${settings.address}:${settings.port}`;

  const seen = new Map<string, ObservedSpeaker>();
  const member = new WebSocket(`${node.wssUrl}${SPEAKERS_PATH}`, { ca: node.ca });
  closing.push(() => member.terminate());
  member.on('open', () =>
    member.send(JSON.stringify({ type: 'hello', protocol: PROTOCOL_VERSION, roomId, uplinkKey })),
  );
  member.on('message', (data: Buffer) => {
    const message = v.parse(NodeSpeakersMessage, JSON.parse(data.toString()));
    if (message.type !== 'observed') return;
    for (const speaker of message.speakers) seen.set(speaker.name, speaker);
  });

  const credentials = { url, token: settings.token };
  const given = { do: 'set', kind: 'home-assistant', credentials, roomId, uplinkKey };
  const answer = await post(node, given);
  expect(answer.status).toBe(200);
  expect(answer.text).not.toContain(settings.token);
  await until('the speaker', () => seen.get('Study')?.area);
  expect(seen.get('Study')).toMatchObject({
    ...{ id: 'home-assistant:study', kind: 'home-assistant', area: 'Kitchen corner', model: 'Beam' },
    ...{ needsInternet: false, state: 'idle', plays: null },
  });
  const list = await post(node, { do: 'list', roomId, uplinkKey });
  expect(JSON.parse(list.text)).toEqual({
    credentials: [
      { kind: 'home-assistant', url, trouble: null },
      { kind: 'alexa', url: null, trouble: null },
    ],
  });

  const path = join(node.dataDir, 'speakers.json');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readFileSync(path, 'utf8')).toContain(settings.token);
  const plain = await fetch(`${node.httpUrl}${CREDENTIALS_PATH}`, {
    method: 'POST',
    body: JSON.stringify(given),
  });
  expect(plain.status).toBe(405);
  for (const open of ['/stream/status', '/node.json', '/health'])
    expect((await ask(`${node.httpUrl}${open}`)).text).not.toContain(settings.token);
});
