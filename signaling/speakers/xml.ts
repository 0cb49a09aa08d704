/**
 * As much of XML (1.0) as devices on a LAN speak: elements, text, CDATA, the five named and the numbered entities. Attributes,
 * comments and instructions are passed over; a document type is refused, and with it every entity that could grow. One pass,
 * bounded in depth and number. Written here because the kept-up parsers bring half a dozen packages for a few fields.
 */
export interface XmlElement {
  /** Without its prefix. */
  readonly name: string;
  /** Of this element alone, trimmed. */
  readonly text: string;
  readonly children: readonly XmlElement[];
}

const MAX_ELEMENTS = 5_000;
const MAX_DEPTH = 32;
const NAMED: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&apos;');
}

function unescape(text: string): string {
  return text.replaceAll(
    /&(?:#x([0-9a-f]{1,6})|#([0-9]{1,7})|([a-z]{2,4}));/gi,
    (whole, hex?: string, decimal?: string, name?: string) => {
      if (name !== undefined) return NAMED[name] ?? whole;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
      return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : '';
    },
  );
}

interface Open {
  qualified: string;
  text: string;
  children: XmlElement[];
}

const close = ({ qualified, text, children }: Open): XmlElement => ({
  name: qualified.slice(qualified.indexOf(':') + 1),
  text: text.trim(),
  children,
});

/** The root element; null for what is not well-formed, too deep or too large. */
export function parseXml(source: string): XmlElement | null {
  const stack: Open[] = [];
  let elements = 0;
  let at = 0;
  while (at < source.length) {
    const next = source.indexOf('<', at);
    const top = stack.at(-1);
    const text = source.slice(at, next < 0 ? source.length : next);
    if (top !== undefined) top.text += unescape(text);
    else if (text.trim() !== '' && text !== '\uFEFF') return null;
    if (next < 0) return null;
    if (source.startsWith('<!--', next)) {
      const end = source.indexOf('-->', next + 4);
      if (end < 0) return null;
      at = end + 3;
      continue;
    }
    if (source.startsWith('<![CDATA[', next)) {
      const end = source.indexOf(']]>', next + 9);
      if (end < 0 || top === undefined) return null;
      top.text += source.slice(next + 9, end);
      at = end + 3;
      continue;
    }
    const end = tagEnd(source, next + 1);
    if (end < 0 || source[next + 1] === '!') return null;
    const tag = source.slice(next + 1, end);
    at = end + 1;
    if (tag.startsWith('?')) continue;
    if (tag.startsWith('/')) {
      const ended = stack.pop();
      if (ended === undefined || ended.qualified !== tag.slice(1).trim()) return null;
      const parent = stack.at(-1);
      if (parent === undefined) return close(ended);
      parent.children.push(close(ended));
      continue;
    }
    const qualified = /^[^\s/>]+/.exec(tag)?.[0];
    elements++;
    if (qualified === undefined || elements > MAX_ELEMENTS || stack.length >= MAX_DEPTH) return null;
    const opened: Open = { qualified, text: '', children: [] };
    if (!tag.endsWith('/')) stack.push(opened);
    else if (top === undefined) return close(opened);
    else top.children.push(close(opened));
  }
  return null;
}

/** Where the tag that began before `from` ends: a `>` in an attribute's value is none. */
function tagEnd(source: string, from: number): number {
  let quote = '';
  for (let at = from; at < source.length; at++) {
    const char = source[at];
    if (quote !== '') {
      if (char === quote) quote = '';
    } else if (char === '"' || char === "'") quote = char;
    else if (char === '>') return at;
  }
  return -1;
}

/** The first element of this name, the root itself included, depth first. */
export function findXml(root: XmlElement | null | undefined, name: string): XmlElement | null {
  if (root == null) return null;
  if (root.name === name) return root;
  for (const child of root.children) {
    const found = findXml(child, name);
    if (found !== null) return found;
  }
  return null;
}

/** Every element of this name, none of them inside another. */
export function allXml(root: XmlElement | null, name: string): readonly XmlElement[] {
  if (root === null) return [];
  return root.name === name ? [root] : root.children.flatMap((child) => allXml(child, name));
}

/** Text of the element's own child of this name; empty when there is none. */
export function childText(element: XmlElement, name: string): string {
  return element.children.find((child) => child.name === name)?.text ?? '';
}
