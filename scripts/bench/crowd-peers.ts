/** One process of the crowd: holds some of its peers, each a real mesh of its own. Talks over IPC (crowd-wire.ts). */
import { countSent, sent } from './rtc-globals.ts';
import wrtc from '@roamhq/wrtc';
import * as Y from 'yjs';
import { type FromPeers, type Mesh, type ToPeers, monotonicMs } from './crowd-wire.ts';

/** app/mesh/link.ts, KIND_ROOM. */
const KIND_ROOM = 8;
const LOOK_MS = 50;

const tell = (message: FromPeers) => void (process.connected && process.send?.(message));

interface Peer {
  doc: Y.Doc;
  linked(): number;
}

type Join = Extract<ToPeers, { type: 'join' }>;

async function joinEarshot({ origin, keys }: Join, selfId: string): Promise<Peer> {
  const { createBrowserMesh } = await import('../../app/mesh/browser.ts');
  const doc = new Y.Doc();
  const mesh = await createBrowserMesh({
    doc,
    keys: { ...keys, meshKey: Uint8Array.from(keys.meshKey) },
    origin,
    stunPort: null,
    selfId,
    watch: () => () => undefined,
  });
  mesh.setPresence({ name: `Peer ${selfId.slice(0, 4)}`, memberId: selfId, peerId: selfId, device: 'phone' });
  return { doc, linked: () => mesh.peers().length };
}

async function joinYWebrtc({ origin, keys }: Join): Promise<Peer> {
  const { WebrtcProvider } = await import('y-webrtc');
  const doc = new Y.Doc();
  const provider = new WebrtcProvider(keys.roomId, doc, {
    signaling: [`${origin.replace('https:', 'wss:')}/signaling`],
    password: keys.signalingKey,
    maxConns: Number.MAX_SAFE_INTEGER,
    peerOpts: { wrtc, config: { iceServers: [] } },
  });
  return {
    doc,
    linked: () => [...(provider.room?.webrtcConns.values() ?? [])].filter((one) => one.connected).length,
  };
}

const isRoomMessage: Record<Mesh, (label: string, data: Uint8Array) => boolean> = {
  earshot: (label, data) => label === 'control' && data[0] === KIND_ROOM,
  'y-webrtc': () => true,
};

const peers: Peer[] = [];

async function join(message: Join): Promise<void> {
  countSent(isRoomMessage[message.mesh]);
  for (const selfId of message.selfIds)
    peers.push(await (message.mesh === 'earshot' ? joinEarshot(message, selfId) : joinYWebrtc(message)));
  const having = new Map<string, number>();
  for (const { doc } of peers) {
    doc.getMap('queue').observe(({ keysChanged }) => {
      for (const key of keysChanged as ReadonlySet<string>) {
        having.set(key, (having.get(key) ?? 0) + 1);
        if (having.get(key) === peers.length) tell({ type: 'has', key, atMs: monotonicMs() });
      }
    });
  }
  let told = -1;
  setInterval(() => {
    const others = Math.min(...peers.map((peer) => peer.linked()));
    if (others !== told) tell({ type: 'linked', others });
    told = others;
  }, LOOK_MS);
}

process.on('message', (message: ToPeers) => {
  if (message.type === 'join') void join(message);
  else if (message.type === 'count') {
    tell({ type: 'counted', sent: { ...sent }, rssMiB: process.memoryUsage().rss / 2 ** 20 });
  } else {
    const { key, at } = message;
    tell({ type: 'edited', key, atMs: monotonicMs() });
    // The size of a queue item as the app writes it.
    peers[at]?.doc.getMap('queue').set(key, { trackId: key.padEnd(64, '0'), by: 'm', at: 1, rank: 'a0' });
  }
});
process.on('disconnect', () => process.exit());
tell({ type: 'ready' });
