import { expect, test } from 'vitest';
import { apart, groupOf, sharesDevice } from '../../../app/state/speaker-groups.ts';
import { speakerRow } from '../../gallery/fixtures.ts';

const device = (id: string) => speakerRow(0, { id, name: id });
const group = (id: string, ...members: string[]) => speakerRow(0, { id, name: id, members });
const names = (rows: readonly { name: string }[]): string => rows.map(({ name }) => name).join(' ');
const [a, b, c, d] = [device('a'), device('b'), device('c'), device('d')] as const;

test('G1 of all, the largest groups play, and who is in none: each device once', () => {
  expect(names(apart([a, b, c]))).toBe('a b c');
  expect(names(apart([a, b, c, group('ab', 'a', 'b')]))).toBe('ab c');
  const whole = group('abc', 'a', 'b', 'c');
  expect(names(apart([a, group('ab', 'a', 'b'), b, whole, c, d]))).toBe('abc d');
  // Of two that overlap the first one; who is only in the other plays alone.
  expect(names(apart([a, b, c, group('ab', 'a', 'b'), group('bc', 'b', 'c')]))).toBe('ab c');
  expect(names(apart([a, group('mine', 'a')]))).toBe('mine');
});

test('G1 a member that is away, or that nobody sees, is in its group all the same', () => {
  expect(names(apart([group('ab', 'a', 'b'), group('bc', 'b', 'c')]))).toBe('ab');
});

test('G2 a group shares a device with each member, and with groups that have one of them', () => {
  const ab = group('ab', 'a', 'b');
  expect(
    [a, c, group('bc', 'b', 'c'), group('cd', 'c', 'd'), ab].map((row) => sharesDevice(ab, row)),
  ).toEqual([true, false, true, false, false]);
  expect(sharesDevice(a, b)).toBe(false);
});

test('G3 one that is off itself is on with a group that is on', () => {
  const ab = group('ab', 'a', 'b');
  const on = { ...ab, on: true };
  expect([a, c, { ...b, on: true }].map((row) => groupOf(row, [a, b, c, on]))).toEqual(['ab', null, null]);
  expect(groupOf(a, [ab, { ...on, isHere: false }])).toBeNull();
});
