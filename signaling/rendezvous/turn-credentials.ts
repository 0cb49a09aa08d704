/**
 * Who may use the relay. Credentials are those of draft-uberti-behave-turn-rest: the name says until when they hold, the
 * password is a MAC of the name under a key that only this node has. So the node keeps no list of users or rooms, and what
 * it handed out before a restart still works after it.
 */
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { join } from 'node:path';
import { readIfThere, writeWhole } from '../ops/files.ts';
import { ConfigError } from '../ops/config.ts';
import { RoomId } from '../protocol/uplink.ts';
import * as v from 'valibot';

export const REALM = 'earshot';
/** New relays may be opened for so long; the browser asks again when it opens the next connection. */
export const CREDENTIAL_SECONDS = 3_600;
const NONCE_SECONDS = 3_600;
const USERNAME = /^(\d{1,12}):([^:]*):[A-Za-z0-9_-]{1,64}$/;

export interface TurnCredentials {
  /** @param roomId whose key the caller has proven to know */
  grant(roomId: string): { username: string; credential: string; ttlSeconds: number };
  /** The long-term key (RFC 8489, section 9.2.2) of a name that this node made up; null for any other. */
  keyOf(username: string): Buffer | null;
  hasExpired(username: string): boolean;
  nonceFor(client: string): string;
  isFresh(nonce: string, client: string): boolean;
}

/** `turn.key` of the data folder, mode 0600, made once. @throws ConfigError when it is there and too short */
export function turnKey(dataDir: string): Buffer {
  const path = join(dataDir, 'turn.key');
  const text = readIfThere(path);
  if (text !== null) {
    const key = Buffer.from(text.trim(), 'base64url');
    if (key.length === 32) return key;
    throw new ConfigError(`${path} holds no key: remove it, a new one is made`);
  }
  const key = randomBytes(32);
  writeWhole(path, `${key.toString('base64url')}\n`, 0o600);
  return key;
}

/** @param nowMs wall-clock time */
export function createTurnCredentials(key: Buffer, nowMs: () => number): TurnCredentials {
  const mac = (purpose: string, text: string): Buffer =>
    createHmac('sha256', key).update(`${purpose}\0${text}`).digest();
  const passwordOf = (username: string): string => mac('password', username).toString('base64url');
  const seconds = (): number => Math.floor(nowMs() / 1000);
  const nonceMac = (second: string, client: string): Buffer =>
    mac('nonce', `${second} ${client}`).subarray(0, 12);

  return {
    grant(roomId) {
      const username = `${seconds() + CREDENTIAL_SECONDS}:${roomId}:${randomBytes(9).toString('base64url')}`;
      return { username, credential: passwordOf(username), ttlSeconds: CREDENTIAL_SECONDS };
    },
    keyOf(username) {
      const roomId = USERNAME.exec(username)?.[2];
      if (roomId === undefined || !v.is(RoomId, roomId)) return null;
      return createHash('md5')
        .update(`${username}:${REALM}:${passwordOf(username)}`)
        .digest();
    },
    hasExpired: (username) => Number(USERNAME.exec(username)?.[1] ?? 0) < seconds(),
    nonceFor(client) {
      const second = seconds().toString(36);
      return `${second}.${nonceMac(second, client).toString('base64url')}`;
    },
    isFresh(nonce, client) {
      const [second = '', given = ''] = nonce.split('.');
      const expected = nonceMac(second, client);
      const bytes = Buffer.from(given, 'base64url');
      if (bytes.length !== expected.length || !timingSafeEqual(bytes, expected)) return false;
      return seconds() - Number.parseInt(second, 36) <= NONCE_SECONDS;
    },
  };
}
