/**
 * What is derived from a room's secret. The secret itself is 16 random bytes (base64url, 22 digits), lives in the
 * link's fragment and on this device, and is never sent anywhere. HKDF-SHA-256 (RFC 5869), empty salt, one `info` a use.
 */
export interface RoomKeys {
  /** Public name of the room: topics, stream path. See `RoomId` in uplink.ts. */
  roomId: string;
  /** Shown to the node to feed the room's stream; base64url, 32 bytes. */
  uplinkKey: string;
  /** Password of the y-webrtc signaling encryption; base64url, 32 bytes. */
  signalingKey: string;
  /** Both ends of every PeerJS connection prove with it that they know the secret; 32 bytes. */
  meshKey: Uint8Array<ArrayBuffer>;
}

/** The two functions of Web Crypto that are needed, passed in so that this file stays pure. */
export interface Crypto256 {
  sha256(data: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>>;
  /** HKDF-SHA-256 with an empty salt: `bits/8` bytes. */
  hkdf(key: Uint8Array<ArrayBuffer>, info: string, bytes: number): Promise<Uint8Array<ArrayBuffer>>;
}

const SECRET = /^[A-Za-z0-9_-]{22}$/;
const BASE32_DIGITS = 'abcdefghijklmnopqrstuvwxyz234567';
const BASE64URL_DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';

/** Digits of `bytes` in a base of `2 ** bitsPerDigit`, most significant first, no padding (RFC 4648). */
function digits(bytes: Uint8Array, alphabet: string, bitsPerDigit: number): string {
  let out = '';
  let held = 0;
  let heldBits = 0;
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xffff;
    heldBits += 8;
    while (heldBits >= bitsPerDigit) {
      heldBits -= bitsPerDigit;
      out += alphabet[(held >> heldBits) & ((1 << bitsPerDigit) - 1)];
    }
  }
  if (heldBits > 0) out += alphabet[(held << (bitsPerDigit - heldBits)) & ((1 << bitsPerDigit) - 1)];
  return out;
}

export function base64url(bytes: Uint8Array): string {
  return digits(bytes, BASE64URL_DIGITS, 6);
}

export function isSecret(text: string): boolean {
  return SECRET.test(text);
}

function secretBytes(secret: string): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(16);
  let held = 0;
  let heldBits = 0;
  let at = 0;
  for (const digit of secret) {
    held = ((held << 6) | BASE64URL_DIGITS.indexOf(digit)) & 0xffff;
    heldBits += 6;
    if (heldBits >= 8 && at < out.length) {
      heldBits -= 8;
      out[at++] = (held >> heldBits) & 0xff;
    }
  }
  return out;
}

/** The public name of the room whose uplink key has this SHA-256. */
export function roomIdOf(uplinkKeySha256: Uint8Array): string {
  return digits(uplinkKeySha256, BASE32_DIGITS, 5).slice(0, 20);
}

/** Derives everything a peer needs. Throws RangeError when `secret` is not 22 base64url digits. */
export async function deriveRoomKeys(secret: string, crypto: Crypto256): Promise<RoomKeys> {
  if (!isSecret(secret)) throw new RangeError('a room secret has 22 base64url digits');
  const key = secretBytes(secret);
  const uplink = await crypto.hkdf(key, 'earshot/uplink/1', 32);
  return {
    roomId: roomIdOf(await crypto.sha256(uplink)),
    uplinkKey: base64url(uplink),
    signalingKey: base64url(await crypto.hkdf(key, 'earshot/signaling/1', 32)),
    meshKey: await crypto.hkdf(key, 'earshot/mesh/1', 32),
  };
}
