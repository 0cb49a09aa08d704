/**
 * Snapcast: each client of the Snapserver that the node feeds (`--snapcast`) is a speaker; clients of one group play the same. The
 * sound does not go to them by an address: a group is pointed at the source that carries the room, and a client is switched off by
 * muting it. So whoever mutes it in another app switches it off here, too.
 */
import * as v from 'valibot';
import { MAX_SPEAKERS, MOST_SPEAKER_DELAY_MS } from '../../protocol/speakers.ts';
import { createReconnect } from '../../stream/reconnect.ts';
import { type DriverOptions, type DriverSpeaker, SpeakerError, type SpeakerDriver } from '../port.ts';
import { OUT_OF_REACH, SHUTTING_DOWN, withinDeed } from '../within.ts';
import { openRpc, type Rpc } from './rpc.ts';

export const CONTROL_PORT = 1705;
const LOOK_MS = 10_000;
/** A server remembers every client that it ever saw, in groups of their own; each new browser is one. */
const MAX_REMEMBERED = 2_000;
/** Notices come in flocks. */
const CALM_MS = 50;

const Client = v.object({
  id: v.string(),
  connected: v.boolean(),
  config: v.object({
    name: v.string(),
    latency: v.number(),
    volume: v.object({ muted: v.boolean(), percent: v.pipe(v.number(), v.minValue(0), v.maxValue(100)) }),
  }),
  host: v.object({ name: v.string(), ip: v.optional(v.string()) }),
});
const Group = v.object({
  id: v.string(),
  name: v.string(),
  muted: v.boolean(),
  stream_id: v.string(),
  clients: v.pipe(v.array(Client), v.maxLength(MAX_REMEMBERED)),
});
const Stream = v.object({ id: v.string(), status: v.string(), uri: v.object({ raw: v.string() }) });
const Status = v.object({
  server: v.object({
    groups: v.pipe(v.array(Group), v.maxLength(MAX_REMEMBERED)),
    streams: v.pipe(v.array(Stream), v.maxLength(MAX_SPEAKERS)),
  }),
});
type Client = v.InferOutput<typeof Client>;
type Group = v.InferOutput<typeof Group>;
type Status = v.InferOutput<typeof Status>['server'];

export interface SnapcastSettings {
  host: string;
  /** Of the TCP source that the node feeds: by it the room's stream is known among the server's. */
  sourcePort: number;
  controlPort?: number;
  /** The stream that is fed to it. */
  streamUrl: () => string;
}

export function createSnapcastDriver(options: DriverOptions, settings: SnapcastSettings): SpeakerDriver {
  const { onChange, log } = options;
  const { host, sourcePort, controlPort = CONTROL_PORT, streamUrl } = settings;
  let rpc: Rpc | null = null;
  let status: Status | null = null;
  let speakers: readonly DriverSpeaker[] = [];
  let calm: NodeJS.Timeout | null = null;
  let closed = false;

  const sourceOf = (now: Status): string | null =>
    now.streams.find(({ uri }) => new RegExp(`^tcp://[^/?]*:${sourcePort}[/?]`).test(uri.raw))?.id ?? null;

  function speakerOf(now: Status, group: Group, client: Client): DriverSpeaker {
    const { volume, latency } = client.config;
    const isOurs = group.stream_id === sourceOf(now);
    const isFlowing = now.streams.find(({ id }) => id === group.stream_id)?.status === 'playing';
    const isOff = volume.muted || group.muted;
    const others = group.clients.filter((one) => one.connected && one !== client).map(nameOf);
    return {
      id: idOf(client),
      name: nameOf(client),
      model: null,
      area: null,
      group: others.length === 0 ? null : others.join(', ').slice(0, 200),
      // A client is switched off by muting it: the others play on.
      ensemble: others.length === 0 ? null : { id: `snapcast:${group.id}`.slice(0, 80), isOne: false },
      can: { volume: true, mute: false, delay: true, announce: false },
      state: isOff ? 'stopped' : isFlowing ? 'playing' : isOurs ? 'buffering' : 'stopped',
      url: isOurs ? streamUrl() : `snapcast:${group.stream_id}`,
      title: isOurs ? null : group.stream_id.slice(0, 200),
      volume: volume.percent / 100,
      muted: null,
      // A latency makes it play earlier by that.
      delayMs: Math.min(MOST_SPEAKER_DELAY_MS, Math.max(0, -latency)),
      error: null,
      // The server fetches for all of them.
      address: null,
      marks: { host: null, keys: [] },
    };
  }

  function show(next: Status | null): void {
    status = next;
    const list =
      next === null ? [] : connected(next).map(({ group, client }) => speakerOf(next, group, client));
    if (JSON.stringify(list) === JSON.stringify(speakers)) return;
    speakers = list.slice(0, MAX_SPEAKERS);
    if (!closed) onChange();
  }

  async function look(): Promise<void> {
    if (rpc === null || closed) return;
    const asked = rpc;
    try {
      const { server } = v.parse(Status, await asked.ask('Server.GetStatus'));
      if (asked === rpc) show(server);
    } catch {
      // It answers nothing, or nothing that makes sense: connected to anew it may.
      if (asked === rpc) lose('it does not tell how it is');
    }
  }

  function soon(): void {
    calm ??= setTimeout(() => {
      calm = null;
      void look();
    }, CALM_MS);
  }

  let lose = (_why: string): void => {};
  const connection = createReconnect({
    open(events) {
      const opened = openRpc({
        host,
        port: controlPort,
        onUp() {
          events.up();
          void look();
        },
        onNotice: soon,
        onLost: (why) => lost(why),
      });
      rpc = opened;
      function lost(why: string): void {
        if (rpc !== opened) return;
        rpc = null;
        show(null);
        events.lost(why);
      }
      lose = lost;
      return opened;
    },
    onUp: () => log.info({ event: 'snapserver-control', host }),
    onLost: (why) => log.warn({ event: 'snapserver-control-lost', host, why }),
  });
  const looking = setInterval(() => void look(), LOOK_MS);

  /** Asks in the client's name, and looks what came of it: who asks is not told of it by itself. */
  async function tell(
    id: string,
    deed: (to: Rpc, group: Group, client: Client) => Promise<unknown>,
  ): Promise<void> {
    const found = status === null ? undefined : connected(status).find(({ client }) => idOf(client) === id);
    if (closed || rpc === null || found === undefined)
      throw new SpeakerError(closed ? SHUTTING_DOWN : OUT_OF_REACH);
    const to = rpc;
    await withinDeed(async () => {
      await deed(to, found.group, found.client);
      await look();
    });
  }

  const setVolume = (to: Rpc, { id, config }: Client, change: { muted?: boolean; percent?: number }) =>
    to.ask('Client.SetVolume', { id, volume: { ...config.volume, ...change } });

  return {
    kind: 'snapcast',
    speakers: () => speakers,
    play: (id, order) =>
      tell(id, async (to, group, client) => {
        const source = status === null ? null : sourceOf(status);
        if (order.url(null) !== streamUrl())
          throw new SpeakerError('Only the room that the node made itself is sent to the Snapserver.');
        if (source === null)
          throw new SpeakerError(
            `The Snapserver has no TCP source on port ${sourcePort}. Add it to its settings.`,
          );
        if (group.stream_id !== source) await to.ask('Group.SetStream', { id: group.id, stream_id: source });
        if (group.muted) await to.ask('Group.SetMute', { id: group.id, mute: false });
        await setVolume(to, client, { muted: false });
      }),
    stop: (id) => tell(id, (to, _, client) => setVolume(to, client, { muted: true })),
    setVolume: (id, volume) =>
      tell(id, (to, _, client) => setVolume(to, client, { percent: Math.round(volume * 100) })),
    setDelay: (id, delayMs) =>
      tell(id, (to, _, client) =>
        to.ask('Client.SetLatency', { id: client.id, latency: -Math.round(delayMs) }),
      ),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(looking);
      if (calm !== null) clearTimeout(calm);
      rpc = null;
      connection.close();
    },
  };
}

function connected({ groups }: Status): { group: Group; client: Client }[] {
  return groups.flatMap((group) =>
    group.clients.filter((client) => client.connected).map((client) => ({ group, client })),
  );
}

const idOf = ({ id }: Client): string => `snapcast:${id.replaceAll(/[^\w.:-]/g, '_').slice(0, 47)}`;

function nameOf({ config, host }: Client): string {
  return (config.name.trim() || host.name.trim() || 'Snapcast client').slice(0, 80);
}
