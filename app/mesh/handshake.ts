/**
 * How two peers prove to each other that they know the room's secret, before anything else is accepted: HMAC-SHA-256
 * (RFC 2104) over one transcript that both build: role of the prover, both peer ids, both nonces, and both DTLS
 * certificate fingerprints (RFC 8122). The fingerprints bind the proof to this very connection, so that a broker which
 * rewrites the offers to sit in the middle gets a proof that fits neither side.
 */
const LABEL = 'earshot/mesh-auth/1';
export const NONCE_BYTES = 32;
export const PROOF_BYTES = 32;

export type Role = 'dialer' | 'answerer';

export interface Transcript {
  dialerId: string;
  answererId: string;
  dialerNonce: Uint8Array;
  answererNonce: Uint8Array;
  dialerFingerprint: string;
  answererFingerprint: string;
}

export function importMeshKey(meshKey: Uint8Array<ArrayBuffer>): Promise<CryptoKey> {
  return crypto.subtle.importKey('raw', meshKey, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ]);
}

/** Every part is preceded by its length, so that no two different transcripts have the same bytes. */
function transcriptBytes(prover: Role, t: Transcript): Uint8Array<ArrayBuffer> {
  const text = new TextEncoder();
  const parts = [
    text.encode(LABEL),
    text.encode(prover),
    text.encode(t.dialerId),
    text.encode(t.answererId),
    t.dialerNonce,
    t.answererNonce,
    text.encode(t.dialerFingerprint),
    text.encode(t.answererFingerprint),
  ];
  const out = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const part of parts) {
    view.setUint32(at, part.length);
    out.set(part, at + 4);
    at += 4 + part.length;
  }
  return out;
}

/** 32 bytes. */
export async function prove(
  key: CryptoKey,
  prover: Role,
  transcript: Transcript,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await crypto.subtle.sign('HMAC', key, transcriptBytes(prover, transcript)));
}

/** Compares in constant time (Web Crypto's `verify`). */
export function verify(
  key: CryptoKey,
  prover: Role,
  transcript: Transcript,
  proof: Uint8Array<ArrayBuffer>,
): Promise<boolean> {
  return crypto.subtle.verify('HMAC', key, proof, transcriptBytes(prover, transcript));
}

/**
 * The certificate fingerprint of a session description, lower case; null when it carries none, or more than one: a broker
 * in the middle could otherwise show the one that it was asked for and let DTLS use another.
 */
export function fingerprintOf(sdp: string | undefined): string | null {
  const found = new Set(
    [...(sdp ?? '').matchAll(/^a=fingerprint:(\S+ [0-9a-f:]+)/gim)].map((match) => match[1]?.toLowerCase()),
  );
  const [only] = found;
  return found.size === 1 ? (only ?? null) : null;
}
