/**
 * The uplink: one WebSocket (`/uplink`) from the host to the node. Text messages are JSON as below; binary messages
 * are one or more whole frames of one variant. Who would host in the host's place opens one to the same path and watches: it is told at
 * once when the host's feed is lost. Both sides import this file; it is the only declaration of these messages.
 */
import * as v from 'valibot';

/** Counts changes of the messages in this folder that the other side has to know. Additions that it may ignore don't count. */
export const PROTOCOL_VERSION = 1;
/** The oldest version that the node still understands (`/node.json`, `minProtocol`). */
export const MIN_PROTOCOL_VERSION = 1;
export const UPLINK_PATH = '/uplink';
/** A frame at 320 kbit/s is 960 bytes; the largest message the node takes is two seconds of them. */
export const MAX_UPLINK_MESSAGE_BYTES = 81_920;

/**
 * What the stream can be had as beside the MP3 that always flows: MP3 at 320 kbit/s, and bare samples (48 kHz, stereo, 16
 * bit, little-endian) for devices that count bytes before they begin. Sent only while the node says that somebody listens.
 */
export const ExtraVariant = v.picklist(['mp3-320', 'wav']);
export type ExtraVariant = v.InferOutput<typeof ExtraVariant>;
export type StreamVariant = 'mp3' | ExtraVariant;

/** First byte of a binary message of that variant; one of the MP3 that always flows has none, and begins with 0xff. */
export const VARIANT_TAGS: Readonly<Record<ExtraVariant, number>> = { 'mp3-320': 1, wav: 2 };

/** Samples are sent in pieces of this length: 8 ms, one batch of the host's audio thread. */
export const PCM_PIECE_MS = 8;
export const PCM_PIECE_BYTES = PCM_PIECE_MS * 48 * 4;

/**
 * `roomId` is the first 20 base32 digits (RFC 4648, lower case) of SHA-256(uplinkKey): so the node can check an
 * uplink's right to a room without ever knowing the room's secret, and keeps no list of rooms.
 */
export const RoomId = v.pipe(v.string(), v.regex(/^[a-z2-7]{20}$/));
export const UplinkKey = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{43}$/));

const Epoch = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e12));
const PeerIdText = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
/** Who says hello, and the proof of its right to the room. */
const credentials = {
  protocol: v.pipe(v.number(), v.integer()),
  roomId: RoomId,
  /** 32 bytes, base64url without padding, derived from the room's secret (HKDF, see secret.ts). */
  uplinkKey: UplinkKey,
  peerId: PeerIdText,
};

/** Host → node, first message. */
export const UplinkHello = v.object({
  type: v.literal('hello'),
  ...credentials,
  epoch: Epoch,
  bitrateKbps: v.picklist([128, 192, 256, 320]),
  sampleRateHz: v.literal(48_000),
});

/** Host → node: what plays, for ICY titles and the status. */
export const UplinkTitle = v.object({
  type: v.literal('title'),
  title: v.pipe(v.string(), v.maxLength(500)),
  artist: v.optional(v.pipe(v.string(), v.maxLength(500))),
});

/** Candidate → node, first message of a connection that watches. */
export const UplinkWatch = v.object({ type: v.literal('watch'), ...credentials });

/** Candidate → node, answered by `pong` at once: the round trip, and that both are still there. */
export const WatchPing = v.object({ type: v.literal('ping'), id: v.pipe(v.number(), v.integer()) });

export const UplinkMessage = v.variant('type', [UplinkHello, UplinkTitle, UplinkWatch, WatchPing]);

/** Why the node closes an uplink. Sent as the close frame's reason, and as `refused` just before it. */
export const RefusalReason = v.picklist([
  'bad-message',
  'wrong-key',
  'protocol-version',
  'lower-epoch',
  'superseded',
  'not-frames',
  'too-fast',
  'hello-timeout',
  'too-many-rooms',
  'too-many-watches',
  'shutting-down',
]);

/** Node → host. */
export const NodeUplinkMessage = v.variant('type', [
  v.object({ type: v.literal('welcome'), streamPath: v.string(), listeners: v.number() }),
  v.object({ type: v.literal('listeners'), listeners: v.number() }),
  /** All variants that somebody listens to, beside the MP3 that always flows; said when it changes, and after `welcome`. */
  v.object({ type: v.literal('wanted'), variants: v.array(ExtraVariant) }),
  v.object({ type: v.literal('refused'), reason: RefusalReason, detail: v.optional(v.string()) }),
]);

/**
 * Node → candidate: how the feed with the highest claim goes. `due`: a host is connected with this claim, and its first frame
 * is waited for; whoever fed before may go on until then. `up`: its frames come. `lost`: they do not, or it went and did not
 * return.
 */
export const FeedNews = v.object({
  type: v.literal('feed'),
  epoch: Epoch,
  peerId: PeerIdText,
  state: v.picklist(['due', 'up', 'lost']),
});

/** Node → candidate. `watching` is the answer to `watch`; a `feed` follows at once if there was one. */
export const NodeWatchMessage = v.variant('type', [
  v.object({ type: v.literal('watching') }),
  FeedNews,
  v.object({ type: v.literal('pong'), id: v.number() }),
  v.object({ type: v.literal('refused'), reason: RefusalReason, detail: v.optional(v.string()) }),
]);

export type UplinkWatch = v.InferOutput<typeof UplinkWatch>;
export type FeedNews = v.InferOutput<typeof FeedNews>;
export type NodeWatchMessage = v.InferOutput<typeof NodeWatchMessage>;
export type UplinkHello = v.InferOutput<typeof UplinkHello>;
export type UplinkTitle = v.InferOutput<typeof UplinkTitle>;
export type UplinkMessage = v.InferOutput<typeof UplinkMessage>;
export type RefusalReason = v.InferOutput<typeof RefusalReason>;
export type NodeUplinkMessage = v.InferOutput<typeof NodeUplinkMessage>;
