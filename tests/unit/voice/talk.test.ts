import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  IDLE,
  isLatched,
  nextTalk,
  wantsMicrophone,
  type TalkEvent,
  type TalkState,
} from '../../../app/voice/talk.ts';

const after = (...events: TalkEvent[]): TalkState => events.reduce(nextTalk, IDLE);
const press = { type: 'press' } as const;
const release = { type: 'release' } as const;
const toggle = { type: 'toggle-latch' } as const;
const opened = { type: 'opened' } as const;
const failed = { type: 'failed', message: 'No microphone was found.' } as const;

describe('push to talk', () => {
  test('held: live once the microphone is open, idle when let go', () => {
    expect(after(press)).toEqual({ kind: 'starting', held: true, latched: false });
    expect(after(press, opened).kind).toBe('live');
    expect(after(press, opened, release)).toEqual(IDLE);
  });

  test('let go while the browser still asks: never heard', () => {
    expect(after(press, release)).toEqual(IDLE);
    expect(after(press, release, opened)).toEqual(IDLE);
  });

  test('latched: live without a finger, until tapped again', () => {
    expect(after(toggle, opened)).toEqual({ kind: 'live', held: false, latched: true });
    expect(isLatched(after(toggle))).toBe(true);
    expect(after(toggle, opened, toggle)).toEqual(IDLE);
  });

  test('latched while held: letting go does not end it', () => {
    expect(after(press, opened, toggle, release)).toEqual({ kind: 'live', held: false, latched: true });
    expect(after(press, opened, toggle, release, toggle)).toEqual(IDLE);
  });

  test('held while latched: letting go does not end it either', () => {
    expect(after(toggle, opened, press, release).kind).toBe('live');
  });

  test('a failure is told, and pressing again retries', () => {
    expect(after(press, failed)).toEqual({ kind: 'problem', message: failed.message });
    expect(after(press, failed, release).kind).toBe('problem');
    expect(after(press, failed, { type: 'dismiss' })).toEqual(IDLE);
    expect(after(press, failed, press).kind).toBe('starting');
  });

  test('a failure that comes after letting go is told all the same', () => {
    expect(after(press, release, failed)).toEqual({ kind: 'problem', message: failed.message });
  });

  test('a microphone that goes away while talking is told', () => {
    expect(after(toggle, opened, { type: 'lost', message: 'gone' })).toEqual({
      kind: 'problem',
      message: 'gone',
    });
  });

  test('whatever happens, nobody is live who neither holds nor latched', () => {
    const event = fc.constantFrom<TalkEvent>(
      press,
      release,
      toggle,
      opened,
      failed,
      { type: 'lost', message: 'gone' },
      { type: 'dismiss' },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 40 }), (events) => {
        const state = after(...events);
        return state.kind === 'starting' || state.kind === 'live'
          ? state.held || state.latched
          : !wantsMicrophone(state);
      }),
    );
  });
});
