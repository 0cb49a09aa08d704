/**
 * Stays in the former place of a room whose link this device replaced, unseen, so that who comes late by the old link reads
 * there that the room has moved. It says nothing else; the new secret is not in that document.
 */
import * as Y from 'yjs';
import { deriveRoomKeys } from '../signaling/protocol/secret.ts';
import { createBrowserMesh } from './mesh/browser.ts';
import { openPersistence } from './mesh/persistence.ts';
import { webCrypto } from './state/web-crypto.ts';

export interface Caretaker {
  close(): void;
}

export async function createCaretaker(options: {
  secret: string;
  stunPort: number | null;
  selfId: string;
}): Promise<Caretaker> {
  const keys = await deriveRoomKeys(options.secret, webCrypto);
  const doc = new Y.Doc();
  const persistence = openPersistence(doc, keys.roomId);
  await persistence.whenLoaded;
  const mesh = await createBrowserMesh({
    doc,
    keys,
    origin: location.origin,
    stunPort: options.stunPort,
    selfId: options.selfId,
  });
  return {
    close() {
      mesh.close();
      persistence.close();
    },
  };
}
