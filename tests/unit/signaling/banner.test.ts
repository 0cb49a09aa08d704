import { encode } from 'uqr';
import { describe, expect, it } from 'vitest';
import { bannerText, qrCode } from '../../../signaling/join/banner.ts';

const LINK = 'http://192.168.1.20:8097/#abcdefghijklmnopqrstuv';
const HALVES: Readonly<Record<string, [boolean, boolean]>> = {
  '█': [true, true],
  '▀': [true, false],
  '▄': [false, true],
  ' ': [false, false],
};

/** What a camera sees: rows of dark modules, from half blocks that are inked or not. */
function darkModules(code: string, inkIsDark: boolean): boolean[][] {
  // eslint-disable-next-line no-control-regex -- terminal colours are control sequences
  const lines = code.split('\n').map((line) => line.replace(/\u001b\[[\d;]*m/g, '').slice(2));
  return lines.flatMap((line) => {
    const cells = [...line].map((character) => HALVES[character] ?? [false, false]);
    return [cells.map(([top]) => top === inkIsDark), cells.map(([, bottom]) => bottom === inkIsDark)];
  });
}

describe('the start-up banner', () => {
  it.each([true, false])(
    'draws the join link as a code, dark on light with a quiet zone (colours: %s)',
    (colours) => {
      const expected = encode(LINK, { ecc: 'M', border: 2 });
      const seen = darkModules(qrCode(LINK, colours), colours);
      expect(seen.slice(0, expected.size)).toEqual(expected.data);
      expect(expected.data[0]?.some(Boolean)).toBe(false);
    },
  );

  it('paints both colours itself, so that no theme inverts the code', () => {
    for (const line of qrCode(LINK, true).split('\n')) {
      expect([line.slice(0, 11), line.slice(-4)]).toEqual(['  \u001b[30;107m', '\u001b[0m']);
    }
  });

  it('names every address and how to stop', () => {
    const facts = {
      version: '1.2.3',
      joinLink: LINK,
      otherUrls: ['http://earshot.local:8097/'],
      appUrl: 'https://a/',
      streamUrl: 'http://b/stream.mp3',
      colours: false,
    };
    const text = bannerText(facts);
    const other = 'http://earshot.local:8097/#abcdefghijklmnopqrstuv';
    for (const part of ['1.2.3', LINK, other, 'https://a/', 'http://b/stream.mp3', 'Ctrl+C'])
      expect(text).toContain(part);
  });
});
