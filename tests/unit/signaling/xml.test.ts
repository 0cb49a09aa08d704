import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allXml, childText, escapeXml, findXml, parseXml } from '../../../signaling/speakers/xml.ts';

describe('XML of devices', () => {
  it('is read without prefixes, attributes and comments', () => {
    const root = parseXml(
      '\uFEFF<?xml version="1.0"?><!-- a > b --><s:Envelope a="x>y"><s:Body>' +
        "<u:R xmlns:u='q'><A>1 &amp; &#x32;&#51;</A><B/><A><![CDATA[<4>]]></A></u:R></s:Body></s:Envelope>",
    );
    expect(allXml(root, 'A').map(({ text }) => text)).toEqual(['1 & 23', '<4>']);
    expect(childText(findXml(root, 'R')!, 'B')).toBe('');
    expect(childText(findXml(root, 'R')!, 'C')).toBe('');
  });

  it.each([
    ['a document type, and entities with it', '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'],
    ['what is not closed', '<a><b></a>'],
    ['what has no root', 'text'],
    ['nothing', ''],
    ['what is deep', '<a>'.repeat(1_000) + '</a>'.repeat(1_000)],
    ['what has too many parts', `<a>${'<b/>'.repeat(10_000)}</a>`],
  ])('refuses %s', (_, text) => expect(parseXml(text)).toBeNull());

  it('gives back every text that was escaped', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((one) => one === one.trim());
    fc.assert(fc.property(text, (one) => parseXml(`<a>${escapeXml(one)}</a>`)?.text === one));
  });

  it('survives whatever is sent, in time that grows with its length only', () => {
    const piece = fc.constantFrom(
      '<',
      '>',
      '/',
      '<a',
      '</a>',
      '<!--',
      '-->',
      '<![CDATA[',
      ']]>',
      '&',
      '&#x',
      ';',
      '"',
      'a ',
      '?',
    );
    fc.assert(fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => void parseXml(pieces.join(''))));
    for (const part of ['<a>', '<a', '<!--', '<a b="', '&amp;', '</a>', '<a/>']) {
      const startedAtMs = performance.now();
      parseXml(`<r>${part.repeat(60_000)}`);
      expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    }
  });
});
