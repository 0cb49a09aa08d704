/**
 * The two certificates of a node, built by hand (RFC 5280) as no pinned library signs ECDSA and encodes name constraints:
 * a local CA that may only speak for private names and addresses, and a leaf for the names this machine has now.
 */
import { createHash, type KeyObject, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes, PRIVATE_RANGES } from './addresses.ts';
import { bitString, octets, oid, sequence, setOf, time, tlv, TRUE, unsigned, utf8 } from './der.ts';

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
/** Browsers refuse leaves that are valid for more than 398 days. */
const LEAF_DAYS = 396;

/** DNS suffixes that never resolve on the internet (RFC 6761, 6762, 8375; `internal`: ICANN 2024) or by habit mean the LAN. */
export const PRIVATE_SUFFIXES: readonly string[] = [
  'localhost',
  'local',
  'home.arpa',
  'internal',
  'lan',
  'home',
];

const ECDSA_SHA256 = sequence(oid('1.2.840.10045.4.3.2'));

function maskBytes(prefix: number, bytes: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let bit = 0; bit < prefix; bit++) out[bit >> 3] = (out[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  return out;
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  return sequence(oid(id), ...(critical ? [TRUE] : []), octets(value));
}

/** RFC 5280, section 4.2.1.10: permitted subtrees; an address is followed by its mask. */
function nameConstraints(): Buffer {
  const names = PRIVATE_SUFFIXES.map((suffix) => sequence(tlv(0x82, Buffer.from(suffix, 'ascii'))));
  const ranges = PRIVATE_RANGES.map(({ address, prefix }) => {
    const bytes = addressBytes(address);
    return sequence(tlv(0x87, bytes, maskBytes(prefix, bytes.length)));
  });
  return extension('2.5.29.30', true, sequence(tlv(0xa0, ...names, ...ranges)));
}

function subjectAltName(names: readonly string[]): Buffer {
  const entries = names.map((name) =>
    isIP(name) === 0 ? tlv(0x82, Buffer.from(name, 'ascii')) : tlv(0x87, addressBytes(name)),
  );
  return extension('2.5.29.17', false, sequence(...entries));
}

const commonName = (text: string): Buffer => sequence(setOf(sequence(oid('2.5.4.3'), utf8(text))));

/** The SHA-1 of the key bits (RFC 5280, section 4.2.1.2, method 1): an identifier, no security rests on it. */
function keyId(publicKey: KeyObject): Buffer {
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  // The uncompressed P-256 point is the last 65 bytes of its SubjectPublicKeyInfo.
  return createHash('sha1').update(spki.subarray(-65)).digest();
}

interface Certificate {
  subject: string;
  issuer: string;
  publicKey: KeyObject;
  issuerKey: KeyObject;
  fromMs: number;
  untilMs: number;
  extensions: readonly Buffer[];
}

function issue(certificate: Certificate): string {
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const body = sequence(
    tlv(0xa0, unsigned(Buffer.of(2))),
    unsigned(serial),
    ECDSA_SHA256,
    commonName(certificate.issuer),
    sequence(time(certificate.fromMs), time(certificate.untilMs)),
    commonName(certificate.subject),
    certificate.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa3, sequence(...certificate.extensions)),
  );
  const der = sequence(body, ECDSA_SHA256, bitString(sign('sha256', body, certificate.issuerKey)));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}

/** A self-signed CA in PEM, valid for ten years. Both keys are P-256. */
export function issueAuthority(
  name: string,
  keys: { publicKey: KeyObject; privateKey: KeyObject },
  nowMs: number,
): string {
  return issue({
    subject: name,
    issuer: name,
    publicKey: keys.publicKey,
    issuerKey: keys.privateKey,
    // A phone whose clock is a little behind must not find the certificate "not yet valid".
    fromMs: nowMs - DAY_MS,
    untilMs: nowMs + CA_DAYS * DAY_MS,
    extensions: [
      extension('2.5.29.19', true, sequence(TRUE, unsigned(Buffer.of(0)))),
      extension('2.5.29.15', true, bitString(Buffer.of(0b0000_0110), 1)),
      extension('2.5.29.14', false, octets(keyId(keys.publicKey))),
      nameConstraints(),
    ],
  });
}

/**
 * A leaf in PEM for TLS servers, valid for 397 days in all.
 * @param names DNS names and addresses; each must lie within the CA's constraints
 */
export function issueLeaf(
  names: readonly string[],
  publicKey: KeyObject,
  authority: { name: string; publicKey: KeyObject; privateKey: KeyObject },
  nowMs: number,
): string {
  return issue({
    subject: 'Earshot LAN node',
    issuer: authority.name,
    publicKey,
    issuerKey: authority.privateKey,
    fromMs: nowMs - DAY_MS,
    untilMs: nowMs + LEAF_DAYS * DAY_MS,
    extensions: [
      extension('2.5.29.19', true, sequence()),
      extension('2.5.29.15', true, bitString(Buffer.of(0b1000_0000), 7)),
      extension('2.5.29.37', false, sequence(oid('1.3.6.1.5.5.7.3.1'))),
      extension('2.5.29.14', false, octets(keyId(publicKey))),
      extension('2.5.29.35', false, sequence(tlv(0x80, keyId(authority.publicKey)))),
      subjectAltName(names),
    ],
  });
}
