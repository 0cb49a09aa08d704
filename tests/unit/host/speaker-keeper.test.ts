/** The host's hand on loudspeakers that do not do what they are told, on a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { SpeakerDeed } from '../../../signaling/protocol/speakers.ts';
import { createDemoDriver, type DemoDriver } from '../../../signaling/speakers/demo.ts';
import { SpeakerError } from '../../../signaling/speakers/port.ts';
import { type House, openHouse, STREAM } from './house.ts';

const KITCHEN = { speakerId: 'demo:Kitchen', name: 'Kitchen' };
/** Retries are looked for so often. */
const LOOK_MS = 1_000;

let demo: DemoDriver;
let house: House;
const refused = new Set<SpeakerDeed['do']>();
/** It takes every order, and goes on with what it plays. */
let isDeaf: boolean;
const RADIO = 'http://radio.example/1.mp3';

/** How it calls what it plays; null: it does not tell. */
let called: (url: string) => string | null;
/** Its driver, or the node, has just started. */
let isAway: boolean;
/** The machine that the node runs on has slept so long. */
let sleptMs: number;
let look: () => void;

/** What it plays goes on. */
function refuse(kind: SpeakerDeed['do']): void {
  if (refused.has(kind)) throw new SpeakerError('It is locked.');
}

beforeEach(() => {
  vi.useFakeTimers();
  refused.clear();
  [isDeaf, isAway, sleptMs] = [false, false, 0];
  called = (url) => url;
  house = openHouse({
    wallNow: () => Date.now() + sleptMs,
    driver(options) {
      demo = createDemoDriver(['Kitchen'], options);
      look = options.onChange;
      return {
        ...demo,
        rewords: true,
        speakers: () =>
          (isAway ? [] : demo.speakers()).map((one) => ({ ...one, url: one.url && called(one.url) })),
        async play(id, order) {
          refuse('play');
          if (!isDeaf) await demo.play(id, order);
        },
        async stop(id) {
          refuse('stop');
          await demo.stop(id);
        },
        async setVolume(id, volume) {
          refuse('volume');
          await demo.setVolume?.(id, volume);
        },
      };
    },
  });
});
afterEach(async () => {
  await house.close();
  vi.useRealTimers();
});

/** Until what it refuses is said only once a minute. */
const LONG_MS = 300_000;

function expectEverMoreSeldom(kind: SpeakerDeed['do']): void {
  const times = house.ofKind(kind).map(({ atMs }) => atMs);
  const gaps = times.slice(1).map((atMs, at) => atMs - (times[at] ?? 0));
  const pauses = [1_500, 3_000, 6_000, 12_000, 24_000, 48_000, 60_000, 60_000];
  expect(gaps.length).toBeGreaterThanOrEqual(pauses.length);
  for (const [at, gapMs] of gaps.entries()) {
    const pauseMs = pauses[at] ?? 60_000;
    expect(gapMs).toBeGreaterThanOrEqual(pauseMs);
    expect(gapMs).toBeLessThanOrEqual(pauseMs + LOOK_MS);
  }
}

describe('what a loudspeaker refuses', () => {
  test('R13 is said again ever more seldom, a volume as well as a stop', async () => {
    refused.add('volume').add('stop');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    await house.pass(LONG_MS);
    expectEverMoreSeldom('volume');
    expect(demo.device('Kitchen').plays).toBe(1);
    house.commands.wantSpeakers([{ ...KITCHEN, on: false }]);
    await house.pass(LONG_MS);
    expectEverMoreSeldom('stop');
  });

  test.each<[string, () => void]>([
    ['another value is wanted', () => house.commands.wantSpeakers([{ ...KITCHEN, volume: 0.7 }])],
    ['it is switched on anew', () => house.commands.wantSpeakers([{ ...KITCHEN, on: true }])],
    [
      'it comes back',
      () => {
        demo.device('Kitchen').unplug();
        demo.device('Kitchen').plugIn();
      },
    ],
    [
      'this device hosts again',
      () => {
        house.isHosting = false;
        house.keeper.look();
        house.isHosting = true;
        house.keeper.look();
      },
    ],
  ])('R13 is said at once when %s', async (_, happens) => {
    refused.add('volume');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    await house.pass(LONG_MS);
    const before = house.ofKind('volume').length;
    refused.clear();
    happens();
    await house.pass(0);
    expect(house.ofKind('volume').length).toBe(before + 1);
    expect(demo.device('Kitchen').volume).toBeGreaterThan(0.5);
    await house.pass(LONG_MS);
    expect(house.ofKind('volume').length).toBe(before + 1);
  });

  test('R13 counts from the beginning after it was done', async () => {
    refused.add('volume');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    await house.pass(LONG_MS);
    refused.clear();
    await house.pass(61_000);
    expect(demo.device('Kitchen').volume).toBe(0.6);
    demo.device('Kitchen').turn(0.2);
    await house.pass(5_000);
    house.said.length = 0;
    refused.add('volume');
    house.commands.wantSpeakers([{ ...KITCHEN, volume: 0.6 }]);
    await house.pass(LONG_MS);
    expectEverMoreSeldom('volume');
  });
});

describe('a loudspeaker that will not stop', () => {
  beforeEach(async () => {
    house.commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    refused.add('stop').add('volume');
    await house.pass(20_000);
    expect(house.seen().error).toBe('It is locked.');
    refused.delete('volume');
    house.commands.wantSpeakers([{ ...KITCHEN, on: false }]);
    await house.pass(30_000);
    expect(house.seen()).toMatchObject({
      state: 'playing',
      plays: 'room',
      error: 'It is locked.',
      failures: 0,
    });
  });

  test('R13 says why, until it was stopped', async () => {
    refused.clear();
    await house.pass(60_000);
    expect(house.seen()).toMatchObject({ state: 'stopped', error: null });
  });

  test('R13 says why, until it was stopped at the device', async () => {
    demo.device('Kitchen').press('stop');
    await house.pass(1_000);
    expect(house.seen()).toMatchObject({ state: 'stopped', error: null });
    expect(house.wanted()).toEqual({ on: false, byHand: false });
  });

  test('R13 says why, until it is wanted again', async () => {
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(10_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room' });
    expect(house.ofKind('play').length).toBe(1);
    refused.clear();
    house.commands.wantSpeakers([{ ...KITCHEN, on: false }]);
    await house.pass(1_000);
    expect(house.seen()).toMatchObject({ state: 'stopped', error: null });
  });
});

describe('a loudspeaker that refuses to play', () => {
  test('R4 while something else plays is shown with its own error, tried again ever more seldom, and never given up', async () => {
    const device = demo.device('Kitchen');
    device.give(RADIO);
    await house.pass(5_000);
    refused.add('play');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(500);
    const failed = { state: 'error', plays: 'other', error: 'It is locked.' };
    expect(house.seen()).toMatchObject({ ...failed, failures: 1 });
    await house.pass(10_000);
    expect(house.seen()).toMatchObject({ ...failed, failures: 3 });
    // Between two songs.
    device.stall(true);
    device.give('http://radio.example/2.mp3');
    await house.pass(1_000);
    device.stall(false);
    await house.pass(120_000);
    expect(house.seen()).toMatchObject({ ...failed, failures: 5 });
    expect(house.wanted()).toEqual({ on: true, byHand: false });
    refused.clear();
    await house.pass(61_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room', error: null });
  });

  test('R4 without a word, and goes on with something else, is said to do so', async () => {
    demo.device('Kitchen').give(RADIO);
    await house.pass(5_000);
    isDeaf = true;
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(1_000);
    expect(house.seen().state).toBe('buffering');
    await house.pass(15_000);
    expect(house.seen().error).toBe('It took the stream and went on with something else.');
    expect(house.wanted()).toEqual({ on: true, byHand: false });
  });

  test('R5 and is given something else then was taken', async () => {
    refused.add('play');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(30_000);
    expect(house.seen()).toMatchObject({ state: 'error', failures: 3 });
    demo.device('Kitchen').give(RADIO);
    await house.pass(1_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'other', error: null });
    expect(house.wanted()).toEqual({ on: false, byHand: true });
  });
});

describe('a loudspeaker that does not tell what it plays as it was told', () => {
  /** As after a restart of the node, or of the system that tells of it. */
  async function restart(): Promise<void> {
    isAway = true;
    look();
    await house.pass(3_000);
    isAway = false;
    look();
    await house.pass(20_000);
  }
  const on = { on: true, byHand: false };
  const plays = { state: 'playing', plays: 'room', error: null, failures: 0 };

  test.each<[string, (url: string) => string | null]>([
    ['but nothing', () => null],
    ['but in words of its own', () => 'library://radio/12'],
    ['but as something made up', () => '{"station":"stream.mp3"}'],
  ])('R14 %s is not taken by anybody, and plays the room', async (_, calls) => {
    called = calls;
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(60_000);
    expect(house.seen()).toMatchObject(plays);
    expect(house.ofKind('play').length).toBe(1);
    await restart();
    expect(house.seen()).toMatchObject(plays);
    expect(house.wanted()).toEqual(on);
    // What nobody can know is made so, once.
    expect(house.ofKind('play').length).toBe(2);
    house.commands.wantSpeakers([{ ...KITCHEN, on: false }]);
    await house.pass(5_000);
    expect(demo.device('Kitchen').state).toBe('stopped');
  });

  test('R14 and is given something else is taken: that it calls otherwise', async () => {
    called = (url) => `library://${url.length}`;
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(60_000);
    demo.device('Kitchen').give(RADIO);
    await house.pass(1_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'other' });
    expect(house.wanted()).toEqual({ on: false, byHand: true });
    expect(demo.device('Kitchen').url).toBe(RADIO);
  });

  test('R3 is left alone as long as nothing is wanted of it, whatever it plays', async () => {
    called = () => null;
    demo.device('Kitchen').give(RADIO);
    await house.pass(10_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: null });
    expect(house.said).toEqual([]);
    expect(house.wanted()).toEqual({ on: false, byHand: false });
  });

  test('R4 and refuses is not taken for one that plays the room', async () => {
    called = () => null;
    demo.device('Kitchen').give(RADIO);
    await house.pass(1_000);
    refused.add('play');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(30_000);
    demo.device('Kitchen').turn(0.9);
    expect(house.seen()).toMatchObject({ state: 'error', plays: null, error: 'It is locked.', failures: 3 });
  });
});

describe('a loudspeaker that only buffers', () => {
  const failed = {
    state: 'error',
    plays: 'room',
    error: 'It has the stream and does not begin to play.',
    failures: 1,
  };

  test('R4 after its order is shown with why, and tried again', async () => {
    demo.device('Kitchen').stall(true);
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(34_000);
    expect(house.seen()).toMatchObject({ state: 'buffering', plays: 'room', failures: 0 });
    await house.pass(2_000);
    expect(house.seen()).toMatchObject(failed);
    await house.pass(2_000);
    // Why is said while it is tried, too.
    expect(house.seen()).toMatchObject({ ...failed, state: 'buffering' });
    await house.pass(300_000);
    expect(house.seen()).toMatchObject({ ...failed, failures: 5 });
    expect(house.ofKind('play').length).toBe(5);
    expect(house.wanted()).toEqual({ on: true, byHand: false });
    // In its own time it may yet.
    demo.device('Kitchen').stall(false);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room', error: null });
  });

  test('R2 for as long as a small one needs to fill its buffer is left alone', async () => {
    demo.device('Kitchen').stall(true);
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(25_000);
    demo.device('Kitchen').stall(false);
    await house.pass(60_000);
    expect(house.seen()).toMatchObject({ state: 'playing', error: null, failures: 0 });
    expect(house.ofKind('play').length).toBe(1);
  });

  test('R4 in the middle is tried again', async () => {
    const device = demo.device('Kitchen');
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(60_000);
    device.stall(true);
    device.give(STREAM);
    await house.pass(21_500);
    expect(house.seen()).toMatchObject(failed);
    device.stall(false);
    await house.pass(3_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room', error: null });
    expect(house.wanted()).toEqual({ on: true, byHand: false });
  });
});

describe('a loudspeaker that ran dry while the node slept', () => {
  beforeEach(async () => {
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(60_000);
    sleptMs = 120_000;
  });

  test.each([
    ['at once', 0],
    ['once it answers again', 15_000],
  ])('R15 and is seen silent %s plays again: nobody stopped it', async (_, ms) => {
    await house.pass(ms);
    demo.device('Kitchen').press('stop');
    await house.pass(3_000);
    expect(house.wanted()).toEqual({ on: true, byHand: false });
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room' });
    expect(house.ofKind('play').length).toBe(2);
  });

  test('R5 and plays on is stopped at the device as ever, later', async () => {
    await house.pass(60_000);
    demo.device('Kitchen').press('stop');
    await house.pass(3_000);
    expect(house.wanted()).toEqual({ on: false, byHand: true });
  });
});

describe('a loudspeaker that is stopped just after it was switched on', () => {
  beforeEach(async () => {
    house.commands.wantSpeakers([{ ...KITCHEN, on: true }]);
    await house.pass(100);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room' });
  });

  test('R5 stays silent, as soon as it was heard for a second', async () => {
    await house.pass(1_200);
    demo.device('Kitchen').press('stop');
    await house.pass(5_000);
    expect(demo.device('Kitchen').state).toBe('stopped');
    expect(house.wanted()).toEqual({ on: false, byHand: true });
  });

  test('R1 or stumbles as it begins, is played again', async () => {
    await house.pass(500);
    demo.device('Kitchen').press('stop');
    await house.pass(5_000);
    expect(house.seen()).toMatchObject({ state: 'playing', plays: 'room' });
    expect(house.wanted()).toEqual({ on: true, byHand: false });
  });
});
