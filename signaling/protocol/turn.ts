/**
 * `POST /turn` (HTTPS): credentials for the node's relay (TURN, RFC 8656), for members of a room only. The uplink's key
 * proves membership as it does for the uplink: it hashes to the room's id, so the node needs no list of rooms.
 */
import * as v from 'valibot';
import { RoomId, UplinkKey } from './uplink.ts';

export const TURN_PATH = '/turn';
export const MAX_TURN_REQUEST_BYTES = 1_024;

/** App → node. */
export const TurnRequest = v.object({ roomId: RoomId, uplinkKey: UplinkKey });

/** Node → app: an `RTCIceServer` and how long new allocations may be made with it. Allocations that live go on after it. */
export const TurnGrant = v.object({
  /** `<expiry, Unix seconds>:<roomId>:<random>`, see "A REST API For Access To TURN Services" (draft-uberti-behave-turn-rest). */
  username: v.string(),
  credential: v.string(),
  ttlSeconds: v.pipe(v.number(), v.minValue(1)),
  /** e.g. `turn:192.168.1.20:3478?transport=udp`. */
  urls: v.array(v.string()),
});

/** Body of a refusal (400, 403, 413 or 503). */
export const TurnRefusal = v.object({
  refused: v.picklist(['bad-message', 'wrong-key', 'too-large', 'no-relay']),
});

export type TurnRequest = v.InferOutput<typeof TurnRequest>;
export type TurnGrant = v.InferOutput<typeof TurnGrant>;
export type TurnRefusal = v.InferOutput<typeof TurnRefusal>;
