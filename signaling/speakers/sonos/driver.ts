/**
 * Sonos. Each room is a speaker; a group plays as one, so what a room of it is told to play or to stop its leader is told.
 * On our own UPnP: @svrooij/sonos 2.5.0 hears events at one fixed port, where anybody of the LAN ends the node with the header
 * `SID: constructor`, as does another program that has that port; and it brings an XML reader that is given up.
 */
import { MAX_SPEAKERS } from '../../protocol/speakers.ts';
import { createEvents } from '../dlna/events.ts';
import { createSsdp, type Sighting } from '../dlna/ssdp.ts';
import { lanHost } from '../lan-request.ts';
import { type DriverOptions, type DriverSpeaker, SpeakerError, type SpeakerDriver } from '../port.ts';
import { OUT_OF_REACH, SHUTTING_DOWN, withinDeed } from '../within.ts';
import { type Before, followed, openPlayer, plainUrl, type Player, type Seen, topologyAt } from './player.ts';
import type { Zone } from './topology.ts';

const TICK_MS = 1_000;
const AGAIN_MS = 3_000;
const AGAIN_LATER_MS = 60_000;
const LATER_MS = 600_000;
const FORGET_MS = 86_400_000;
const MAX_OPENING = 4;
/** Events tell of new groups; where they do not arrive, this does. */
const TOPOLOGY_MS = 15_000;
const SIGHTED_AGAIN_MS = 5_000;
const ANNOUNCED_LOOK_MS = 500;
/** An announcement that does not end is ended. */
const MOST_ANNOUNCED_MS = 120_000;

interface Known {
  zone: Zone;
  player: Player | null;
  isOpening: boolean;
  missedAtMs: number;
  nextTryMs: number;
  /** While it announces: what it plays otherwise, and goes on showing. */
  announces: { before: Before; seen: Seen } | null;
}

export function createSonosDriver(options: DriverOptions): SpeakerDriver {
  const { onChange, now, counters, log } = options;
  const known = new Map<string, Known>();
  const sighted = new Map<string, number>();
  const events = createEvents(counters);
  const waits = new Map<NodeJS.Timeout, () => void>();
  let opening = 0;
  let topologyAtMs = 0;
  let closed = false;

  /** A player was heard of: it knows all the others. */
  function sight({ udn, location }: Sighting): void {
    const host = lanHost(location);
    if (closed || host === null || !/^uuid:RINCON_/.test(udn)) return;
    if ([...known.values()].some(({ player }) => player?.host === host)) return;
    for (const [other, untilMs] of sighted) if (untilMs < now()) sighted.delete(other);
    if (sighted.has(location) || sighted.size >= MAX_SPEAKERS) return;
    sighted.set(location, now() + SIGHTED_AGAIN_MS);
    topologyAt(location).then(learn, () => counters.count('sonos', 'no-topology'));
  }

  function learn(zones: readonly Zone[]): void {
    if (closed) return;
    topologyAtMs = now();
    for (const zone of zones) {
      if (lanHost(zone.location) === null) continue;
      const entry = known.get(zone.uuid);
      if (entry !== undefined) {
        if (entry.player === null && entry.zone.location !== zone.location) entry.nextTryMs = now();
        entry.zone = zone;
      } else if (known.size >= MAX_SPEAKERS) counters.count('sonos', 'too-many');
      else {
        const fresh = {
          player: null,
          isOpening: false,
          missedAtMs: now(),
          nextTryMs: now(),
          announces: null,
        };
        known.set(zone.uuid, { zone, ...fresh });
      }
    }
    changed();
    tick();
  }

  function askTopology(): void {
    topologyAtMs = now();
    const reporter = [...known.values()].find(({ player }) => player !== null)?.player;
    reporter?.topology().then(learn, () => counters.count('sonos', 'no-topology'));
  }

  function tick(): void {
    if (closed) return;
    if (now() - topologyAtMs > TOPOLOGY_MS) askTopology();
    for (const entry of known.values()) {
      if (entry.player !== null || entry.isOpening) continue;
      if (now() - entry.missedAtMs > FORGET_MS) known.delete(entry.zone.uuid);
      else if (now() >= entry.nextTryMs && opening < MAX_OPENING) void open(entry);
    }
  }

  async function open(entry: Known): Promise<void> {
    entry.isOpening = true;
    opening++;
    try {
      const player = await openPlayer({
        location: entry.zone.location,
        events,
        now,
        onChange: changed,
        onTopology: askTopology,
        onLost: () => lost(entry),
      });
      if (closed) return player.close(true);
      entry.player = player;
      log.info({ event: 'speaker-found', kind: 'sonos', name: entry.zone.name, model: player.model });
      changed();
      // It may have come back into another group.
      askTopology();
    } catch {
      entry.nextTryMs = now() + (now() - entry.missedAtMs < LATER_MS ? AGAIN_MS : AGAIN_LATER_MS);
    } finally {
      entry.isOpening = false;
      opening--;
    }
  }

  function lost(entry: Known): void {
    if (closed) return;
    log.info({ event: 'speaker-lost', kind: 'sonos', name: entry.zone.name });
    Object.assign(entry, { player: null, announces: null, missedAtMs: now(), nextTryMs: now() + TICK_MS });
    changed();
  }

  /** Who plays for it; itself, also while its leader is not there. */
  function leaderOf(entry: Known): Known {
    const uuid = followed(entry.player?.seen.url ?? null) ?? entry.zone.coordinator;
    const leader = known.get(uuid);
    return leader === undefined || leader.player === null ? entry : leader;
  }

  function describe(entry: Known, player: Player): DriverSpeaker {
    const { zone } = entry;
    const leader = leaderOf(entry);
    const others = [...known.values()].filter(
      (other) => other !== entry && other.player !== null && leaderOf(other) === leader,
    );
    const { state, url, title } = leader.announces?.seen ?? leader.player?.seen ?? player.seen;
    const isSilent = state === 'idle' || followed(url) !== null;
    return {
      id: `sonos:${zone.uuid}`,
      name: zone.name,
      model: player.model,
      area: null,
      group:
        others.length === 0
          ? null
          : others
              .map((other) => other.zone.name)
              .join(', ')
              .slice(0, 200),
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
      address: (leader.player ?? player).host,
    };
  }

  let speakers: readonly DriverSpeaker[] = [];
  function changed(): void {
    const next = [...known.values()].flatMap((entry) =>
      entry.player === null ? [] : [describe(entry, entry.player)],
    );
    if (closed || JSON.stringify(next) === JSON.stringify(speakers)) return;
    speakers = next;
    onChange();
  }

  function reach(id: string, deed: (entry: Known, player: Player) => Promise<void>): Promise<void> {
    return withinDeed(async () => {
      if (closed) throw new SpeakerError(SHUTTING_DOWN);
      const entry = [...known.values()].find(({ zone }) => `sonos:${zone.uuid}` === id);
      if (entry?.player == null) throw new SpeakerError(OUT_OF_REACH);
      await deed(entry, entry.player);
    });
  }

  /** The one that has to be told. One that follows a leader who is away is taken out of that group. */
  async function leading(entry: Known, player: Player): Promise<{ leader: Known; player: Player }> {
    const leader = leaderOf(entry);
    if (leader === entry && followed(player.seen.url) !== null) await player.alone();
    return { leader, player: leader.player ?? player };
  }

  function pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => waits.delete(timer) && resolve(), ms);
      waits.set(timer, resolve);
    });
  }

  /** Until it has ended, or somebody has given it something else; then what played before. */
  async function returnAfter(leader: Known, player: Player, url: string): Promise<void> {
    const endsAtMs = now() + MOST_ANNOUNCED_MS;
    const mine = leader.announces;
    try {
      for (;;) {
        await pause(ANNOUNCED_LOOK_MS);
        if (closed || leader.announces !== mine || leader.player !== player) return;
        const { state, uri } = await player.transport();
        // Somebody's hand, or a room that was switched on: there is nothing to go back to.
        if (plainUrl(uri) !== url) return;
        if (state !== 'PLAYING' && state !== 'TRANSITIONING') break;
        if (now() > endsAtMs) break;
      }
      if (mine !== null) await player.giveBack(mine.before);
    } catch {
      counters.count('sonos', 'not-given-back');
    } finally {
      if (leader.announces === mine) leader.announces = null;
      player.look();
    }
  }

  const ssdp = createSsdp({ ...options, onSeen: sight, onBye: () => {} });
  const ticking = setInterval(tick, TICK_MS);

  return {
    kind: 'sonos',
    speakers: () => speakers,
    play: (id, order) =>
      reach(id, async (entry, own) => {
        const { leader, player } = await leading(entry, own);
        leader.announces = null;
        await player.play(order.url(player.localAddress), order.title);
      }),
    stop: (id) =>
      reach(id, async (entry, own) => {
        const { leader, player } = await leading(entry, own);
        leader.announces = null;
        await player.stop();
      }),
    setVolume: (id, volume) => reach(id, (_, player) => player.setVolume(volume)),
    setMuted: (id, muted) => reach(id, (_, player) => player.setMuted(muted)),
    announce: (id, url) =>
      reach(id, async (entry, own) => {
        const { leader, player } = await leading(entry, own);
        // One announcement after another: both return to the music.
        leader.announces =
          leader.announces === null
            ? { before: await player.before(), seen: player.seen }
            : { ...leader.announces };
        try {
          await player.playOnce(url);
        } catch (error) {
          leader.announces = null;
          throw error;
        }
        void returnAfter(leader, player, url);
      }),
    async close() {
      if (closed) return;
      closed = true;
      clearInterval(ticking);
      for (const [timer, resolve] of waits) {
        clearTimeout(timer);
        resolve();
      }
      waits.clear();
      ssdp.close();
      for (const { player } of known.values()) player?.close(true);
      await events.close();
    },
  };
}
