/**
 * Messages of the mesh itself, between peers that have proven themselves: one byte for the kind, then the body. They
 * travel inside the control channel under a kind of their own (link.ts), so that they never meet the app's messages.
 */
import * as v from 'valibot';
import type { PeerId } from './transport.ts';

/** A message of y-protocols/sync in chunks (chunks.ts); SYNC_PART: more follow. */
export const SYNC = 0;
export const SYNC_PART = 1;
/** Eight bytes (digest.ts): look now whether this differs from what you hold. */
export const DIGEST = 2;
/** JSON `Card` of the sender. */
export const CARD = 3;
/** JSON list of peers that the sender cannot reach: what they tell and edit is to be passed on. Replaces the one before. */
export const RELAY_ASK = 4;
/** JSON `Relayed`: the answer, and again whenever it changes. */
export const RELAYED = 5;
/** JSON list of `Sleeper`: whom the sender knows to be asleep, for who comes while they are. */
export const SLEEPERS = 6;

export const MAX_CARD_BYTES = 65_536;
const MAX_ASKED = 256;
const MAX_SLEEPERS = 256;

export const PeerIdText = v.pipe(v.string(), v.regex(/^[A-Za-z0-9-]{1,64}$/));
export const Card = v.object({
  /** Nobody looks at it, so that its system may stop it at any moment without a word. */
  sleeping: v.boolean(),
  /** What `setPresence` was given. */
  state: v.unknown(),
});
const RelayAsk = v.pipe(v.array(PeerIdText), v.maxLength(MAX_ASKED));
/** Null: the sender cannot reach that peer either. */
const Relayed = v.object({ peerId: PeerIdText, card: v.nullable(Card) });

const Sleepers = v.pipe(
  v.array(
    v.object({
      peerId: PeerIdText,
      state: v.unknown(),
      /** For how long already; not when it began, as the two clocks may differ. */
      forMs: v.pipe(v.number(), v.finite(), v.minValue(0)),
    }),
  ),
  v.maxLength(MAX_SLEEPERS),
);

export type Card = v.InferOutput<typeof Card>;
export type Sleeper = v.InferOutput<typeof Sleepers>[number];
export type Relayed = { peerId: PeerId; card: Card | null };

function parse<T>(schema: v.GenericSchema<unknown, T>, body: Uint8Array): T | null {
  if (body.length > MAX_CARD_BYTES) return null;
  try {
    const parsed = v.safeParse(schema, JSON.parse(new TextDecoder().decode(body)));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}

export const parseCard = (body: Uint8Array): Card | null => parse(Card, body);
export const parseRelayAsk = (body: Uint8Array): PeerId[] | null => parse(RelayAsk, body);
export const parseRelayed = (body: Uint8Array): Relayed | null => parse(Relayed, body);

export const parseSleepers = (body: Uint8Array): Sleeper[] | null => parse(Sleepers, body);

export function roomMessage(kind: number, body: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(1 + body.length);
  out[0] = kind;
  out.set(body, 1);
  return out;
}

export function jsonMessage(kind: number, value: unknown): Uint8Array<ArrayBuffer> {
  return roomMessage(kind, new TextEncoder().encode(JSON.stringify(value)));
}

export function cardMessage(card: Card): Uint8Array<ArrayBuffer> {
  return jsonMessage(CARD, card);
}

/** As many of them as one message takes, the first first. */
export function sleepersMessage(sleepers: readonly Sleeper[]): Uint8Array<ArrayBuffer> {
  const fitting: Sleeper[] = [];
  let bytes = 2;
  for (const sleeper of sleepers.slice(0, MAX_SLEEPERS)) {
    bytes += new TextEncoder().encode(JSON.stringify(sleeper)).length + 1;
    if (bytes > MAX_CARD_BYTES) break;
    fitting.push(sleeper);
  }
  return jsonMessage(SLEEPERS, fitting);
}
