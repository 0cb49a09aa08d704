import { expect, test } from 'vitest';
import { createHearers } from '../../../app/voice/hearers.ts';

const here = ['me', 'a', 'b', 'c'].map((peerId) => ({
  peerId,
  listening: peerId === 'c' || peerId === 'me',
}));

test('a voice goes to who listens and to who hosts', () => {
  const hearers = createHearers('me');
  expect(hearers.now({ talking: true, here, hostId: null })).toEqual(['c']);
  expect(hearers.now({ talking: true, here, hostId: 'me' })).toEqual(['c']);
  expect(createHearers('me').now({ talking: true, here, hostId: 'a' })).toEqual(['a', 'c']);
});

test('whoever hosted since it began hears it to its end, and nobody whom it did not need any more', () => {
  const hearers = createHearers('me');
  hearers.now({ talking: false, here, hostId: 'a' });
  hearers.now({ talking: false, here, hostId: 'b' });
  expect(hearers.now({ talking: true, here, hostId: 'b' })).toEqual(['b', 'c']);
  expect(hearers.now({ talking: true, here, hostId: 'a' })).toEqual(['a', 'b', 'c']);
  expect(hearers.now({ talking: true, here: here.slice(1, 2), hostId: null })).toEqual(['a']);
  expect(hearers.now({ talking: false, here, hostId: 'a' })).toEqual(['a', 'c']);
});
