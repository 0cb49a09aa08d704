/** Messages for a fuzz, made from the schemas that both sides of the wire import: valid ones, bent ones, and noise. */
import fc from 'fast-check';
import type * as v from 'valibot';

/** What this file reads of a valibot schema. */
interface Schema {
  type: string;
  entries?: Record<string, Schema>;
  options?: readonly unknown[];
  item?: Schema;
  key?: Schema;
  value?: Schema;
  wrapped?: Schema;
  literal?: unknown;
  pipe?: readonly { type: string; requirement?: unknown; examples?: readonly unknown[] }[];
}

/** Of what a pipe only checks, nothing can be made; such a schema says what would pass. */
function examplesOf(schema: Schema): readonly unknown[] {
  return (schema.pipe ?? []).flatMap(({ examples }) => examples ?? []);
}

function limits(schema: Schema): { min: number; max: number; regex: RegExp | null } {
  let [min, max, regex]: [number, number, RegExp | null] = [0, 40, null];
  for (const { type, requirement } of schema.pipe ?? []) {
    if (type === 'min_length' || type === 'min_value') min = Number(requirement);
    if (type === 'max_length' || type === 'max_value') max = Number(requirement);
    if (type === 'regex') regex = requirement as RegExp;
  }
  return { min, max, regex };
}

function mostOf(schema: Schema): number | null {
  const most = schema.pipe?.find(({ type }) => type === 'max_value')?.requirement;
  return most === undefined ? null : Number(most);
}

function objectOf(entries: Record<string, Schema>, more: boolean): fc.Arbitrary<unknown> {
  const required = Object.keys(entries).filter((key) => entries[key]?.type !== 'optional');
  const record = fc.record(
    Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, arbitraryOf(entry)])),
    { requiredKeys: required },
  );
  if (!more) return record;
  return fc
    .tuple(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 3 }), record)
    .map(([extra, own]) => ({ ...extra, ...own }));
}

function arbitraryOf(schema: Schema): fc.Arbitrary<unknown> {
  const examples = examplesOf(schema);
  if (examples.length > 0) return fc.constantFrom(...examples);
  const { min, max, regex } = limits(schema);
  switch (schema.type) {
    case 'object':
    case 'loose_object':
      return objectOf(schema.entries ?? {}, schema.type === 'loose_object');
    case 'variant':
      return fc.oneof(...(schema.options ?? []).map((option) => arbitraryOf(option as Schema)));
    case 'picklist':
      return fc.constantFrom(...(schema.options ?? []));
    case 'literal':
      return fc.constant(schema.literal);
    case 'optional':
      return arbitraryOf(schema.wrapped!);
    case 'nullable':
      return fc.option(arbitraryOf(schema.wrapped!));
    case 'array':
      return fc.array(arbitraryOf(schema.item!), { minLength: min, maxLength: Math.min(max, 8) });
    case 'record':
      return fc.dictionary(fc.string(), arbitraryOf(schema.value!), { maxKeys: 5 });
    case 'string':
      // Without flags it matches less, all of which is valid.
      if (regex !== null) {
        const plain = fc.stringMatching(new RegExp(regex.source));
        return plain.filter((text) => text.length <= Math.max(max, 43));
      }
      // The schema may trim it.
      return fc.string({ minLength: min, maxLength: max }).filter((text) => text.trim().length >= min);
    case 'number':
      return fc.integer({ min, max: mostOf(schema) ?? 1_000_000 });
    case 'boolean':
      return fc.boolean();
    case 'unknown':
      return fc.jsonValue();
    default:
      throw new Error(`the fuzz cannot make a ${schema.type} yet`);
  }
}

/** Only valid messages of this schema. */
export function validOf<T extends v.GenericSchema>(schema: T): fc.Arbitrary<v.InferInput<T>> {
  return arbitraryOf(schema);
}

/** What somebody hostile or broken would send in a value's place. */
const strange: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom('__proto__', 'constructor', '', -1, 2 ** 53, 1e308, null, [], {}, true),
  fc.string({ minLength: 200, maxLength: 2_000, unit: 'binary' }),
  fc
    .integer({ min: 1, max: 2_000 })
    .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth)) as unknown),
);

/** One place of a message taken out, put elsewhere, or replaced. */
export function bent(messages: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  return fc
    .tuple(
      messages,
      fc.nat(20),
      fc.constantFrom('drop', 'replace', 'add', 'wrap', 'rename'),
      strange,
      fc.string(),
    )
    .map(([message, at, how, value, name]) => {
      if (how === 'wrap' || typeof message !== 'object' || message === null) return [message, value];
      const keys = Object.keys(message);
      const key = keys[at % Math.max(1, keys.length)] ?? '';
      const { [key]: old, ...rest } = message as Record<string, unknown>;
      if (how === 'drop') return rest;
      if (how === 'rename') return { ...rest, [name]: old };
      return how === 'add' ? { ...message, [name]: value } : { ...rest, [key]: value };
    });
}

/** Bytes cut off, turned or put in. */
export function torn(texts: fc.Arbitrary<string>): fc.Arbitrary<Uint8Array> {
  return fc
    .tuple(texts, fc.nat(), fc.constantFrom('cut', 'turn', 'insert'), fc.uint8Array({ maxLength: 8 }))
    .map(([text, at, how, noise]) => {
      const bytes = Buffer.from(text);
      const place = at % Math.max(1, bytes.length);
      if (how === 'cut') return bytes.subarray(0, place);
      if (how === 'insert') return Buffer.concat([bytes.subarray(0, place), noise, bytes.subarray(place)]);
      const out = Buffer.from(bytes);
      out[place] = (out[place] ?? 0) ^ (1 << (at % 8));
      return out;
    });
}

/** What goes over a WebSocket: text or bytes. */
export function anythingLike(schema: v.GenericSchema): fc.Arbitrary<string | Uint8Array> {
  const valid = arbitraryOf(schema);
  const text = (messages: fc.Arbitrary<unknown>): fc.Arbitrary<string> =>
    messages.map((message) => JSON.stringify(message));
  return fc.oneof(
    text(valid),
    text(bent(valid)),
    torn(text(valid)),
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ maxLength: 300, unit: 'binary' }),
    fc.constantFrom('', '{}', '[]', 'null', '{"type":', '\u0000', '9'.repeat(1_000)),
  );
}
