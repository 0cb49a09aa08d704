/** `GET /stream/status`: the state of the streams in one look. */
import * as v from 'valibot';

export const StreamStatus = v.object({
  roomId: v.string(),
  path: v.string(),
  host: v.nullable(v.object({ peerId: v.string(), epoch: v.number(), connectedSeconds: v.number() })),
  listeners: v.number(),
  bitrateKbps: v.number(),
  bytesIn: v.number(),
  bytesOut: v.number(),
  /** Age of the last frame that came from a host; null before the first. */
  lastFrameAgeMs: v.nullable(v.number()),
  silenceFrames: v.number(),
  title: v.nullable(v.string()),
  /** What the same sound is listened to as, the usual MP3 included. The counts above are all of them together. */
  variants: v.array(
    v.object({
      path: v.string(),
      listeners: v.number(),
      bytesIn: v.number(),
      bytesOut: v.number(),
      silenceFrames: v.number(),
    }),
  ),
});

/** An engine beyond this node that the default room's stream is passed on to. */
export const RelayStatus = v.object({
  relay: v.picklist(['icecast', 'snapcast']),
  /** Host, port and mount; never credentials. */
  to: v.string(),
  state: v.picklist(['connecting', 'up', 'lost']),
  seconds: v.number(),
  /** Of the last loss, in words. */
  why: v.nullable(v.string()),
});

export const StatusReport = v.object({
  uptimeSeconds: v.number(),
  streams: v.array(StreamStatus),
  relays: v.array(RelayStatus),
  /** Messages that did not parse, by path and reason. */
  rejected: v.record(v.string(), v.number()),
});
export type StreamStatus = v.InferOutput<typeof StreamStatus>;
export type RelayStatus = v.InferOutput<typeof RelayStatus>;
export type StatusReport = v.InferOutput<typeof StatusReport>;
