/** The composition root's part for host mode: who hosts, and that this device is ready when its turn comes. */
import type { RoomKeys } from '../signaling/protocol/secret.ts';
import { BEAT_MS } from './host/alive.ts';
import { encodeBeat, parseBeat } from './host/beat.ts';
import { watchCandidacy } from './host/candidacy.ts';
import type { ElectionResult } from './host/election.ts';
import type { EngineState } from './host/engine.ts';
import type { UplinkSettings } from './host/mp3/shared.ts';
import { createOneTab } from './host/one-tab.ts';
import { createReadiness } from './host/readiness.ts';
import { createHostRole } from './host/role.ts';
import { createSteadiness, STOOD_STILL_MS } from './host/steadiness.ts';
import { createFeedWatch, type FeedWatch } from './host/watch.ts';
import { createTicker } from './mesh/ticker.ts';
import type { Transport } from './mesh/transport.ts';
import type { Commands } from './session/commands.ts';
import type { Queries } from './session/queries.ts';
import type { Presence } from './session/schema.ts';
import type { Sound } from './sound.ts';
import type { PresencePublisher } from './state/presence.ts';

const TICK_MS = 500;
/** Until the node has said whether somebody feeds the stream already. */
const FIRST_WORD_MS = 2_000;
/** The round trip is told anew when it is different by this much: it decides little, and everybody is told. */
const TRIP_STEP_MS = 15;

export interface HostingOptions {
  selfId: string;
  keys: RoomKeys;
  uplink: Omit<UplinkSettings, 'epoch'>;
  handHeld: boolean;
  mesh: Transport;
  queries: Queries;
  commands: Commands;
  presences: () => ReadonlyMap<string, Presence>;
  presence: PresencePublisher;
  sound: Sound;
  /** Room time. */
  roomNowMs: () => number;
  /** Monotonic. */
  localNowMs: () => number;
  /** It hosts with this epoch from now on; null: no longer. */
  onHosting: (epoch: number | null) => void;
  onElection: (result: ElectionResult) => void;
  onOtherTab: (otherTab: boolean) => void;
}

export interface Hosting {
  /** In the tap that switches host mode on or off. */
  offer(on: boolean): void;
  /** Presences or links changed. */
  look(): void;
  /** How this device's own feed goes. */
  uplink(state: EngineState): void;
  /** False: refused. */
  handOver(peerId: string): boolean;
  /** This device leaves. */
  release(): void;
  /** It plays along to be ready. */
  readonly isFollowing: boolean;
  close(): void;
}

export function createHosting(options: HostingOptions): Hosting {
  const { selfId, mesh, commands, presence, presences, sound, localNowMs } = options;
  const steadiness = createSteadiness();
  const readiness = createReadiness();
  const candidacy = watchCandidacy({ handHeld: options.handHeld, onChange: tell });
  const oneTab = createOneTab({
    name: `earshot-host-${options.keys.roomId}`,
    locks: 'locks' in navigator ? navigator.locks : undefined,
    onChange: tabChanged,
  });
  let wanted = false;
  let offer: { sinceMs: number; atMs: number; watch: FeedWatch; ticker: { close(): void } } | null = null;
  let toldTripMs: number | null = null;
  let beatAtMs = -Infinity;
  let tickedAtMs = localNowMs();
  let wasUp = false;
  let isFollowing = false;
  let followers: ElectionResult['followers'] = [];

  const role = createHostRole({
    selfId,
    queries: options.queries,
    commands,
    presences,
    linked: () => mesh.peers(),
    node: () => offer?.watch.word() ?? { sinceMs: null, feed: null },
    mayClaim: () =>
      offer !== null && (offer.watch.state() !== 'connecting' || localNowMs() - offer.atMs > FIRST_WORD_MS),
    nowMs: localNowMs,
    onStart: (epoch) => {
      sound.startHosting(epoch);
      options.onHosting(epoch);
      beat();
    },
    onStop: () => {
      wasUp = false;
      options.onHosting(null);
      sound.stopHosting();
    },
    onUnheard: () => {
      steadiness.wasUnheard(localNowMs());
      present();
    },
    onStumbled: () => {
      steadiness.stumbled(localNowMs());
      present();
    },
    onChange(result) {
      followers = result.followers;
      standBy();
      options.onElection(result);
    },
  });

  function standBy(): void {
    isFollowing = offer !== null && followers.includes(selfId);
    sound.standBy(offer === null ? 'off' : isFollowing ? 'following' : 'ready');
  }

  function tabChanged(): void {
    const state = oneTab.state();
    options.onOtherTab(wanted && state === 'waiting');
    if (state === 'ours') begin();
  }

  function begin(): void {
    if (offer) return;
    offer = {
      sinceMs: options.roomNowMs(),
      atMs: localNowMs(),
      watch: createFeedWatch({ settings: options.uplink, nowMs: localNowMs, onChange: tell }),
      ticker: createTicker(TICK_MS, tick),
    };
    tickedAtMs = localNowMs();
    tell();
    beat();
    standBy();
  }

  function end(): void {
    role.release();
    offer?.watch.close();
    offer?.ticker.close();
    offer = null;
    toldTripMs = null;
    presence.update({ candidate: null });
    standBy();
    role.look();
  }

  const isPlaying = (): boolean => options.queries.moment(options.roomNowMs())?.playing === true;

  /** Tells the others what speaks for this device. */
  function present(): void {
    if (!offer) return;
    const { watch, sinceMs } = offer;
    const what = !isPlaying() ? 'nothing' : sound.state().kind === 'playing' ? 'sounds' : 'silent';
    readiness.look(what, localNowMs());
    const tripMs = watch.roundTripMs();
    const moved = tripMs !== null && Math.abs(tripMs - (toldTripMs ?? Infinity)) >= TRIP_STEP_MS;
    if (tripMs === null || moved) toldTripMs = tripMs === null ? null : Math.round(tripMs);
    presence.update({
      candidate: {
        sinceMs,
        ...candidacy.current(),
        nodeRoundTripMs: toldTripMs,
        cutOff: watch.state() === 'cut-off',
        stumbles: steadiness.stumbles(localNowMs()),
        unheard: steadiness.isUnheard(localNowMs()),
        unready: !readiness.isReady(localNowMs()),
      },
    });
  }

  /** And looks what follows from it. */
  function tell(): void {
    present();
    role.look();
  }

  function beat(): void {
    beatAtMs = localNowMs();
    const message = encodeBeat({ epoch: role.epoch() });
    // Who does not get it does not need it any more.
    for (const peerId of mesh.peers()) mesh.send(peerId, 'control', message).catch(() => undefined);
  }

  function tick(): void {
    const nowMs = localNowMs();
    if (nowMs - tickedAtMs > TICK_MS + STOOD_STILL_MS) steadiness.stumbled(nowMs);
    tickedAtMs = nowMs;
    // Half a tick early is nearer than half a tick late.
    if (nowMs - beatAtMs >= BEAT_MS - TICK_MS / 2) beat();
    offer?.watch.tick();
    tell();
  }

  // Who does not offer only has to see, on its screen, that nobody does.
  const looking = setInterval(() => role.look(), TICK_MS);
  const stopHearing = mesh.onMessage('control', (from, bytes) => {
    const heard = parseBeat(bytes);
    if (heard) role.heard(from, heard.epoch);
  });

  let closed = false;
  return {
    offer(on) {
      if (on === wanted) return;
      wanted = on;
      if (on) oneTab.want();
      else {
        if (offer) end();
        oneTab.release();
      }
      tabChanged();
    },
    look: () => role.look(),
    uplink(state) {
      if (state.state === 'down' && (state.reason === 'superseded' || state.reason === 'lower-epoch'))
        role.shutOut();
      else if (state.state === 'down' && (wasUp || state.reason === 'encoder'))
        steadiness.stumbled(localNowMs());
      if (state.state !== 'connecting') wasUp = state.state === 'up';
    },
    // The node may know of a claim whose host is out of sight: below it nobody would take over.
    handOver: (peerId) => commands.nameHost(peerId, selfId, (offer?.watch.word().feed?.epoch ?? 0) + 1).ok,
    release: () => role.release(),
    get isFollowing() {
      return isFollowing;
    },
    close() {
      if (closed) return;
      closed = true;
      clearInterval(looking);
      stopHearing();
      role.close();
      offer?.watch.close();
      offer?.ticker.close();
      offer = null;
      candidacy.close();
      oneTab.close();
    },
  };
}
