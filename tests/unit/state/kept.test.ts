import { describe, expect, test } from 'vitest';
import { createKeptStore, formerLinks } from '../../../app/state/kept.ts';

const [A, B] = ['A'.repeat(22), 'B'.repeat(22)];

function memoryStorage(): Storage {
  const map = new Map<string, string>();
  return {
    getItem: (key) => map.get(key) ?? null,
    setItem: (key, value) => void map.set(key, value),
    removeItem: (key) => void map.delete(key),
    clear: () => map.clear(),
    key: () => null,
    length: 0,
  };
}
const newId = (): string => 'member-1';

describe('what a device keeps', () => {
  test('the former links of a room are all that lead to it, however often it was replaced, and no other’s', () => {
    const kept = createKeptStore(memoryStorage(), newId);
    const [first, second, now, other] = ['C', 'D', 'E', 'F'].map((letter) => letter.repeat(22)) as [
      string,
      string,
      string,
      string,
    ];
    kept.updateRoom(first, { replacedBy: second });
    kept.updateRoom(second, { replacedBy: now });
    kept.updateRoom(now, {});
    kept.updateRoom(other, { replacedBy: A });
    expect(formerLinks(kept.read().rooms, now).sort()).toEqual([first, second]);
    expect(formerLinks(kept.read().rooms, second)).toEqual([first]);
    expect(formerLinks(kept.read().rooms, B)).toEqual([]);
    kept.updateRoom(now, { replacedBy: first });
    expect(formerLinks(kept.read().rooms, now).sort()).toEqual([first, second]);
  });

  test('rooms are remembered, changed in place, and forgotten', () => {
    const kept = createKeptStore(memoryStorage(), newId);
    kept.update({ secret: A });
    kept.updateRoom(A, { name: 'Kitchen', lastSeenMs: 5 });
    kept.updateRoom(B, { name: 'Attic', made: true });
    kept.updateRoom(A, { offsetMs: 7 });
    expect(kept.read().rooms.map(({ secret }) => secret)).toEqual([A, B]);
    expect(kept.room(A)).toEqual({
      secret: A,
      name: 'Kitchen',
      lastSeenMs: 5,
      offsetMs: 7,
      made: false,
      replacedBy: null,
      replacedAtMs: null,
    });
    kept.forgetRoom(A);
    expect([kept.room(A), kept.read().secret]).toEqual([null, null]);
    expect(kept.room(B)?.made).toBe(true);
  });

  test('two tabs in two rooms don’t undo each other', () => {
    const storage = memoryStorage();
    const [one, two] = [createKeptStore(storage, newId), createKeptStore(storage, newId)];
    one.updateRoom(A, { name: 'Kitchen' });
    two.updateRoom(B, { name: 'Attic' });
    one.update({ volume: 0.1 });
    for (const kept of [one, two]) {
      expect(kept.read().rooms.map(({ name }) => name)).toEqual(['Kitchen', 'Attic']);
      expect(kept.read().volume).toBe(0.1);
    }
  });

  test('it outlives a reload, junk, and a browser that forbids storage', () => {
    const storage = memoryStorage();
    createKeptStore(storage, newId).updateRoom(A, { name: 'Kitchen' });
    expect(createKeptStore(storage, newId).room(A)?.name).toBe('Kitchen');
    storage.setItem('earshot.device', '{"rooms":3}');
    expect(createKeptStore(storage, newId).read().rooms).toEqual([]);
    const none = createKeptStore(null, newId);
    none.updateRoom(A, { name: 'Kitchen' });
    expect(none.room(A)?.name).toBe('Kitchen');
  });
});
