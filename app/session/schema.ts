/**
 * The shape of the room's document: one `Y.Doc` a room, flat maps with composite keys (two peers that create the same
 * nested map at once would lose one of them). Everything read from the document goes through these schemas once,
 * because another peer, an older version or a bug may have written it; what does not parse is treated as absent.
 */
import * as v from 'valibot';

export const SCHEMA_VERSION = 1;

const Id = v.pipe(v.string(), v.minLength(1), v.maxLength(64));
const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(80));
const Text = v.pipe(v.string(), v.maxLength(500));
const Millis = v.pipe(v.number(), v.finite());
const Sha256Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));

/** `members` map: memberId → who this person is. */
export const Member = v.object({ name: Name, hue: v.pipe(v.number(), v.minValue(0), v.maxValue(360)), joinedAt: Millis });

/** `tracks` map: trackId (SHA-256 of the bytes, hex) → what we know of the audio. */
export const Track = v.object({
  title: Text,
  artist: v.optional(Text),
  album: v.optional(Text),
  durationMs: v.pipe(Millis, v.minValue(1)),
  mime: v.pipe(v.string(), v.maxLength(100)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** SHA-256 of the concatenated SHA-256s of the chunks: lets a receiver verify each chunk before the whole is here. */
  chunksId: Sha256Hex,
  gainDb: v.optional(v.pipe(v.number(), v.minValue(-60), v.maxValue(60))),
  /** SHA-256 of the cover picture's bytes, fetched from peers like a track. */
  artId: v.optional(Sha256Hex),
  by: Id,
  at: Millis,
});

/** `queue` map: itemId → one place in the queue. `rank` is a fractional index; equal ranks are ordered by itemId. */
export const QueueItem = v.object({ trackId: Sha256Hex, by: Id, at: Millis, rank: v.pipe(v.string(), v.minLength(1), v.maxLength(500)) });

/** `playback` map, key `anchor`: at room time `atMs` the item stood at `positionMs`; everything else is computed. */
export const Anchor = v.object({ itemId: Id, positionMs: v.pipe(Millis, v.minValue(0)), atMs: Millis, playing: v.boolean() });

export const Loop = v.picklist(['off', 'one', 'all']);
export const OrderMode = v.picklist(['manual', 'votes', 'fair']);

/** `host` map, key `claim`: highest `(epoch, peerId)` is the host. */
export const HostClaim = v.object({ epoch: v.pipe(v.number(), v.integer(), v.minValue(0)), peerId: Id });

/** `votes` map: `itemId/memberId` → 1 or -1. */
export const Vote = v.picklist([1, -1]);

export type Member = v.InferOutput<typeof Member>;
export type Track = v.InferOutput<typeof Track>;
export type QueueItem = v.InferOutput<typeof QueueItem>;
export type Anchor = v.InferOutput<typeof Anchor>;
export type Loop = v.InferOutput<typeof Loop>;
export type OrderMode = v.InferOutput<typeof OrderMode>;
export type HostClaim = v.InferOutput<typeof HostClaim>;

/** What a peer tells about itself through awareness; never in the document. Anything missing or wrong: ignored peer. */
export const Presence = v.object({
  memberId: Id,
  peerId: Id,
  name: Name,
  hue: v.number(),
  device: v.picklist(['phone', 'tablet', 'laptop']),
  /** Plays the room through its own output. */
  listening: v.boolean(),
  /** Offers host mode; carries what the election ranks. */
  candidate: v.nullable(v.object({ sinceMs: Millis, visible: v.boolean(), pluggedIn: v.boolean() })),
  /** Microphone is open to the room. */
  talking: v.boolean(),
  /** Track ids held completely, as short (16 hex digit) prefixes, newest 200 at most. Round trip to the clock leader. */
  roundTripMs: v.nullable(v.number()),
  joinedAtMs: Millis,
});
export type Presence = v.InferOutput<typeof Presence>;
