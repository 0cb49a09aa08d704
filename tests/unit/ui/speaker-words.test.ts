import { describe, expect, test } from 'vitest';
import { about, doing, stepsShown } from '../../../app/ui/speaker-words.ts';
import { speakerRow } from '../../gallery/fixtures.ts';

const HOSTED = { hasHost: true, state: 'ready' } as const;

describe('what a loudspeaker does, in words', () => {
  const away = speakerRow(0, { on: true, isHere: false, kind: null });

  test('one that is away plays when it is back, if somebody hosts: else nobody starts it', () => {
    expect(doing(away, HOSTED)).toEqual({
      text: 'Out of reach. It plays as soon as it is back.',
      isProblem: true,
    });
    expect(doing(away, { ...HOSTED, hasHost: false })).toEqual({
      text: 'Out of reach. It plays once it is back and a device hosts.',
      isProblem: true,
    });
  });

  test('with the node out of reach nothing is known of any, not even that it is away', () => {
    for (const hasHost of [true, false])
      expect(doing(away, { hasHost, state: 'unreachable' }).text).toBe('Not seen from here.');
  });
});

test('one that plays and refuses its volume says both', () => {
  const plays = { on: true, state: 'playing', plays: 'room' } as const;
  const error = 'Its volume is fixed.';
  expect(doing(speakerRow(0, plays), HOSTED)).toEqual({ text: 'Plays the room', isProblem: false });
  expect(doing(speakerRow(0, { ...plays, error }), HOSTED)).toEqual({
    text: 'Plays the room. Its volume is fixed.',
    isProblem: true,
  });
  expect(doing(speakerRow(0, { ...plays, error, muted: true }), HOSTED).text).toBe(
    'Plays the room, muted. Its volume is fixed.',
  );
});

test('one that is tried again says why', () => {
  const error = 'It has the stream and does not begin to play.';
  const again = speakerRow(0, { on: true, state: 'buffering', plays: 'room', failures: 2 });
  expect(doing(again, HOSTED)).toEqual({ text: 'Buffering…', isProblem: false });
  expect(doing({ ...again, error }, HOSTED)).toEqual({ text: `Buffering… ${error}`, isProblem: true });
});

test('one that is off and cannot be stopped says so', () => {
  const plays = speakerRow(0, { state: 'playing', plays: 'room' });
  expect(doing(plays, HOSTED)).toEqual({ text: 'Plays the room', isProblem: false });
  for (const state of ['playing', 'buffering'] as const)
    expect(doing({ ...plays, state, error: 'It is locked.' }, HOSTED)).toEqual({
      text: 'Still plays the room. It is locked.',
      isProblem: true,
    });
});

test('one that does not tell whose sound it plays is said to play what it calls it', () => {
  const plays = speakerRow(0, { state: 'playing', plays: null });
  expect(doing(plays, HOSTED).text).toBe('Plays');
  expect(doing({ ...plays, title: 'Evening news' }, HOSTED).text).toBe('Plays “Evening news”');
});

test('one that plays with a group that is on says so, once', () => {
  const row = speakerRow(0, { kind: 'cast', within: 'Downstairs', group: 'Downstairs', byHand: true });
  expect(doing(row, HOSTED)).toEqual({ text: 'On with Downstairs', isProblem: false });
  expect(about(row)).toBe('Google Cast');
  expect(about({ ...row, within: null })).toBe('Google Cast · with Downstairs');
});

test('each step of a switch-on has its time once it is there, and none before', () => {
  expect(stepsShown({ askedMs: null, acceptedMs: null, playingMs: null }).map(({ ms }) => ms)).toEqual([
    0,
    ...[null, null, null],
  ]);
  expect(stepsShown({ askedMs: 210, acceptedMs: 640, playingMs: 2_430 })).toEqual([
    { word: 'Found', ms: 0 },
    { word: 'Asked', ms: 210 },
    { word: 'Buffering', ms: 640 },
    { word: 'Playing', ms: 2_430 },
  ]);
});
