/** Devices that offer host mode, and the node, in virtual time: real roles and documents; what carries them is simulated. */
import { createHostRole, type HostRole } from '../../../app/host/role.ts';
import type { NodeWord } from '../../../app/host/alive.ts';
import type { ElectionResult } from '../../../app/host/election.ts';
import { createSteadiness, type Steadiness } from '../../../app/host/steadiness.ts';
import { parsePresences } from '../../../app/session/presence.ts';
import type { Presence } from '../../../app/session/schema.ts';
import { feedState, type FeedSigns } from '../../../signaling/stream/watch.ts';
import { createPeer, sync, type Peer } from '../session/peers.ts';

const STEP_MS = 50;
const TICK_MS = 500;
const BEAT_MS = 1_000;
/** From the start to the first frame. */
const START_MS = 150;
/** After this long a silent peer is gone from the mesh, and a silent node from a watch. */
const SILENT_MS = 3_500;
const DEAF_MS = 3_000;
const RECONNECT_MS = 300;

export interface Device {
  readonly id: string;
  readonly peer: Peer;
  readonly role: HostRole;
  readonly offer: NonNullable<Presence['candidate']> & { device: Presence['device'] };
  /** False: it only looks. */
  isOffering: boolean;
  result: ElectionResult | null;
  /** `frozen` does nothing, and keeps its sockets. */
  life: 'runs' | 'frozen' | 'killed';
  reachesNode: boolean;
  reachesPeers: boolean;
  /** False: it is of an earlier version, which has no `unready`. */
  knowsReadiness: boolean;
  /** Its sound stands still: it says hello to the node and sends no frame. */
  isMute: boolean;
  /** Since when it feeds or tries to, by its role. */
  feeding: { epoch: number; sinceMs: number } | null;
  starts: number;
}

export interface World {
  readonly devices: readonly Device[];
  nowMs(): number;
  /** `3/a`: whose frames the node takes now; null: nobody's. */
  onAir(): string | null;
  /** How long nobody's frames have come. */
  silentMs(): number;
  run(ms: number): void;
  /** @returns ms until then */
  until(what: string, check: () => boolean, mostMs?: number): number;
  device(id: string): Device;
  close(): void;
}

type Offer = Partial<Device['offer']>;

export function createWorld(offers: Readonly<Record<string, Offer>>): World {
  let nowMs = 100_000;
  let host: ({ epoch: number; peerId: string } & FeedSigns) | null = null;
  /** Feeds on until the first frame of a higher claim. */
  let before: { device: Device; epoch: number } | null = null;
  let framesAtMs = nowMs;
  const clock = {
    get nowMs() {
      return nowMs;
    },
  };
  interface Hidden {
    isUp: boolean;
    shutOutEpoch: number | null;
    watchSinceMs: number | null;
    unreachableSinceMs: number | null;
    tickAtMs: number;
    beatAtMs: number;
    word: NodeWord;
    told: string;
    ranAtMs: number;
    /** After a pause its sockets are new ones. */
    reconnectsAtMs: number;
    /** When another was heard last by the mesh. */
    heard: Map<string, number>;
    steadiness: Steadiness;
  }
  const hidden = new Map<string, Hidden>();
  const hiddenOf = (device: Device): Hidden => hidden.get(device.id) as Hidden;
  const devices: Device[] = Object.entries(offers).map(([id, offer], n) => createDevice(id, offer, n));

  function createDevice(id: string, offer: Offer, n: number): Device {
    const peer = createPeer(id, clock, undefined, n + 1);
    hidden.set(id, {
      isUp: false,
      shutOutEpoch: null,
      watchSinceMs: null,
      unreachableSinceMs: null,
      tickAtMs: nowMs + n * 70,
      beatAtMs: nowMs + n * 130,
      word: { sinceMs: null, feed: null },
      told: '',
      ranAtMs: nowMs,
      reconnectsAtMs: nowMs,
      heard: new Map(),
      steadiness: createSteadiness(),
    });
    const role = createHostRole({
      selfId: id,
      queries: peer.queries,
      commands: peer.commands,
      presences: () => presencesOf(device),
      linked: () => devices.filter((other) => isLinked(device, other)).map((other) => other.id),
      node: () => hiddenOf(device).word,
      mayClaim: () => true,
      nowMs: () => nowMs,
      onStart: (epoch) => {
        device.feeding = { epoch, sinceMs: nowMs };
        device.starts++;
      },
      onStop: () => {
        device.feeding = null;
      },
      onUnheard: () => hiddenOf(device).steadiness.wasUnheard(nowMs),
      onStumbled: () => hiddenOf(device).steadiness.stumbled(nowMs),
      onChange: (result) => {
        device.result = result;
      },
    });
    const device: Device = {
      id,
      peer,
      role,
      offer: {
        sinceMs: n,
        visible: true,
        pluggedIn: false,
        nodeRoundTripMs: 5,
        cutOff: false,
        stumbles: 0,
        unheard: false,
        unready: false,
        device: 'phone',
        ...offer,
      },
      isOffering: true,
      result: null,
      life: 'runs',
      reachesNode: true,
      reachesPeers: true,
      isMute: false,
      knowsReadiness: true,
      feeding: null,
      starts: 0,
    };
    return device;
  }

  const isLinked = (a: Device, b: Device): boolean =>
    a !== b && nowMs - (hiddenOf(a).heard.get(b.id) ?? -Infinity) <= SILENT_MS;

  function presencesOf(device: Device): ReadonlyMap<string, Presence> {
    const seen = devices.filter((other) => other === device || isLinked(device, other));
    return parsePresences(
      new Map(
        seen.map(({ id, isOffering, offer: { device: kind, ...candidate } }) => {
          const { steadiness } = hidden.get(id) as Hidden;
          const stumbles = candidate.stumbles + steadiness.stumbles(nowMs);
          const unheard = steadiness.isUnheard(nowMs);
          const unready = candidate.unready && device.knowsReadiness;
          const offer = { ...candidate, stumbles, unheard, unready };
          return [
            id,
            {
              memberId: id,
              peerId: id,
              name: id,
              hue: 0,
              device: kind,
              listening: false,
              candidate: isOffering ? offer : null,
              talking: false,
              roundTripMs: null,
              joinedAtMs: 0,
            },
          ];
        }),
      ),
    );
  }

  function wordFor(device: Device): NodeWord {
    const { watchSinceMs } = hiddenOf(device);
    if (watchSinceMs === null) return { sinceMs: null, feed: null };
    const feed = host && { epoch: host.epoch, peerId: host.peerId, state: feedState(host, nowMs) };
    return { sinceMs: watchSinceMs, feed };
  }

  function carryFrames(): void {
    for (const device of devices) {
      const own = hiddenOf(device);
      const { feeding } = device;
      const isHost = host?.peerId === device.id && own.isUp;
      if (device.life === 'killed' || (device.life === 'runs' && feeding === null)) {
        if (isHost && host) host.goneAtMs ??= nowMs;
        own.isUp = false;
        if (before?.device === device) before = null;
      }
      if (device.life !== 'runs' || feeding === null || !device.reachesNode) continue;
      if (nowMs - feeding.sinceMs < START_MS || own.shutOutEpoch === feeding.epoch) continue;
      const feedsOn = before?.device === device && before.epoch === feeding.epoch;
      if (!feedsOn && (!isHost || host?.epoch !== feeding.epoch)) hello(device, feeding.epoch);
      if (!own.isUp || device.isMute) continue;
      if (feedsOn) framesAtMs = nowMs;
      else if (host?.peerId === device.id) {
        framesAtMs = host.lastFrameAtMs = nowMs;
        shutOutBefore();
      }
    }
  }

  function shutOutBefore(): void {
    if (before === null) return;
    const { device, epoch } = before;
    before = null;
    hiddenOf(device).shutOutEpoch = epoch;
    hiddenOf(device).isUp = false;
    device.role.shutOut();
  }

  function hello(device: Device, epoch: number): void {
    const own = hiddenOf(device);
    const isHeld = host !== null && host.goneAtMs === null && host.peerId !== device.id;
    if (host && isHeld && (host.epoch > epoch || (host.epoch === epoch && host.peerId > device.id))) {
      own.shutOutEpoch = epoch;
      return device.role.shutOut();
    }
    const held = isHeld ? devices.find(({ id }) => id === host?.peerId) : undefined;
    // Whoever feeds goes on until the first frame of this claim; who had only claimed is passed over.
    const claimsAgain = before?.device === device;
    if (claimsAgain) before = null;
    if (held?.feeding && held.life === 'runs' && hiddenOf(held).isUp) {
      const isFeeding = host?.lastFrameAtMs != null;
      if (isFeeding || (before === null && !claimsAgain))
        before = { device: held, epoch: held.feeding.epoch };
      else {
        hiddenOf(held).shutOutEpoch = held.feeding.epoch;
        hiddenOf(held).isUp = false;
        held.role.shutOut();
      }
    }
    host = { epoch, peerId: device.id, welcomedAtMs: nowMs, lastFrameAtMs: null, goneAtMs: null };
    own.isUp = true;
  }

  function hearFromNode(device: Device): void {
    const own = hiddenOf(device);
    if (nowMs - own.ranAtMs > DEAF_MS) {
      own.watchSinceMs = null;
      own.word = { sinceMs: null, feed: null };
      own.reconnectsAtMs = nowMs + RECONNECT_MS;
    }
    own.ranAtMs = nowMs;
    if (nowMs < own.reconnectsAtMs) return;
    if (device.reachesNode) {
      own.unreachableSinceMs = null;
      own.watchSinceMs ??= nowMs;
      device.offer.cutOff = false;
    } else {
      own.unreachableSinceMs ??= nowMs;
      if (nowMs - own.unreachableSinceMs > DEAF_MS) {
        own.watchSinceMs = null;
        device.offer.cutOff = true;
      } else return;
    }
    own.word = wordFor(device);
    const text = JSON.stringify(own.word);
    if (text === own.told) return;
    own.told = text;
    device.role.look();
  }

  function step(): void {
    nowMs += STEP_MS;
    carryFrames();
    const awake = devices.filter(({ life }) => life === 'runs');
    const meshed = awake.filter(({ reachesPeers }) => reachesPeers);
    for (const a of meshed) {
      for (const b of meshed) {
        if (a === b) continue;
        hiddenOf(a).heard.set(b.id, nowMs);
        if (a.id < b.id) sync(a.peer, b.peer);
      }
    }
    for (const device of awake) hearFromNode(device);
    for (const device of awake) {
      const own = hiddenOf(device);
      if (nowMs >= own.beatAtMs) {
        own.beatAtMs = nowMs + BEAT_MS;
        if (device.reachesPeers)
          for (const other of meshed) if (other !== device) other.role.heard(device.id, device.role.epoch());
      }
      if (nowMs < own.tickAtMs) continue;
      own.tickAtMs = nowMs + TICK_MS;
      device.role.look();
    }
  }

  return {
    devices,
    nowMs: () => nowMs,
    onAir: () =>
      host !== null && nowMs - (host.lastFrameAtMs ?? -Infinity) <= STEP_MS
        ? `${host.epoch}/${host.peerId}`
        : null,
    silentMs: () => nowMs - framesAtMs,
    run(ms) {
      const endMs = nowMs + ms;
      while (nowMs < endMs) step();
    },
    until(what, check, mostMs = 20_000) {
      const startMs = nowMs;
      while (!check()) {
        if (nowMs - startMs > mostMs) throw new Error(`${what}: not within ${mostMs} ms`);
        step();
      }
      return nowMs - startMs;
    },
    device: (id) => devices.find((device) => device.id === id) as Device,
    close() {
      for (const { role, peer } of devices) {
        role.close();
        peer.commands.close();
        peer.queries.close();
      }
    },
  };
}
