export type Path = 'direct' | 'relayed' | 'unknown';

interface Pair {
  id: string;
  localCandidateId: string;
  remoteCandidateId: string;
  state: string;
  nominated?: boolean;
  selected?: boolean;
}

/**
 * Whether a connection goes straight or through the relay: the candidate pair that ICE has selected (W3C webrtc-stats,
 * `RTCTransportStats.selectedCandidatePairId`; Firefox marks the pair itself).
 */
export async function readPath(connection: Pick<RTCPeerConnection, 'getStats'>): Promise<Path> {
  const all = new Map<string, Record<string, unknown>>();
  let stats: RTCStatsReport;
  try {
    stats = await connection.getStats();
  } catch {
    return 'unknown';
  }
  stats.forEach((entry: Record<string, unknown>) => all.set(entry['id'] as string, entry));
  const ofType = (type: string) => [...all.values()].filter((entry) => entry['type'] === type);
  const selectedId = ofType('transport').find((entry) => entry['selectedCandidatePairId'] !== undefined)?.[
    'selectedCandidatePairId'
  ];
  const pairs = ofType('candidate-pair') as unknown as Pair[];
  const pair =
    pairs.find(({ id }) => id === selectedId) ??
    pairs.find(({ selected }) => selected === true) ??
    pairs.find(({ nominated, state }) => nominated === true && state === 'succeeded');
  if (!pair) return 'unknown';
  const kinds = [pair.localCandidateId, pair.remoteCandidateId].map((id) => all.get(id)?.['candidateType']);
  if (kinds.includes(undefined)) return 'unknown';
  return kinds.includes('relay') ? 'relayed' : 'direct';
}
