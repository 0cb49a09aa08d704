import { afterEach, beforeEach, expect, test } from 'vitest';
import type { RoomClock } from '../../../app/clock/clock.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import { comingTracks, createConductor, isNeeded } from '../../../app/playback/conductor.ts';
import type { Player } from '../../../app/playback/player.ts';
import { type Rig, createRig, fill, testTrack, until } from '../library/rig.ts';
import { createPeer } from '../session/peers.ts';

let rig: Rig;
beforeEach(() => {
  rig = createRig();
});
afterEach(() => rig.close());

/** Stands for a device's loudspeaker, which Node has none of. */
const mute: Player = {
  follow: () => undefined,
  setTrim: () => undefined,
  state: () => ({ kind: 'silent' }),
  onState: () => () => undefined,
  level: () => 0,
  close: () => undefined,
};

async function room(count: number) {
  const time = { nowMs: 0 };
  const clock: RoomClock = {
    nowMs: () => time.nowMs,
    toLocalMs: (roomMs) => roomMs,
    estimate: null,
    onChange: () => () => undefined,
  };
  const { commands, queries } = createPeer('ann', time);
  const tracks = Array.from({ length: count }, (_, i) => testTrack(3, 70 + i));
  const store = createMemoryStore();
  const items: string[] = [];
  for (const [i, track] of tracks.entries()) {
    await fill(store, track);
    const { trackId, ...rest } = track.ref;
    commands.addTrack(trackId, { ...rest, title: `${i}`, durationMs: 1_000 });
    const added = commands.enqueue(trackId, 'end');
    if (!added.ok) throw new Error(added.reason);
    items.push(added.itemId);
  }
  const { library } = rig.peer({ selfId: 'listener' });
  const conductor = createConductor({ queries, clock, library, player: mute, onMoment: () => undefined });
  const ids = tracks.map(({ ref }) => ref.trackId);
  const here = () => ids.flatMap((id, i) => (library.holdings().get(id)?.complete ? [i] : []));
  return { commands, queries, library, conductor, tracks, items, ids, here, store, time };
}

test('W1 a device that sounds fetches what plays and the next two; what was skipped before it came, no more', async () => {
  const { commands, library, conductor, items, ids, here, store } = await room(8);
  conductor.setActive(true);
  // Nobody has anything yet: every one of these was asked for in vain.
  for (const itemId of items.slice(0, 5)) commands.jumpTo(itemId);
  rig.peer({ selfId: 'holder', store });
  await until(library, () => ids.every((id) => library.holders(id) === 1));
  await until(library, () => here().length === 3, 'three tracks');
  await expect.poll(() => library.isIdle()).toBe(true);
  expect(here()).toEqual([4, 5, 6]);
  conductor.close();
});

test('W2 with everything in a loop, what was played already comes after the last song, and is fetched', async () => {
  const { commands, queries, library, conductor, items, ids, here, store, time } = await room(5);
  commands.setLoop('all');
  commands.jumpTo(items[4] ?? '');
  const view = queries.view(time.nowMs);
  expect(comingTracks(view, 'all')).toEqual([4, 0, 1, 2, 3].map((i) => ids[i]));
  expect(comingTracks(view, 'off')).toEqual([ids[4]]);
  expect(ids.map((id) => isNeeded(view, 'all', id))).toEqual([true, true, false, false, true]);
  conductor.setActive(true);
  rig.peer({ selfId: 'holder', store });
  await until(library, () => here().length === 3, 'three tracks');
  expect(here()).toEqual([0, 1, 4]);
  conductor.close();
});
