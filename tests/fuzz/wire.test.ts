/**
 * Every message that crosses the wire, valid, bent and as noise, against a node: it neither falls nor forgets those who
 * behave. Short by default; `npm run fuzz` (or FUZZ_SECONDS) goes on for longer. A failure prints its seed.
 */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { request as httpsRequest } from 'node:https';
import fc from 'fast-check';
import * as v from 'valibot';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  CREDENTIALS_PATH,
  CredentialsAnswer,
  CredentialsRefusal,
  CredentialsRequest,
} from '../../signaling/protocol/credentials.ts';
import { NodeInfo } from '../../signaling/protocol/node-info.ts';
import { BrokerMessage, TopicMessage } from '../../signaling/protocol/rendezvous.ts';
import { SAY_PATH, SayAnswer, SayRefusal, SayRequest } from '../../signaling/protocol/say.ts';
import { NodeSpeakersMessage, SpeakerAct, SpeakersMessage } from '../../signaling/protocol/speakers.ts';
import { StatusReport } from '../../signaling/protocol/status.ts';
import { TurnGrant, TurnRefusal, TurnRequest } from '../../signaling/protocol/turn.ts';
import {
  NodeUplinkMessage,
  NodeWatchMessage,
  PROTOCOL_VERSION,
  UplinkHello,
  UplinkMessage,
  UplinkTitle,
} from '../../signaling/protocol/uplink.ts';
import { ATTRIBUTE, buildStun, METHOD } from '../../signaling/rendezvous/stun-message.ts';
import { createTurnCredentials, turnKey } from '../../signaling/rendezvous/turn-credentials.ts';
import { createDemoDriver } from '../../signaling/speakers/demo.ts';
import { silentFrame } from '../../signaling/stream/frames.ts';
import {
  hello,
  listen,
  openSocket,
  startNode,
  status,
  type TestNode,
  type TestSocket,
  until,
} from '../unit/signaling/support.ts';
import { turnClient } from '../unit/signaling/turn-client.ts';
import { anythingLike, bent, torn, validOf } from './arbitrary.ts';

const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 2);
const LIMIT = { numRuns: 1_000_000, interruptAfterTimeLimit: SECONDS * 1_000, markInterruptAsFailure: false };
const TEST_MS = SECONDS * 1_000 + 30_000;
/** Of everything that a fuzz of minutes may leave behind, this process being client and node. */
const MAX_GROWTH_BYTES = 300_000_000;

let node: TestNode;
let canaries: [TestSocket, TestSocket];
let rssBefore = 0;
beforeAll(async () => {
  node = await startNode({}, {}, {}, [(options) => createDemoDriver(['Kitchen'], options)]);
  canaries = await Promise.all([openSocket(node, '/signaling'), openSocket(node, '/signaling')]);
  for (const canary of canaries) {
    canary.send({ type: 'subscribe', topics: ['canary'] });
    // Messages of one socket are handled in order: after the pong the subscription stands.
    canary.send({ type: 'ping' });
    await canary.next((message) => ((message as { type?: string }).type === 'pong' ? true : undefined));
  }
  rssBefore = process.memoryUsage.rss();
});
afterAll(() => node.close());

let songs = 0;
/** Somebody who was there all the time is still served, and somebody new too. */
afterEach(async () => {
  const [a, b] = canaries;
  const data = `song ${songs++}`;
  a.send({ type: 'publish', topic: 'canary', data });
  await b.next((message) => ((message as { data?: string }).data === data ? true : undefined));
  const listener = await listen(`${node.httpUrl}/stream.mp3`);
  await until(() => listener.received().length > 0 || undefined);
  listener.close();
  expect(v.safeParse(StatusReport, await status(node)).success).toBe(true);
  expect(process.memoryUsage.rss() - rssBefore).toBeLessThan(MAX_GROWTH_BYTES);
});

/** Says all of it on one socket, unless that is closed before. */
async function say(path: string, messages: readonly (string | Uint8Array)[]): Promise<void> {
  const socket = await openSocket(node, path);
  for (const message of messages) {
    if (socket.socket.readyState !== socket.socket.OPEN) break;
    socket.sendRaw(message);
  }
  socket.close();
  await socket.closed;
}

describe('every schema of the wire', () => {
  it.each([
    ['TopicMessage', TopicMessage],
    ['BrokerMessage', BrokerMessage],
    ['UplinkMessage', UplinkMessage],
    ['NodeUplinkMessage', NodeUplinkMessage],
    ['NodeWatchMessage', NodeWatchMessage],
    ['SpeakersMessage', SpeakersMessage],
    ['NodeSpeakersMessage', NodeSpeakersMessage],
    ['SayRequest', SayRequest],
    ['SayAnswer', SayAnswer],
    ['SayRefusal', SayRefusal],
    ['CredentialsRequest', CredentialsRequest],
    ['CredentialsAnswer', CredentialsAnswer],
    ['CredentialsRefusal', CredentialsRefusal],
    ['NodeInfo', NodeInfo],
    ['StatusReport', StatusReport],
    ['TurnRequest', TurnRequest],
    ['TurnGrant', TurnGrant],
    ['TurnRefusal', TurnRefusal],
  ] as const)(
    '%s takes what is valid and survives what is not',
    (_, schema) => {
      fc.assert(
        fc.property(
          validOf(schema),
          (message) => v.safeParse(schema, JSON.parse(JSON.stringify(message))).success,
        ),
        { numRuns: 200 },
      );
      fc.assert(
        fc.property(bent(validOf(schema)), (message) => void v.safeParse(schema, message)),
        { ...LIMIT, interruptAfterTimeLimit: SECONDS * 100 },
      );
    },
    TEST_MS,
  );
});

describe('a node under noise', () => {
  it(
    'on /signaling',
    async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anythingLike(TopicMessage), { maxLength: 30 }), (messages) =>
          say('/signaling', messages),
        ),
        LIMIT,
      );
    },
    TEST_MS,
  );

  it(
    'on /broker, by whoever claims to be whoever',
    async () => {
      const query = fc.oneof(
        fc.constant('key=peerjs&id=fuzz&token=t'),
        fc.webQueryParameters(),
        fc
          .tuple(fc.string(), fc.string())
          .map(([id, token]) => `key=peerjs&id=${encodeURIComponent(id)}&token=${encodeURIComponent(token)}`),
      );
      await fc.assert(
        fc.asyncProperty(
          query,
          fc.array(anythingLike(BrokerMessage), { maxLength: 30 }),
          (parameters, messages) => say(`/broker/peerjs?${parameters}`, messages),
        ),
        LIMIT,
      );
    },
    TEST_MS,
  );

  it(
    'on /uplink, before and after a hello that is right',
    async () => {
      const frame = Buffer.from(silentFrame(128));
      const frames = fc.oneof(
        fc.array(fc.constant(frame), { minLength: 1, maxLength: 20 }).map((list) => Buffer.concat(list)),
        torn(fc.constant(frame.toString('latin1'))),
        fc.uint8Array({ maxLength: 3_000 }),
      );
      const message = fc.oneof(anythingLike(UplinkMessage), anythingLike(UplinkTitle), frames);
      const right = fc
        .integer({ min: 0, max: 9 })
        .map((epoch) => JSON.stringify(hello(node.keys, { epoch })));
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(right, anythingLike(UplinkHello)),
          fc.array(message, { maxLength: 30 }),
          (first, rest) => say('/uplink', [first, ...rest]),
        ),
        LIMIT,
      );
    },
    TEST_MS,
  );

  it(
    'on /speakers, before and after a hello that is right',
    async () => {
      const { roomId, uplinkKey } = node.keys;
      const right = JSON.stringify({ type: 'hello', protocol: PROTOCOL_VERSION, roomId, uplinkKey });
      const known = validOf(SpeakerAct).map((act) => JSON.stringify({ ...act, speakerId: 'demo:Kitchen' }));
      const message = fc.oneof(anythingLike(SpeakersMessage), known);
      await fc.assert(
        fc.asyncProperty(
          fc.oneof(fc.constant(right), anythingLike(SpeakersMessage)),
          fc.array(message, { maxLength: 30 }),
          (first, rest) => say('/speakers', [first, ...rest]),
        ),
        LIMIT,
      );
    },
    TEST_MS,
  );

  it.each([
    ['/turn', TurnRequest],
    [SAY_PATH, SayRequest],
    [CREDENTIALS_PATH, CredentialsRequest],
  ] as const)(
    'on POST %s',
    async (path, schema) => {
      const post = (body: string | Uint8Array): Promise<number> =>
        new Promise((resolve, reject) => {
          const request = httpsRequest(
            `${node.httpsUrl}${path}`,
            { method: 'POST', ca: node.ca, agent: false },
            (response) => {
              response.resume();
              response.on('end', () => resolve(response.statusCode ?? 0));
            },
          );
          request.on('error', reject);
          request.end(body);
        });
      await fc.assert(
        fc.asyncProperty(anythingLike(schema), async (body) => {
          expect([400, 403, 413]).toContain(await post(body));
        }),
        LIMIT,
      );
    },
    TEST_MS,
  );

  it(
    'on both HTTP ports, as bytes',
    async () => {
      const requestLike = fc
        .record({
          method: fc.constantFrom('GET', 'HEAD', 'POST', 'OPTIONS', 'BREW', ''),
          path: fc.oneof(
            fc.webPath(),
            fc.string(),
            fc.constantFrom('/', '/stream.mp3', '/node.json', '/../x', '/%00', '/turn'),
          ),
          headers: fc.array(fc.tuple(fc.string({ maxLength: 20 }), fc.string({ maxLength: 200 })), {
            maxLength: 10,
          }),
          body: fc.string({ maxLength: 200 }),
        })
        .map(({ method, path, headers, body }) => {
          const lines = headers.map(([name, value]) => `${name}: ${value}`);
          return [`${method} ${path} HTTP/1.1`, 'Host: x', 'Connection: close', ...lines, '', body].join(
            '\r\n',
          );
        });
      const bytes = fc.oneof(
        requestLike.map((text) => Buffer.from(text)),
        torn(requestLike),
        fc.uint8Array({ maxLength: 400 }),
      );
      await fc.assert(
        fc.asyncProperty(bytes, fc.boolean(), async (data, secure) => {
          const socket = connect(secure ? node.ports.https : node.ports.http, '127.0.0.1');
          socket.on('error', () => {});
          await once(socket, 'connect');
          socket.end(data);
          socket.resume();
          // A stream is endless: what it would say is not waited for.
          setImmediate(() => socket.destroy());
          await once(socket, 'close');
        }),
        LIMIT,
      );
    },
    TEST_MS,
  );

  it(
    'on UDP, from strangers and from somebody with credentials',
    async () => {
      const credentials = createTurnCredentials(turnKey(node.dataDir), () => Date.now());
      const user = credentials.grant(node.keys.roomId);
      const client = await turnClient({ address: '127.0.0.1', port: node.ports.stun }, user);
      await client.allocate();
      const stranger = createSocket('udp4');
      stranger.bind(0, '127.0.0.1');
      await once(stranger, 'listening');
      const value = fc
        .oneof(fc.uint8Array({ maxLength: 40 }), fc.constant(Uint8Array.of(0, 1, 1, 2, 3, 4, 5, 6)))
        .map((bytes) => Buffer.from(bytes));
      const type = fc.oneof(fc.constantFrom(...Object.values(ATTRIBUTE)), fc.nat(0xffff));
      const attributes = fc.array(fc.tuple(type, value), { maxLength: 8 });
      const method = fc.oneof(fc.constantFrom(...Object.values(METHOD)), fc.nat(0xfff));
      const kind = fc.constantFrom(
        'request' as const,
        'indication' as const,
        'success' as const,
        'error' as const,
      );
      const key = credentials.keyOf(user.username);
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.tuple(method, kind, attributes, fc.boolean(), fc.uint8Array({ maxLength: 60 })), {
            maxLength: 20,
          }),
          async (messages) => {
            for (const [number, cls, own, isSigned, noise] of messages) {
              const transactionId = Buffer.alloc(12, noise.length);
              const signed = [
                ...own,
                [ATTRIBUTE.username, Buffer.from(user.username)] as const,
                [ATTRIBUTE.realm, Buffer.from('earshot')] as const,
                [
                  ATTRIBUTE.nonce,
                  Buffer.from(credentials.nonceFor(`127.0.0.1 ${client.socket.address().port}`)),
                ] as const,
              ];
              client.send(
                buildStun(
                  { method: number, class: cls, transactionId, attributes: isSigned ? signed : own },
                  isSigned ? key : null,
                ),
              );
              client.send(Buffer.concat([Buffer.of(0x40, 0), noise]));
              stranger.send(noise, node.ports.stun, '127.0.0.1');
            }
            await new Promise((resolve) => setImmediate(resolve));
          },
        ),
        LIMIT,
      );
      stranger.close();
      client.close();
      // The port still answers strangers.
      const other = await turnClient({ address: '127.0.0.1', port: node.ports.stun }, user);
      const binding = {
        method: METHOD.binding,
        class: 'request' as const,
        transactionId: Buffer.alloc(12, 9),
        attributes: [],
      };
      await until(async () => {
        const answer = await other.exchange(buildStun(binding, null)).catch(() => null);
        return answer?.class === 'success' || undefined;
      }, 20_000);
      other.close();
    },
    TEST_MS,
  );
});
