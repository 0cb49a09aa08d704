/** Distances over time, drawn with characters. */
import type { Heard } from './ear.ts';

const COLUMNS = 100;
const EDGES_MS = [50, 20, 10, 5, 2, 1, 0.5, 0.2, 0.1, 0];

/** Each column is the worst of its seconds: `#` the app, `o` the naive method, `*` both; below, `=` is the hog. */
export function plot(heard: readonly Heard[], hog: { from: number; to: number }): string {
  const columns = Math.min(COLUMNS, heard.length);
  const worst = (column: number, key: 'appMs' | 'naiveMs'): number => {
    const from = Math.floor((column * heard.length) / columns);
    const to = Math.floor(((column + 1) * heard.length) / columns);
    return Math.max(...heard.slice(from, to).map((second) => Math.abs(second[key] ?? Infinity)));
  };
  const rowOf = (ms: number): number => EDGES_MS.findIndex((edge) => ms >= edge);
  const rows = EDGES_MS.map((edge, row) => {
    let line = '';
    for (let column = 0; column < columns; column++) {
      const app = rowOf(worst(column, 'appMs')) === row;
      const naive = rowOf(worst(column, 'naiveMs')) === row;
      line += app && naive ? '*' : app ? '#' : naive ? 'o' : ' ';
    }
    return `${`≥ ${edge}`.padStart(6)} |${line.trimEnd()}`;
  });
  const hogLine = Array.from({ length: columns }, (_, column) => {
    const second = (column * heard.length) / columns;
    return second >= hog.from && second < hog.to ? '=' : '-';
  }).join('');
  return [...rows, `    ms +${hogLine} ${heard.length} s`].join('\n');
}
