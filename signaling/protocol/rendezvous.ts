/**
 * What the node takes on its two introduction paths. `SIGNALING_PATH` speaks the signaling protocol of y-webrtc 10.3, of
 * which the app uses nothing else (`app/mesh/signaling.ts`); `BROKER_PATH` is what the library PeerJS 1.5 speaks. These
 * schemas are the two wire formats, with bounds.
 */
import * as v from 'valibot';

/** SDP of a data and voice connection is 2 to 10 KB; encrypted and in base64 it stays far below this. */
export const MAX_RENDEZVOUS_MESSAGE_BYTES = 65_536;
export const MAX_TOPICS_PER_SOCKET = 32;

const Topic = v.pipe(v.string(), v.minLength(1), v.maxLength(200));
const Topics = v.pipe(v.array(Topic), v.maxLength(MAX_TOPICS_PER_SOCKET));

/** `publish` carries more fields than these, encrypted by the peers; they pass through untouched. */
export const TopicMessage = v.variant('type', [
  v.object({ type: v.literal('subscribe'), topics: Topics }),
  v.object({ type: v.literal('unsubscribe'), topics: Topics }),
  v.looseObject({ type: v.literal('publish'), topic: Topic }),
  v.object({ type: v.literal('ping') }),
]);

export const BrokerPeerId = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9]+(?:[ _-][A-Za-z0-9]+)*$/),
  v.maxLength(128),
);
export const BrokerToken = v.pipe(v.string(), v.minLength(1), v.maxLength(128));

export const BrokerMessage = v.variant('type', [
  v.object({ type: v.literal('HEARTBEAT') }),
  v.object({
    type: v.picklist(['OFFER', 'ANSWER', 'CANDIDATE', 'LEAVE', 'EXPIRE']),
    dst: v.optional(v.nullable(BrokerPeerId)),
    payload: v.optional(v.unknown()),
  }),
]);

export type TopicMessage = v.InferOutput<typeof TopicMessage>;
export type BrokerMessage = v.InferOutput<typeof BrokerMessage>;
