import { expect, test } from 'vitest';
import { copies, whereabouts } from '../../../app/ui/copies.ts';

const row = { here: false, copies: 2, copyWanted: false, fetchedShare: null };

test('a number of copies is always named', () => {
  expect([0, 1, 2, 12].map(copies)).toEqual(['0 copies', 'one copy', '2 copies', '12 copies']);
});

test('a song says where it is and on how many devices, also while it is on its way', () => {
  const here = { ...row, here: true };
  expect(whereabouts({ ...here, copies: 3 })).toBe('3 copies in the room');
  expect(whereabouts({ ...here, copies: 1 })).toBe('only here');
  expect(whereabouts({ ...here, copies: 1, copyWanted: true })).toBe('only here · a copy is wanted');
  expect(whereabouts(row)).toBe('on 2 other devices');
  expect(whereabouts({ ...row, copies: 0 })).toBe('nobody here has it');
  const coming = { ...row, fetchedShare: 0.4 };
  expect(whereabouts({ ...coming, copies: 1 })).toBe('on its way here · on 1 other device');
  expect(whereabouts(coming)).toBe('on its way here · on 2 other devices');
  expect(whereabouts({ ...coming, copies: 0 })).toBe('on its way here · no whole copy');
});
