/** Looks at this device, its network and the node. Each look has a deadline of its own; one that fails says nothing. */
import * as v from 'valibot';
import { NODE_INFO_PATH, NodeInfo } from '../../signaling/protocol/node-info.ts';
import { lookAtAddresses, lookAtRelay } from './ice.ts';
import type { Observations } from './judge.ts';

const WAIT_MS = 4_000;
const LOOK_MS = 100;

/** What only an open room knows. */
export interface RoomFacts {
  roomId: string;
  uplinkKey: string;
  peers: () => Observations['peers'];
  clock: () => Observations['clock'];
  storage(): Promise<NonNullable<Observations['storage']>>;
}

export interface ProbeOptions {
  /** Of the node. */
  origin: string;
  room: RoomFacts | null;
}

export async function observe({ origin, room }: ProbeOptions): Promise<Observations> {
  const node = await lookAtNode(origin);
  const quiet = <T>(look: Promise<T>): Promise<T | null> => look.catch(() => null);
  const host = new URL(origin).hostname;
  const stunUrl = node.info?.stunPort == null ? null : `stun:${host}:${node.info.stunPort}`;
  const [ice, turn, stream, storage, serviceWorker, microphone, localNetwork, clock] = await Promise.all([
    quiet(lookAtAddresses(stunUrl)),
    room === null || node.info === null ? null : quiet(lookAtRelay(origin, room)),
    lookAtStream(origin, room?.roomId ?? null),
    quiet(room === null ? lookAtStorage() : room.storage()),
    quiet(lookAtServiceWorker()),
    quiet(lookAtMicrophone()),
    quiet(lookAtLocalNetwork()),
    room && lookAtClock(room),
  ]);
  return {
    nowMs: Date.now(),
    secureContext: isSecureContext,
    nodeReached: node.info !== null,
    certificate: node.info?.certificate ?? null,
    wallClockAheadMs: node.wallClockAheadMs,
    microphone,
    localNetwork,
    hostCandidates: ice?.hostCandidates ?? null,
    // A relay that answers sits on the same port.
    stun: node.info === null ? null : turn === 'relays' ? 'answers' : (ice?.stun ?? null),
    turn,
    // What has come together while the others were looked at has come together.
    peers: room?.peers() ?? [],
    streamReached: stream,
    storage,
    serviceWorker,
    clock,
  };
}

async function lookAtNode(
  origin: string,
): Promise<{ info: NodeInfo | null; wallClockAheadMs: number | null }> {
  try {
    const response = await fetch(new URL(NODE_INFO_PATH, origin), {
      cache: 'no-store',
      signal: AbortSignal.timeout(WAIT_MS),
    });
    const parsed = v.safeParse(NodeInfo, await response.json());
    const date = Date.parse(response.headers.get('date') ?? '');
    return {
      info: parsed.success ? parsed.output : null,
      wallClockAheadMs: Number.isNaN(date) ? null : Date.now() - date,
    };
  } catch {
    return { info: null, wallClockAheadMs: null };
  }
}

/** The first bytes are enough: a stream with nobody hosting is silence, never an error. */
async function lookAtStream(origin: string, roomId: string | null): Promise<boolean> {
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), WAIT_MS);
  try {
    const path = roomId === null ? '/stream.mp3' : `/stream/${roomId}.mp3`;
    const response = await fetch(new URL(path, origin), { cache: 'no-store', signal: abort.signal });
    const first = await response.body?.getReader().read();
    return response.ok && (first?.value?.byteLength ?? 0) > 0;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    abort.abort();
  }
}

/** Who has just come knows the room's time within seconds: that is no finding yet. */
async function lookAtClock({ clock }: RoomFacts): Promise<Observations['clock']> {
  const deadlineMs = performance.now() + WAIT_MS;
  while (clock()?.state === 'searching' && performance.now() < deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  return clock();
}

async function lookAtStorage(): Promise<Observations['storage']> {
  if (!('storage' in navigator)) return null;
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return { usedBytes: usage, quotaBytes: quota, persistent: await navigator.storage.persisted() };
}

async function lookAtServiceWorker(): Promise<Observations['serviceWorker']> {
  if (!('serviceWorker' in navigator)) return null;
  const registration = await navigator.serviceWorker.getRegistration();
  if (!registration) return 'missing';
  if (registration.waiting) return 'waiting';
  return registration.active || registration.installing ? 'ready' : 'missing';
}

async function lookAtMicrophone(): Promise<Observations['microphone']> {
  if (!('mediaDevices' in navigator)) return null;
  const devices = await navigator.mediaDevices.enumerateDevices();
  if (!devices.some(({ kind }) => kind === 'audioinput')) return 'missing';
  return (await navigator.permissions.query({ name: 'microphone' })).state;
}

/** The first name is that of newer Chromium, the second came with 142 and stays beside it; other browsers know neither. */
const LOCAL_NETWORK_NAMES = ['local-network', 'local-network-access'];

async function lookAtLocalNetwork(): Promise<Observations['localNetwork']> {
  const asked = await Promise.allSettled(
    LOCAL_NETWORK_NAMES.map((name) => navigator.permissions.query({ name: name as PermissionName })),
  );
  const states = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value.state] : []));
  return (['denied', 'granted', 'prompt'] as const).find((state) => states.includes(state)) ?? null;
}
