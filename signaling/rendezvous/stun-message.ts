/** STUN messages (RFC 8489, sections 5 and 14) as TURN uses them (RFC 8656): taken apart and put together. Pure. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { addressBytes } from '../ops/addresses.ts';

export const HEADER_BYTES = 20;
export const MAGIC_COOKIE = 0x2112a442;

export const METHOD = {
  binding: 0x001,
  allocate: 0x003,
  refresh: 0x004,
  send: 0x006,
  data: 0x007,
  createPermission: 0x008,
  channelBind: 0x009,
} as const;

export type MessageClass = 'request' | 'indication' | 'success' | 'error';
const CLASSES: readonly MessageClass[] = ['request', 'indication', 'success', 'error'];

export const ATTRIBUTE = {
  username: 0x0006,
  messageIntegrity: 0x0008,
  errorCode: 0x0009,
  unknownAttributes: 0x000a,
  channelNumber: 0x000c,
  lifetime: 0x000d,
  xorPeerAddress: 0x0012,
  data: 0x0013,
  realm: 0x0014,
  nonce: 0x0015,
  xorRelayedAddress: 0x0016,
  requestedAddressFamily: 0x0017,
  requestedTransport: 0x0019,
  xorMappedAddress: 0x0020,
  fingerprint: 0x8028,
} as const;

/** Below this a receiver has to understand an attribute or refuse the message (section 14). */
const COMPREHENSION_OPTIONAL = 0x8000;
const KNOWN: ReadonlySet<number> = new Set(Object.values(ATTRIBUTE));
const INTEGRITY_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;

export interface Endpoint {
  address: string;
  port: number;
}

export interface StunMessage {
  method: number;
  class: MessageClass;
  /** 12 bytes. */
  transactionId: Buffer;
  /** In the message's order; those behind MESSAGE-INTEGRITY are left out, as nobody vouches for them. */
  attributes: readonly { type: number; value: Buffer }[];
  /** Types that must be understood and are not. */
  unknown: readonly number[];
  /** Where MESSAGE-INTEGRITY stands; null: there is none. */
  integrityAt: number | null;
  raw: Buffer;
}

const padded = (length: number): number => (length + 3) & ~3;

/** Null: not a whole STUN message. Views into `raw`, no copies. */
export function parseStun(raw: Buffer): StunMessage | null {
  if (raw.length < HEADER_BYTES || ((raw[0] ?? 0) & 0xc0) !== 0) return null;
  const length = raw.readUInt16BE(2);
  if (raw.readUInt32BE(4) !== MAGIC_COOKIE || length % 4 !== 0 || length !== raw.length - HEADER_BYTES)
    return null;
  const type = raw.readUInt16BE(0);
  const attributes: { type: number; value: Buffer }[] = [];
  const unknown: number[] = [];
  let integrityAt: number | null = null;
  for (let at = HEADER_BYTES; at < raw.length;) {
    if (at + 4 > raw.length) return null;
    const kind = raw.readUInt16BE(at);
    const size = raw.readUInt16BE(at + 2);
    if (at + 4 + padded(size) > raw.length) return null;
    const value = raw.subarray(at + 4, at + 4 + size);
    if (kind === ATTRIBUTE.fingerprint) {
      const isLast = at + 4 + padded(size) === raw.length;
      if (!isLast || size !== 4 || value.readUInt32BE(0) !== fingerprint(raw.subarray(0, at))) return null;
    } else if (integrityAt === null) {
      if (kind === ATTRIBUTE.messageIntegrity) {
        if (size !== INTEGRITY_BYTES) return null;
        integrityAt = at;
      } else {
        if (kind < COMPREHENSION_OPTIONAL && !KNOWN.has(kind)) unknown.push(kind);
        attributes.push({ type: kind, value });
      }
    }
    at += 4 + padded(size);
  }
  return {
    // The two class bits stand between the method's (section 5).
    method: (type & 0x000f) | ((type & 0x00e0) >> 1) | ((type & 0x3e00) >> 2),
    class: CLASSES[((type & 0x0100) >> 7) | ((type & 0x0010) >> 4)] ?? 'request',
    transactionId: raw.subarray(8, HEADER_BYTES),
    attributes,
    unknown,
    integrityAt,
    raw,
  };
}

/** The first attribute of this type: later ones are ignored (section 14). */
export function attribute(message: StunMessage, type: number): Buffer | undefined {
  return message.attributes.find((candidate) => candidate.type === type)?.value;
}

/** True when the sender knew `key` (section 14.5). */
export function hasIntegrity(message: StunMessage, key: Buffer): boolean {
  const at = message.integrityAt;
  if (at === null) return false;
  const covered = Buffer.from(message.raw.subarray(0, at));
  covered.writeUInt16BE(at - HEADER_BYTES + 4 + INTEGRITY_BYTES, 2);
  const expected = createHmac('sha1', key).update(covered).digest();
  return timingSafeEqual(expected, message.raw.subarray(at + 4, at + 4 + INTEGRITY_BYTES));
}

let crcTable: Uint32Array | null = null;

/** CRC-32 of ITU V.42, XORed (section 14.7). */
function fingerprint(bytes: Buffer): number {
  crcTable ??= Uint32Array.from({ length: 256 }, (_, index) => {
    let value = index;
    for (let bit = 0; bit < 8; bit++) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    return value;
  });
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ (crcTable[(crc ^ byte) & 0xff] ?? 0);
  return (crc ^ 0xffffffff ^ FINGERPRINT_XOR) >>> 0;
}

/** XOR-MAPPED-ADDRESS and its relatives (section 14.2). */
export function xorAddress(endpoint: Endpoint, transactionId: Buffer): Buffer {
  const bytes = addressBytes(endpoint.address);
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(MAGIC_COOKIE, 0);
  transactionId.copy(mask, 4);
  const out = Buffer.alloc(4 + bytes.length);
  out[1] = bytes.length === 4 ? 1 : 2;
  out.writeUInt16BE(endpoint.port ^ (MAGIC_COOKIE >>> 16), 2);
  bytes.forEach((byte, at) => (out[4 + at] = byte ^ (mask[at] ?? 0)));
  return out;
}

/** The reverse; null: no address. IPv6 comes in the form `URL` writes it. */
export function readXorAddress(value: Buffer, transactionId: Buffer): Endpoint | null {
  const size = value[1] === 1 ? 4 : value[1] === 2 ? 16 : 0;
  if (size === 0 || value.length !== 4 + size) return null;
  const plain = xorAddressBytes(value.subarray(4), transactionId);
  const port = value.readUInt16BE(2) ^ (MAGIC_COOKIE >>> 16);
  if (size === 4) return { address: plain.join('.'), port };
  const groups = Array.from({ length: 8 }, (_, at) => plain.readUInt16BE(at * 2).toString(16));
  return { address: new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1), port };
}

function xorAddressBytes(bytes: Buffer, transactionId: Buffer): Buffer {
  const mask = Buffer.alloc(16);
  mask.writeUInt32BE(MAGIC_COOKIE, 0);
  transactionId.copy(mask, 4);
  return Buffer.from(bytes.map((byte, at) => byte ^ (mask[at] ?? 0)));
}

export function uint32(value: number): Buffer {
  const out = Buffer.alloc(4);
  out.writeUInt32BE(value);
  return out;
}

/** ERROR-CODE (section 14.8). */
export function errorCode(code: number, reason: string): Buffer {
  return Buffer.concat([Buffer.of(0, 0, Math.floor(code / 100), code % 100), Buffer.from(reason)]);
}

export interface Outgoing {
  method: number;
  class: MessageClass;
  transactionId: Buffer;
  attributes: readonly (readonly [type: number, value: Buffer])[];
}

/** @param key when given, MESSAGE-INTEGRITY is added */
export function buildStun(message: Outgoing, key: Buffer | null): Buffer {
  const parts: Buffer[] = [];
  for (const [type, value] of message.attributes) {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(type, 0);
    head.writeUInt16BE(value.length, 2);
    parts.push(head, value, Buffer.alloc(padded(value.length) - value.length));
  }
  const body = Buffer.concat(parts);
  const head = Buffer.alloc(HEADER_BYTES);
  const bits = CLASSES.indexOf(message.class);
  const { method } = message;
  head.writeUInt16BE(
    (method & 0x000f) |
      ((method & 0x0070) << 1) |
      ((method & 0x0f80) << 2) |
      ((bits & 2) << 7) |
      ((bits & 1) << 4),
    0,
  );
  head.writeUInt16BE(body.length + (key === null ? 0 : 4 + INTEGRITY_BYTES), 2);
  head.writeUInt32BE(MAGIC_COOKIE, 4);
  message.transactionId.copy(head, 8);
  if (key === null) return Buffer.concat([head, body]);
  const covered = Buffer.concat([head, body]);
  const integrity = Buffer.alloc(4);
  integrity.writeUInt16BE(ATTRIBUTE.messageIntegrity, 0);
  integrity.writeUInt16BE(INTEGRITY_BYTES, 2);
  return Buffer.concat([covered, integrity, createHmac('sha1', key).update(covered).digest()]);
}
