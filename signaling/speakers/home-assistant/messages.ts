/** What Home Assistant says (developers.home-assistant.io, "WebSocket API", "Media player entity"), as far as it matters here. Pure. */
import * as v from 'valibot';
import type { DriverSpeaker } from '../port.ts';
import { upnpKey } from '../same.ts';
import { nameOr } from '../within.ts';

/** `MediaPlayerEntityFeature`. */
export const FEATURE = {
  pause: 1,
  volume: 4,
  mute: 8,
  turnOff: 256,
  playMedia: 512,
  stop: 4_096,
  announce: 1_048_576,
} as const;

const Words = v.nullish(
  v.pipe(
    v.unknown(),
    v.transform((value) => (typeof value === 'string' ? value.slice(0, 200) : null)),
  ),
);
const OrNull = <T extends v.GenericSchema>(schema: T) => v.fallback(v.nullish(schema), null);

export const EntityState = v.object({
  entity_id: v.pipe(v.string(), v.maxLength(255), v.regex(/^media_player\.[\w-]+$/)),
  state: v.pipe(v.string(), v.maxLength(255)),
  attributes: v.object({
    friendly_name: Words,
    supported_features: v.fallback(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
    volume_level: OrNull(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
    is_volume_muted: OrNull(v.boolean()),
    media_content_id: OrNull(v.pipe(v.string(), v.maxLength(2_048))),
    media_title: Words,
    group_members: OrNull(v.pipe(v.array(v.pipe(v.string(), v.maxLength(255))), v.maxLength(64))),
  }),
});
export type EntityState = v.InferOutput<typeof EntityState>;

/** An event of `state_changed`; `new_state` is null when the entity was removed. */
export const StateChanged = v.object({
  event_type: v.literal('state_changed'),
  data: v.object({
    entity_id: v.pipe(v.string(), v.startsWith('media_player.')),
    new_state: v.nullable(EntityState),
  }),
});

const Id = v.pipe(v.string(), v.maxLength(255));
const OptionalId = v.fallback(v.nullish(Id), null);
export const Area = v.object({ area_id: Id, name: Id });
const Connection = v.tuple([Id, Id]);
export const Device = v.object({
  id: Id,
  area_id: OptionalId,
  model: OptionalId,
  connections: v.fallback(v.optional(v.pipe(v.array(Connection), v.maxLength(32)), []), []),
});
export const Entity = v.object({
  entity_id: Id,
  device_id: OptionalId,
  area_id: OptionalId,
  /** The integration that brings it, and what that calls it. */
  platform: OptionalId,
  unique_id: OptionalId,
  disabled_by: OptionalId,
});
type Entity = v.InferOutput<typeof Entity>;

/** What of a list makes sense, and at most so many. */
export function listOf<T extends v.GenericSchema>(
  schema: T,
  list: unknown,
  most: number,
): v.InferOutput<T>[] {
  const found: v.InferOutput<T>[] = [];
  for (const item of Array.isArray(list) ? (list as unknown[]) : []) {
    if (found.length >= most) break;
    const parsed = v.safeParse(schema, item);
    if (parsed.success) found.push(parsed.output);
  }
  return found;
}

export interface Place {
  area: string | null;
  model: string | null;
  /** See `Marks`. */
  keys: readonly string[];
}

/** By what its integration knows it (core, `sonos`, `cast`, `dlna_dmr`: what each takes for `unique_id`). */
function keysOf({ platform, unique_id }: Entity): string[] {
  const known = unique_id ?? '';
  if (platform === 'sonos' && /^RINCON_\w+$/.test(known)) return [`sonos:${known}`];
  const hex = known.toLowerCase().replaceAll('-', '');
  if (platform === 'cast' && /^[0-9a-f]{32}$/.test(hex)) return [`cast:${hex}`];
  return platform === 'dlna_dmr' && known.startsWith('uuid:') ? [upnpKey(known)] : [];
}

/** Where each media player stands: its own area, or its device's. */
export function placesOf(areas: unknown, devices: unknown, entities: unknown): ReadonlyMap<string, Place> {
  const names = new Map(listOf(Area, areas, 1_000).map(({ area_id, name }) => [area_id, name.slice(0, 200)]));
  const known = new Map(listOf(Device, devices, 20_000).map((device) => [device.id, device]));
  const players = listOf(Entity, entities, 100_000).filter(({ entity_id }) =>
    entity_id.startsWith('media_player.'),
  );
  const counts = new Map<string | null, number>();
  for (const { device_id = null, disabled_by } of players)
    if (disabled_by == null) counts.set(device_id, (counts.get(device_id) ?? 0) + 1);
  return new Map(
    players.slice(0, 1_000).map((player) => {
      const { entity_id, device_id, area_id } = player;
      const device = known.get(device_id ?? '');
      // Of a device with several players, zones for instance, it is not known which of them this is.
      const isAlone = counts.get(device_id ?? null) === 1;
      const upnp = (device?.connections ?? []).filter(([kind]) => isAlone && kind === 'upnp');
      const keys = [...new Set([...keysOf(player), ...upnp.map(([, udn]) => upnpKey(udn))])];
      const area = names.get(area_id ?? device?.area_id ?? '') ?? null;
      return [entity_id, { area, model: device?.model?.slice(0, 200) ?? null, keys }];
    }),
  );
}

const STATES: Readonly<Record<string, DriverSpeaker['state']>> = {
  playing: 'playing',
  buffering: 'buffering',
  paused: 'stopped',
};

/** Null: it is not there now, or cannot be told what to play. `nameOf`: of other entities. */
export function speakerOf(
  { entity_id, state, attributes }: EntityState,
  id: string,
  place: Place | undefined,
  nameOf: (entityId: string) => string,
): DriverSpeaker | null {
  const features = attributes.supported_features;
  const has = (feature: number): boolean => (features & feature) !== 0;
  if (!has(FEATURE.playMedia) || state === 'unavailable' || state === 'unknown') return null;
  const seen = STATES[state] ?? 'idle';
  const members = [...(attributes.group_members ?? [])].sort();
  const others = (attributes.group_members ?? []).filter((member) => member !== entity_id).map(nameOf);
  return {
    id,
    name: nameOr(attributes.friendly_name ?? '', entity_id.slice('media_player.'.length).slice(0, 80)),
    model: place?.model ?? null,
    area: place?.area ?? null,
    group: others.length === 0 ? null : others.join(', ').slice(0, 200),
    ensemble:
      others.length === 0 || members[0] === undefined ? null : { id: members[0].slice(0, 80), isOne: true },
    can: {
      volume: has(FEATURE.volume),
      mute: has(FEATURE.mute),
      delay: false,
      announce: has(FEATURE.announce),
    },
    state: seen,
    url: seen === 'idle' ? null : (attributes.media_content_id ?? null),
    title: seen === 'idle' ? null : (attributes.media_title ?? null),
    volume: attributes.volume_level ?? null,
    muted: attributes.is_volume_muted ?? null,
    delayMs: null,
    error: null,
    address: null,
    marks: { host: null, keys: place?.keys ?? [] },
  };
}
