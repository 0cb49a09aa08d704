import fc from 'fast-check';
import { expect, it } from 'vitest';
import proto from 'castv2/lib/proto.js';
import { quickStream } from '../../../signaling/speakers/cast/device.ts';
import {
  castPacket,
  createPacketReader,
  MAX_PACKET_BYTES,
  parseCastMessage,
} from '../../../signaling/speakers/cast/packet.ts';
import { until } from '../../fixtures/until.ts';

const MESSAGE = fc.record({
  sourceId: fc.string({ unit: 'grapheme' }),
  destinationId: fc.string(),
  namespace: fc.string(),
  text: fc.string({ unit: 'grapheme', maxLength: 400 }),
});

it('packets are read as castv2 writes them, and written as it reads them', async () => {
  await until('its protocol to be loaded', () => proto.CastMessage.serialize({ ...EMPTY }));
  fc.assert(
    fc.property(MESSAGE, ({ text, ...ends }) => {
      const theirs = { protocolVersion: 0, payloadType: 0, ...ends, payloadUtf8: text };
      expect(parseCastMessage(proto.CastMessage.serialize(theirs))).toEqual({ ...ends, text });
      expect(proto.CastMessage.parse(castPacket({ ...ends, text }).subarray(4))).toMatchObject(theirs);
    }),
  );
});
const EMPTY = {
  protocolVersion: 0,
  sourceId: '',
  destinationId: '',
  namespace: '',
  payloadType: 0,
  payloadUtf8: '',
};

it('packets come out whole, however they are cut', () => {
  fc.assert(
    fc.property(fc.array(MESSAGE, { maxLength: 8 }), fc.integer({ min: 1, max: 97 }), (messages, step) => {
      const bytes = Buffer.concat(messages.map((message) => castPacket(message)));
      const read = createPacketReader();
      const found = [];
      for (let at = 0; at < bytes.length; at += step) found.push(...read(bytes.subarray(at, at + step))!);
      expect(found.map((body) => parseCastMessage(body))).toEqual(messages);
    }),
  );
});

it('bytes that are no packet end in nothing', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const message = parseCastMessage(bytes);
      if (message !== null) expect(typeof message.text).toBe('string');
    }),
    { numRuns: 2_000 },
  );
  const read = createPacketReader();
  const size = Buffer.alloc(4);
  size.writeUInt32BE(MAX_PACKET_BYTES + 1);
  expect(read(size)).toBeNull();
  expect(read(castPacket({ sourceId: '', destinationId: '', namespace: '', text: '' }))).toBeNull();
});

it.each([
  ['http://10.0.0.1:8097/stream.mp3', 'http://10.0.0.1:8097/stream.wav'],
  ['http://10.0.0.1/stream/abc.mp3?burst=2', 'http://10.0.0.1/stream/abc.wav?burst=2'],
  ['http://10.0.0.1/stream.wav', 'http://10.0.0.1/stream.wav'],
])('%s is bare samples at %s', (mp3, wav) => expect(quickStream(mp3)).toBe(wav));
