/** The room's music on this device: kept, fetched as it is needed, and spread so that its owner may leave. */
import type { ClockSync } from './clock/sync.ts';
import { createAnalyser } from './library/analyse/client.ts';
import { createLibrary } from './library/create.ts';
import { trackRef } from './library/library.ts';
import { createOpfsStore } from './library/opfs.ts';
import { createSpreader } from './library/spread.ts';
import type { Transport } from './mesh/transport.ts';
import { comingTracks } from './playback/conductor.ts';
import type { Queries } from './session/queries.ts';

/** Items of the queue of which a second copy is kept. */
const SPREAD_ITEMS = 50;

/** Of the page's memory, for what a device holds that can keep nothing: an evening's songs, and no phone's limit. */
const HELD_BYTES = 192 * 1024 * 1024;

export interface RoomLibraryOptions {
  selfId: string;
  mesh: Transport;
  queries: Queries;
  clock: Pick<ClockSync, 'nowMs'>;
}

/** Both are closed by whoever made them: the spreader while the library still works. */
export function createRoomLibrary({ selfId, mesh, queries, clock }: RoomLibraryOptions): {
  library: ReturnType<typeof createLibrary>;
  spreader: { close(): void };
} {
  const coming = () => comingTracks(queries.view(clock.nowMs()), queries.settings().loop);
  const library = createLibrary({
    store: createOpfsStore(),
    // Private windows of Safari and Firefox have no file system.
    spare: async () =>
      (await import('./library/memory-store.ts')).createMemoryStore({ quotaBytes: HELD_BYTES }),
    locks: navigator.locks,
    transport: mesh,
    analyser: createAnalyser(),
    storage: navigator.storage,
    needed: coming,
    wished: (trackId) => queries.keeps().has(trackId),
  });
  const spreader = createSpreader({
    selfId,
    peers: () => mesh.peers(),
    library,
    wishes() {
      const asked = queries.keeps();
      return [...new Set([...asked, ...coming().slice(0, SPREAD_ITEMS + 1)])].flatMap((trackId) => {
        const track = queries.tracks().get(trackId);
        return track ? [{ ref: trackRef(trackId, track), asked: asked.has(trackId) }] : [];
      });
    },
  });
  return { library, spreader };
}
