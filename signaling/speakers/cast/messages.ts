/** What Cast devices say, as far as it matters here (Google Cast SDK, "Media messages"; the receiver's as Chromium speaks it). */
import * as v from 'valibot';

export const RECEIVER = 'urn:x-cast:com.google.cast.receiver';
export const MEDIA = 'urn:x-cast:com.google.cast.media';
export const MULTIZONE = 'urn:x-cast:com.google.cast.multizone';
/** The player that every device has. */
export const DEFAULT_MEDIA_RECEIVER = 'CC1AD845';

const Text = v.pipe(v.string(), v.maxLength(2_048));
const Short = v.pipe(
  v.string(),
  v.transform((text) => text.slice(0, 200)),
);

const Application = v.object({
  appId: v.nullish(Text),
  sessionId: Text,
  transportId: v.nullish(Text),
  displayName: v.nullish(Short),
  isIdleScreen: v.nullish(v.boolean()),
  namespaces: v.optional(v.pipe(v.array(v.object({ name: Text })), v.maxLength(64)), []),
});

export const ReceiverStatus = v.object({
  type: v.literal('RECEIVER_STATUS'),
  status: v.object({
    applications: v.optional(v.pipe(v.array(Application), v.maxLength(16)), []),
    volume: v.optional(
      v.object({
        controlType: v.nullish(Text),
        level: v.nullish(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
        muted: v.nullish(v.boolean()),
      }),
    ),
  }),
});

const Media = v.object({
  mediaSessionId: v.number(),
  playerState: v.pipe(
    v.string(),
    v.toUpperCase(),
    v.picklist(['IDLE', 'PLAYING', 'BUFFERING', 'PAUSED', 'LOADING']),
  ),
  idleReason: v.nullish(Text),
  /** Seconds. */
  currentTime: v.nullish(v.number()),
  /** Left out while nothing of it has changed. */
  media: v.nullish(
    v.object({
      contentId: v.nullish(Text),
      contentUrl: v.nullish(Text),
      contentType: v.nullish(Text),
      streamType: v.nullish(Text),
      metadata: v.nullish(v.object({ title: v.nullish(Short) })),
    }),
  ),
});

export const MediaStatus = v.object({
  type: v.literal('MEDIA_STATUS'),
  status: v.pipe(v.array(Media), v.maxLength(16)),
});

/** Why it did not launch or load; `reason` is a word such as NOT_ALLOWED. */
export const CastRefusal = v.object({
  type: v.picklist([
    'LAUNCH_ERROR',
    'LOAD_FAILED',
    'LOAD_CANCELLED',
    'INVALID_REQUEST',
    'INVALID_PLAYER_STATE',
    'ERROR',
  ]),
  reason: v.nullish(Text),
});

const ZoneDevice = v.object({ deviceId: Text });

/** A group's leader tells who belongs to it. */
export const MultizoneStatus = v.object({
  type: v.literal('MULTIZONE_STATUS'),
  status: v.object({ devices: v.optional(v.pipe(v.array(ZoneDevice), v.maxLength(64)), []) }),
});
export const MultizoneChange = v.object({
  type: v.picklist(['DEVICE_ADDED', 'DEVICE_REMOVED', 'DEVICE_UPDATED']),
});

export type Application = v.InferOutput<typeof Application>;
export type ReceiverStatus = v.InferOutput<typeof ReceiverStatus>['status'];
export type Media = v.InferOutput<typeof Media>;

/** The value, or null for anything else. */
export function understand<T extends v.GenericSchema>(schema: T, data: unknown): v.InferOutput<T> | null {
  const parsed = v.safeParse(schema, data);
  return parsed.success ? parsed.output : null;
}

export const isPlayer = ({ namespaces, transportId }: Application): boolean =>
  transportId != null && namespaces.some(({ name }) => name === MEDIA);

/** For people. */
export function refusalWords(refusal: v.InferOutput<typeof CastRefusal>): string {
  switch (refusal.type) {
    case 'LAUNCH_ERROR':
      return refusal.reason === 'NOT_ALLOWED' || refusal.reason === 'USER_NOT_ALLOWED'
        ? 'It does not let guests play. Allow casting in the Google Home app.'
        : 'Its player did not start. Switch the device off and on at its plug.';
    case 'LOAD_FAILED':
      return 'It could not play the stream. It and the computer that runs Earshot must be on the same network.';
    case 'LOAD_CANCELLED':
      return 'Something else began to play on it at the same moment. Try again.';
    default:
      return 'It could not do this just now. Try again, or switch it off and on at its plug.';
  }
}
