import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ensemblesOf, turned, volumeOf } from '../../../app/ui/ensembles.ts';
import type { SpeakerRow } from '../../../app/state/model.ts';
import { speakerRow } from '../../gallery/fixtures.ts';

const row = (id: string, changes: Partial<SpeakerRow> = {}): SpeakerRow =>
  speakerRow(0, { id, name: id, ...changes });
const one = { id: 'x', isOne: true };

describe('loudspeakers that play as one', () => {
  test('stand together where the first of them stands, and others by themselves', () => {
    const list = [row('a', { ensemble: one }), row('b'), row('c', { ensemble: one })];
    const found = ensemblesOf(list).map(({ name, rows, isOne }) => [name, rows.length, isOne]);
    expect(found).toEqual([
      ['a + c', 2, true],
      ['b', 1, false],
    ]);
  });

  test('are those of one vendor; one that is left alone is one like any other', () => {
    const list = [
      row('a', { kind: 'sonos', ensemble: one }),
      row('b', { kind: 'home-assistant', ensemble: one }),
    ];
    expect(ensemblesOf(list).map(({ rows, isOne }) => [rows.length, isOne])).toEqual([
      [1, false],
      [1, false],
    ]);
  });

  test('are named by two or three names, or the first and how many more', () => {
    const many = ['a', 'b', 'c', 'd'].map((id) => row(id, { ensemble: one }));
    expect(ensemblesOf(many.slice(0, 3))[0]?.name).toBe('a + b + c');
    expect(ensemblesOf(many)[0]?.name).toBe('a + 3 others');
  });

  test('are turned as one: the loudest gets what was chosen, none changes its place beside the others', () => {
    const rows = [row('a', { volume: 0.4 }), row('b', { volume: 0.1 }), row('c', { volume: null })];
    expect(volumeOf(rows)).toBe(0.4);
    expect([...turned(rows, 0.2).values()]).toEqual([0.2, 0.05, 0.2]);
    const silent = [row('a', { volume: 0 }), row('b', { volume: 0 })];
    expect([...turned(silent, 0.3).values()]).toEqual([0.3, 0.3]);
    const share = fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100);
    fc.assert(
      fc.property(fc.array(share, { minLength: 2, maxLength: 5 }), share, (volumes, to) => {
        const before = volumes.map((volume, at) => row(String(at), { volume }));
        const after = [...turned(before, to).values()];
        expect(Math.max(...after)).toBeCloseTo(to, 9);
        for (const [at, volume] of volumes.entries())
          expect(after[at]! / Math.max(...after)).toBeCloseTo(volume / Math.max(...volumes), 9);
      }),
    );
  });
});
