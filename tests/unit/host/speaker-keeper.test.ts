/** The host's hand on loudspeakers that do not do what they are told, on a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import * as Y from 'yjs';
import { seenSpeaker } from '../../../app/host/reconcile.ts';
import { createSpeakerKeeper, type SpeakerKeeper } from '../../../app/host/speaker-keeper.ts';
import { type Commands, createCommands } from '../../../app/session/commands.ts';
import { createQueries } from '../../../app/session/queries.ts';
import type { SpeakerDeed } from '../../../signaling/protocol/speakers.ts';
import { createDemoDriver, type DemoDriver } from '../../../signaling/speakers/demo.ts';
import { SpeakerError } from '../../../signaling/speakers/port.ts';
import { createSpeakerWatch, type SpeakerWatch } from '../../../signaling/speakers/watch.ts';
import { driverOptions } from '../../fixtures/driver-options.ts';

const ROOM = 'abcdefghijklmnopqrst';
const KITCHEN = { speakerId: 'demo:Kitchen', name: 'Kitchen' };
/** Retries are looked for so often. */
const LOOK_MS = 1_000;

let demo: DemoDriver;
let watch: SpeakerWatch;
let commands: Commands;
let keeper: SpeakerKeeper;
let isHosting: boolean;
const refused = new Set<SpeakerDeed['do']>();
let said: { deed: SpeakerDeed; atMs: number }[];
const nowMs = (): number => performance.now();

function refuse(kind: SpeakerDeed['do']): void {
  if (refused.has(kind)) throw new SpeakerError('It is locked.');
}

beforeEach(() => {
  vi.useFakeTimers();
  refused.clear();
  said = [];
  isHosting = true;
  watch = createSpeakerWatch({
    ...driverOptions(() => {}),
    now: nowMs,
    drivers: [
      (options) => {
        demo = createDemoDriver(['Kitchen'], options);
        return {
          ...demo,
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
    ],
    listeners: () => new Set(),
    streams: {
      base: () => 'http://10.0.0.1',
      url: (room) => `http://10.0.0.1/stream/${room}.mp3`,
      roomOf: (url) => /\/stream\/(\w{20})\.mp3$/.exec(url)?.[1] ?? null,
      isGone: () => false,
    },
  });
  const doc = new Y.Doc();
  const queries = createQueries(doc);
  commands = createCommands({
    ...{ doc, queries, actor: { memberId: 'anna' }, nowMs },
    ...{ newId: () => 'id', random: () => 0.5 },
  });
  keeper = createSpeakerKeeper({
    link: {
      seen: () => watch.observed(ROOM).map((one) => seenSpeaker(one, nowMs())),
      onChange: (listener) => watch.onChange(() => listener()),
      act(speakerId, deed) {
        said.push({ deed, atMs: nowMs() });
        return watch.act(ROOM, speakerId, deed);
      },
      close: () => undefined,
    },
    ...{ queries, commands, nowMs },
    claim: () => (isHosting ? { epoch: 1, peerId: 'anna' } : null),
  });
});
afterEach(async () => {
  keeper.close();
  await watch.close();
  vi.useRealTimers();
});

const ofKind = (kind: SpeakerDeed['do']) => said.filter(({ deed }) => deed.do === kind);
const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);
/** Until what it refuses is said only once a minute. */
const LONG_MS = 300_000;

function expectEverMoreSeldom(kind: SpeakerDeed['do']): void {
  const times = ofKind(kind).map(({ atMs }) => atMs);
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
    commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    await pass(LONG_MS);
    expectEverMoreSeldom('volume');
    expect(demo.device('Kitchen').plays).toBe(1);
    commands.wantSpeakers([{ ...KITCHEN, on: false }]);
    await pass(LONG_MS);
    expectEverMoreSeldom('stop');
  });

  test.each<[string, () => void]>([
    ['another value is wanted', () => commands.wantSpeakers([{ ...KITCHEN, volume: 0.7 }])],
    ['it is switched on anew', () => commands.wantSpeakers([{ ...KITCHEN, on: true }])],
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
        isHosting = false;
        keeper.look();
        isHosting = true;
        keeper.look();
      },
    ],
  ])('R13 is said at once when %s', async (_, happens) => {
    refused.add('volume');
    commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    await pass(LONG_MS);
    const before = ofKind('volume').length;
    refused.clear();
    happens();
    await pass(0);
    expect(ofKind('volume').length).toBe(before + 1);
    expect(demo.device('Kitchen').volume).toBeGreaterThan(0.5);
    await pass(LONG_MS);
    expect(ofKind('volume').length).toBe(before + 1);
  });

  test('R13 counts from the beginning after it was done', async () => {
    refused.add('volume');
    commands.wantSpeakers([{ ...KITCHEN, on: true, volume: 0.6 }]);
    await pass(LONG_MS);
    refused.clear();
    await pass(61_000);
    expect(demo.device('Kitchen').volume).toBe(0.6);
    demo.device('Kitchen').turn(0.2);
    await pass(5_000);
    said = [];
    refused.add('volume');
    commands.wantSpeakers([{ ...KITCHEN, volume: 0.6 }]);
    await pass(LONG_MS);
    expectEverMoreSeldom('volume');
  });
});
