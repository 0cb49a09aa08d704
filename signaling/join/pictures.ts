/**
 * Drawings of what one has to find on a device, for the landing page: a few rows of its settings, or one of its questions.
 * Schematic on purpose, as makers move things about; the words are the systems' own. The steps beside them say the same in
 * text, so they are hidden from screen readers. Pure.
 */

const WIDTH = 280;
const ROW = 40;
const PAD = 8;

/** `here`: what to tap is outlined. */
export interface Row {
  label: string;
  end?: 'more' | 'on' | 'off' | 'tick' | { button: string } | { value: string };
  here?: boolean;
}

const escape = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length - 1)}…` : text;

function picture(height: number, content: string): string {
  return `<svg class="pic" viewBox="0 0 ${WIDTH} ${height}" aria-hidden="true"><rect class="card" width="${WIDTH}" height="${height}" rx="14"/>${content}</svg>`;
}

const text = (x: number, y: number, kind: string, content: string): string =>
  `<text class="${kind}" x="${x}" y="${y}">${escape(content)}</text>`;

/** About as wide as the font sets a letter at 13 px; bold ones are wider. */
const LETTER = 5.8;
/** With the padding of a button. */
const widthOf = (label: string): number => label.length * 6.8 + 22;

function widthOfEnd(end: Row['end']): number {
  if (end === undefined) return 0;
  if (typeof end === 'object') return widthOf('button' in end ? end.button : end.value);
  return end === 'more' ? 12 : end === 'tick' ? 22 : 44;
}

function button(right: number, middle: number, label: string, here: boolean): string {
  const width = widthOf(label);
  return `<rect class="${here ? 'press' : 'key'}" x="${right - width}" y="${middle - 13}" width="${width}" height="26" rx="13"/>${text(right - width / 2, middle + 4.5, here ? 'on-press mid' : 'say mid', label)}`;
}

function rowEnd(end: Row['end'], middle: number, here: boolean): string {
  const right = WIDTH - 20;
  if (end === undefined) return '';
  if (end === 'more') return `<path class="line" d="m${right - 6} ${middle - 5} 5 5-5 5"/>`;
  if (end === 'tick') {
    return `<rect class="box" x="${right - 18}" y="${middle - 9}" width="18" height="18" rx="5"/><path class="tick" d="m${right - 14} ${middle} 4 4 7-8"/>`;
  }
  if (end === 'on' || end === 'off') {
    return `<rect class="${end}" x="${right - 40}" y="${middle - 12}" width="40" height="24" rx="12"/><circle class="knob" cx="${end === 'on' ? right - 12 : right - 28}" cy="${middle}" r="9"/>`;
  }
  if ('button' in end) return button(right + 6, middle, end.button, here);
  return text(right, middle + 4.5, 'soft end', end.value);
}

/** A piece of the settings. `path`: where it is. */
export function settings(path: string, rows: readonly Row[]): string {
  const top = 30;
  const drawn = rows.map(({ label, end, here = false }, at) => {
    const y = top + at * ROW;
    const isButton = typeof end === 'object' && 'button' in end;
    const line = at === 0 ? '' : `<path class="rule" d="M20 ${y}h${WIDTH - 40}"/>`;
    const room = Math.floor((WIDTH - 44 - widthOfEnd(end)) / LETTER);
    return `${line}${here ? `<rect class="row" x="${PAD}" y="${y + 2}" width="${WIDTH - 2 * PAD}" height="${ROW - 4}" rx="9"/>` : ''}${text(20, y + ROW / 2 + 4.5, 'say', cut(label, room))}${rowEnd(end, y + ROW / 2, here && isButton)}${here && !isButton ? `<rect class="here" x="${PAD}" y="${y + 2}" width="${WIDTH - 2 * PAD}" height="${ROW - 4}" rx="9"/>` : ''}`;
  });
  return picture(top + rows.length * ROW + PAD, text(20, 21, 'soft', cut(path, 40)) + drawn.join(''));
}

/** A question that the system asks; the last answer is the one to give. */
export function question(lines: readonly string[], answers: readonly string[]): string {
  const height = 24 + lines.length * 18 + 44;
  let right = WIDTH - 16;
  const keys: string[] = [];
  for (const [at, answer] of [...answers].reverse().entries()) {
    keys.push(button(right, height - 26, answer, at === 0));
    right -= widthOf(answer) + 8;
  }
  return picture(
    height,
    lines.map((line, at) => text(20, 30 + at * 18, 'say', line)).join('') + keys.join(''),
  );
}
