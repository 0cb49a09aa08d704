/** Reads and deletes what this device keeps of rooms that are not open. */
import * as Y from 'yjs';
import { deriveRoomKeys } from '../signaling/protocol/secret.ts';
import { createOpfsStore } from './library/opfs.ts';
import type { BlobStore, StoredBlob } from './library/store.ts';
import { deletePersisted, openPersistence } from './mesh/persistence.ts';
import { createQueries } from './session/queries.ts';
import { webCrypto } from './state/web-crypto.ts';

/** The tracks that a room's document on this device knows. */
export async function tracksOf(secret: string): Promise<ReadonlySet<string>> {
  const { roomId } = await deriveRoomKeys(secret, webCrypto);
  const doc = new Y.Doc();
  const persistence = openPersistence(doc, roomId);
  await persistence.whenLoaded;
  const queries = createQueries(doc);
  const trackIds = new Set(queries.tracks().keys());
  queries.close();
  persistence.close();
  return trackIds;
}

/** Another tab that has the room open holds the deletion up: then the browser does it once that tab is closed. */
const BLOCKED_MS = 2_000;

export async function deleteDocument(secret: string): Promise<void> {
  const { roomId } = await deriveRoomKeys(secret, webCrypto);
  const blocked = new Promise<void>((resolve) => setTimeout(resolve, BLOCKED_MS));
  await Promise.race([deletePersisted(roomId), blocked]);
}

/** What cannot be opened, as in a private window, holds nothing either. */
const stored = (store: BlobStore): Promise<StoredBlob[]> => store.all().catch(() => []);

/** Bytes on this device, by trackId; for when no room is open, whose library would know. */
export async function storedTracks(): Promise<ReadonlyMap<string, number>> {
  const store = createOpfsStore();
  try {
    const blobs = await stored(store);
    return new Map(blobs.filter(({ kind }) => kind === 'track').map(({ id, bytes }) => [id, bytes]));
  } finally {
    store.close();
  }
}

/** Deletes tracks, and the covers that no other track shows; for when no room is open. */
export async function deleteTracks(trackIds: ReadonlySet<string>): Promise<void> {
  const store = createOpfsStore();
  try {
    const blobs = await stored(store);
    const going = blobs.filter(({ id, kind }) => kind === 'track' && trackIds.has(id));
    const staying = new Set(blobs.filter((blob) => !going.includes(blob)).map(({ artId }) => artId));
    const shown = new Set(going.map(({ artId }) => artId));
    const covers = blobs.filter(({ id, kind }) => kind === 'art' && shown.has(id) && !staying.has(id));
    for (const { id } of [...going, ...covers]) await store.delete(id);
  } finally {
    store.close();
  }
}
