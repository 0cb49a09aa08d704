/**
 * Sonos. Each room is a speaker; a group plays as one, so what a room of it is told to play or to stop its leader is told.
 * On our own UPnP: @svrooij/sonos 2.5.0 hears events at one fixed port, where anybody of the LAN ends the node with the header
 * `SID: constructor`, as does another program that has that port; and it brings an XML reader that is given up.
 */
import { MAX_SPEAKERS } from '../../protocol/speakers.ts';
import { createEvents } from '../dlna/events.ts';
import { createSsdp, type Sighting } from '../dlna/ssdp.ts';
import { lanHost } from '../lan-request.ts';
import type { Announcement, DriverOptions, DriverSpeaker, SpeakerDriver } from '../port.ts';
import { createRoster, type Member } from '../roster.ts';
import { upnpKey } from '../same.ts';
import { type Before, followed, openPlayer, plainUrl, type Player, type Seen, topologyAt } from './player.ts';
import type { Zone } from './topology.ts';

/** Events tell of new groups; where they do not arrive, this does. */
const TOPOLOGY_MS = 15_000;
const SIGHTED_AGAIN_MS = 5_000;
const ANNOUNCED_LOOK_MS = 500;
/** An announcement that does not end in time is ended. */
const LATE_MS = 10_000;

const isLoopback = (host: string): boolean => host.startsWith('127.') || host === '::1';
/** Every model's description lies here: nothing else is fetched because somebody says so. */
const DESCRIPTION = '/xml/device_description.xml';

/** While it announces: what it plays otherwise, and goes on showing. */
interface Announces {
  before: Before;
  seen: Seen;
}
type Room = Member<Zone, Player>;

export function createSonosDriver(options: DriverOptions): SpeakerDriver {
  const { onChange, now, counters } = options;
  const announcing = new Map<Player, Announces>();
  const sighted = new Map<string, number>();
  const events = createEvents(options);
  const waits = new Map<NodeJS.Timeout, () => void>();
  let topologyAtMs = 0;
  let closed = false;

  const roster = createRoster<Zone, Player>({
    ...options,
    kind: 'sonos',
    async open({ uuid, location }, onLost) {
      const player = await openPlayer({
        ...{ uuid, location, events, now },
        ...{ onChange: changed, onTopology: askTopology, onLost },
      });
      // It may have come back into another group.
      topologyAtMs = -Infinity;
      return player;
    },
    shut(player, leave) {
      announcing.delete(player);
      player.close(leave);
    },
    hostOf: ({ location }) => lanHost(location) ?? '',
    about: ({ model }, { uuid, name }) => ({ id: `sonos:${uuid}`, name, model }),
    onChange: changed,
    onTick: () => now() - topologyAtMs > TOPOLOGY_MS && askTopology(),
  });

  /** A player was heard of: it knows all the others. */
  function sight({ udn, location }: Sighting): void {
    const host = lanHost(location);
    if (closed || host === null || !/^uuid:RINCON_/.test(udn)) return;
    if (roster.all().some(({ device }) => device?.host === host)) return;
    for (const [other, untilMs] of sighted) if (untilMs < now()) sighted.delete(other);
    if (sighted.has(location) || sighted.size >= MAX_SPEAKERS) return;
    sighted.set(location, now() + SIGHTED_AGAIN_MS);
    topologyAt(location).then(
      (zones) => learn(zones, host),
      () => counters.count('sonos', 'no-topology'),
    );
  }

  /** What one player says of all: not believed of this machine itself, nor of anything but players. */
  function learn(zones: readonly Zone[], from: string): void {
    if (closed) return;
    topologyAtMs = now();
    for (const zone of zones) {
      const host = lanHost(zone.location);
      const isFit = host !== null && new URL(zone.location).pathname === DESCRIPTION;
      if (!isFit || (isLoopback(host) && !isLoopback(from))) {
        counters.count('sonos', 'other-location');
        continue;
      }
      const member = roster.get(zone.uuid);
      if (member?.device == null) roster.meet(zone.uuid, zone);
      else {
        if (member.device.location !== zone.location) member.device.doubt();
        member.found = zone;
      }
    }
    changed();
  }

  function askTopology(): void {
    topologyAtMs = now();
    const reporter = roster.there()[0]?.device;
    reporter?.topology().then(
      (zones) => learn(zones, reporter.host),
      () => counters.count('sonos', 'no-topology'),
    );
  }

  /** Who plays for it; itself, also while its leader is not there. */
  function leaderOf(room: Room): Room {
    const uuid = followed(room.device?.seen.url ?? null) ?? room.found.coordinator;
    const leader = roster.get(uuid);
    return leader?.device == null ? room : leader;
  }

  function describe(room: Room, player: Player): DriverSpeaker {
    const { found: zone } = room;
    const leader = leaderOf(room).device ?? player;
    const others = roster
      .there()
      .filter((other) => other.device !== player && (leaderOf(other).device ?? other.device) === leader)
      .map(({ found }) => found.name);
    const { state, url, title } = announcing.get(leader)?.seen ?? leader.seen;
    const isSilent = state === 'idle' || followed(url) !== null;
    return {
      id: `sonos:${zone.uuid}`,
      name: zone.name,
      model: player.model,
      area: null,
      group: others.length === 0 ? null : others.join(', ').slice(0, 200),
      ensemble: others.length === 0 ? null : { id: `sonos:${leaderOf(room).found.uuid}`, isOne: true },
      can: {
        volume: player.seen.volume !== null,
        mute: player.seen.muted !== null,
        delay: false,
        announce: true,
      },
      state: isSilent ? 'idle' : state,
      url: isSilent ? null : url,
      title: isSilent ? null : title,
      volume: player.seen.volume,
      muted: player.seen.muted,
      delayMs: null,
      error: null,
      address: leader.host,
      marks: {
        host: player.host,
        keys: [`sonos:${zone.uuid}`, upnpKey(zone.uuid), upnpKey(`${zone.uuid}_MR`)],
      },
    };
  }

  let speakers: readonly DriverSpeaker[] = [];
  function changed(): void {
    const next = roster.there().map((room) => describe(room, room.device));
    if (closed || JSON.stringify(next) === JSON.stringify(speakers)) return;
    speakers = next;
    onChange();
  }

  /** The one that has to be told. One that follows a leader who is away is taken out of that group. */
  async function leading(room: Room, player: Player): Promise<Player> {
    const leader = leaderOf(room).device ?? player;
    if (leader === player && followed(player.seen.url) !== null) await player.alone();
    return leader;
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => waits.delete(timer) && resolve(), ms);
      waits.set(timer, resolve);
    });
  }

  /** Until it has ended, or somebody has given it something else; then what played before. */
  async function returnAfter(player: Player, url: string, durationMs: number): Promise<void> {
    const endsAtMs = now() + durationMs + LATE_MS;
    const mine = announcing.get(player);
    try {
      for (;;) {
        await pause(ANNOUNCED_LOOK_MS);
        if (closed || announcing.get(player) !== mine) return;
        const { state, uri } = await player.transport();
        // Somebody's hand, or a room that was switched on: there is nothing to go back to.
        if (plainUrl(uri) !== url) return;
        if (state !== 'PLAYING' && state !== 'TRANSITIONING') break;
        if (now() > endsAtMs) break;
      }
      if (mine !== undefined) await player.giveBack(mine.before);
      // What is shown from now on is what it plays, not the announcement's end.
      await player.lookAgain();
    } catch {
      counters.count('sonos', 'not-given-back');
    } finally {
      if (announcing.get(player) === mine) {
        announcing.delete(player);
        changed();
      }
      player.look();
    }
  }

  async function announce(player: Player, announcement: Announcement): Promise<void> {
    const url = announcement.url(player.localAddress);
    // One announcement after another: both return to the music.
    const before = announcing.get(player);
    announcing.set(
      player,
      before === undefined ? { before: await player.before(), seen: player.seen } : { ...before },
    );
    try {
      await player.playOnce(url);
    } catch (error) {
      announcing.delete(player);
      throw error;
    }
    void returnAfter(player, url, announcement.durationMs);
  }

  const ssdp = createSsdp({ ...options, onSeen: sight, onBye: () => {} });

  return {
    kind: 'sonos',
    speakers: () => speakers,
    play: (id, order) =>
      roster.reach(id, async (own, room) => {
        const player = await leading(room, own);
        announcing.delete(player);
        await player.play(order.url(player.localAddress), order.title);
      }),
    stop: (id) =>
      roster.reach(id, async (own, room) => {
        const player = await leading(room, own);
        announcing.delete(player);
        await player.stop();
      }),
    setVolume: (id, volume) => roster.reach(id, (player) => player.setVolume(volume)),
    setMuted: (id, muted) => roster.reach(id, (player) => player.setMuted(muted)),
    announce: (id, announcement) =>
      roster.reach(id, async (own, room) => announce(await leading(room, own), announcement)),
    async close() {
      if (closed) return;
      closed = true;
      for (const [timer, resolve] of waits) {
        clearTimeout(timer);
        resolve();
      }
      waits.clear();
      ssdp.close();
      roster.close();
      await events.close();
    },
  };
}
