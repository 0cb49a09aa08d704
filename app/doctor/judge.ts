/**
 * What is wrong and what to do about it: observations in, findings out. Pure. A cause is named once: what only follows from
 * it is left out. Nothing here names people, rooms or keys, so that every sentence may stand in a report.
 */

export type FindingId =
  | 'secure-context'
  | 'node'
  | 'certificate'
  | 'microphone'
  | 'local-network'
  | 'addresses'
  | 'mdns'
  | 'stun'
  | 'turn'
  | 'peers'
  | 'stream'
  | 'storage-kept'
  | 'storage-space'
  | 'service-worker'
  | 'clock'
  | 'wall-clock';

export type Remedy = 'keep-storage' | 'reload' | 'update';

export interface Finding {
  id: FindingId;
  level: 'ok' | 'warn' | 'fail';
  says: string;
  /** What to do; null where nothing is to be done. */
  next: string | null;
  /** What this device can do about it by itself, at a tap. */
  remedy: Remedy | null;
}

export type Path = 'direct' | 'relayed' | 'unknown' | 'none';

/** What the probes saw (probe.ts). Null: it could not be looked at, or does not apply; then nothing is said. */
export interface Observations {
  /** Wall clock of this device. */
  nowMs: number;
  secureContext: boolean;
  nodeReached: boolean;
  /** Until when (wall clock), and whether the local CA signed it or the owner brought it. */
  certificate: { validUntilMs: number; issuedBy: 'local' | 'own' } | null;
  /** This device's wall clock minus the node's. */
  wallClockAheadMs: number | null;
  microphone: 'granted' | 'denied' | 'prompt' | 'missing' | null;
  /** Chromium's permission to reach the LAN; null where the browser does not ask for it. */
  localNetwork: 'granted' | 'denied' | 'prompt' | null;
  /** How this device's own addresses look to others: plain, or hidden behind mDNS names. */
  hostCandidates: 'addresses' | 'names' | 'none' | null;
  stun: 'answers' | 'silent' | 'none' | null;
  /** `refused`: the node gave no credentials. */
  turn: 'relays' | 'silent' | 'refused' | 'none' | null;
  /** One for each other device that is in sight; path `none`: no connection to it. */
  peers: readonly { path: Path; roundTripMs: number | null }[];
  streamReached: boolean | null;
  storage: { usedBytes: number; quotaBytes: number; persistent: boolean } | null;
  serviceWorker: 'ready' | 'waiting' | 'missing' | null;
  /** `alone`: nobody to be in step with. */
  clock: { state: 'alone' | 'leads' | 'searching' } | { state: 'follows'; roundTripMs: number } | null;
}

const DAY_MS = 86_400_000;
const CERTIFICATE_SOON_DAYS = 14;
const CERTIFICATE_NOW_DAYS = 3;
const SPACE_LOW_BYTES = 500e6;
const SPACE_OUT_BYTES = 50e6;
const WALL_CLOCK_MS = 5 * 60_000;
const SLOW_MS = 80;

type Verdict = Finding | null;

function finding(
  id: FindingId,
  level: Finding['level'],
  says: string,
  next: string | null = null,
  remedy: Remedy | null = null,
): Finding {
  return { id, level, says, next, remedy };
}

function things(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

function megabytes(bytes: number): string {
  return bytes < 1e9 ? `${Math.max(0, Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
}

function judgeSecureContext({ secureContext }: Observations): Verdict {
  return secureContext
    ? finding('secure-context', 'ok', 'The page came over HTTPS, and the browser trusts it.')
    : finding(
        'secure-context',
        'fail',
        'This page did not come over a trusted HTTPS connection. The browser keeps the microphone, the storage and offline use from it.',
        'Open the join link again, and trust the certificate as the page there shows.',
      );
}

function judgeNode({ nodeReached }: Observations): Verdict {
  return nodeReached
    ? finding('node', 'ok', 'The computer that runs Earshot answers.')
    : finding(
        'node',
        'fail',
        'The computer that runs Earshot does not answer.',
        'Is it on, does Earshot run on it, and is this device on the same Wi-Fi? Devices that are connected already go on without it.',
      );
}

function judgeCertificate({ certificate, nowMs }: Observations): Verdict {
  if (certificate === null) return null;
  const days = Math.floor((certificate.validUntilMs - nowMs) / DAY_MS);
  if (days >= CERTIFICATE_SOON_DAYS)
    return finding('certificate', 'ok', `The certificate is good for ${things(days, 'more day')}.`);
  const next =
    certificate.issuedBy === 'own'
      ? 'Renew the files that --cert and --key name; Earshot takes them up by itself.'
      : 'Earshot should have renewed it by now: restart it on its computer, and look at that computer’s date.';
  if (days < 0)
    return finding(
      'certificate',
      'fail',
      'The certificate has ended: whoever comes now is warned off.',
      next,
    );
  return finding(
    'certificate',
    days < CERTIFICATE_NOW_DAYS ? 'fail' : 'warn',
    `The certificate ends ${days === 0 ? 'today' : `in ${things(days, 'day')}`}. After that, nobody gets in without a warning.`,
    next,
  );
}

function judgeWallClock({ wallClockAheadMs }: Observations): Verdict {
  if (wallClockAheadMs === null) return null;
  const minutes = Math.round(Math.abs(wallClockAheadMs) / 60_000);
  if (Math.abs(wallClockAheadMs) < WALL_CLOCK_MS)
    return finding('wall-clock', 'ok', 'The time of day agrees with the node’s.');
  return finding(
    'wall-clock',
    'warn',
    `The time of day here is ${things(minutes, 'minute')} ${wallClockAheadMs > 0 ? 'ahead of' : 'behind'} the node’s. Certificates go by it.`,
    'Let both devices set their time by themselves.',
  );
}

function judgeMicrophone({ microphone, secureContext }: Observations): Verdict {
  if (microphone === null || !secureContext) return null;
  switch (microphone) {
    case 'granted':
      return finding('microphone', 'ok', 'The microphone is allowed.');
    case 'prompt':
      return finding('microphone', 'ok', 'The microphone is asked for when you first hold to talk.');
    case 'denied':
      return finding(
        'microphone',
        'fail',
        'The microphone is not allowed, so nobody hears you.',
        'Tap the sign beside the address, allow the microphone, and hold to talk again.',
      );
    case 'missing':
      return finding(
        'microphone',
        'warn',
        'No microphone was found on this device.',
        'Connect one, or talk from another device.',
      );
  }
}

function judgeLocalNetwork({ localNetwork }: Observations): Verdict {
  if (localNetwork === null) return null;
  if (localNetwork === 'denied')
    return finding(
      'local-network',
      'fail',
      'The browser keeps this page from the devices on your network.',
      'In the site’s settings, beside the address, allow access to devices on the local network. Then reload.',
      'reload',
    );
  return finding('local-network', 'ok', 'The browser lets this page reach devices on your network.');
}

function judgeAddresses({ hostCandidates, stun, turn }: Observations): Verdict {
  if (hostCandidates === null) return null;
  if (hostCandidates === 'addresses')
    return finding('addresses', 'ok', 'This device tells the others its address on the network.');
  if (hostCandidates === 'names')
    return finding(
      'addresses',
      'ok',
      'The browser hides this device’s address behind a name of its own (mDNS).',
    );
  return stun === 'answers' || turn === 'relays'
    ? finding('addresses', 'ok', 'The browser tells no address; the node helps out.')
    : finding(
        'addresses',
        'fail',
        'The browser gives this page no network address, so no other device can connect to it.',
        'Is the Wi-Fi on? A VPN or a privacy setting that blocks WebRTC does this, too.',
      );
}

/**
 * Where STUN answers, a device learns its plain address and tells it as well: then names are not what keeps devices apart.
 */
function areNamesLost({ hostCandidates, nodeReached, stun, peers }: Observations): boolean {
  return (
    hostCandidates === 'names' &&
    nodeReached &&
    stun !== 'answers' &&
    peers.some(({ path }) => path === 'none' || path === 'relayed')
  );
}

function judgeNames(seen: Observations): Verdict {
  if (!areNamesLost(seen)) return null;
  return finding(
    'mdns',
    seen.peers.some(({ path }) => path === 'none') ? 'fail' : 'warn',
    'Names ending in .local are not passed on in this network (mDNS), and the browser tells others no more than such a name.',
    'Hold to talk once and allow the microphone: then the browser uses plain addresses. Or let multicast (IGMP) through in the settings of the access point.',
  );
}

function judgeStun({ stun, peers, nodeReached }: Observations): Verdict {
  if (stun === null || !nodeReached) return null;
  if (stun === 'answers') return finding('stun', 'ok', 'The node tells devices their address (STUN).');
  return finding(
    'stun',
    peers.some(({ path }) => path === 'none') ? 'fail' : 'warn',
    stun === 'none'
      ? 'The node helps nobody find their address (STUN is off).'
      : 'The node does not answer when devices ask for their address (STUN).',
    'On the computer that runs Earshot, let UDP through to its STUN port (3478, or what the start said). Without it devices find each other only where the Wi-Fi lets mDNS through.',
  );
}

function judgeTurn({ turn, nodeReached }: Observations): Verdict {
  if (turn === null || !nodeReached) return null;
  if (turn === 'relays')
    return finding('turn', 'ok', 'The node can pass on what devices may not tell each other (TURN).');
  const says = {
    none: 'The node passes nothing on between devices (TURN is off).',
    silent: 'The node’s relay (TURN) does not answer.',
    refused: 'The node’s relay (TURN) refused this device.',
  }[turn];
  return finding(
    'turn',
    'warn',
    `${says} On a Wi-Fi that keeps its devices apart they would not meet.`,
    turn === 'refused'
      ? 'Reload the page. If it stays, restart Earshot on its computer.'
      : 'On the computer that runs Earshot, let UDP through to its STUN port and its relay ports.',
  );
}

function judgePeers(seen: Observations): Verdict {
  const { peers, stun, turn } = seen;
  if (peers.length === 0) return finding('peers', 'ok', 'No other device is in sight.');
  const apart = peers.filter(({ path }) => path === 'none').length;
  if (apart > 0)
    return finding(
      'peers',
      'fail',
      peers.length === 1
        ? 'The only other device in sight has no connection to this one.'
        : `${apart} of ${things(peers.length, 'other device')} ${apart === 1 ? 'has' : 'have'} no connection to this one.`,
      areNamesLost(seen)
        ? 'See to the names ending in .local first.'
        : stun === 'answers' || turn === 'relays'
          ? 'Give it a few seconds. If it stays: is one of them on a guest Wi-Fi, or on a VPN?'
          : 'A guest Wi-Fi often keeps its devices apart. Use the main Wi-Fi, or switch the isolation of clients off in the router.',
    );
  const relayed = peers.filter(({ path }) => path === 'relayed').length;
  const slow = peers.filter(({ roundTripMs }) => (roundTripMs ?? 0) > SLOW_MS).length;
  if (slow > 0)
    return finding(
      'peers',
      'warn',
      `The way to ${things(slow, 'device')} takes longer than ${SLOW_MS} ms, there and back.`,
      'Go nearer to the router, or use its 5 GHz band.',
    );
  return relayed > 0
    ? finding(
        'peers',
        'ok',
        `Connected to ${things(peers.length, 'other device')}, to ${relayed === peers.length ? 'all of them' : relayed} by way of the node.`,
      )
    : finding('peers', 'ok', `Connected to ${things(peers.length, 'other device')}, directly.`);
}

function judgeStream({ streamReached, nodeReached }: Observations): Verdict {
  if (streamReached === null) return null;
  return streamReached
    ? finding('stream', 'ok', 'The stream for the loudspeakers reaches this device.')
    : finding(
        'stream',
        'fail',
        'The stream for the loudspeakers does not reach this device.',
        nodeReached
          ? 'The node answers, its stream does not: restart Earshot on its computer.'
          : 'It comes from the computer that runs Earshot: get that one back first.',
      );
}

function judgeKeeping({ storage, secureContext }: Observations): Verdict {
  if (storage === null || !secureContext) return null;
  return storage.persistent
    ? finding('storage-kept', 'ok', 'What is on this device stays on it.')
    : finding(
        'storage-kept',
        'warn',
        'The browser may throw the songs on this device away when it runs short of space.',
        'Put Earshot on the home screen, or ask the browser to keep them.',
        'keep-storage',
      );
}

function judgeSpace({ storage, secureContext }: Observations): Verdict {
  if (storage === null || !secureContext || storage.quotaBytes === 0) return null;
  const freeBytes = storage.quotaBytes - storage.usedBytes;
  const says = `There is room for ${megabytes(freeBytes)} more; ${megabytes(storage.usedBytes)} are used.`;
  if (freeBytes >= SPACE_LOW_BYTES) return finding('storage-space', 'ok', says);
  return finding(
    'storage-space',
    freeBytes < SPACE_OUT_BYTES ? 'fail' : 'warn',
    says,
    'Remove songs from this device in Music, or free space on it.',
  );
}

function judgeServiceWorker({ serviceWorker, secureContext }: Observations): Verdict {
  if (serviceWorker === null || !secureContext) return null;
  switch (serviceWorker) {
    case 'ready':
      return finding('service-worker', 'ok', 'The app opens without the network, too.');
    case 'waiting':
      return finding('service-worker', 'warn', 'A newer Earshot is ready here.', 'Update it.', 'update');
    case 'missing':
      return finding(
        'service-worker',
        'fail',
        'The app is not kept on this device: without the node it does not open.',
        'Reload the page while the node is in reach. Private windows keep nothing.',
        'reload',
      );
  }
}

function judgeClock({ clock, peers }: Observations): Verdict {
  if (clock === null) return null;
  switch (clock.state) {
    case 'alone':
      return finding('clock', 'ok', 'Nobody is here to be in step with.');
    case 'leads':
      return finding('clock', 'ok', 'The others set their clocks by this device.');
    case 'searching':
      return peers.length === 0
        ? finding('clock', 'ok', 'Nobody is here to be in step with.')
        : finding(
            'clock',
            'warn',
            'This device does not know the room’s time yet, so its music may be out of step.',
            'Give it a few seconds. If it stays, see to the connections first.',
          );
    case 'follows':
      return clock.roundTripMs > SLOW_MS
        ? finding(
            'clock',
            'warn',
            `The room’s time takes ${Math.round(clock.roundTripMs)} ms to get here and back: the music is less well in step.`,
            'Go nearer to the router, or use its 5 GHz band.',
          )
        : finding(
            'clock',
            'ok',
            `This device has the room’s time, by a round trip of ${Math.max(1, Math.round(clock.roundTripMs))} ms.`,
          );
  }
}

const LEVELS = { fail: 0, warn: 1, ok: 2 } as const;

/** What is worst comes first; within a level from the ground up. */
export function judge(seen: Observations): Finding[] {
  const verdicts: Verdict[] = [
    judgeSecureContext(seen),
    judgeNode(seen),
    judgeCertificate(seen),
    judgeLocalNetwork(seen),
    judgePeers(seen),
    judgeAddresses(seen),
    judgeNames(seen),
    judgeStun(seen),
    judgeTurn(seen),
    judgeMicrophone(seen),
    judgeStream(seen),
    judgeServiceWorker(seen),
    judgeSpace(seen),
    judgeKeeping(seen),
    judgeClock(seen),
    judgeWallClock(seen),
  ];
  return verdicts.filter((verdict) => verdict !== null).sort((a, b) => LEVELS[a.level] - LEVELS[b.level]);
}

/** The findings as text to send to somebody who helps. Holds no name, no room, no secret and no key. */
export function reportOf(
  findings: readonly Finding[],
  seen: Observations,
  about: { version: string; browser: string; at: string },
): string {
  const marks = { fail: 'WRONG', warn: 'MIND ', ok: 'fine ' } as const;
  const lines = findings.map(({ level, id, says, next }) =>
    [
      `${marks[level]}  ${id}: ${says}`,
      ...(level === 'ok' || next === null ? [] : [`       → ${next}`]),
    ].join('\n'),
  );
  const links = seen.peers.map(
    ({ path, roundTripMs }, i) =>
      `       device ${i + 1}: ${path}${roundTripMs === null ? '' : `, ${Math.round(roundTripMs)} ms`}`,
  );
  return [
    `Earshot ${about.version}, room doctor, ${about.at}`,
    about.browser,
    '',
    ...lines,
    ...(links.length === 0 ? [] : ['', 'Connections', ...links]),
    '',
  ].join('\n');
}
