import { IndexeddbPersistence } from 'y-indexeddb';
import { describe, expect, test } from 'vitest';
import * as Y from 'yjs';
import { deletePersisted, openPersistence } from '../../../app/mesh/persistence.ts';
import { closeConnections, cutConnections, refuseWrites, rowsOf } from '../../fixtures/databases.ts';
import { until } from '../../fixtures/until.ts';

let rooms = 0;
const newRoom = (): string => `room-${++rooms}`;

const entries = (doc: Y.Doc): Record<string, unknown> => doc.getMap('queue').toJSON();

/** As the room does it: stored first, then sent. */
async function opened(roomId: string, doc = new Y.Doc()) {
  const refusals: string[] = [];
  const persistence = openPersistence(doc, roomId, () => refusals.push('refused'));
  const sent: Uint8Array[] = [];
  doc.on('update', (update: Uint8Array) => sent.push(update));
  await persistence.whenLoaded;
  sent.splice(0);
  return { doc, persistence, refusals, sent, edit: (key: string) => doc.getMap('queue').set(key, 1) };
}

/** What the next session of this device would find. */
async function stored(roomId: string): Promise<Record<string, unknown>> {
  const doc = new Y.Doc();
  for (const row of await rowsOf(`earshot-room-${roomId}`, 'updates')) Y.applyUpdate(doc, row as Uint8Array);
  return entries(doc);
}

describe('the document on this device', () => {
  test('what was edited is there in the next session', async () => {
    const roomId = newRoom();
    const first = await opened(roomId);
    first.edit('a');
    first.edit('b');
    first.persistence.close();
    const second = await opened(roomId);
    expect(entries(second.doc)).toEqual({ a: 1, b: 1 });
    expect(second.sent).toEqual([]);
    second.persistence.close();
  });

  test('what a document held before, and what is edited while it is loaded, is stored', async () => {
    const roomId = newRoom();
    const doc = new Y.Doc();
    doc.getMap('queue').set('taken along', 1);
    const persistence = openPersistence(doc, roomId);
    doc.getMap('queue').set('meanwhile', 1);
    await persistence.whenLoaded;
    expect(await stored(roomId)).toEqual({ 'taken along': 1, meanwhile: 1 });
    persistence.close();
  });

  test('rooms that y-indexeddb kept are read, and what is kept here y-indexeddb reads', async () => {
    const roomId = newRoom();
    const old = new Y.Doc();
    const provider = new IndexeddbPersistence(`earshot-room-${roomId}`, old);
    await provider.whenSynced;
    old.getMap('queue').set('old', 1);
    await provider.destroy();
    const now = await opened(roomId);
    expect(entries(now.doc)).toEqual({ old: 1 });
    now.edit('new');
    now.persistence.close();

    const back = new Y.Doc();
    const again = new IndexeddbPersistence(`earshot-room-${roomId}`, back);
    await again.whenSynced;
    expect(entries(back)).toEqual({ old: 1, new: 1 });
    await again.destroy();
  });

  test('many edits become one row, and nothing of another tab is lost by it', async () => {
    const roomId = newRoom();
    const here = await opened(roomId);
    const other = await opened(roomId);
    other.edit('other');
    for (let n = 0; n < 600; n++) here.edit(`edit ${n}`);
    await until('few rows', async () => (await rowsOf(`earshot-room-${roomId}`, 'updates')).length < 200);
    const kept = await stored(roomId);
    expect(Object.keys(kept)).toHaveLength(601);
    expect(kept).toHaveProperty('other');
    here.persistence.close();
    other.persistence.close();
  });

  test.each([
    ['behind the page’s back', async () => cutConnections()],
    ['with an event', closeConnections],
  ])('when the connection was cut %s, edits are sent, and stored on a new one', async (_, cut) => {
    const roomId = newRoom();
    const { persistence, refusals, sent, edit } = await opened(roomId);
    edit('before');
    await until('the first edit', async () => 'before' in (await stored(roomId)));
    await cut();
    edit('after');
    edit('soon after');
    expect(sent).toHaveLength(3);
    await until('all edits', async () => Object.keys(await stored(roomId)).length === 3);
    expect(refusals).toEqual([]);
    persistence.close();
  });

  test.each(['at once', 'at the end'] as const)(
    'a write that is refused %s keeps no edit from the mesh, is noticed once, and is made up for',
    async (how) => {
      const roomId = newRoom();
      const { persistence, refusals, sent, edit } = await opened(roomId);
      const accept = refuseWrites(how);
      try {
        edit('a');
        await until('the notice', () => refusals.length > 0);
        edit('b');
        expect(sent).toHaveLength(2);
        expect(await stored(roomId)).toEqual({});
      } finally {
        accept();
      }
      edit('c');
      await until('all edits', async () => Object.keys(await stored(roomId)).length === 3);
      expect(refusals).toEqual(['refused']);

      const again = refuseWrites(how);
      try {
        edit('d');
        await until('another notice', () => refusals.length === 2);
      } finally {
        again();
      }
      persistence.close();
    },
  );

  test('what was edited right before it is closed is stored, also on a new connection', async () => {
    const roomId = newRoom();
    const { persistence, edit } = await opened(roomId);
    cutConnections();
    edit('last');
    persistence.close();
    await until('the last edit', async () => 'last' in (await stored(roomId)));
  });

  test('a room that another tab has forgotten stays forgotten, and that is noticed', async () => {
    const roomId = newRoom();
    const { persistence, refusals, sent, edit } = await opened(roomId);
    edit('before');
    await deletePersisted(roomId);
    edit('after');
    expect(sent).toHaveLength(2);
    await until('the notice', () => refusals.length > 0);
    const names = (await indexedDB.databases()).map(({ name }) => name);
    expect(names).not.toContain(`earshot-room-${roomId}`);
    persistence.close();
  });
});
