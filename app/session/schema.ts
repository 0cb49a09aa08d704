/**
 * The shape of the room's document: one `Y.Doc` a room, flat maps with composite keys (two peers that create the same
 * nested map at once would lose one of them). Everything read from the document goes through these schemas once,
 * because another peer, an older version or a bug may have written it; what does not parse is treated as absent.
 */
import { generateKeyBetween } from 'fractional-indexing';
import * as v from 'valibot';

export const SCHEMA_VERSION = 1;

/** Ids are joined to composite keys with '/'. */
export const Id = v.pipe(v.string(), v.minLength(1), v.maxLength(64), v.excludes('/'));
const Name = v.pipe(v.string(), v.minLength(1), v.maxLength(80));
const Text = v.pipe(v.string(), v.maxLength(500));
/** Bounded, so that no sum or difference of two times that others wrote leaves the safe integers. */
export const LATEST_MS = 1e14;
const Millis = v.pipe(v.number(), v.finite(), v.minValue(-LATEST_MS), v.maxValue(LATEST_MS));
const DurationMs = v.pipe(v.number(), v.finite(), v.minValue(1), v.maxValue(1e9));
const Sha256Hex = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
export const TrackId = Sha256Hex;

/** `members` map: memberId → who this person is. */
export const Member = v.object({
  name: Name,
  hue: v.pipe(v.number(), v.minValue(0), v.maxValue(360)),
  joinedAt: Millis,
});

/** `tracks` map: trackId (SHA-256 of the bytes, hex) → what we know of the audio. */
export const Track = v.object({
  title: Text,
  artist: v.optional(Text),
  album: v.optional(Text),
  durationMs: DurationMs,
  mime: v.pipe(v.string(), v.maxLength(100)),
  bytes: v.pipe(v.number(), v.integer(), v.minValue(1)),
  /** SHA-256 of the concatenated SHA-256s of the chunks: lets a receiver verify each chunk before the whole is here. */
  chunksId: Sha256Hex,
  gainDb: v.optional(v.pipe(v.number(), v.minValue(-60), v.maxValue(60))),
  /** Where in the file the music stands at a time, for formats that do not say (app/library/seek-index.ts). */
  seekIndex: v.optional(v.pipe(v.string(), v.maxLength(1_400), v.regex(/^[\w-]+$/))),
  /** SHA-256 of the cover picture's bytes, fetched from peers like a track. */
  artId: v.optional(Sha256Hex),
  by: Id,
  at: Millis,
});

function isOrderKey(rank: string): boolean {
  try {
    generateKeyBetween(rank, null);
    return true;
  } catch {
    return false;
  }
}

/** A key of `fractional-indexing`: one that it would refuse later must not get in. */
const Rank = v.pipe(v.string(), v.maxLength(500), v.regex(/^[A-Za-z][0-9A-Za-z]+$/), v.check(isOrderKey));

/** `queue` map: itemId → one place in the queue. Equal ranks are ordered by itemId. */
export const QueueItem = v.object({ trackId: Sha256Hex, by: Id, at: Millis, rank: Rank });

const MOST_CROSSFADE_MS = 12_000;

/** `settings` map, key `crossfadeMs`: for how long a song sounds together with the next one. */
export const CrossfadeMs = v.pipe(v.number(), v.minValue(0), v.maxValue(MOST_CROSSFADE_MS));

/**
 * At room time `atMs` the item stood at `positionMs`; everything else is computed. `rank`
 * is where the item stood when this was written: if the item is gone, the next one after `(rank, itemId)` takes its
 * place. `ended`: everything up to and including this item has been played, and nothing plays. `opening`: the item was
 * added to an idle room and started it; of several that were added so at once the first in line plays. `tail`: the item that
 * was fading out as this one began by itself, and for how long it did.
 */
export const Anchor = v.object({
  itemId: Id,
  rank: Rank,
  positionMs: v.pipe(Millis, v.minValue(0)),
  atMs: Millis,
  playing: v.boolean(),
  ended: v.exactOptional(v.literal(true)),
  opening: v.exactOptional(v.literal(true)),
  tail: v.exactOptional(v.object({ itemId: Id, overlapMs: CrossfadeMs })),
});

export const MOST_STEPS = 1e9;

/**
 * `playback` map: `anchor/memberId` → what that member wrote last, and `opening/memberId` → what began because that member
 * added to a room that had run out. `decidedAtMs` is when somebody last chose what plays; a command that only writes down
 * what has happened by itself keeps it and counts one `step` more. The highest `(decidedAtMs, steps, atMs, memberId)` counts, but no
 * opening for a room that, with all that is known of it now, had not run out then (`latest.ts`). With one key for all Yjs would
 * keep any of two concurrent writes, and a phone that was paused alone an hour ago could stop the room when it comes back.
 */
export const AnchorRecord = v.object({
  ...Anchor.entries,
  decidedAtMs: Millis,
  steps: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MOST_STEPS)),
});

const Share = v.pipe(v.number(), v.minValue(0), v.maxValue(1));
export const MOST_DUCK_DB = 24;

/**
 * `settings` map, `mix/music`, `mix/voice` and `mix/duckDb`: how whoever hosts mixes what goes to the loudspeakers. Levels as on
 * a slider; `duckDb`: how far the music steps back while somebody talks.
 */
export const Mix = v.object({
  music: Share,
  voice: Share,
  duckDb: v.pipe(v.number(), v.minValue(0), v.maxValue(MOST_DUCK_DB)),
});

export const Loop = v.picklist(['off', 'one', 'all']);
export const OrderMode = v.picklist(['manual', 'votes', 'fair']);

/**
 * `host` map: `claim/peerId` → claim; highest `(epoch, peerId)` counts. One key a peer, because of two concurrent
 * writes to one key Yjs keeps either, not the higher. `released`: this peer gave the role back; its epoch stays known. `named`:
 * somebody handed the role to this peer, and it keeps it while it can.
 */
export const HostClaim = v.object({
  epoch: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1e12)),
  peerId: Id,
  released: v.exactOptional(v.literal(true)),
  named: v.exactOptional(v.literal(true)),
});

/**
 * `room` map: `schema` → number, `founder/memberId` → when that member created the room and how they called it, `name` →
 * what it was renamed to. `made`: on the device that made the link. The owner is the founder that made it, or else the one
 * with the lowest `(at, memberId)`: a device that thought the room empty because it had not synced yet can't take it over,
 * as it could if the last writer of one key won.
 */
export const Founding = v.object({ at: Millis, name: Name, made: v.exactOptional(v.literal(true)) });
export const RoomName = Name;

/** `room` map, key `handed-n/memberId`: the member, who is its owner after n such records, hands the room to another (ownership.ts). */
export const Handed = v.object({ to: Id, at: Millis });

/**
 * `room` map, key `moved`: the owner gave the room a new secret, and everything goes on in the room that it leads to. Never
 * says where: whoever reads this may have come by the old link.
 */
export const Moved = v.object({ at: Millis, by: Id });

/**
 * `settings` map: `loop`, `order`, `crossfadeMs`, `mix/…`, `dj` (true: only DJs control), `dj/memberId` → true for each DJ, and
 * `keep/trackId` → true for each track of which somebody wants a second copy in the room.
 */
export const Flag = v.boolean();

/** `votes` map: `itemId/memberId` → 1 or -1. */
export const Vote = v.picklist([1, -1]);

/**
 * `speakers` map: speakerId → what is wanted of a loudspeaker. `volume`, `muted` and `delayMs`: null as long as nobody has set them,
 * and the speaker keeps its own. `onAt`, `volumeAt`, `mutedAt`: when each was last wanted; what somebody does at the device later
 * than that takes its place, written by the host. `byHand`: it was switched on or off there. `name`: as it was called then, for
 * while it is away.
 */
export const WantedSpeaker = v.object({
  on: v.boolean(),
  onAt: Millis,
  volume: v.nullable(Share),
  volumeAt: Millis,
  muted: v.optional(v.nullable(v.boolean()), null),
  mutedAt: v.optional(Millis, 0),
  delayMs: v.nullable(v.pipe(v.number(), v.minValue(0), v.maxValue(2_000))),
  name: Name,
  by: Id,
  byHand: v.exactOptional(v.literal(true)),
});

export type WantedSpeaker = v.InferOutput<typeof WantedSpeaker>;
export type Member = v.InferOutput<typeof Member>;
export type Track = v.InferOutput<typeof Track>;
export type QueueItem = v.InferOutput<typeof QueueItem>;
export type Anchor = v.InferOutput<typeof Anchor>;
export type Mix = v.InferOutput<typeof Mix>;
export type Loop = v.InferOutput<typeof Loop>;
export type OrderMode = v.InferOutput<typeof OrderMode>;
export type HostClaim = v.InferOutput<typeof HostClaim>;
export type Moved = v.InferOutput<typeof Moved>;

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
  candidate: v.nullable(
    v.object({
      sinceMs: Millis,
      visible: v.boolean(),
      pluggedIn: v.boolean(),
      /** Null: not measured. */
      nodeRoundTripMs: v.optional(v.nullable(v.pipe(v.number(), v.minValue(0))), null),
      /** The node does not answer it. */
      cutOff: v.optional(v.boolean(), false),
      stumbles: v.optional(v.pipe(v.number(), v.minValue(0)), 0),
      /** It hosted lately, and the node got none of its sound. */
      unheard: v.optional(v.boolean(), false),
      /** The room plays, and this device's player is silent: as the host it would be so, too, for now. */
      unready: v.optional(v.boolean(), false),
    }),
  ),
  /** Microphone is open to the room. */
  talking: v.boolean(),
  /** Round trip to the clock leader; null for the leader and before the first burst. */
  roundTripMs: v.nullable(v.number()),
  joinedAtMs: Millis,
});
export type Presence = v.InferOutput<typeof Presence>;
