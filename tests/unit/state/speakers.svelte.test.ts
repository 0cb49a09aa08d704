/** What the screen asks of loudspeakers, as it comes into the document. */
import { afterEach, describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { seenSpeaker } from '../../../app/host/reconcile.ts';
import { createCommands } from '../../../app/session/commands.ts';
import { createQueries } from '../../../app/session/queries.ts';
import { Speakers } from '../../../app/state/speakers.svelte.ts';
import type { ObservedSpeaker } from '../../../signaling/protocol/speakers.ts';

const NOW = 1_000_000;
const KITCHEN: ObservedSpeaker = {
  ...{ id: 'sonos:kitchen', kind: 'sonos', name: 'Kitchen', model: null, area: null, group: null },
  ...{
    ensemble: null,
    members: [],
    needsInternet: false,
    state: 'idle',
    plays: null,
    title: null,
    volume: 0.4,
    muted: true,
  },
  can: { volume: true, mute: true, delay: false, announce: true },
  ...{ delayMs: null, error: null, failures: 0, byHand: { on: null, volume: null, muted: null } },
  ages: { state: 0, found: 0, asked: null, buffering: null, playing: null, failed: null },
};

let speakers: Speakers | null = null;
afterEach(() => speakers?.close());

function open(observed: readonly ObservedSpeaker[]) {
  let nowMs = NOW;
  const doc = new Y.Doc();
  const queries = createQueries(doc);
  const commands = createCommands({
    ...{ doc, queries, actor: { memberId: 'anna' }, nowMs: () => nowMs },
    ...{ newId: () => 'id', random: () => 0.5 },
  });
  let seen = observed.map((one) => seenSpeaker(one, NOW));
  const tell = new Set<() => void>();
  speakers = new Speakers({
    reads: {
      get speakers() {
        return queries.speakers();
      },
    },
    commands,
    people: { me: { role: 'dj' } },
    host: { host: null },
    link: {
      seen: () => seen,
      onChange(listener) {
        tell.add(listener);
        return () => void tell.delete(listener);
      },
      act: () => Promise.resolve(null),
      close: () => undefined,
    },
    nowMs: () => NOW,
  });
  /** The node tells this from now on. */
  function see(...observed: readonly ObservedSpeaker[]): void {
    seen = observed.map((one) => seenSpeaker(one, NOW));
    for (const listener of tell) listener();
  }
  return {
    speakers,
    commands,
    see,
    at: (ms: number) => (nowMs = ms),
    wanted: (id = KITCHEN.id) => queries.speakers().get(id),
  };
}

test('who switches one on that is mute, or turns it, wants to hear it', () => {
  const { speakers: model, wanted } = open([KITCHEN]);
  model.setOn([KITCHEN.id], true);
  expect(wanted()).toMatchObject({ on: true, muted: false, volume: null });
  const other = open([KITCHEN]);
  other.speakers.setVolumes(new Map([[KITCHEN.id, 0.2]]));
  expect(other.wanted()).toMatchObject({ on: false, muted: false, volume: 0.2 });
});

test('one that is heard, or is switched off, keeps what was wanted of its sound', () => {
  const { speakers: model, wanted } = open([{ ...KITCHEN, muted: false }]);
  model.setOn([KITCHEN.id], true);
  expect(wanted()).toMatchObject({ on: true, muted: null });
  model.setMuted([KITCHEN.id], true);
  model.setOn([KITCHEN.id], false);
  expect(wanted()).toMatchObject({ on: false, muted: true });
});

test('what cannot be muted is never told to be', () => {
  const can = { ...KITCHEN.can, mute: false };
  const { speakers: model, wanted } = open([{ ...KITCHEN, can }]);
  expect(model.list[0]).toMatchObject({ canMute: false, canSay: true });
  model.setAll(true);
  expect(wanted()).toMatchObject({ on: true, muted: null });
});

test('one that refuses its volume is shown as loud and as mute as it is, with why; else as it is wanted', () => {
  const { speakers: model, commands, see } = open([]);
  const name = { speakerId: KITCHEN.id, name: KITCHEN.name };
  const playing = { ...KITCHEN, state: 'playing', plays: 'room' } as const;
  commands.wantSpeakers([{ ...name, on: true, volume: 0.8, muted: false }]);
  see(playing);
  expect(model.list[0]).toMatchObject({ volume: 0.8, muted: false, error: null });
  const error = 'Its volume is fixed.';
  see({ ...playing, error });
  expect(model.list[0]).toMatchObject({ volume: 0.4, muted: true, error });
  // What it refused is how it is by now: nothing is amiss any more.
  see({ ...playing, error, volume: 0.8, muted: false });
  expect(model.list[0]).toMatchObject({ volume: 0.8, muted: false, error: null });
  see({ ...KITCHEN, state: 'error', error: 'Its alarm is ringing.', failures: 1 });
  expect(model.list[0]).toMatchObject({ volume: 0.8, error: 'Its alarm is ringing.' });
});

test('one that is tried again says why, and one that is tried for the first time has nothing to say', () => {
  const { speakers: model, commands, see } = open([]);
  commands.wantSpeakers([{ speakerId: KITCHEN.id, name: KITCHEN.name, on: true }]);
  const buffers = { ...KITCHEN, state: 'buffering', plays: 'room' } as const;
  see({ ...buffers, error: 'It was refused its volume.' });
  expect(model.list[0]?.error).toBeNull();
  const error = 'It has the stream and does not begin to play.';
  see({ ...buffers, error, failures: 1 });
  expect(model.list[0]).toMatchObject({ state: 'buffering', error });
});

test('one that is off and will not stop says why, as long as it plays the room', () => {
  const { speakers: model, commands, see } = open([]);
  commands.wantSpeakers([{ speakerId: KITCHEN.id, name: KITCHEN.name, on: false }]);
  const error = 'Home Assistant cannot stop it. Stop it at the device.';
  const playing = { ...KITCHEN, state: 'playing', plays: 'room', error } as const;
  see(playing);
  expect(model.list[0]).toMatchObject({ on: false, error });
  see({ ...playing, plays: 'other' });
  expect(model.list[0]?.error).toBeNull();
  see({ ...playing, state: 'stopped' });
  expect(model.list[0]?.error).toBeNull();
});

describe('a group that is a speaker of its own', () => {
  const one = (name: string, members: string[] = []): ObservedSpeaker => ({
    ...KITCHEN,
    ...{ id: `cast:${name}`, kind: 'cast', name, members, muted: false },
  });
  const all = [one('Bath'), one('Downstairs', ['cast:Bath', 'cast:Hall']), one('Hall'), one('Study')];
  const on = ({ list }: Speakers): string[] => list.flatMap((row) => (row.on ? [row.name] : []));

  /** What the screen shows after that. */
  function opened() {
    const { speakers: model, see, wanted } = open(all);
    return { model, wanted, after: (): string[] => (see(...all), on(model)) };
  }

  test('G1 all on: the group plays on its members, and nobody tells them to play beside it', () => {
    const { model, wanted, after } = opened();
    model.setAll(true);
    expect(after()).toEqual(['Downstairs', 'Study']);
    expect(wanted('cast:Bath')).toBeUndefined();
    expect(model.list.map(({ within }) => within)).toEqual(['Downstairs', null, 'Downstairs', null]);
    model.setAll(false);
    expect(after()).toEqual([]);
  });

  test('G2 switched on, it ends what its members play, and a member ends it: in one change', () => {
    const { model, wanted, after } = opened();
    model.setOn(['cast:Bath', 'cast:Study'], true);
    expect(after()).toEqual(['Bath', 'Study']);
    model.setOn(['cast:Downstairs'], true);
    expect(after()).toEqual(['Downstairs', 'Study']);
    // Nobody was at the device.
    expect(wanted('cast:Bath')).toMatchObject({ on: false });
    expect(model.list[0]).toMatchObject({ name: 'Bath', byHand: false, within: 'Downstairs' });
    model.setOn(['cast:Hall'], true);
    expect(after()).toEqual(['Hall', 'Study']);
    model.setAll(true);
    expect(after()).toEqual(['Downstairs', 'Study']);
  });
});

describe('the steps of a switch-on', () => {
  const PLAYS = { state: 'playing', plays: 'room' } as const;
  const ages = (changes: Partial<ObservedSpeaker['ages']>) => ({
    ages: { ...KITCHEN.ages, found: 900_000, ...changes },
  });
  const steps = (speaker: ObservedSpeaker, wishAge: number) => {
    const { speakers: model, commands, see, at } = open([]);
    at(NOW - wishAge);
    commands.wantSpeakers([{ speakerId: speaker.id, name: speaker.name, on: true }]);
    at(NOW);
    see(speaker);
    return model.list[0]?.steps;
  };

  test('count from when it was switched on, or found, if that was later', () => {
    const asked = ages({ asked: 2_800, buffering: 2_500, playing: 400 });
    const times = { askedMs: 200, acceptedMs: 500, playingMs: 2_600 };
    expect(steps({ ...KITCHEN, ...PLAYS, ...asked }, 3_000)).toEqual(times);
    const foundLate = { ages: { ...asked.ages, found: 2_900 } };
    expect(steps({ ...KITCHEN, ...PLAYS, ...foundLate }, 500_000)).toEqual({
      askedMs: 100,
      acceptedMs: 400,
      playingMs: 2_500,
    });
  });

  test('are not there yet while it has not been asked for this wish, whatever it was asked before', () => {
    const none = { askedMs: null, acceptedMs: null, playingMs: null };
    expect(steps({ ...KITCHEN, ...ages({}) }, 1_000)).toEqual(none);
    const before = ages({ asked: 90_000, buffering: 89_000, playing: 88_000 });
    expect(steps({ ...KITCHEN, state: 'stopped', plays: 'room', ...before }, 1_000)).toEqual(none);
    const starting = { ...KITCHEN, state: 'starting', plays: 'room' } as const;
    expect(steps({ ...starting, ...ages({ asked: 700 }) }, 1_000)).toEqual({ ...none, askedMs: 300 });
  });

  test('of one that is asked again long after count from then', () => {
    const again = ages({ asked: 2_000, buffering: 1_700, failed: 5_000 });
    expect(steps({ ...KITCHEN, state: 'buffering', plays: 'room', ...again }, 700_000)).toEqual({
      askedMs: 0,
      acceptedMs: 300,
      playingMs: null,
    });
  });

  test('are not shown of one that plays already, or has for a while, or is off', () => {
    expect(steps({ ...KITCHEN, ...PLAYS, ...ages({}) }, 1_000)).toBeNull();
    const longAgo = ages({ asked: 29_000, buffering: 28_000, playing: 20_000 });
    expect(steps({ ...KITCHEN, ...PLAYS, ...longAgo }, 30_000)).toBeNull();
    const { speakers: model } = open([KITCHEN]);
    expect(model.list[0]?.steps).toBeNull();
  });
});
