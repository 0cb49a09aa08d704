/** One peer in one page: `window.joinRoom(options)`, then `window.driver`. */
import * as Y from 'yjs';
import { createBrowserMesh } from '../../../app/mesh/browser.ts';
import { type Driver, createDriver } from '../driver.ts';
import { createSoundKit } from './sound.ts';

export interface JoinOptions {
  origin: string;
  stunPort: number | null;
  selfId: string;
  roomId: string;
  signalingKey: string;
  uplinkKey: string;
  meshKey: number[];
}

declare global {
  interface Window {
    driver: Driver;
    joinRoom(options: JoinOptions): Promise<void>;
    /** Connections that came as far as an open control channel and were closed again. */
    droppedConnections: number;
  }
}

window.droppedConnections = 0;
const createDataChannel = RTCPeerConnection.prototype.createDataChannel;
RTCPeerConnection.prototype.createDataChannel = function (label, init) {
  const channel = createDataChannel.call(this, label, init);
  if (label === 'control') {
    channel.addEventListener('open', () => {
      channel.addEventListener('close', () => window.droppedConnections++);
    });
  }
  return channel;
};

window.joinRoom = async ({ origin, stunPort, selfId, roomId, signalingKey, uplinkKey, meshKey }) => {
  const doc = new Y.Doc();
  const keys = { roomId, signalingKey, uplinkKey, meshKey: Uint8Array.from(meshKey) };
  const mesh = await createBrowserMesh({ doc, keys, origin, stunPort, selfId });
  window.driver = createDriver(mesh, doc, createSoundKit());
};
