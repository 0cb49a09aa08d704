/** What this device's network lets WebRTC do, seen by gathering candidates (RFC 8445) without any peer. */
import * as v from 'valibot';
import { TURN_PATH, TurnGrant } from '../../signaling/protocol/turn.ts';
import type { Observations } from './judge.ts';

/** An answer on a LAN takes some 100 ms; the browser itself would go on asking for 10 s. */
const WAIT_MS = 4_000;

interface Gathered {
  kinds: ReadonlySet<RTCIceCandidateType>;
  /** Some host candidate hides behind an mDNS name. */
  hasNames: boolean;
  /** Every server answered, or failed. */
  complete: boolean;
  failed: boolean;
}

/** Gathers until everything is known, `enough` is seen, or the time is over. Null without WebRTC. */
async function gather(
  config: RTCConfiguration,
  enough: (kinds: ReadonlySet<RTCIceCandidateType>) => boolean,
): Promise<Gathered | null> {
  if (!('RTCPeerConnection' in globalThis)) return null;
  const connection = new RTCPeerConnection(config);
  const kinds = new Set<RTCIceCandidateType>();
  let hasNames = false;
  let failed = false;
  let complete = false;
  try {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, WAIT_MS);
      const done = (): void => {
        clearTimeout(timer);
        resolve();
      };
      connection.onicecandidate = ({ candidate }) => {
        if (candidate === null) {
          complete = true;
          done();
          return;
        }
        if (candidate.type) kinds.add(candidate.type);
        if (candidate.type === 'host' && candidate.address?.endsWith('.local')) hasNames = true;
        if (enough(kinds)) done();
      };
      connection.onicecandidateerror = () => (failed = true);
      connection.createDataChannel('doctor');
      connection.createOffer().then((offer) => connection.setLocalDescription(offer), reject);
    });
  } finally {
    connection.close();
  }
  return { kinds, hasNames, complete, failed };
}

export async function lookAtAddresses(
  stunUrl: string | null,
): Promise<Pick<Observations, 'hostCandidates' | 'stun'>> {
  const iceServers = stunUrl === null ? [] : [{ urls: stunUrl }];
  const seen = await gather({ iceServers }, (kinds) => kinds.has('host') && kinds.has('srflx'));
  if (seen === null) return { hostCandidates: null, stun: null };
  const { kinds, hasNames, complete, failed } = seen;
  // An answer that says what is known already yields no candidate of its own: then gathering ends without a failure.
  const answers = kinds.has('srflx') || (complete && !failed && kinds.has('host'));
  return {
    hostCandidates: !kinds.has('host') ? 'none' : hasNames ? 'names' : 'addresses',
    stun: stunUrl === null ? 'none' : answers ? 'answers' : 'silent',
  };
}

export async function lookAtRelay(
  origin: string,
  keys: { roomId: string; uplinkKey: string },
): Promise<Observations['turn']> {
  const response = await fetch(new URL(TURN_PATH, origin), {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ roomId: keys.roomId, uplinkKey: keys.uplinkKey }),
    signal: AbortSignal.timeout(WAIT_MS),
  });
  if (response.status === 404 || response.status === 503) return 'none';
  const grant = v.safeParse(TurnGrant, response.ok ? await response.json() : null);
  if (!grant.success) return 'refused';
  const { urls, username, credential } = grant.output;
  const seen = await gather(
    { iceServers: [{ urls, username, credential }], iceTransportPolicy: 'relay' },
    (kinds) => kinds.has('relay'),
  );
  if (seen === null) return null;
  return seen.kinds.has('relay') ? 'relays' : 'silent';
}
