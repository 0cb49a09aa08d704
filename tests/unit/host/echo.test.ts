/** An Echo, which is told the house's public address and tells that again, from the skill to what is wanted of it. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createAlexaDriver } from '../../../signaling/speakers/alexa/driver.ts';
import type { Outside } from '../../../signaling/speakers/alexa/public-address.ts';
import { given } from '../../fixtures/given.ts';
import { type House, openHouse } from './house.ts';

let house: House;
beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  await house.close();
  vi.useRealTimers();
});

/** The skill keeps what it was given last, and the proxy of the house passes the stream on. */
function internet(): Outside {
  let latest: string | null = null;
  return {
    resolve: async () => ['93.184.216.34'],
    async fetch(url, { body }) {
      if (url.endsWith('/stream.mp3'))
        return new Response(null, { headers: { 'content-type': 'audio/mpeg' } });
      if (url.endsWith('/ma/push-url')) latest = body as string;
      return latest === null ? new Response(null, { status: 404 }) : new Response(latest);
    },
  };
}

test.each(['https://music.example.com', 'https://example.com/music'])(
  'an Echo that plays the room from %s counts as playing it, until it is switched off',
  async (publicUrl) => {
    const skill = { url: 'http://192.168.1.5:5000', user: '', password: '', name: 'Echos' };
    house = openHouse({
      publicUrl,
      driver: (options) =>
        createAlexaDriver({ ...options, outside: internet() }, given({ ...skill, streamUrl: publicUrl })),
    });
    await house.pass(3_000);
    const one = { speakerId: house.seen().id, name: 'Echos' };
    house.commands.wantSpeakers([{ ...one, on: true }]);
    // Longer than what was ordered may take.
    await house.pass(60_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room', error: null, failures: 0 });
    expect(house.wanted()).toEqual({ on: true, byHand: false });
    expect(house.ofKind('play').length).toBe(1);

    house.commands.wantSpeakers([{ ...one, on: false }]);
    await house.pass(20_000);
    expect(house.seen().state).toBe('stopped');
    expect(house.ofKind('stop').length).toBe(1);
  },
);
