/**
 * Home Assistant from its own side: the WebSocket API as documented (auth_required, auth_invalid, results, events, pong), its
 * registries, and one media player that fetches what it is told to play; beside it lamps and players that cannot be told.
 */
import { createServer, get, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { WebSocketServer, type WebSocket } from 'ws';
import { counterpartSettings, serveCounterpart } from '../fixtures/counterpart.ts';

export interface HomeAssistantSettings {
  address: string;
  port: number;
  token: string;
  /** Of the entity. */
  objectId: string;
  name: string;
}

const { address, port, token, objectId, name } = counterpartSettings<HomeAssistantSettings>();
const ENTITY = `media_player.${objectId}`;
const FEATURES = 4 | 8 | 512 | 4_096 | 1_048_576;

interface Command {
  id: number;
  type: string;
  event_type?: string;
  domain?: string;
  service?: string;
  service_data?: Record<string, unknown>;
  target?: { entity_id?: string };
}

const initial = {
  state: 'idle',
  volume: 0.25,
  muted: false,
  url: null as string | null,
  title: null as string | null,
};
let player = { ...initial };
let interrupted: typeof player | null = null;
let sound: IncomingMessage | null = null;
let acceptedToken = token;
let refuses = false;
let isDeaf = false;
/** What the player's integration tells of what it plays: its address, nothing, or a name of its own (Music Assistant's). */
let tells: 'address' | 'nothing' | 'name' = 'address';
let area = 'Kitchen corner';
const subscriptions = new Map<WebSocket, Map<number, string>>();
const announcements: string[] = [];
let logins = 0;
let unsubscribed = 0;

function contentId(url: string): { media_content_id?: string } {
  if (tells === 'nothing') return {};
  return { media_content_id: tells === 'address' ? url : `library://radio/${url.length}` };
}

const playerState = (): unknown => ({
  entity_id: ENTITY,
  state: player.state,
  last_changed: new Date().toISOString(),
  attributes: {
    friendly_name: name,
    supported_features: FEATURES,
    ...(player.state === 'unavailable' ? {} : { volume_level: player.volume, is_volume_muted: player.muted }),
    ...(player.url === null ? {} : { ...contentId(player.url), media_content_type: 'music' }),
    ...(player.title === null ? {} : { media_title: player.title }),
  },
});

const states = (): unknown[] => [
  { entity_id: 'light.hall', state: 'on', attributes: { friendly_name: 'Hall' } },
  playerState(),
  {
    entity_id: 'media_player.old_radio',
    state: 'on',
    attributes: { friendly_name: 'Old radio', supported_features: 1 },
  },
];

function emit(event: { event_type: string; data: unknown }): void {
  for (const [socket, wanted] of subscriptions)
    for (const [id, type] of wanted)
      if (type === event.event_type) socket.send(JSON.stringify({ id, type: 'event', event }));
}

function change(changes: Partial<typeof player>): void {
  player = { ...player, ...changes };
  emit({
    event_type: 'state_changed',
    data: { entity_id: ENTITY, old_state: null, new_state: playerState() },
  });
}

function silence(): void {
  sound?.destroy();
  sound = null;
}

function play(url: string, title: string | null): void {
  silence();
  change({ state: 'buffering', url, title });
  get(url, (response) => {
    if (player.url !== url) return void response.destroy();
    sound = response;
    response.once('data', () => player.url === url && change({ state: 'playing' }));
    response.on('error', () => {});
  }).on('error', () => change({ state: 'idle', url: null, title: null }));
}

function service({ service: called, service_data: data = {}, target }: Command): string | null {
  if (target?.entity_id !== ENTITY) return 'Entity not found';
  if (called === 'volume_set') change({ volume: Number(data['volume_level']) });
  else if (called === 'volume_mute') change({ muted: data['is_volume_muted'] === true });
  else if (called === 'media_stop') {
    silence();
    change({ state: 'idle', url: null, title: null });
  } else if (called === 'play_media') {
    if (refuses) return 'Failed to play: device is busy.';
    const url = String(data['media_content_id']);
    if (data['announce'] === true) {
      interrupted = player;
      announcements.push(url);
    }
    play(url, (data['extra'] as { title?: string } | undefined)?.title ?? null);
  } else return `Service media_player.${called} not found.`;
  return null;
}

const LISTS: Readonly<Record<string, () => unknown>> = {
  get_states: states,
  'config/area_registry/list': () => [{ area_id: 'a1', name: area, floor_id: null }],
  'config/device_registry/list': () => [{ id: 'd1', area_id: 'a1', model: 'Beam', manufacturer: 'Sound' }],
  'config/entity_registry/list': () => [
    { entity_id: ENTITY, device_id: 'd1', area_id: null, platform: 'test' },
  ],
};

function answer(socket: WebSocket, command: Command): void {
  const reply = (message: unknown): void => socket.send(JSON.stringify(message));
  const result = (value: unknown): void =>
    reply({ id: command.id, type: 'result', success: true, result: value });
  const { id, type } = command;
  if (type === 'ping') return reply({ id, type: 'pong' });
  if (type === 'supported_features') return result(null);
  if (type === 'subscribe_events') {
    subscriptions.get(socket)?.set(id, command.event_type ?? '*');
    return result(null);
  }
  if (type === 'call_service') {
    const message = service(command);
    if (message === null) return result({ context: { id: 'c' }, response: null });
    return reply({ id, type: 'result', success: false, error: { code: 'home_assistant_error', message } });
  }
  if (type === 'unsubscribe_events') {
    unsubscribed++;
    return result(null);
  }
  const list = LISTS[type];
  if (list === undefined)
    return reply({
      id,
      type: 'result',
      success: false,
      error: { code: 'unknown_command', message: 'Unknown command.' },
    });
  result(list());
  // A house is never quiet: something changes before the next question is asked.
  if (type === 'get_states') change({});
}

const http = createServer((_, response) => response.writeHead(404).end());
const server = new WebSocketServer({ server: http, path: '/api/websocket' });
server.on('connection', (socket) => {
  let isIn = false;
  socket.on('error', () => {});
  socket.on('close', () => subscriptions.delete(socket));
  socket.on('message', (bytes: Buffer) => {
    if (isDeaf) return;
    const message = JSON.parse(bytes.toString()) as Command & { access_token?: string };
    if (isIn) return answer(socket, message);
    logins++;
    if (message.type !== 'auth' || message.access_token !== acceptedToken) {
      socket.send(JSON.stringify({ type: 'auth_invalid', message: 'Invalid access token or password' }));
      return socket.close();
    }
    isIn = true;
    subscriptions.set(socket, new Map());
    socket.send(JSON.stringify({ type: 'auth_ok', ha_version: '2026.11.0' }));
  });
  socket.send(JSON.stringify({ type: 'auth_required', ha_version: '2026.11.0' }));
});
http.listen(port, address);
const ready = once(http, 'listening');

serveCounterpart({
  ready: async () => void (await ready),
  reset() {
    silence();
    refuses = false;
    isDeaf = false;
    tells = 'address';
    acceptedToken = token;
    player = { ...initial };
    announcements.length = 0;
  },
  heard: () => (player.state === 'playing' ? player.url : null),
  volume: () => player.volume,
  muted: () => player.muted,
  title: () => player.title,
  announcements: () => announcements,
  logins: () => logins,
  unsubscribed: () => unsubscribed,
  pressStop() {
    silence();
    change({ state: 'idle', url: null, title: null });
  },
  /** From now on. */
  tell: (what: typeof tells) => void (tells = what),
  /** Somebody chooses this in Home Assistant itself. */
  give: (url: string) => play(url, null),
  turnKnob: (volume: number) => change({ volume }),
  refuse: () => void (refuses = true),
  vanish() {
    silence();
    change({ state: 'unavailable', url: null, title: null });
  },
  comeBack: () => change({ ...initial }),
  endAnnouncement() {
    if (interrupted?.url != null) play(interrupted.url, interrupted.title);
  },
  moveTo(to: string) {
    area = to;
    emit({ event_type: 'area_registry_updated', data: { action: 'update', area_id: 'a1' } });
  },
  acceptToken: (other: string) => void (acceptedToken = other),
  deafen: () => void (isDeaf = true),
  hangUp() {
    for (const socket of server.clients) socket.terminate();
  },
  babble() {
    for (const [socket, wanted] of subscriptions) {
      const [id = 0] = wanted.keys();
      socket.send('{"type":');
      socket.send('null');
      socket.send(Buffer.from([0, 1, 2]));
      for (const event of [
        null,
        7,
        {},
        { event_type: 'state_changed' },
        { event_type: 'state_changed', data: { entity_id: 'media_player.x', new_state: { state: 7 } } },
      ])
        socket.send(JSON.stringify({ id, type: 'event', event }));
      for (let unknown = 90_000; unknown < 91_000; unknown++)
        socket.send(JSON.stringify({ id: unknown, type: 'event', event: {} }));
      socket.send(JSON.stringify({ id: 90_000, type: 'pong' }));
      socket.send(
        JSON.stringify({ id: 90_000, type: 'result', success: false, error: { code: 'x', message: 'y' } }),
      );
    }
  },
});
