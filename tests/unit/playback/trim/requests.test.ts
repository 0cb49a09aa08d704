import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createMemoryHub } from '../../../../app/mesh/memory.ts';
import { CHIRPS_END_MS } from '../../../../app/playback/trim/chirp.ts';
import {
  createChirpRequests,
  encodeChirp,
  parseChirp,
  type ChirpRequests,
} from '../../../../app/playback/trim/requests.ts';
import { until } from '../../../fixtures/until.ts';

/** Two devices whose clock stands until it is turned; timers of the asking run when told to. */
async function rig() {
  const hub = createMemoryHub();
  const clock = { nowMs: 1_000_000 };
  const timers: (() => void)[] = [];
  const join = (selfId: string, sounds: boolean) => {
    const transport = hub.join({ selfId });
    const chirped: string[] = [];
    const stopped: string[] = [];
    const requests: ChirpRequests = createChirpRequests({
      send: (to, message) => transport.send(to, 'control', message),
      onMessage: (listener) => transport.onMessage('control', listener),
      nowMs: () => clock.nowMs,
      chirp(from, firstRoomMs) {
        if (!sounds) return null;
        chirped.push(`${from} ${firstRoomMs}`);
        return () => stopped.push(`${from} ${firstRoomMs}`);
      },
      setTimer(run) {
        timers.push(run);
        return () => timers.splice(timers.indexOf(run), 1);
      },
    });
    return { transport, requests, chirped, stopped };
  };
  const bo = join('bo', false);
  const anna = join('anna', true);
  await until('the mesh', () => bo.transport.peers().length === 1 && anna.transport.peers().length === 1);
  const ask = (inMs = 1_500) => bo.requests.ask('anna', clock.nowMs + inMs, 1_000);
  return { hub, clock, timers, join, bo, anna, ask };
}

describe('H11 chirping for another device', () => {
  test('who plays aloud chirps at the moment it was asked for, and says so', async () => {
    const { hub, bo, anna, ask } = await rig();
    expect(await ask()).toBe('will');
    expect(anna.chirped).toEqual(['bo 1001500']);
    expect(await anna.requests.ask('bo', 1_001_500, 1_000)).toBe('deaf');
    expect(bo.chirped).toEqual([]);
    hub.close();
  });

  test('one at a time; what the asker no longer needs ends', async () => {
    const { hub, bo, anna, ask } = await rig();
    expect(await ask()).toBe('will');
    expect(await ask(1_600)).toBe('busy');
    bo.requests.cancel('anna', 1_001_500);
    await until('the end', () => anna.stopped.length === 1);
    expect(await ask(1_700)).toBe('will');
    hub.close();
  });

  test('nobody else may end it', async () => {
    const { hub, join, anna, ask } = await rig();
    const carl = join('carl', true);
    await until('carl', () => carl.transport.peers().length === 2);
    expect(await ask()).toBe('will');
    carl.requests.cancel('anna', 1_001_500);
    expect(await carl.requests.ask('anna', 1_001_500, 1_000)).toBe('busy');
    expect(anna.stopped).toEqual([]);
    hub.close();
  });

  test('at most four times in half a minute, whoever asks', async () => {
    const { hub, clock, ask } = await rig();
    for (let i = 0; i < 4; i++) {
      expect(await ask()).toBe('will');
      clock.nowMs += 1_500 + CHIRPS_END_MS;
    }
    expect(await ask()).toBe('busy');
    clock.nowMs += 30_000;
    expect(await ask()).toBe('will');
    hub.close();
  });

  test.each([-1_000, 0, 100, 4_100, 1e15])('not for a moment that is %i ms away', async (inMs) => {
    const { hub, ask, anna } = await rig();
    expect(await ask(inMs)).toBe('late');
    expect(anna.chirped).toEqual([]);
    hub.close();
  });

  test('who does not answer, or is gone, is named silent', async () => {
    const { hub, bo, anna, timers } = await rig();
    anna.requests.close();
    const answer = bo.requests.ask('anna', 1_001_500, 1_000);
    for (const run of [...timers]) run();
    expect(await answer).toBe('silent');
    const open = bo.requests.ask('nobody', 1_001_500, 1_000);
    bo.requests.close();
    expect(await open).toBe('silent');
    hub.close();
  });

  test('closing ends what sounds', async () => {
    const { hub, anna, ask } = await rig();
    await ask();
    anna.requests.close();
    anna.requests.close();
    expect(anna.stopped).toEqual(['bo 1001500']);
    hub.close();
  });
});

describe('H12 the wire', () => {
  test('what is written is read', () => {
    for (const message of [
      { kind: 'ask', firstRoomMs: 1.5, why: null },
      { kind: 'will', firstRoomMs: -2e9, why: null },
      { kind: 'wont', firstRoomMs: 0, why: 'late' },
      { kind: 'stop', firstRoomMs: 3, why: null },
    ] as const)
      expect(parseChirp(encodeChirp(message))).toEqual(message);
  });

  test('anything else is null, and nothing throws', () => {
    const ask = encodeChirp({ kind: 'ask', firstRoomMs: 1, why: null });
    for (let length = 0; length < ask.length; length++) expect(parseChirp(ask.slice(0, length))).toBeNull();
    expect(parseChirp(encodeChirp({ kind: 'ask', firstRoomMs: NaN, why: null }))).toBeNull();
    expect(parseChirp(ask.with(10, 1))).toBeNull();
    expect(parseChirp(ask.with(10, 9))).toBeNull();
    expect(parseChirp(ask.with(1, 5))).toBeNull();
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 14 }), (bytes) => {
        const parsed = parseChirp(bytes);
        expect(parsed === null || encodeChirp(parsed).length === bytes.length).toBe(true);
      }),
    );
  });
});
