import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import { createSpreader, turnOf } from '../../../app/library/spread.ts';
import { decode } from '../../../app/library/wire.ts';
import { type Rig, createRig, fill, testTrack, until } from './rig.ts';

const FAST = { everyMs: 10, settleMs: 30, turnMs: 400 };
const ROOMY = storage(1e9);

function storage(quota: number): StorageManager {
  return {
    estimate: async () => ({ usage: 0, quota }),
    persist: async () => false,
    persisted: async () => false,
  } as StorageManager;
}

test('E1 everybody computes the same line, in which each has a place of its own', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 12 }),
      fc.string(),
      (peers, id) => {
        const turns = peers.map((peerId) =>
          turnOf(
            id,
            peerId,
            peers.filter((other) => other !== peerId),
          ),
        );
        expect(turns.toSorted((a, b) => a - b)).toEqual(peers.map((_, i) => i));
      },
    ),
  );
});

describe('a second copy', () => {
  let rig: Rig;
  const spreaders: { close(): void }[] = [];
  beforeEach(() => {
    rig = createRig();
  });
  afterEach(() => {
    spreaders.splice(0).forEach((spreader) => spreader.close());
    rig.close();
  });
  const track = testTrack(6, 1);

  function device(selfId: string, options: Parameters<Rig['peer']>[0] = {}, wished = [track]) {
    const made = rig.peer({ selfId, storage: ROOMY, ...options });
    const spreader = createSpreader({
      selfId,
      peers: () => made.transport.peers(),
      library: made.library,
      wishes: () => wished.map(({ ref }) => ({ ref, asked: false })),
      times: FAST,
    });
    spreaders.push(spreader);
    return made;
  }
  const has = ({ library }: ReturnType<typeof device>) =>
    library.holdings().get(track.ref.trackId)?.complete === true;

  test('E2 exactly one other device takes it, and then its owner may leave', async () => {
    const store = createMemoryStore();
    await fill(store, track);
    const owner = device('owner', { store });
    const others = ['a', 'b', 'c'].map((id) => device(id));
    await until(owner.library, () => owner.library.holders(track.ref.trackId) === 1, 'a copy');
    owner.transport.close();
    const keeper = others.find(has);
    const reader = others.find((one) => one !== keeper);
    if (!keeper || !reader) throw new Error('nobody took it');
    const bytes = await reader.library.open(track.ref).read(0, track.data.length);
    expect(Buffer.compare(bytes, track.data)).toBe(0);
  });

  test('E3 when the first in line has no room, the next one takes it', async () => {
    const store = createMemoryStore();
    await fill(store, track);
    const ids = ['a', 'b', 'c'].toSorted(
      (a, b) => turnOf(track.ref.trackId, a, ['a', 'b', 'c']) - turnOf(track.ref.trackId, b, ['a', 'b', 'c']),
    );
    const owner = device('owner', { store });
    const [first, second, third] = ids.map((id, i) =>
      device(id, { storage: i === 0 ? storage(1_000) : ROOMY }),
    );
    await until(owner.library, () => owner.library.holders(track.ref.trackId) === 1, 'a copy');
    expect([first, second, third].map((one) => one !== undefined && has(one))).toEqual([false, true, false]);
  });

  test('E4 one that its owner does not give keeps no other from being taken', async () => {
    const [stuck, other] = [testTrack(6, 2), testTrack(6, 3)];
    const store = createMemoryStore();
    for (const one of [stuck, other]) await fill(store, one);
    device(
      'owner',
      {
        store,
        wrap: (transport) => ({
          ...transport,
          send(to, channel, bytes) {
            const message = decode(bytes);
            return message?.type === 'chunk' && message.id === stuck.ref.trackId
              ? Promise.resolve()
              : transport.send(to, channel, bytes);
          },
        }),
      },
      [],
    );
    const { library } = device('a', {}, [stuck, other]);
    await until(library, () => library.holdings().get(other.ref.trackId)?.complete === true);
    expect(library.holdings().has(stuck.ref.trackId)).toBe(false);
  });
});
