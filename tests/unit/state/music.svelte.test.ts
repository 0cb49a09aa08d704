/** What somebody asks of the room's music on the screen, as it comes to the library. */
import { afterEach, expect, test } from 'vitest';
import type { RoomClock } from '../../../app/clock/clock.ts';
import type { Analyser } from '../../../app/library/analyse/client.ts';
import { createLibrary } from '../../../app/library/create.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import { createMemoryHub } from '../../../app/mesh/memory.ts';
import { Music } from '../../../app/state/music.svelte.ts';
import { Notices } from '../../../app/state/notices.svelte.ts';
import { Reads } from '../../../app/state/reads.svelte.ts';
import { Tracks } from '../../../app/state/tracks.svelte.ts';
import { createPeer, trackIdOf, trackOf } from '../session/peers.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0).reverse()) close();
});

/** No file is imported here. */
const analyser: Analyser = { analyse: () => Promise.reject(new Error('no files')), close: () => undefined };

const clock: RoomClock = {
  nowMs: () => 0,
  toLocalMs: (roomMs) => roomMs,
  estimate: null,
  onChange: () => () => undefined,
};

function open() {
  const asked: string[] = [];
  const storage = {
    persist: async () => (asked.push('persist'), false),
    persisted: async () => false,
    estimate: async () => ({ quota: 1e9, usage: 0 }),
  };
  const hub = createMemoryHub();
  const transport = hub.join({ selfId: 'here' });
  const library = createLibrary({ store: createMemoryStore(), transport, analyser, storage });
  const { commands, queries } = createPeer('ann', { nowMs: 0 });
  commands.addTrack(trackIdOf(1), trackOf(1_000));
  const reads = new Reads(queries, clock);
  const tracks = new Tracks(reads, library);
  const notices = new Notices();
  const isNeeded = () => false;
  const music = new Music({ reads, commands, tracks, library, notices, nowMs: clock.nowMs, isNeeded });
  for (const one of [hub, library, queries, reads, tracks, notices, music]) closing.push(() => one.close());
  return { music, asked };
}

test.each(['toggleCopy', 'keepHere'] as const)(
  'who taps %s has the browser asked to clear nothing by itself, once',
  (tap) => {
    const { music, asked } = open();
    expect(asked).toEqual([]);
    music[tap](trackIdOf(1));
    expect(asked).toEqual(['persist']);
    music.toggleCopy(trackIdOf(1));
    music.keepHere(trackIdOf(1));
    expect(asked).toEqual(['persist']);
  },
);
