/** What is sent beside the usual MP3, by the real encoder. */
import { expect, test } from 'vitest';
import { createExtras } from '../../../app/host/mp3/extras.ts';
import type { ExtraVariant } from '../../../signaling/protocol/uplink.ts';
import { ENCODERS, framesOf } from '../../fixtures/encoders.ts';
import { until } from '../../fixtures/until.ts';

const BATCH = 384;
const tone = Float32Array.from({ length: BATCH }, (_, n) => 0.3 * Math.sin(n / 5));

function extras(failures = 0) {
  const sent: { variant: ExtraVariant; bytes: Uint8Array }[] = [];
  let created = 0;
  const one = createExtras({
    createMp3: async () => {
      if (created++ < failures) throw new Error('out of reach');
      return ENCODERS.lame.create(320);
    },
    send: (variant, bytes) => void sent.push({ variant, bytes }),
  });
  return { one, sent, created: () => created };
}

test('each is sent only while it is wanted, and however often it comes and goes one encoder is loaded', async () => {
  const { one, sent, created } = extras();
  for (let times = 0; times < 100; times++) {
    one.want(['mp3-320']);
    one.want([]);
  }
  one.take(tone, tone);
  expect(sent).toEqual([]);
  one.want(['mp3-320', 'wav']);
  await until('sound at 320 kbit/s', () => {
    one.take(tone, tone);
    return sent.some(({ variant }) => variant === 'mp3-320');
  });
  expect(created()).toBe(1);
  const loud = sent.filter(({ variant }) => variant === 'mp3-320').map(({ bytes }) => bytes);
  for (const { bitrateKbps } of framesOf(Buffer.concat(loud))) expect(bitrateKbps).toBe(320);
  const before = sent.length;
  one.want(['wav']);
  one.take(tone, tone);
  expect(sent.slice(before).map(({ variant, bytes }) => [variant, bytes.length])).toEqual([
    ['wav', 4 * BATCH],
  ]);
});

test('an encoder that could not be loaded is loaded when it is wanted anew', async () => {
  const { one, sent, created } = extras(1);
  one.want(['mp3-320']);
  await until('the failure', () => {
    one.want([]);
    one.want(['mp3-320']);
    return created() > 1;
  });
  await until('sound', () => {
    one.take(tone, tone);
    return sent.length > 0;
  });
  expect(created()).toBe(2);
});
