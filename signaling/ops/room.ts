/** The default room: its secret is made once and stays in the data folder; the node needs only what is derived from it. */
import { createHash, hkdfSync, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import * as v from 'valibot';
import { base64url, type Crypto256, deriveRoomKeys, isSecret, roomIdOf } from '../protocol/secret.ts';
import { ConfigError } from './config.ts';
import { readIfThere, writeWhole } from './files.ts';

const RoomFile = v.object({ secret: v.pipe(v.string(), v.check(isSecret)) });

export interface DefaultRoom {
  /** For the start-up banner only: never logged, never sent. */
  secret: string;
  roomId: string;
}

const nodeCrypto: Crypto256 = {
  sha256: (data) => Promise.resolve(new Uint8Array(createHash('sha256').update(data).digest())),
  hkdf: (key, info, bytes) =>
    Promise.resolve(new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, bytes))),
};

/** True when this uplink key is the room's: whoever knows it knows the room's secret. */
export function isKeyOf(roomId: string, uplinkKey: string): boolean {
  const digest = createHash('sha256').update(Buffer.from(uplinkKey, 'base64url')).digest();
  return roomIdOf(digest) === roomId;
}

/**
 * Reads `room.json`, or makes it (mode 0600).
 * @param given the secret of the room that is the default one from now on
 * @throws ConfigError when it is there and holds no secret
 */
export async function defaultRoom(dataDir: string, given?: string): Promise<DefaultRoom> {
  const path = join(dataDir, 'room.json');
  const text = readIfThere(path);
  let secret: string;
  if (given !== undefined || text === null) {
    secret = given ?? base64url(randomBytes(16));
    writeWhole(path, `${JSON.stringify({ secret })}\n`, 0o600);
  } else {
    try {
      secret = v.parse(RoomFile, JSON.parse(text)).secret;
    } catch {
      throw new ConfigError(`${path} holds no room secret: mend it, or remove it to start a new room`);
    }
  }
  return { secret, roomId: (await deriveRoomKeys(secret, nodeCrypto)).roomId };
}
