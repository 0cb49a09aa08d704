import { describe, expect, test } from 'vitest';
import { countBits } from '../../../app/library/bitmap.ts';
import { CHUNK_BYTES } from '../../../app/library/chunks.ts';
import { openCatalogue } from '../../../app/library/opfs-catalogue.ts';
import type { BlobMeta } from '../../../app/library/store.ts';
import { closeConnections, cutConnections } from '../../fixtures/databases.ts';

const meta: BlobMeta = {
  id: 'a'.repeat(64),
  kind: 'track',
  bytes: 3 * CHUNK_BYTES,
  mime: 'audio/ogg',
  chunksId: 'f'.repeat(64),
  manifest: new Uint8Array(96),
  imported: false,
  wanted: true,
};

describe('the catalogue', () => {
  test.each([
    ['behind the page’s back', async () => cutConnections()],
    ['with an event', closeConnections],
  ])('when the connection was cut %s, chunks are marked and read on a new one', async (_, cut) => {
    const catalogue = await openCatalogue();
    await catalogue.put(meta);
    await cut();
    await catalogue.mark(meta.id, [0]);
    await cut();
    const marks = [catalogue.mark(meta.id, [1]), catalogue.mark(meta.id, [2])];
    await Promise.all(marks);
    await cut();
    expect(await catalogue.get(meta.id)).toEqual(meta);
    await cut();
    const [blob] = await catalogue.all();
    expect(countBits(blob!.bitmap, 3)).toBe(3);
    await cut();
    await catalogue.delete(meta.id);
    expect(await catalogue.all()).toEqual([]);
  });

  test('what is wrong with a call is said, and not tried twice', async () => {
    const catalogue = await openCatalogue();
    await expect(catalogue.mark('b'.repeat(64), [0])).rejects.toThrow('no blob');
  });
});
