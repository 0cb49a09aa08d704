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
});

export const StatusReport = v.object({
  uptimeSeconds: v.number(),
  streams: v.array(StreamStatus),
  /** Messages that did not parse, by path and reason. */
  rejected: v.record(v.string(), v.number()),
});
export type StreamStatus = v.InferOutput<typeof StreamStatus>;
export type StatusReport = v.InferOutput<typeof StatusReport>;
