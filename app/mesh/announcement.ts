/**
 * What peers publish on the room's topic, in y-webrtc 10.3's format (its `crypto.js`): lib0's encoding of an object,
 * AES-GCM under a key that PBKDF2 derives from the room's, `AES-GCM`, IV and cipher each with its length, base64.
 */
import { fromBase64, toBase64 } from 'lib0/buffer';
import { createDecoder, readAny, readVarString, readVarUint8Array } from 'lib0/decoding';
import { createEncoder, toUint8Array, writeAny, writeVarString, writeVarUint8Array } from 'lib0/encoding';
import * as v from 'valibot';
import { PeerIdText } from './room-wire.ts';

const ALGORITHM = 'AES-GCM';
const ITERATIONS = 100_000;
const IV_BYTES = 12;

const Announcement = v.object({
  type: v.literal('announce'),
  from: PeerIdText,
  /** The sender has only just come, or come back: it does not know who else is here. */
  fresh: v.optional(v.boolean(), false),
});
export type Announcement = v.InferOutput<typeof Announcement>;

export async function topicKey(password: string, topic: string): Promise<CryptoKey> {
  const text = new TextEncoder();
  const material = await crypto.subtle.importKey('raw', text.encode(password), 'PBKDF2', false, [
    'deriveKey',
  ]);
  const derivation = { name: 'PBKDF2', salt: text.encode(topic), iterations: ITERATIONS, hash: 'SHA-256' };
  const use = { name: ALGORITHM, length: 256 };
  return crypto.subtle.deriveKey(derivation, material, use, false, ['encrypt', 'decrypt']);
}

export async function seal(key: CryptoKey, announcement: Announcement): Promise<string> {
  const plain = createEncoder();
  writeAny(plain, announcement);
  const iv = crypto.getRandomValues(new Uint8Array(IV_BYTES));
  const cipher = await crypto.subtle.encrypt({ name: ALGORITHM, iv }, key, toUint8Array(plain).slice());
  const out = createEncoder();
  writeVarString(out, ALGORITHM);
  writeVarUint8Array(out, iv);
  writeVarUint8Array(out, new Uint8Array(cipher));
  return toBase64(toUint8Array(out));
}

/** Null: not from this room, or not what this version knows. */
export async function unseal(key: CryptoKey, data: unknown): Promise<Announcement | null> {
  if (typeof data !== 'string') return null;
  try {
    const decoder = createDecoder(fromBase64(data));
    if (readVarString(decoder) !== ALGORITHM) return null;
    const iv = readVarUint8Array(decoder).slice();
    const cipher = readVarUint8Array(decoder).slice();
    const plain = await crypto.subtle.decrypt({ name: ALGORITHM, iv }, key, cipher);
    const parsed = v.safeParse(Announcement, readAny(createDecoder(new Uint8Array(plain))));
    return parsed.success ? parsed.output : null;
  } catch {
    return null;
  }
}
