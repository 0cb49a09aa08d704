import type { Crypto256 } from '../../signaling/protocol/secret.ts';

/** Web Crypto's SHA-256 and HKDF (RFC 5869) behind the two functions that the protocol asks for. */
export const webCrypto: Crypto256 = {
  async sha256(data) {
    return new Uint8Array(await crypto.subtle.digest('SHA-256', data));
  },
  async hkdf(key, info, bytes) {
    const base = await crypto.subtle.importKey('raw', key, 'HKDF', false, ['deriveBits']);
    const params = {
      name: 'HKDF',
      hash: 'SHA-256',
      salt: new Uint8Array(0),
      info: new TextEncoder().encode(info),
    };
    return new Uint8Array(await crypto.subtle.deriveBits(params, base, bytes * 8));
  },
};
