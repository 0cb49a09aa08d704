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
  meshKey: number[];
}

declare global {
  interface Window {
    driver: Driver;
    joinRoom(options: JoinOptions): Promise<void>;
  }
}

window.joinRoom = async ({ origin, stunPort, selfId, roomId, signalingKey, meshKey }) => {
  const doc = new Y.Doc();
  const keys = { roomId, signalingKey, meshKey: Uint8Array.from(meshKey) };
  const mesh = await createBrowserMesh({ doc, keys, origin, stunPort, selfId });
  window.driver = createDriver(mesh, doc, createSoundKit());
};
