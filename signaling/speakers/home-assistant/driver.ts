/** Home Assistant: every media player that can be told an address is a speaker, with the area that it stands in. */
import { createHash } from 'node:crypto';
import { MAX_SPEAKERS } from '../../protocol/speakers.ts';
import type { Credentials } from '../../protocol/credentials.ts';
import type { Settings } from '../credentials.ts';
import { type DriverOptions, type DriverSpeaker, SpeakerError, type SpeakerDriver } from '../port.ts';
import { OUT_OF_REACH, SHUTTING_DOWN, withinDeed } from '../within.ts';
import type { HomeAssistant, openHomeAssistant as Open } from './connection.ts';
import {
  type EntityState,
  EntityState as EntityStateSchema,
  FEATURE,
  listOf,
  type Place,
  placesOf,
  speakerOf,
  StateChanged,
} from './messages.ts';
import * as v from 'valibot';

const MAX_PLAYERS = 4 * MAX_SPEAKERS;
const AGAIN_MS = [1_000, 2_000, 4_000];
/** It bans who tries a wrong token again and again. */
const REFUSED_AGAIN_MS = 600_000;
const REGISTRY_CALM_MS = 500;
const TROUBLE = {
  refused: 'Home Assistant refused the token. Make a new long-lived token in your profile there.',
  away: 'Home Assistant does not answer at this address.',
  broken: 'This part of Earshot could not be loaded. Run npm install again.',
};

/** For ever the same for an entity: its name there, or where that is long, what it hashes to. */
export function speakerIdOf(entityId: string): string {
  const name = entityId.slice('media_player.'.length);
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 16);
  return `home-assistant:${name.length <= 47 ? name : `${name.slice(0, 30)}-${hash}`}`;
}

export function createHomeAssistantDriver(
  options: DriverOptions,
  settings: Settings<Credentials['home-assistant']>,
  /** The library with it; where that is broken, this driver alone is. */
  load: () => Promise<{ openHomeAssistant: typeof Open }> = () => import('./connection.ts'),
): SpeakerDriver {
  const { onChange, counters, log } = options;
  const players = new Map<string, EntityState>();
  /** Null until they are read: before that nothing is shown, as it is not known yet what each one is. */
  let places: ReadonlyMap<string, Place> | null = null;
  let link: HomeAssistant | null = null;
  /** Grows when the settings change: what an older attempt brings is dropped. */
  let attempt = 0;
  let failures = 0;
  let timer: NodeJS.Timeout | null = null;
  let calm: NodeJS.Timeout | null = null;
  let speakers: readonly DriverSpeaker[] = [];
  let closed = false;

  function nameOf(entityId: string): string {
    return players.get(entityId)?.attributes.friendly_name ?? entityId.replace('media_player.', '');
  }

  function changed(): void {
    const known = places;
    const next = (known === null ? [] : [...players.values()])
      .flatMap(
        (state) => speakerOf(state, speakerIdOf(state.entity_id), known?.get(state.entity_id), nameOf) ?? [],
      )
      .slice(0, MAX_SPEAKERS);
    if (closed || JSON.stringify(next) === JSON.stringify(speakers)) return;
    speakers = next;
    onChange();
  }

  function leave(): void {
    link?.close();
    link = null;
    players.clear();
    places = null;
    changed();
  }

  function again(ms: number): void {
    if (timer !== null) clearTimeout(timer);
    if (!closed) timer = setTimeout(() => void open(), ms);
  }

  function restart(): void {
    attempt++;
    failures = 0;
    leave();
    again(0);
  }

  function hear(event: unknown): void {
    const parsed = v.safeParse(StateChanged, event);
    // Most events are of lamps and doors.
    if (!parsed.success) return;
    const { entity_id, new_state } = parsed.output.data;
    if (new_state === null) players.delete(entity_id);
    else if (!players.has(entity_id) && players.size >= MAX_PLAYERS)
      counters.count('home-assistant', 'too-many');
    else players.set(entity_id, new_state);
    changed();
  }

  async function readPlaces(from: HomeAssistant): Promise<void> {
    const list = (what: string): Promise<unknown> =>
      // Somebody's token may not be allowed to: then there are no areas.
      from.command({ type: `config/${what}_registry/list` }).catch(() => []);
    const [areas, devices, entities] = await Promise.all([list('area'), list('device'), list('entity')]);
    if (link !== from) return;
    places = placesOf(areas, devices, entities);
    changed();
  }

  async function open(): Promise<void> {
    const credentials = settings.read();
    const mine = attempt;
    if (closed || credentials === null) return;
    let opened: HomeAssistant | null = null;
    const isMine = (): boolean => !closed && mine === attempt;
    try {
      const { openHomeAssistant } = await load().catch((error: unknown) => {
        log.error({ event: 'driver-broken', kind: 'home-assistant', reason: String(error) });
        throw new SpeakerError(TROUBLE.broken);
      });
      opened = await openHomeAssistant(credentials, () => {
        if (!isMine()) return;
        log.info({ event: 'home-assistant', state: 'lost' });
        leave();
        again(AGAIN_MS[0]!);
      });
      if (!isMine()) return opened.close();
      link = opened;
      settings.report(null);
      await begin(opened);
      failures = 0;
      log.info({ event: 'home-assistant', state: 'connected', players: players.size });
    } catch (error) {
      opened?.close();
      if (!isMine()) return;
      leave();
      const isRefused = error instanceof Error && error.name === 'TokenRefused';
      settings.report(
        error instanceof SpeakerError ? error.message : isRefused ? TROUBLE.refused : TROUBLE.away,
      );
      counters.count('home-assistant', isRefused ? 'refused' : 'unreachable');
      const isFinal = isRefused || error instanceof SpeakerError;
      again(isFinal ? REFUSED_AGAIN_MS : AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]!);
    }
  }

  async function begin(from: HomeAssistant): Promise<void> {
    // Before the states are asked for: nothing that changes in between is missed.
    await from.onEvent('state_changed', (event) => link === from && hear(event));
    const states = listOf(EntityStateSchema, await from.command({ type: 'get_states' }), MAX_PLAYERS);
    if (link !== from) return;
    for (const state of states) players.set(state.entity_id, state);
    await readPlaces(from);
    for (const what of ['area', 'device', 'entity']) {
      await from.onEvent(`${what}_registry_updated`, () => {
        if (calm !== null) clearTimeout(calm);
        calm = setTimeout(() => link === from && void readPlaces(from), REGISTRY_CALM_MS);
      });
    }
  }

  /** Calls one of the media player's services. */
  function call(
    id: string,
    service: (
      state: EntityState,
      from: HomeAssistant,
    ) => { name: string; data?: Record<string, unknown> } | null,
  ): Promise<void> {
    return withinDeed(async () => {
      if (closed) throw new SpeakerError(SHUTTING_DOWN);
      const state = [...players.values()].find(({ entity_id }) => speakerIdOf(entity_id) === id);
      if (link === null || state === undefined || !speakers.some((speaker) => speaker.id === id))
        throw new SpeakerError(OUT_OF_REACH);
      const called = service(state, link);
      if (called === null) return;
      try {
        await link.command({
          type: 'call_service',
          domain: 'media_player',
          service: called.name,
          service_data: called.data ?? {},
          target: { entity_id: state.entity_id },
        });
      } catch (error) {
        if (!(error instanceof Error) || error.name !== 'CommandRefused') throw error;
        const said = error.message.trim().slice(0, 150).replace(/\.$/, '');
        throw new SpeakerError(`Home Assistant refused: ${said}.`, { cause: error });
      }
    });
  }

  const has = ({ attributes }: EntityState, feature: number): boolean =>
    (attributes.supported_features & feature) !== 0;
  const media = (
    url: string,
    more: Record<string, unknown>,
  ): { name: string; data: Record<string, unknown> } => ({
    name: 'play_media',
    data: { media_content_id: url, media_content_type: 'music', ...more },
  });

  const stopListening = settings.onChange(restart);
  again(0);

  return {
    kind: 'home-assistant',
    // `media_content_id` is what the player's integration makes of it: Music Assistant's has `library://…`.
    rewords: true,
    speakers: () => speakers,
    play: (id, order) =>
      call(id, (_, from) => media(order.url(from.localAddress), { extra: { title: order.title } })),
    stop: (id) =>
      call(id, (state) => {
        if (!['playing', 'paused', 'buffering'].includes(state.state)) return null;
        if (has(state, FEATURE.stop)) return { name: 'media_stop' };
        if (has(state, FEATURE.pause)) return { name: 'media_pause' };
        if (has(state, FEATURE.turnOff)) return { name: 'turn_off' };
        throw new SpeakerError('Home Assistant cannot stop it. Stop it at the device.');
      }),
    setVolume: (id, volume) => call(id, () => ({ name: 'volume_set', data: { volume_level: volume } })),
    setMuted: (id, muted) => call(id, () => ({ name: 'volume_mute', data: { is_volume_muted: muted } })),
    announce: (id, { url }) => call(id, (_, from) => media(url(from.localAddress), { announce: true })),
    async close() {
      if (closed) return;
      closed = true;
      stopListening();
      if (timer !== null) clearTimeout(timer);
      if (calm !== null) clearTimeout(calm);
      link?.close();
      link = null;
    },
  };
}
