import { describe, expect, test } from 'vitest';
import { doing } from '../../../app/ui/speaker-words.ts';
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
