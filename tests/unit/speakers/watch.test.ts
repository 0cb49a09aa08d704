/** What the node makes of what it sees of loudspeakers, on a clock that the test moves. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { reconcile, seenSpeaker } from '../../../app/host/reconcile.ts';
import type { ObservedSpeaker } from '../../../signaling/protocol/speakers.ts';
import { createDemoDriver, type DemoDriver } from '../../../signaling/speakers/demo.ts';
import { SpeakerError } from '../../../signaling/speakers/port.ts';
import { createSpeakerWatch, type SpeakerWatch } from '../../../signaling/speakers/watch.ts';
import { driverOptions } from '../../fixtures/driver-options.ts';

const ROOM = 'abcdefghijklmnopqrst';
const STREAM = `http://10.0.0.1/stream/${ROOM}.mp3`;
const SAID = { url: () => 'http://10.0.0.1/said/1.mp3', durationMs: 5_000 };
/** Longer than any hold of what lasts five seconds. */
const LATER_MS = 15_000;

const ADDRESS = '10.0.0.7';
/** Who fetches the room's stream. */
const fetching = new Set<string>();

let demo: DemoDriver;
let watch: SpeakerWatch;
/** What a device makes of a volume that it is told, and how much later. */
let steps: number | null;
let lateMs: number;
/** It is mute at volume 0, and at no other. */
let isMuteAtNothing: boolean;
/** Nobody looks at it meanwhile. */
let isSeen: boolean;
/** It answers to an order once this is over. */
let thinks: Promise<void>;
/** With these words it refuses a volume, and to be muted. */
const refusals = new Map<'volume' | 'mute', string>();
function refuse(kind: 'volume' | 'mute'): void {
  const words = refusals.get(kind);
  if (words !== undefined) throw new SpeakerError(words);
}
beforeEach(() => {
  [steps, lateMs, isMuteAtNothing, isSeen] = [null, 0, false, true];
  thinks = Promise.resolve();
  refusals.clear();
  vi.useFakeTimers();
  fetching.add(ADDRESS);
  watch = createSpeakerWatch({
    ...driverOptions(() => {}),
    now: () => performance.now(),
    wallNow: Date.now,
    drivers: [
      (options) => {
        const onChange = (): void => void (isSeen && options.onChange());
        demo = createDemoDriver(['Kitchen', 'Bath'], { ...options, onChange });
        return {
          ...demo,
          speakers: () => demo.speakers().map((one) => ({ ...one, address: ADDRESS })),
          async play(id, order) {
            await thinks;
            await demo.play(id, order);
          },
          async setMuted(id, muted) {
            refuse('mute');
            if (lateMs === 0) return demo.setMuted?.(id, muted);
            setTimeout(() => void demo.setMuted?.(id, muted), lateMs);
          },
          async setVolume(id, volume) {
            refuse('volume');
            const made = steps === null ? volume : Math.round(volume * steps) / steps;
            const make = async (): Promise<void> => {
              await demo.setVolume?.(id, made);
              if (isMuteAtNothing) await demo.setMuted?.(id, made === 0);
            };
            if (lateMs === 0) return make();
            setTimeout(() => void make(), lateMs);
          },
        };
      },
    ],
    listeners: () => fetching,
    streams: {
      base: () => 'http://10.0.0.1',
      url: (room) => `http://10.0.0.1/stream/${room}.mp3`,
      roomOf: (url) => /\/stream\/(\w{20})\.mp3$/.exec(url)?.[1] ?? null,
      isGone: () => false,
    },
  });
});
afterEach(async () => {
  await watch.close();
  vi.useRealTimers();
});

const kitchen = (): ObservedSpeaker => watch.observed(ROOM).find(({ name }) => name === 'Kitchen')!;
const play = (name = 'Kitchen') => watch.act(ROOM, `demo:${name}`, { do: 'play', title: '' });
const say = (...names: string[]) =>
  watch.announce(
    names.map((name) => `demo:${name}`),
    SAID,
  );
const PLAYS = { state: 'playing', plays: 'room' };
const UNTOUCHED = { on: null, volume: null, muted: null };

async function playing(): Promise<void> {
  expect(await play()).toBeNull();
  // Past what counts as the order's outcome.
  await vi.advanceTimersByTimeAsync(60_000);
}

describe('a loudspeaker that says something', () => {
  it('counts as before meanwhile, and nothing of it is somebody’s hand', async () => {
    await playing();
    expect(await say('Kitchen')).toEqual([{ speakerId: 'demo:Kitchen', error: null }]);
    const device = demo.device('Kitchen');
    expect([device.url, device.said]).toEqual([SAID.url(), [SAID.url()]]);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(kitchen()).toMatchObject({ ...PLAYS, byHand: UNTOUCHED });
    device.endSaying(true);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(kitchen()).toMatchObject({ ...PLAYS, byHand: UNTOUCHED });
    expect(device.plays).toBe(1);
  });

  it('is not missed among those that fetch the stream', async () => {
    await playing();
    await say('Kitchen');
    fetching.clear();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(kitchen()).toMatchObject({ ...PLAYS, error: null, failures: 0 });
    fetching.add(ADDRESS);
    demo.device('Kitchen').endSaying(true);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    fetching.clear();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(kitchen().error).not.toBeNull();
  });

  it('and does not return to the music is seen silent by nobody’s hand: the host has it play again', async () => {
    await playing();
    await say('Kitchen');
    demo.device('Kitchen').endSaying(false);
    expect(kitchen()).toMatchObject(PLAYS);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(kitchen()).toMatchObject({ state: 'stopped', byHand: UNTOUCHED });
  });

  it('and is given something else meanwhile was taken by somebody', async () => {
    await playing();
    await say('Kitchen');
    demo.device('Kitchen').give('http://radio/');
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(kitchen()).toMatchObject({ plays: 'other', byHand: { on: { on: false } } });
  });

  it('keeps what it is told about its loudness, and what is turned at it', async () => {
    await playing();
    await say('Kitchen');
    await watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume: 0.6 });
    expect(kitchen().volume).toBe(0.6);
    demo.device('Kitchen').endSaying(true);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(kitchen()).toMatchObject({ volume: 0.6, byHand: UNTOUCHED });
    await say('Kitchen');
    demo.device('Kitchen').turn(0.9);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(kitchen().byHand.volume).not.toBeNull();
  });

  it('and is switched on meanwhile plays the room at once', async () => {
    await say('Kitchen');
    expect(kitchen()).toMatchObject({ state: 'idle', plays: null });
    await play();
    expect(demo.device('Kitchen').url).toBe(STREAM);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(kitchen()).toMatchObject({ ...PLAYS, byHand: UNTOUCHED, failures: 0 });
  });

  it('or cannot, says why, and is held for nothing', async () => {
    await playing();
    demo.device('Kitchen').refuse('Its alarm is ringing.');
    const [kitchenSays, nobody] = await say('Kitchen', 'nobody');
    expect(kitchenSays?.error).toBe('Its alarm is ringing.');
    expect(nobody?.error).toBe('It is out of reach.');
    demo.device('Kitchen').press('stop');
    expect(kitchen()).toMatchObject({ state: 'stopped', byHand: { on: { on: false } } });
  });
});

describe('a loudspeaker that is told again what it says it plays', () => {
  it('has answered to that when it does, and not when something else of it is seen', async () => {
    await playing();
    let refuse = (_error: Error): void => {};
    thinks = new Promise((_, reject) => (refuse = reject));
    const answer = play();
    await vi.advanceTimersByTimeAsync(100);
    demo.device('Kitchen').turn(0.9);
    expect(kitchen()).toMatchObject({ state: 'starting', volume: 0.9 });
    refuse(new SpeakerError('Its alarm is ringing.'));
    expect(await answer).toBe('Its alarm is ringing.');
    expect(kitchen()).toMatchObject({ failures: 1, error: 'Its alarm is ringing.' });
  });
});

describe('loudspeakers that play as one', () => {
  it('are told once to play, and say once what is to be said', async () => {
    demo.gather(['Kitchen', 'Bath']);
    expect(kitchen()).toMatchObject({ group: 'Bath', ensemble: { isOne: true } });
    expect(await Promise.all([play('Kitchen'), play('Bath')])).toEqual([null, null]);
    expect(['Kitchen', 'Bath'].map((name) => demo.device(name).plays)).toEqual([1, 1]);
    await vi.advanceTimersByTimeAsync(60_000);
    expect((await say('Kitchen', 'Bath')).map(({ error }) => error)).toEqual([null, null]);
    expect(['Kitchen', 'Bath'].flatMap((name) => demo.device(name).said)).toEqual([SAID.url()]);
    demo.device('Kitchen').endSaying(true);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    for (const speaker of watch.observed(ROOM))
      expect(speaker).toMatchObject({ ...PLAYS, byHand: UNTOUCHED });
  });
});

describe('a loudspeaker that counts its volume in coarse steps', () => {
  /** What the host says about the volume that is wanted. */
  const hostSays = (volume: number, volumeAt: number) => {
    const nowMs = performance.now();
    const wish = { on: true, onAt: 0, volume, volumeAt, muted: null, mutedAt: 0, delayMs: null };
    const wanted = new Map([['demo:Kitchen', { ...wish, name: 'Kitchen', by: 'anna' }]]);
    return reconcile(wanted, [seenSpeaker(kitchen(), nowMs)], nowMs, '');
  };
  const REST = { acts: [], follows: [] };

  it.each([
    [30, 0],
    [30, 600],
    [20, 0],
    [10, 600],
  ])('of %i, after %i ms, comes to rest at every volume, by nobody’s hand', async (count, ms) => {
    [steps, lateMs] = [count, ms];
    await playing();
    let told = 0;
    for (let percent = 0; percent <= 100; percent += 3) {
      // Up and down, by much and by little.
      for (const volume of [percent / 100, 1 - percent / 100, 0.99 - percent / 101].map((one) =>
        Math.max(0, one),
      )) {
        const atMs = performance.now();
        for (const { speakerId, deed } of hostSays(volume, atMs).acts) {
          told++;
          expect(await watch.act(ROOM, speakerId, deed)).toBeNull();
        }
        for (let seconds = 0; seconds < 6; seconds++) {
          await vi.advanceTimersByTimeAsync(1_000);
          expect(hostSays(volume, atMs)).toEqual(REST);
        }
        expect(kitchen().byHand.volume).toBeNull();
      }
    }
    expect(told).toBeGreaterThan(60);
  });

  it('and is turned at its knob says where that is, also where it was turned to what it made of a volume before', async () => {
    steps = 30;
    await playing();
    const told = performance.now();
    await watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume: 0.48 });
    expect(demo.device('Kitchen').volume).toBeCloseTo(14 / 30);
    expect(kitchen().volume).toBe(0.48);
    await vi.advanceTimersByTimeAsync(2_000);
    for (const volume of [15 / 30, 14 / 30]) {
      demo.device('Kitchen').turn(volume);
      expect(kitchen().volume).toBe(volume);
    }
    expect(hostSays(0.48, told)).toEqual({
      acts: [],
      follows: [{ speakerId: 'demo:Kitchen', volume: 14 / 30 }],
    });
  });

  it('keeps what it is told while it says something', async () => {
    steps = 30;
    await playing();
    await say('Kitchen');
    const told = performance.now();
    await watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume: 0.48 });
    demo.device('Kitchen').endSaying(true);
    await vi.advanceTimersByTimeAsync(LATER_MS);
    expect(hostSays(0.48, told)).toEqual(REST);
    expect(kitchen().byHand).toEqual(UNTOUCHED);
  });
});

describe('a loudspeaker that is told one volume after another, and does it later', () => {
  const tell = async (...volumes: number[]): Promise<void> => {
    for (const volume of volumes) {
      expect(await watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume })).toBeNull();
      await vi.advanceTimersByTimeAsync(100);
    }
  };
  const mute = (muted: boolean) => watch.act(ROOM, 'demo:Kitchen', { do: 'mute', muted });

  it.each([null, 20, 7])('comes to where it was told last, by nobody’s hand (steps: %s)', async (count) => {
    [steps, lateMs, isMuteAtNothing] = [count, 600, true];
    await playing();
    const down = Array.from({ length: 21 }, (_, at) => 1 - at / 20);
    await tell(...down, ...down.toReversed(), 0, 0.2);
    for (let seconds = 0; seconds < 6; seconds++) {
      expect(kitchen().byHand).toEqual(UNTOUCHED);
      await vi.advanceTimersByTimeAsync(1_000);
    }
    expect(kitchen().muted).toBe(false);
    expect(demo.device('Kitchen').volume).toBeCloseTo(count === 7 ? 1 / 7 : 0.2);
  });

  it('and is turned at its knob, or muted there, as soon as it has done so', async () => {
    [lateMs, isMuteAtNothing] = [600, true];
    await playing();
    await tell(0, 0.2);
    await vi.advanceTimersByTimeAsync(600);
    expect(kitchen()).toMatchObject({ volume: 0.2, muted: false, byHand: UNTOUCHED });
    demo.device('Kitchen').press('mute');
    expect(kitchen().byHand).toMatchObject({ volume: null, muted: { age: 0 } });
    // An earlier one of what it was told is nobody's now.
    demo.device('Kitchen').turn(0);
    expect(kitchen().byHand.volume).toEqual({ age: 0 });
  });

  it.each([
    // Two presses of an arrow key; a device that shows what it did just after it has answered.
    { told: [0.45, 0.4], everyMs: 700, afterMs: 60_000, turnedTo: 0.45 },
    { told: [0.45, 0.4], everyMs: 700, afterMs: 2_000, turnedTo: 0.44 },
    { told: [0.37, 0.33], everyMs: 2_000, afterMs: 60_000, turnedTo: 0.37 },
    // Back to where it was.
    { told: [0, 0.3], everyMs: 100, afterMs: 1_500, turnedTo: 0 },
  ])(
    'told $told and turned to $turnedTo at its knob says so',
    async ({ told, everyMs, afterMs, turnedTo }) => {
      lateMs = 150;
      await playing();
      for (const volume of told) {
        await watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume });
        await vi.advanceTimersByTimeAsync(everyMs);
      }
      await vi.advanceTimersByTimeAsync(afterMs);
      expect(kitchen()).toMatchObject({ volume: told.at(-1), byHand: UNTOUCHED });
      demo.device('Kitchen').turn(turnedTo);
      expect(kitchen()).toMatchObject({ volume: turnedTo, byHand: { volume: { age: 0 } } });
    },
  );

  it('muted, then told a volume, and seen with both at once, was muted by nobody’s hand', async () => {
    lateMs = 600;
    await playing();
    isSeen = false;
    await mute(true);
    await tell(0.4);
    await vi.advanceTimersByTimeAsync(600);
    isSeen = true;
    demo.device('Kitchen').turn(0.4);
    expect(kitchen()).toMatchObject({ volume: 0.4, muted: true, byHand: UNTOUCHED });
  });

  it('told 0 and more between two looks, then muted, is heard again by somebody’s hand', async () => {
    isMuteAtNothing = true;
    await playing();
    isSeen = false;
    await tell(0, 0.2);
    isSeen = true;
    demo.device('Kitchen').turn(0.2);
    await mute(true);
    expect(kitchen()).toMatchObject({ volume: 0.2, muted: true, byHand: UNTOUCHED });
    demo.device('Kitchen').press('mute');
    expect(kitchen().byHand.muted).toEqual({ age: 0 });
  });

  it('is muted and heard again at the device just then by somebody’s hand', async () => {
    await playing();
    await tell(0.5);
    for (const muted of [true, false]) {
      demo.device('Kitchen').press('mute');
      expect(kitchen()).toMatchObject({ muted, byHand: { muted: { age: 0 } } });
      await vi.advanceTimersByTimeAsync(100);
    }
    await mute(true);
    expect(kitchen().muted).toBe(true);
    demo.device('Kitchen').press('mute');
    expect(kitchen().byHand.muted).toEqual({ age: 0 });
  });

  it('that was muted and heard again at the device long ago is not taken for muted there when it is told 0', async () => {
    isMuteAtNothing = true;
    await playing();
    for (const _ of [1, 2]) demo.device('Kitchen').press('mute');
    expect(kitchen().byHand.muted).not.toBeNull();
    await vi.advanceTimersByTimeAsync(60_000);
    await tell(0);
    expect(kitchen()).toMatchObject({ muted: true, byHand: UNTOUCHED });
  });

  it('is muted and heard again by nobody’s hand, and after that by somebody’s', async () => {
    lateMs = 600;
    await playing();
    await mute(true);
    await mute(false);
    for (let ms = 0; ms < 1_000; ms += 100) await vi.advanceTimersByTimeAsync(100);
    expect(kitchen()).toMatchObject({ muted: false, byHand: UNTOUCHED });
    demo.device('Kitchen').press('mute');
    expect(kitchen().byHand.muted).toEqual({ age: 0 });
  });
});

describe('a loudspeaker that refuses a volume, or to be muted', () => {
  const volume = (value: number) => watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume: value });
  const mute = () => watch.act(ROOM, 'demo:Kitchen', { do: 'mute', muted: true });

  it('just after another was accepted is shown as loud as that made it', async () => {
    lateMs = 600;
    await playing();
    await volume(0.45);
    refusals.set('volume', 'Its volume is fixed.');
    await volume(0.4);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(kitchen()).toMatchObject({ volume: 0.45, byHand: UNTOUCHED });
  });

  it('and is muted by hand just then says so', async () => {
    await playing();
    refusals.set('volume', 'Its volume is fixed.');
    await watch.act(ROOM, 'demo:Kitchen', { do: 'volume', volume: 0 });
    demo.device('Kitchen').press('mute');
    expect(kitchen().byHand.muted).toEqual({ age: 0 });
  });

  it('says why, and plays', async () => {
    await playing();
    const heard: string[] = [];
    watch.onChange((ids) => heard.push(...ids));
    refusals.set('volume', 'Its volume is fixed.');
    expect(await volume(0.6)).toBe('Its volume is fixed.');
    expect(heard).toContain('demo:Kitchen');
    expect(kitchen()).toMatchObject({ ...PLAYS, error: 'Its volume is fixed.', failures: 0, volume: 0.3 });
    expect(kitchen().ages.failed).toBeNull();
  });

  it('says the last of several, each until that is done', async () => {
    await playing();
    refusals.set('volume', 'Its volume is fixed.').set('mute', 'It cannot be silent.');
    await mute();
    await volume(0.6);
    expect(kitchen().error).toBe('Its volume is fixed.');
    refusals.delete('volume');
    await volume(0.6);
    expect(kitchen().error).toBe('It cannot be silent.');
    refusals.clear();
    await mute();
    expect(kitchen()).toMatchObject({ ...PLAYS, error: null, volume: 0.6, muted: true });
  });

  it('says first why it does not play, if it does not', async () => {
    refusals.set('volume', 'Its volume is fixed.');
    await volume(0.6);
    expect(kitchen()).toMatchObject({ state: 'idle', error: 'Its volume is fixed.' });
    demo.device('Kitchen').refuse('Its alarm is ringing.');
    await play();
    expect(kitchen()).toMatchObject({ state: 'error', error: 'Its alarm is ringing.' });
    demo.device('Kitchen').refuse(null);
    await play();
    expect(kitchen()).toMatchObject({ ...PLAYS, error: 'Its volume is fixed.' });
  });
});
