/**
 * Taking a room along when its secret is replaced. Everybody who comes along brings their own copy: these have one
 * history, so they merge without doubles, and what somebody had not told the others yet comes along, too.
 */
import * as Y from 'yjs';
import { roomDocument } from './document.ts';

/** All that the room is, as one Yjs update for a fresh document. */
export function packRoom(doc: Y.Doc): Uint8Array {
  return Y.encodeStateAsUpdate(doc);
}

/**
 * Fills the document of the new room. The mark that closed the old one may have come along, and who hosted there did: here
 * they mean nothing, and a claim so high that nobody could outdo it ends with the old link.
 */
export function unpackRoom(doc: Y.Doc, packed: Uint8Array): void {
  doc.transact(() => {
    Y.applyUpdate(doc, packed);
    const { room, host } = roomDocument(doc);
    room.delete('moved');
    for (const key of host.keys()) host.delete(key);
  });
}
