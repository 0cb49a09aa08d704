import * as Y from 'yjs';
import { createAnalyser } from '../../../app/library/analyse/client.ts';
import { createLibrary } from '../../../app/library/create.ts';
import { createMemoryStore } from '../../../app/library/memory-store.ts';
import { createMemoryHub } from '../../../app/mesh/memory.ts';
import { createConductor } from '../../../app/playback/conductor.ts';
import type { Moment } from '../../../app/playback/timeline.ts';
import { createCommands, type Commands } from '../../../app/session/commands.ts';
import { createQueries, type Queries } from '../../../app/session/queries.ts';
import { localClock, startPlayer } from './player.ts';
import { bytesOf } from './source.ts';

interface Room {
  queries: Queries;
  commands: Commands;
  close(): void;
}
let room: Room | null = null;
function current(): Room {
  if (!room) throw new Error('no room');
  return room;
}

function mustBe(result: { ok: boolean }, what: string): void {
  if (!result.ok) throw new Error(`refused: ${what}`);
}

/** A room of one, put together as the app does: document, library, timeline, conductor and player. */
export const roomBench = {
  /** Imports files, queues them in this order and plays; resolves with what each is amplified by, in dB. */
  async openRoom(urls: readonly string[], crossfadeMs: number): Promise<number[]> {
    const doc = new Y.Doc();
    const queries = createQueries(doc);
    const hub = createMemoryHub();
    const transport = hub.join({ selfId: 'me', doc });
    const library = createLibrary({
      store: createMemoryStore(),
      transport,
      analyser: createAnalyser(),
      storage: null,
    });
    await library.loaded;
    const track = (trackId: string) => queries.tracks().get(trackId);
    const player = await startPlayer({
      open(trackId) {
        const record = track(trackId);
        return record ? library.open({ trackId, ...record }) : null;
      },
      gainDb: (trackId) => track(trackId)?.gainDb ?? 0,
      seekIndex: (trackId) => track(trackId)?.seekIndex,
    });
    const commands = createCommands({
      doc,
      queries,
      actor: { memberId: 'me' },
      nowMs: localClock.nowMs,
      newId: () => crypto.randomUUID(),
      random: Math.random,
    });
    const conductor = createConductor({
      queries,
      clock: localClock,
      library,
      player,
      onMoment: () => undefined,
    });
    room = {
      queries,
      commands,
      close() {
        conductor.close();
        commands.close();
        library.close();
        hub.close();
        queries.close();
        doc.destroy();
      },
    };
    const files = await Promise.all(urls.map(async (url) => new File([await bytesOf(url)], url)));
    const trackIds: string[] = [];
    for await (const event of library.import(files, new AbortController().signal)) {
      if (event.type === 'failed') throw new Error(event.message);
      if (event.type !== 'done') continue;
      const { ref, ...tags } = event.track;
      const { trackId, ...bytes } = ref;
      mustBe(commands.addTrack(trackId, { ...bytes, ...tags }), 'a track');
      trackIds.push(trackId);
    }
    mustBe(commands.setCrossfade(crossfadeMs), 'the crossfade');
    for (const trackId of trackIds) mustBe(commands.enqueue(trackId, 'end'), 'an item');
    conductor.setActive(true);
    mustBe(commands.play(), 'to play');
    return trackIds.map((trackId) => track(trackId)?.gainDb ?? 0);
  },
  roomMoment: (): Moment | null => current().queries.moment(localClock.nowMs()),
  closeRoom() {
    current().close();
    room = null;
  },
};
