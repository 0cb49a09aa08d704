/**
 * What is known of a blob when two tabs of a browser tell it: each has the shelf in memory as it was when it loaded, over
 * one database. A tab that did not know of the other's import takes nothing from it.
 */
import { emptyBitmap } from './bitmap.ts';
import { chunkCount } from './chunks.ts';
import type { BlobMeta, StoredBlob } from './store.ts';

/** What is stored when `next` is put where `found` was, with the chunks of it that are then held. */
export function merge(found: StoredBlob | undefined, next: BlobMeta): StoredBlob {
  if (found?.chunksId === next.chunksId && found.bytes === next.bytes) {
    const manifest = next.manifest.length > 0 ? next.manifest : found.manifest;
    const imported = found.imported || next.imported;
    const { bitmap } = found;
    return { ...found, ...next, bitmap, manifest, imported, ...(found.kept === true && { kept: true }) };
  }
  // Cut otherwise, one of them is wrong: not the one that was hashed here.
  if (found && (found.imported || found.checked === true)) return found;
  return { ...next, bitmap: emptyBitmap(chunkCount(next.bytes)) };
}
