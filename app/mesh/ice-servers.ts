/**
 * STUN and TURN on the node. The relay's credentials are short-lived: they are fetched at the start, renewed before they
 * end, and used from the next connection on (a relayed connection that lives goes on without them).
 */
import * as v from 'valibot';
import { TURN_PATH, TurnGrant, type TurnRequest } from '../../signaling/protocol/turn.ts';
import { backoffMs } from './backoff.ts';

/** Longer than a LAN needs; a node that is away must not hold the room up. */
const FIRST_DEADLINE_MS = 1_500;
const REQUEST_DEADLINE_MS = 5_000;
/** Of its life, after which a grant is renewed. */
const RENEW_SHARE = 0.5;

export interface IceServersOptions {
  /** Of the node, `https://…`. */
  origin: string;
  stunPort: number | null;
  /** Null: no relay. */
  relay: TurnRequest | null;
  nowMs(): number;
}

export interface IceServers {
  /** Read at each new connection; the same object always. */
  readonly config: RTCConfiguration;
  /** The first grant is here, or it takes too long to wait for. */
  readonly ready: Promise<void>;
  setStunPort(port: number | null): void;
  /** Fetches a grant if one is lacking: the node is back. */
  retryNow(): void;
  /** Called every second. */
  tick(): void;
  close(): void;
}

export function createIceServers(options: IceServersOptions): IceServers {
  const { origin, relay, nowMs } = options;
  const host = new URL(origin).hostname;
  const config: RTCConfiguration = { iceServers: [] };
  const abort = new AbortController();
  let stunPort = options.stunPort;
  let grant: (TurnGrant & { untilMs: number }) | null = null;
  let failures = 0;
  let nextMs = Infinity;
  let isAsking = false;

  function apply(): void {
    const servers: RTCIceServer[] = stunPort === null ? [] : [{ urls: `stun:${host}:${stunPort}` }];
    if (grant) servers.push({ urls: grant.urls, username: grant.username, credential: grant.credential });
    config.iceServers = servers;
  }

  async function request(body: TurnRequest): Promise<TurnGrant> {
    const answer = await fetch(`${origin}${TURN_PATH}`, {
      method: 'POST',
      cache: 'no-store',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([abort.signal, AbortSignal.timeout(REQUEST_DEADLINE_MS)]),
    });
    if (!answer.ok) throw new Error(`the node gave no relay: ${answer.status}`);
    return v.parse(TurnGrant, await answer.json());
  }

  async function ask(): Promise<void> {
    if (relay === null || isAsking || abort.signal.aborted) return;
    isAsking = true;
    try {
      const granted = await request(relay);
      failures = 0;
      grant = { ...granted, untilMs: nowMs() + granted.ttlSeconds * 1000 };
      nextMs = nowMs() + granted.ttlSeconds * 1000 * RENEW_SHARE;
    } catch {
      failures++;
      nextMs = nowMs() + backoffMs(failures, Math.random);
      if (grant && nowMs() > grant.untilMs) grant = null;
    } finally {
      isAsking = false;
      apply();
    }
  }

  apply();
  const first = ask();
  const patience = new Promise<void>((resolve) => setTimeout(resolve, FIRST_DEADLINE_MS));

  return {
    config,
    ready: Promise.race([first, patience]),
    setStunPort(port) {
      stunPort = port;
      apply();
    },
    retryNow() {
      if (grant === null) void ask();
    },
    tick() {
      if (nowMs() >= nextMs) void ask();
    },
    close: () => abort.abort(),
  };
}
