import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerBinding } from '../../../signaling/rendezvous/stun.ts';
import {
  ATTRIBUTE,
  attribute,
  buildStun,
  type Endpoint,
  hasIntegrity,
  METHOD,
  parseStun,
  readXorAddress,
  xorAddress,
} from '../../../signaling/rendezvous/stun-message.ts';
import { startNode, status, type TestNode, until } from './support.ts';

const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** RFC 5769, section 2.1. */
const SHORT_TERM = hex(`
  000100582112a442b7e7a701bc34d686fa87dfae 802200105354554e207465737420636c69656e74 002400046e0001ff
  80290008932ff9b151263b36 000600096576746a3a68367659202020
  000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2 80280004e57a3bcf`);
/** RFC 5769, section 2.4. */
const LONG_TERM = hex(`
  000100602112a44278ad3433c6ad72c029da412e 00060012e3839ee38388e383aae38383e382afe382b90000
  0015001c662f2f3439396b39353464364f4c33346f4c394653547679363473 41 0014000b6578616d706c652e6f726700
  00080014f67024656dd64a3e02b8e0712e85c9a28ca89666`);
const REQUEST = hex('000100002112a442b7e7a701bc34d686fa87dfae');

const answer = (from: Endpoint): string | undefined =>
  answerBinding(parseStun(REQUEST)!, from)?.toString('hex');

describe('STUN messages', () => {
  it('are those of RFC 5769: integrity, fingerprint, both kinds of keys', () => {
    const short = parseStun(SHORT_TERM)!;
    expect([short.method, short.class, attribute(short, ATTRIBUTE.username)?.toString()]).toEqual([
      METHOD.binding,
      'request',
      'evtj:h6vY',
    ]);
    expect(hasIntegrity(short, Buffer.from('VOkJxbRl1RmTxUk/WvJxBt'))).toBe(true);
    expect(hasIntegrity(short, Buffer.from('VOkJxbRl1RmTxUk/WvJxBT'))).toBe(false);
    // PRIORITY is ICE's: required to be understood, and not understood here.
    expect(short.unknown).toEqual([0x0024]);

    const long = parseStun(LONG_TERM)!;
    const key = createHash('md5').update('マトリックス:example.org:TheMatrIX').digest();
    expect(hasIntegrity(long, key)).toBe(true);
    expect(attribute(long, ATTRIBUTE.realm)?.toString()).toBe('example.org');
  });

  it('with one bit turned are not what was signed', () => {
    const key = createHash('md5').update('マトリックス:example.org:TheMatrIX').digest();
    fc.assert(
      fc.property(fc.integer({ min: 0, max: LONG_TERM.length * 8 - 1 }), (bit) => {
        const bent = Buffer.from(LONG_TERM);
        bent[bit >> 3]! ^= 1 << (bit & 7);
        const message = parseStun(bent);
        expect(message !== null && hasIntegrity(message, key)).toBe(false);
      }),
    );
    const torn = Buffer.from(SHORT_TERM);
    torn[60]! ^= 1;
    expect(parseStun(torn)).toBeNull();
  });

  it('are taken apart as they were put together', () => {
    const methods = Object.values(METHOD);
    const classes = ['request', 'indication', 'success', 'error'] as const;
    const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
    fc.assert(
      fc.property(
        fc.constantFrom(...methods),
        fc.constantFrom(...classes),
        fc.array(fc.tuple(fc.constantFrom(ATTRIBUTE.username, ATTRIBUTE.data, 0x8022), bytes), {
          maxLength: 5,
        }),
        fc.uint8Array({ minLength: 12, maxLength: 12 }),
        fc.option(bytes),
        (method, kind, attributes, id, key) => {
          const transactionId = Buffer.from(id);
          const message = parseStun(buildStun({ method, class: kind, transactionId, attributes }, key));
          expect([message?.method, message?.class, message?.transactionId]).toEqual([
            method,
            kind,
            transactionId,
          ]);
          expect(message?.attributes.map(({ type, value }) => [type, value])).toEqual(attributes);
          if (key !== null) expect(hasIntegrity(message!, key)).toBe(true);
          else expect(message?.integrityAt).toBeNull();
        },
      ),
    );
    const id = Buffer.alloc(12, 7);
    for (const address of ['192.168.1.2', 'fd00::1:2', '::1']) {
      expect(readXorAddress(xorAddress({ address, port: 4711 }, id), id)).toEqual({ address, port: 4711 });
    }
    expect(readXorAddress(Buffer.of(0, 1, 2, 3, 4), id)).toBeNull();
  });
});

describe('STUN', () => {
  let node: TestNode;
  beforeAll(async () => {
    node = await startNode();
  });
  afterAll(() => node.close());

  it('answers the example of RFC 5769 with its mapped addresses', () => {
    expect(answer({ address: '192.0.2.1', port: 32_853 })).toBe(
      '0101000c2112a442b7e7a701bc34d686fa87dfae002000080001a147e112a643',
    );
    const v6 = answer({ address: '2001:db8:1234:5678:11:2233:4455:6677', port: 32_853 });
    expect(v6?.slice(40)).toBe('002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9');
  });

  it('tells a client over UDP where it comes from, and ignores what is no request', async () => {
    const client = createSocket('udp4');
    await new Promise<void>((resolve) => client.bind(0, '127.0.0.1', resolve));
    for (const bad of [
      Buffer.alloc(0),
      Buffer.from('hello'),
      REQUEST.subarray(0, 19),
      Buffer.alloc(2000, 255),
    ]) {
      client.send(bad, node.ports.stun, '127.0.0.1');
    }
    client.send(REQUEST, node.ports.stun, '127.0.0.1');
    const [told] = (await once(client, 'message')) as [Buffer];
    expect(told.toString('hex')).toBe(answer({ address: '127.0.0.1', port: client.address().port }));
    const { rejected } = await status(node);
    expect((rejected['stun bad-datagram'] ?? 0) + (rejected['turn unexpected'] ?? 0)).toBe(4);
    client.close();
  });

  it('answers one address only so often, and others all the same', async () => {
    const flood = createSocket('udp4');
    await new Promise<void>((resolve) => flood.bind(0, '127.0.0.2', resolve));
    const counted = async (): Promise<number> => (await status(node)).rejected['stun too-many-requests'] ?? 0;
    await until(async () => {
      for (let i = 0; i < 500; i++) flood.send(REQUEST, node.ports.stun, '127.0.0.1');
      return (await counted()) > 0 || undefined;
    });
    const other = createSocket('udp4');
    await new Promise<void>((resolve) => other.bind(0, '127.0.0.3', resolve));
    other.send(REQUEST, node.ports.stun, '127.0.0.1');
    await once(other, 'message');
    for (const socket of [flood, other]) socket.close();
  });
});
